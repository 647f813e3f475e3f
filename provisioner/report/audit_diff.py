"""What `audit diff` says: scores then and now, and each finding that is not what it was."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from provisioner.audit.difference import Comparison, Difference, Report, Told, Turn
from provisioner.report.audit_findings import told_of
from provisioner.report.escape import escape
from provisioner.report.layout import folded, two_ends

HEADS = {
    Turn.WORSE: ("Worse", "✗", "red"),
    Turn.NEW: ("New", "✗", "red"),
    Turn.UNKNOWN: ("Wrong before, not checked this time", "·", "yellow"),
    Turn.BETTER: ("Better", "✓", "green"),
    Turn.GONE: ("Gone with its target or port", "·", "dim"),
}


def diff_lines(comparison: Comparison, width: int) -> list[Text]:
    """The whole screen."""
    lines = _scores(comparison.before, comparison.after)
    for turn, (head, sign, style) in HEADS.items():
        found = [one for one in comparison.differences if one.turn is turn]
        if found:
            lines += [Text(), Text(head, "bold")]
            lines += [line for one in found for line in _row(one, sign, style, width)]
    numbers = [(sum(one.turn is turn for one in comparison.differences), turn) for turn in HEADS]
    said = ", ".join(f"{number} {turn}" for number, turn in numbers if number)
    return [*lines, Text(), Text(f"{said[:1].upper()}{said[1:] or 'Nothing changed'}.")]


def _scores(before: Report, after: Report) -> list[Text]:
    names = list(dict.fromkeys((*after.scores, *before.scores)))
    column = max((len(escape(name)) for name in names), default=0) + 3
    return [
        Text.assemble((escape(name).ljust(column), "bold"), _score(name, before, after)) for name in names
    ]


def _score(name: str, before: Report, after: Report) -> str:
    if name not in after.scores:
        return "not in the second report"
    if name not in before.scores:
        return f"{_points(after.scores[name])}, not in the first report"
    old, new = before.scores[name], after.scores[name]
    return f"{_points(old)} → {_points(new)}" if old != new else f"{_points(new)}, as before"


def _points(score: int | None) -> str:
    return "no score" if score is None else f"{score} of 100"


def _row(one: Difference, sign: str, style: str, width: int) -> list[Text]:
    said = told_of(one.subject, one.told.summary) if one.told.summary else f"{one.subject}: {one.id}"
    if one.target.lower() not in said.lower():
        said = f"{said} (for {one.target})"
    *before, last = folded(escape(said).split(" "), width, 4, " ")
    rows = [Text(f"    {line}") for line in before]
    rows += two_ends(Text(f"    {last}"), Text(escape(one.id), "dim"), width, 4)
    rows[0] = Text.assemble((f"  {sign} ", style), rows[0][4:])
    return [*rows, Text(f"      {_state(one.before)} → {_state(one.after)}", "dim")]


def _state(told: Told | None) -> str:
    if told is None:
        return "not there"
    words = {"fail": told.severity.value, "warn": f"{told.severity}, doubtful", "pass": "passed"}
    return words.get(told.outcome, "could not be run" if told.outcome == "error" else told.outcome.value)


def document(comparison: Comparison) -> Mapping[str, object]:
    """The same as JSON."""
    return {
        "format": 1,
        "command": "audit diff",
        "scores": {
            name: {"before": comparison.before.scores.get(name), "after": comparison.after.scores.get(name)}
            for name in dict.fromkeys((*comparison.after.scores, *comparison.before.scores))
        },
        "differences": [
            {
                "turn": one.turn.value,
                "target": one.target,
                "id": one.id,
                "subject": one.subject,
                "before": _told(one.before),
                "after": _told(one.after),
            }
            for one in comparison.differences
        ],
        "summary": {turn.value: sum(one.turn is turn for one in comparison.differences) for turn in Turn},
    }


def _told(told: Told | None) -> dict[str, str] | None:
    if told is None:
        return None
    return {"severity": told.severity.value, "outcome": told.outcome.value, "summary": told.summary}
