"""What `plan` shows: per host and role what would change, with the lines and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.errors import ProvisionError
from provisioner.report import failure
from provisioner.report.diff import Trace, added, body, diff_lines, untraced
from provisioner.report.escape import escape
from provisioner.report.layout import beside, counted, folded, moment, names, two_ends
from provisioner.report.summary import summary
from provisioner.resources.change import Change
from provisioner.resources.file import File, Link

if TYPE_CHECKING:
    from provisioner.plan import Plan

SIGNS = {
    "create": ("+", "green"),
    "install": ("+", "green"),
    "enable": ("+", "green"),
    "start": ("+", "green"),
    "update": ("~", "yellow"),
    "restart": ("~", "yellow"),
    "reload": ("~", "yellow"),
    "run": ("~", "yellow"),
    "delete": ("-", "red"),
    "stop": ("-", "red"),
    "disable": ("-", "red"),
}
NEW_FILE_LINES = 12
NEW_FILES = 5
"""Longer new files, and those of a host that gets more of them, are counted; `-v` and `render` show them."""


@dataclass(frozen=True)
class View:
    """How plans are to be shown."""

    width: int = 80
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    whole: bool = False
    """Whether new files are shown with all their lines."""
    trace: Callable[[Plan], Trace] = lambda _plan: untraced
    """Says, for one plan, where in the inventory a line of a file comes from."""
    name: failure.Name = str


def plan_lines(results: Mapping[str, Plan | ProvisionError], view: View) -> list[Text]:
    """Every host in the inventory's order, those with the same changes together, and the summary."""
    seen: dict[Change, str] = {}
    lines: list[Text] = []
    for hosts, result in _alike(results):
        if isinstance(result, ProvisionError):
            lines += _failed(hosts, result, view)
        elif result.changes or result.warnings:
            lines += _host(hosts, result, view, seen)
        else:
            lines.append(Text.assemble((names(hosts), "bold"), "   unchanged"))
    return [*lines, Text(), *summary(results, view.width)]


def _alike(
    results: Mapping[str, Plan | ProvisionError],
) -> list[tuple[list[str], Plan | ProvisionError]]:
    """Hosts of one release with the same changes and warnings together, each at its first one's place."""
    together: dict[object, tuple[list[str], Plan | ProvisionError]] = {}
    for host, result in results.items():
        key: object
        if isinstance(result, ProvisionError):
            key = failure.kin(result)
        else:
            unchanged = not (result.changes or result.warnings)
            key = "unchanged" if unchanged else (result.debian, result.changes, result.warnings)
        together.setdefault(key, ([], result))[0].append(host)
    return list(together.values())


def _host(hosts: Sequence[str], plan: Plan, view: View, seen: dict[Change, str]) -> list[Text]:
    about = f"Debian {escape(plan.debian)}" if plan.debian else escape(plan.release)
    if plan.last is not None and len(hosts) == 1:
        last = plan.last
        about += f" · last {'rolled back' if last.back_to else 'applied'} {moment(last.when, view.now)}"
        about += f" by {escape(last.who.partition(' <')[0])}" if last.who else ""
        if last.commit and not last.back_to:
            about += f" from {escape(last.commit[:7])}"
            about += "" if last.clean else " with uncommitted changes"
    about = about if plan.changes else f"unchanged · {about}"
    lines = beside(Text(names(hosts), "bold"), Text(about, "dim"), view.width, indent=2)
    if plan.back_to:
        lines.append(Text(f"  goes back {_to(plan.back_to)}"))
    for warning in plan.warnings:
        lines += [
            Text.assemble(("  ! " if number == 0 else "    ", "yellow"), row)
            for number, row in enumerate(folded(escape(warning).split(" "), view.width, 4, " "))
        ]
    trace = view.trace(plan)
    for role, changes in _by_role(plan.changes).items():
        lines.append(Text(f"  {escape(role)}"))
        for packages, group in groupby(changes, key=lambda change: change.action == "install"):
            if packages:
                lines += _packages(list(group), view.width)
                continue
            for change in group:
                lines += _change(change, plan, view, trace, seen, hosts[0])
    return lines


def _to(back_to: str) -> str:
    """What a rollback goes back to, in words."""
    return "to before the first apply" if back_to == "start" else f"to after {escape(back_to)}"


def _by_role(changes: Iterable[Change]) -> dict[str, list[Change]]:
    roles: dict[str, list[Change]] = {}
    for change in changes:
        roles.setdefault(change.role, []).append(change)
    return roles


