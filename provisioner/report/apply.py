"""What `apply` says when it is done: a line per host, failures with their evidence, a summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.errors import Interrupted, NotBegun
from provisioner.report import failure
from provisioner.report.escape import escape
from provisioner.report.layout import beside, counted, folded, names, seconds, two_ends
from provisioner.resources.change import Change

if TYPE_CHECKING:
    from provisioner.apply import HostOutcome, Planned

HEADS = {
    "unchanged": ("✓ unchanged", ""),
    "changed": ("✓", "green"),
    "failed": ("✗ failed, and could not be put back", "bold red"),
    "rolled-back": ("✗ put back as it was", "red"),
    "unreachable": ("✗ not touched", "red"),
    "skipped": ("- skipped", "yellow"),
}
WORDS = {
    "changed": "changed",
    "unchanged": "unchanged",
    "rolled-back": "put back",
    "failed": "failed and not put back",
    "unreachable": "not reached",
    "skipped": "skipped",
}
PAST = {"start": "started", "stop": "stopped", "restart": "restarted", "reload": "reloaded"}
SINGLY = 5
"""So many hosts that came out the same are listed one by one; more are said in one line."""


def outcome_lines(outcomes: Sequence[HostOutcome], width: int, name: failure.Name = str) -> list[Text]:
    """Every host in the inventory's order; failures in full; many that came out the same in one line."""
    column = min(max((len(escape(outcome.host)) for outcome in outcomes), default=0), width // 2) + 3
    alike: dict[str, list[HostOutcome]] = {}
    for outcome in outcomes:
        alike.setdefault(_saying(outcome), []).append(outcome)
    lines: list[Text] = []
    told: dict[object, str] = {}
    for outcome in outcomes:
        group = alike[_saying(outcome)]
        if len(group) > SINGLY and (_went_well(outcome) or _not_begun(outcome)):
            if outcome is group[0]:
                lines += _together(group, width)
            continue
        lines += _head(outcome, column, width)
        if outcome.error is not None and outcome.status != "failed" and not _not_begun(outcome):
            first = told.setdefault(failure.kin(outcome.error), outcome.host)
            if first != outcome.host:
                lines.append(Text(f"  for the same reason as {escape(first)}"))
                continue
        lines += _body(outcome, width, name)
    return lines


def note_lines(planned: Iterable[Planned], width: int, warnings: bool) -> list[Text]:
    """What to know before hosts change: what was mended first; warnings, unless a plan showed them."""
    lines: list[Text] = []
    for one in planned:
        notes = [f"transaction {one.repaired} had not ended and was put back"] if one.repaired else []
        if warnings and one.plan is not None:
            notes += one.plan.warnings
        for note in notes:
            first, *rest = folded([f"{one.host.name}:", *escape(note).split(" ")], width, 2, " ")
            lines += [Text.assemble(("! ", "yellow"), first), *(Text(f"  {row}") for row in rest)]
    return lines


def totals(outcomes: Iterable[HostOutcome], elapsed: float) -> Text:
    """`1 changed, 1 unchanged in 3.0 s.`"""
    counts: dict[str, int] = dict.fromkeys(WORDS, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    said = ", ".join(f"{number} {WORDS[status]}" for status, number in counts.items() if number)
    return Text(f"{said or 'No hosts'} in {seconds(elapsed)}.")


def way_back(said: Text, outcomes: Iterable[HostOutcome], inventory: str, width: int) -> list[Text]:
    """The totals and, where something changed, how to go back: `provision rollback inventory.yml`."""
    if inventory == "-" or not any(outcome.status == "changed" for outcome in outcomes):
        return [said]
    return beside(said, f"To go back: provision rollback {quote(inventory)}", width, gap=1, indent=0)


def _went_well(outcome: HostOutcome) -> bool:
    return outcome.status in ("unchanged", "changed") and outcome.error is None and not outcome.left


def _not_begun(outcome: HostOutcome) -> bool:
    """Whether its line says all there is to say of it: it was left alone because of others."""
    return isinstance(outcome.error, NotBegun | Interrupted) and outcome.status == "skipped"


def _saying(outcome: HostOutcome, times: bool = False) -> str:
    """What the host's line says of it; hosts are alike where it is the same but for `times`."""
    if outcome.status == "changed":
        return f"✓ {done(outcome, times)}"
    if outcome.error is not None and outcome.status in ("unreachable", "skipped"):
        return f"✗ {failure.headline(outcome.error)}"
    return HEADS[outcome.status][0]


def _head(outcome: HostOutcome, column: int, width: int) -> list[Text]:
    style = HEADS[outcome.status][1]
    took = seconds(outcome.seconds)
    rows = folded(_saying(outcome, times=True).split(" "), width, column + len(took) + 2, " ") or [""]
    head = Text.assemble((escape(outcome.host).ljust(column), "bold"), (rows[0], style))
    lines = two_ends(head, Text(took, "dim"), width)
    return lines + [Text(" " * (column + 2) + row, style) for row in rows[1:]]


def _together(group: Sequence[HostOutcome], width: int) -> list[Text]:
    """One line for all of `group`, with the time of the slowest."""
    said = Text(_saying(group[0]), HEADS[group[0].status][1])
    took = f"{seconds(max(outcome.seconds for outcome in group))} at most"
    left = beside(Text(names([outcome.host for outcome in group]), "bold"), said, width, indent=2)
    return [*left[:-1], *two_ends(left[-1], Text(took, "dim"), width)]


def _body(outcome: HostOutcome, width: int, name: failure.Name) -> list[Text]:
    lines: list[Text] = []
    if outcome.error is not None:
        lines += failure.body(outcome.error, width, name, outcome.log, outcome.left)
    else:
        lines += [Text(f"  left   {escape(line)}", "yellow") for line in outcome.left]
    return lines + [Text(f"  {escape(line)}") for line in outcome.undone]


def done(outcome: HostOutcome, times: bool = False) -> str:
    """`3 changes, postfix reloaded, 6 ports proven`; with `times`, how long what clients notice took, too."""
    parts = [counted(len(_own(outcome.changes)), "change")] if _own(outcome.changes) else []
    packages = sum(change.action == "install" for change in outcome.changes)
    if packages:
        parts.append(f"{counted(packages, 'package')} installed")
    for (action, noticed), services in _services(outcome.changes).items():
        took = sum(outcome.service_ms.get(service, 0) for service in services)
        measured = f" in {seconds(took / 1000)}" if times and took and noticed else ""
        parts.append(f"{names(services, most=4)} {PAST[action]}{measured}")
    proven = sum(result.ok for result in outcome.ports)
    if proven:
        parts.append(f"{counted(proven, 'port')} proven")
    return ", ".join(parts) or "changed"


def _own(changes: Iterable[Change]) -> list[Change]:
    """Changes other than installing packages and telling services to take the rest up."""
    return [change for change in changes if change.action not in PAST and change.action != "install"]


def _services(changes: Iterable[Change]) -> Mapping[tuple[str, bool], list[str]]:
    """What services were told, and whether their clients notice: a restart, or a reload that holds them."""
    asked: dict[tuple[str, bool], list[str]] = {}
    for change in changes:
        if change.action in PAST:
            noticed = change.action == "restart" or change.holds > 0
            asked.setdefault((change.action, noticed), []).append(change.resource.partition(":")[2])
    return asked
