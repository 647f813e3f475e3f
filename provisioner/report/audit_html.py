"""An audit as one HTML file that needs nothing else: no script, no picture, no font, no address.

Much of what it shows was said by servers and records. Every text passes `escape` (control
characters and bidirectional overrides become visible) and then HTML's own escaping, and a content
security policy lets the browser load nothing and apply no style but ours, whatever got in.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner import __version__
from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.judgement import WRONG, Judgement, score
from provisioner.report.audit_findings import Problem, counts, headline, problems, verdict
from provisioner.report.escape import escape
from provisioner.report.layout import seconds

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).with_name("audit.html.j2")
STYLE = Path(__file__).with_name("audit.css")
POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
RING = 2 * math.pi * 52
"""The circumference of the ring, in the units of its SVG."""
EVIDENCE_LINES = 40
EVIDENCE_CHARACTERS = 2000


@dataclass(frozen=True)
class Bar:
    """One topic's bar."""

    name: str
    score: int | None
    counts: str
    grade: str


@dataclass(frozen=True)
class Row:
    """A check that is not a problem: what it asked, of whom, and why it was not answered."""

    title: str
    id: str
    subjects: tuple[str, ...]
    said: str


@dataclass(frozen=True)
class Section:
    """One target of the page."""

    judgement: Judgement
    anchor: str

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, worst first."""
        return problems([self.judgement])

    @property
    def grade(self) -> str:
        """How bad it is, as the name of a colour class."""
        return grade(self.judgement.findings)

    @property
    def dash(self) -> str:
        """How much of the ring is drawn."""
        part = (self.judgement.score or 0) / 100
        return f"{RING * part:.1f} {RING:.1f}"

    @property
    def verdict(self) -> str:
        """In words."""
        said = verdict(self.judgement)
        return said[:1].upper() + said[1:]

    @property
    def counts(self) -> list[str]:
        """In numbers."""
        return counts(self.judgement.findings)

    @cached_property
    def bars(self) -> list[Bar]:
        """A bar for each topic."""
        return [
            Bar(topic.value, score(found), ", ".join(counts(found)), grade(found))
            for topic, found in self.judgement.topics().items()
        ]

    def rows(self, outcome: str) -> list[Row]:
        """The checks with that outcome."""
        return [_row(problem) for problem in problems([self.judgement], Outcome(outcome))]


def grade(findings: Sequence[Finding]) -> str:
    """The worst severity of what is wrong; `good` where nothing is, `none` where nothing is known."""
    wrong = [finding.weight for finding in findings if finding.outcome in WRONG]
    if wrong:
        return min(wrong, key=lambda severity: severity.rank).value
    return "none" if score(findings) is None else "good"


def _row(problem: Problem) -> Row:
    said = "; ".join(dict.fromkeys(finding.summary for finding in problem.findings))
    return Row(problem.check.title, problem.check.id, problem.subjects, said)


def html_document(judgements: Sequence[Judgement], elapsed: float, when: datetime) -> str:
    """The whole page."""
    from markupsafe import Markup

    style = STYLE.read_text(encoding="utf-8")
    order = sorted(judgements, key=lambda one: -1 if one.score is None else one.score)
    return _template().render(
        sections=[Section(judgement, f"target-{number}") for number, judgement in enumerate(order, 1)],
        # Not what a server said: the file beside this one, whose digest the policy names.
        style=Markup(style),  # noqa: S704
        policy=POLICY.format(_digest(style)),
        when=f"{when.day} {when:%B %Y, %H:%M} UTC",
        duration=seconds(elapsed),
        version=__version__,
        headline=headline,
        cut=_cut,
        severities=[severity.value for severity in Severity],
        evidence_lines=EVIDENCE_LINES,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _digest(style: str) -> str:
    return base64.b64encode(sha256(style.encode()).digest()).decode()


def _cut(text: str) -> str:
    return text if len(text) <= EVIDENCE_CHARACTERS else f"{text[: EVIDENCE_CHARACTERS - 1]}…"


def _shown(value: object) -> object:
    """What the template prints: text made visible, everything else as it is."""
    if hasattr(value, "__html__"):
        return value
    return escape(value, "\n") if isinstance(value, str) else value
