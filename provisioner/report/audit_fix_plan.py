"""What `audit --fix-plan` says: changes to the inventory, what apply would do then, what no plan mends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.text import Text

from provisioner.audit.edit import Edit
from provisioner.audit.finding import Finding
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded, names

INDENT = 4


def edit_lines(edits: Mapping[Edit, Sequence[Finding]], width: int) -> list[Text]:
    """Each edit with its place, and the checks that it makes pass."""
    if not edits:
        return [Text("Nothing in the inventory stands behind what is wrong.", "bold")]
    lines = [Text("Change in the inventory", "bold")]
    for edit, findings in edits.items():
        place = f"   {edit.where}" if edit.where and edit.takes_out else ""
        first, *more = edit.sentence.splitlines()
        lines.append(Text.assemble("  ", escape(first), (escape(place), "dim")))
        lines += [Text(f"  {escape(line)}") for line in more]
        checks = names(list(dict.fromkeys(finding.check.id for finding in findings)), 6)
        lines += [Text(" " * INDENT + line, "dim") for line in folded(checks.split(" "), width, INDENT, " ")]
    return lines


def left_lines(left: Iterable[Finding], width: int) -> list[Text]:
    """What neither the inventory nor an apply decides, with its fix; each check once."""
    by_check: dict[str, list[Finding]] = {}
    for finding in left:
        by_check.setdefault(finding.check.id, []).append(finding)
    if not by_check:
        return []
    lines = [Text(), Text(f"No plan mends {counted(len(by_check), 'check')}", "bold")]
    for identity, findings in by_check.items():
        subjects = names(list(dict.fromkeys(finding.subject for finding in findings)), 3)
        lines.append(Text.assemble("  ", escape(identity), (f"   {escape(subjects)}", "dim")))
        words = escape(findings[0].remedy, "").split(" ")
        lines += [Text(" " * INDENT + line) for line in folded(words, width, INDENT, " ")]
    return lines


def fix_plan_document(
    edits: Mapping[Edit, Sequence[Finding]],
    plan: Mapping[str, object],
    left: Iterable[Finding],
) -> dict[str, object]:
    """`fix_plan` of the JSON document."""
    return {
        "edits": [
            {
                "variable": [str(step) for step in edit.path],
                "action": "unset" if edit.takes_out else "set",
                "value": None if edit.takes_out else edit.value,
                "where": str(edit.where) if edit.where else "",
                "mends": list(dict.fromkeys(finding.check.id for finding in findings)),
            }
            for edit, findings in edits.items()
        ],
        "plan": dict(plan),
        "left": list(dict.fromkeys(finding.check.id for finding in left)),
    }
