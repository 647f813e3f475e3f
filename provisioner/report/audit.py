"""What `audit` says on a terminal: a line for each target, what is worst in full, the rest by number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.judgement import Judgement
from provisioner.errors import ProvisionError
from provisioner.report.audit_findings import (
    Problem,
    both_families,
    counts,
    headline,
    problems,
    told_of,
    verdict,
)
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded, names, seconds, two_ends

EVIDENCE_LINES = 6
EVIDENCE_CHARACTERS = 200
FEW = 3
"""Targets whose numbers are told in full; of more, only what is wrong."""
MANY = 5
"""Checks that were not answered for the same reason, from which on the reason is told once."""
SHORT_LIST = 8
"""Problems that are shown in full without -v."""
STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold yellow",
    Severity.LOW: "bold",
    Severity.INFO: "bold dim",
}
COLUMN = 10
INDENT = 9


def report_lines(judgements: Sequence[Judgement], width: int, *, verbose: bool = False) -> list[Text]:
    """The whole screen; with `verbose`, every problem in full and all that passed or could not be run."""
    lines = _heads(judgements, width)
    found = problems(judgements)
    shown = found if verbose else _worst(found)
    many = len(judgements) > 1
    for problem in shown:
        lines += [Text(), *_problem(problem, width, many)]
    if verbose:
        return lines + _others(judgements, width)
    left = found[len(shown) :]
    if found and not shown:
        lines += [Text(), *(line for problem in left[:SHORT_LIST] for line in _headline(problem, width))]
        left = left[SHORT_LIST:]
    return lines + _more(left, bool(found), width)


def totals(judgements: Sequence[Judgement], elapsed: float) -> Text:
    """`3 targets in 4.1 s: 2 with something critical or high.`"""
    bad = sum(judgement.reaches(Severity.HIGH) for judgement in judgements)
    away = sum(judgement.error is not None for judgement in judgements)
    shut = sum(judgement.inside_error is not None for judgement in judgements)
    said = f"{counted(len(judgements), 'target')} in {seconds(elapsed)}"
    said += f", {bad} with something critical or high" if bad and len(judgements) > 1 else ""
    said += f", {away} could not be audited" if away else ""
    said += f", {shut} not from inside" if shut else ""
    return Text(f"{said}.", "dim")


def _heads(judgements: Sequence[Judgement], width: int) -> list[Text]:
    """A line for each target, the worst score first."""
    order = sorted(judgements, key=lambda one: -1 if one.score is None else one.score)
    column = min(max((len(escape(one.target)) for one in order), default=0), width // 2) + 3
    brief = len(order) > FEW
    return [line for judgement in order for line in _head(judgement, column, width, brief)]


def _head(judgement: Judgement, column: int, width: int, brief: bool) -> list[Text]:
    name = Text(escape(judgement.target).ljust(column), "bold")
    if judgement.error is not None:
        head, *rest = _trouble("could not be audited", judgement.error, width, column)
        return [name + head[column:], *rest, *_notes(judgement, width)]
    score = "no score" if judgement.score is None else f"{judgement.score} of 100"
    told = counts(judgement.wrong if brief else judgement.findings)
    told = told or [verdict(judgement)] if brief else told or ["nothing was checked"]
    first, *more = folded(told, width, column + 13, " · ")
    lines = [Text.assemble(name, (score.ljust(13), _score_style(judgement)), first)]
    lines += [Text(" " * (column + 13) + line) for line in more]
    if judgement.inside_error is not None:
        lines += _trouble("not from inside", judgement.inside_error, width, 4)
    return lines + _notes(judgement, width)


def _trouble(what: str, error: ProvisionError, width: int, indent: int) -> list[Text]:
    """What could not be done and why, what the host said of it, and what to do."""
    said = folded(f"✗ {what}: {escape(error.message)}".split(" "), width, indent, " ")
    rest = [*getattr(error, "evidence", ())[:EVIDENCE_LINES], *([error.hint] if error.hint else [])]
    more = [line for text in rest for line in folded(escape(text).split(" "), width, 4, " ")]
    lines = [Text(" " * indent) + Text(line, "red") for line in said]
    return lines + [Text(f"    {line}", "dim") for line in more]


def _notes(judgement: Judgement, width: int) -> list[Text]:
    notes = [line for note in judgement.notes for line in folded(escape(note).split(" "), width, 4, " ")]
    return [Text(f"    {note}", "dim") for note in notes]


def _score_style(judgement: Judgement) -> str:
    if judgement.score is None or not judgement.wrong:
        return "bold"
    return STYLES[judgement.wrong[0].weight] if judgement.reaches(Severity.HIGH) else "bold yellow"


def _worst(found: Sequence[Problem]) -> list[Problem]:
    """What is critical or high; where nothing is, what is medium."""
    for limit in (Severity.HIGH, Severity.MEDIUM):
        grave = [one for one in found if one.first.weight.rank <= limit.rank]
        if grave:
            return grave[:SHORT_LIST]
    return []


def _more(left: Sequence[Problem], wrong: bool, width: int) -> list[Text]:
    """What is not shown, and how to see it."""
    if not wrong:
        return []
    numbers = Counter(problem.first.weight for problem in left)
    said = ", ".join(f"{numbers[severity]} {severity}" for severity in Severity if numbers[severity])
    first = f"{said} more: -v shows them." if said else "-v shows why, and what passed."
    whole = "The whole report: --output report.html"
    return [Text(), *(Text(line, "dim") for line in folded([first, whole], width, 0, "   "))]


def _problem(problem: Problem, width: int, many: bool) -> list[Text]:
    first = problem.first
    rows = _headline(problem, width)
    if problem.subjects[1:]:
        rows += _labelled("also", [names(problem.subjects[1:], 4)], width)
    if many and set(problem.targets) != set(problem.subjects):
        rows += _labelled("for", [names(problem.targets, 4)], width)
    rows += _labelled("seen", _evidence(first), width)
    rows += _labelled("at", [first.place] if first.place else [], width)
    rows += _labelled("why", [problem.check.why], width)
    rows += _labelled("fix", first.remedy.splitlines(), width)
    rows += _labelled("change", first.inventory.splitlines(), width)
    return rows + _labelled("see", [problem.check.reference], width)


def _headline(problem: Problem, width: int) -> list[Text]:
    """The severity, what is wrong, and the id of the check at the right."""
    first = problem.first
    *before, last = folded(escape(headline(problem)).split(" "), width, COLUMN, " ")
    rows = [Text(" " * COLUMN + line) for line in before]
    rows += two_ends(Text(" " * COLUMN + last), Text(escape(problem.check.id), "dim"), width, COLUMN)
    word = Text(first.weight.upper(), STYLES[first.weight])
    rows[0] = Text.assemble(word, " " * (COLUMN - word.cell_len), rows[0][COLUMN:])
    return rows


def _evidence(finding: Finding) -> list[str]:
    lines = list(finding.evidence[:EVIDENCE_LINES])
    left = len(finding.evidence) - len(lines)
    return [_cut(line) for line in lines] + ([f"… {left} more in the report"] if left else [])


def _cut(line: str) -> str:
    return line if len(line) <= EVIDENCE_CHARACTERS else f"{line[: EVIDENCE_CHARACTERS - 1]}…"


def _labelled(label: str, texts: Sequence[str], width: int) -> list[Text]:
    """The label once, its lines beside it, folded; what somebody else wrote is escaped."""
    folds = [line for text in texts for line in folded(escape(text, "").split(" "), width, INDENT, " ")]
    heads = [f"  {label}".ljust(INDENT), *[" " * INDENT] * len(folds)]
    return [Text.assemble((head, "dim"), line) for head, line in zip(heads, folds, strict=False)]


def _others(judgements: Sequence[Judgement], width: int) -> list[Text]:
    lines: list[Text] = []
    for outcome, head in (
        (Outcome.ERROR, "Could not be run"),
        (Outcome.SKIPPED, "Skipped"),
        (Outcome.PASS, "Passed"),
    ):
        found = problems(judgements, outcome)
        if found:
            lines += [Text(), Text(head, "bold")]
            lines += _shared_rows(found, width) if outcome is not Outcome.PASS else []
            lines += [line for problem in found for line in _row(problem, outcome, width)]
    return lines


def _shared_rows(found: list[Problem], width: int) -> list[Text]:
    """What many checks have in common is said once, and they are taken out of `found`."""
    by_summary: dict[str, list[Problem]] = {}
    for problem in found:
        if len({finding.summary for finding in problem.findings}) == 1:
            by_summary.setdefault(problem.first.summary, []).append(problem)
    lines: list[Text] = []
    for summary, several in by_summary.items():
        if len(several) >= MANY:
            ids = ", ".join(problem.check.id for problem in several)
            said = folded(escape(f"{summary[:1].upper()}{summary[1:]}: {ids}").split(" "), width, 4, " ")
            lines += [Text.assemble(("  · " if line is said[0] else "    ", "dim"), line) for line in said]
            found[:] = [problem for problem in found if problem not in several]
    return lines


def _row(problem: Problem, outcome: Outcome, width: int) -> list[Text]:
    """What passed is said in the check's own words; of the rest, why it was not answered."""
    texts = [problem.check.title] if outcome is Outcome.PASS else _summaries(problem)
    said = f"{'; '.join(texts)} ({names(problem.subjects)})" if outcome is Outcome.PASS else "; ".join(texts)
    *before, last = folded(escape(said).split(" "), width, 4, " ")
    rows = [Text(f"    {line}") for line in before]
    rows += two_ends(Text(f"    {last}"), Text(escape(problem.check.id), "dim"), width, 4)
    sign = Text("  ✓ ", "green") if outcome is Outcome.PASS else Text("  · ", "dim")
    rows[0] = Text.assemble(sign, rows[0][4:])
    return rows


def _summaries(problem: Problem) -> list[str]:
    """What was said, with the subjects it was said of, and the reason where there is one."""
    by_summary: dict[str, list[Finding]] = {}
    for finding in problem.findings:
        by_summary.setdefault(finding.summary, []).append(finding)
    said = []
    for summary, findings in by_summary.items():
        reason = next((line for finding in findings for line in finding.evidence[:1]), "")
        reason = f" ({_cut(reason)})" if reason and findings[0].outcome is Outcome.ERROR else ""
        subjects = both_families(finding.subject for finding in findings)
        told = told_of(subjects[0], summary) if len(subjects) == 1 else f"{names(subjects)}: {summary}"
        said.append(told + reason)
    return said