def _packages(changes: Sequence[Change], width: int) -> list[Text]:
    rows = folded([escape(_name(change)) for change in changes], width, 14)
    return [
        Text.assemble("    ", ("+ install ", "green"), row) if number == 0 else Text(" " * 14 + row)
        for number, row in enumerate(rows)
    ]


def _change(
    change: Change, plan: Plan, view: View, trace: Trace, seen: dict[Change, str], host: str
) -> list[Text]:
    sign, style = SIGNS[change.action]
    row = Text.assemble("    ", (f"{sign} {change.action:<7} ", style), escape(_label(change)))
    lines = two_ends(row, Text(_consequence(change, plan), "dim"), view.width)
    lines += [
        Text(" " * 8 + row, "yellow")
        for remark in _remarks(change, view.now)
        for row in folded(remark.split(" "), view.width, 8, " ")
    ]
    if not change.diff:
        return lines + _theirs(change, view)
    first = seen.setdefault(change, host)
    if first != host:
        return [*lines, Text(f"        the same lines as on {escape(first)}", "dim")]
    if change.action == "create" and not view.whole:
        new, files = (
            added(change.diff),
            sum(one.action == "create" and bool(one.diff) for one in plan.changes),
        )
        if new > NEW_FILE_LINES or files > NEW_FILES:
            return [*lines, Text(f"        a new file of {counted(new, 'line')}; -v shows them", "dim")]
    return (
        lines
        + diff_lines(change.diff, view.width, trace=trace, remark=_whose(change))
        + _theirs(change, view)
    )


def _whose(change: Change) -> Trace:
    """Says of a line that goes whether somebody edited it in."""
    own = change.edited.theirs if change.edited else ""
    edited = {line[1:] for line in body(own) if line.startswith("+")}
    return lambda line: "theirs" if line in edited else ""


def _theirs(change: Change, view: View) -> list[Text]:
    """What to do about somebody's edit; with `view.whole`, the edit itself and what keeping it would do."""
    edited = change.edited
    if edited is None:
        return []
    lines: list[Text] = []
    if view.whole and edited.theirs:
        lines += [Text(" " * 8 + "their edit:", "yellow"), *diff_lines(edited.theirs, view.width, 10)]
    if view.whole and edited.mergeable and change.action == "update":
        said = "with --keep-edits:" if edited.merged else "with --keep-edits it stays as it is"
        lines += [Text(" " * 8 + said, "yellow"), *diff_lines(edited.merged, view.width, 10)]
    if edited.inventory:
        lines.append(Text(" " * 8 + "in the inventory this keeps it:", "yellow"))
        lines += [Text(" " * 10 + escape(line)) for line in edited.inventory]
    return lines


def _remarks(change: Change, now: datetime) -> list[str]:
    """What a reader would not expect: a reason given, somebody else's edit, a content not shown."""
    remarks = [escape(change.why)] if change.why else []
    if edited := change.edited:
        when = moment(datetime.fromtimestamp(edited.when, UTC), now)
        by = f" by {escape(edited.by)}" if edited.by else ""
        can = "can be kept: --keep-edits" if edited.mergeable else "what is there is kept in the history"
        if edited.conflicts:
            can = f"{counted(edited.conflicts, 'place')} both changed; {can}"
        remarks.append(f"edited on the host {when}{by}, not by us; {can}")
    if change.sensitive and not change.why:
        remarks.append("its content is secret and not shown")
    return remarks


def _consequence(change: Change, plan: Plan) -> str:
    """The services that take this change up, `reload postfix`; or what it does to the service's clients."""
    if change.holds:
        return f"holds new connections, {change.holds} s at most"
    for resource in plan.desired.resources:
        if resource.id == change.resource and isinstance(resource, File | Link):
            words = [("restart", resource.restart), ("reload", resource.reload)]
            return ", ".join(f"{verb} {', '.join(services)}" for verb, services in words if services)
    return ""


def _name(change: Change) -> str:
    return change.resource.partition(":")[2]


def _label(change: Change) -> str:
    kind, _, name = change.resource.partition(":")
    if kind in ("file", "link", "package", "service", "timer"):
        return name
    return f"{name}/" if kind == "directory" else f"{kind} {name}"


def _failed(hosts: Sequence[str], error: ProvisionError, view: View) -> list[Text]:
    said = Text(f"✗ {failure.headline(error)}", "red")
    head = beside(Text(names(hosts), "bold"), said, view.width, indent=2)
    return [*head, *failure.body(error, view.width, view.name)]
