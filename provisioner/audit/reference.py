"""The page docs/checks.md, made from the catalogue: what is written can't differ from what is done."""

from __future__ import annotations

from provisioner.audit.catalogue import CHECKS, INTRUSIVE
from provisioner.audit.finding import Check
from provisioner.audit.judgement import TOPICS, Topic

_INTRODUCTION = """\
# Checks of `provision audit`

Every check has an id that never changes its meaning. The severity is what a failure usually weighs; a finding
may say that its case is less or more severe. Checks marked *intrusive* run with `--intrusive` only. How an
audit is run and read: [Audit](audit.md).
"""


def markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for topic in Topic:
        checks = [check for check in CHECKS if TOPICS.get(check.area, Topic.HOST) is topic]
        if checks:
            parts.append(f"## {topic.value}\n")
            parts += [_check(check) for check in sorted(checks, key=_area_order)]
    return "\n".join(parts)


def _area_order(check: Check) -> int:
    areas = list(TOPICS)
    return areas.index(check.area) if check.area in areas else len(areas)


def _check(check: Check) -> str:
    marks = f"{check.severity}{', intrusive' if check in INTRUSIVE else ''}"
    return (
        f"### `{check.id}`\n\n"
        f"{check.title}. *{marks[:1].upper()}{marks[1:]}.*\n\n"
        f"{check.why}\n\n"
        f"**Fix:** {check.fix}\n\n"
        f"**See:** {check.reference}\n"
    )
