"""What `history` says: a line for each transaction of each host, the newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.report import failure
from provisioner.report.errors import error_document
from provisioner.report.escape import escape
from provisioner.report.layout import beside, counted, folded, moment, names

if TYPE_CHECKING:
    from provisioner.history.histories import HostHistory
    from provisioner.hosts.history import Transaction

Touched = Callable[["Transaction"], Iterable[tuple[str, str]]]
"""Tells what a transaction set out to do, as pairs of a resource and an action."""

OUTCOMES = {
    "kept": ("✓ kept", "green"),
    "undone": ("✗ undone", "red"),
    "stuck": ("✗ not all put back", "bold red"),
    "untouched": ("✗ not begun", "yellow"),
    "unfinished": ("… not ended", "yellow"),
}
PAST = {"start": "started", "stop": "stopped", "restart": "restarted", "reload": "reloaded"}
INDENT = 6


def history_lines(
    histories: Sequence[HostHistory],
    touched: Touched,
    width: int,
    now: datetime | None = None,
    *,
    whole: bool = False,
    name: failure.Name = str,
) -> list[Text]:
    """Every host in the inventory's order; with `whole`, every resource by name."""
    now = now or datetime.now(UTC)
    lines: list[Text] = []
    for one in histories:
        head = Text(escape(one.host), "bold")
        if one.error is not None:
            said = Text(f"✗ {failure.headline(one.error)}", "red")
            lines += [*beside(head, said, width, indent=2), *failure.body(one.error, width, name)]
        elif not one.transactions:
            lines += beside(head, "nothing was ever applied", width, indent=2)
        else:
            lines.append(head)
            for transaction in one.transactions:
                lines += _transaction(transaction, touched, width, now, whole)
    return lines


def _transaction(
    transaction: Transaction, touched: Touched, width: int, now: datetime, whole: bool
) -> list[Text]:
    said, style = OUTCOMES.get(transaction.outcome, (f"? {escape(transaction.outcome)}", "yellow"))
    head = Text.assemble(
        f"  {moment(transaction.when, now):<12}  ", (f"{said:<11}", style), "  ", (transaction.id, "dim")
    )
    lines = beside(head, _by_whom(transaction), width, gap=2, indent=INDENT)
    pairs = list(dict.fromkeys(touched(transaction)))
    if transaction.failure:
        why = f"gave up at: {escape(transaction.failure)}"
        lines += [Text(" " * INDENT + row, "red") for row in folded(why.split(" "), width, INDENT, " ")]
    if whole:
        return lines + [
            Text(f"{' ' * INDENT}{action:<8} {escape(_shown(resource))}") for resource, action in pairs
        ]
    rows = folded(_summary(pairs).split(" "), width, INDENT, " ")
    return lines + [Text(" " * INDENT + row) for row in rows]


def _by_whom(transaction: Transaction) -> str:
    """`anna from 3f2c1ab`; of a rollback, what it went back to."""
    who = escape(transaction.who.partition(" <")[0]) or "somebody"
    if transaction.back_to == "start":
        return f"{who} went back to before the first"
    if transaction.back_to:
        return f"{who} went back to {escape(transaction.back_to)}"
    if not transaction.commit:
        return who
    return f"{who} from {escape(transaction.commit[:7])}" + ("" if transaction.clean else " and changes")


def _summary(pairs: Sequence[tuple[str, str]]) -> str:
    """`/etc/postfix/main.cf and 2 more files, 3 packages installed, postfix@-.service reloaded`."""
    kinds: dict[str, list[str]] = {}
    services: dict[str, list[str]] = {}
    for resource, action in pairs:
        kind, _, name = resource.partition(":")
        if kind == "service" and action in PAST:
            services.setdefault(action, []).append(name)
        elif kind != "service":
            kinds.setdefault("file" if kind == "link" else kind, []).append(name)
    parts = []
    if files := kinds.pop("file", []):
        parts.append(escape(files[0]) if len(files) == 1 else names(files, most=2))
    if packages := kinds.pop("package", []):
        parts.append(f"{counted(len(packages), 'package')} installed")
    parts += [counted(len(found), kind) for kind, found in kinds.items()]
    parts += [f"{names(units)} {PAST[action]}" for action, units in services.items()]
    return ", ".join(parts) or "nothing"


def _shown(resource: str) -> str:
    kind, _, name = resource.partition(":")
    return name if kind in ("file", "link", "service") else f"{kind} {name}"


def history_document(histories: Iterable[HostHistory], touched: Touched, elapsed: float) -> dict[str, object]:
    """The whole as one JSON document."""
    return {
        "format": 1,
        "command": "history",
        "hosts": {
            one.host: {
                "transactions": [_document(transaction, touched) for transaction in one.transactions],
                "error": None if one.error is None else error_document(one.error),
                "seconds": round(one.seconds, 3),
            }
            for one in histories
        },
        "seconds": round(elapsed, 3),
    }


def _document(transaction: Transaction, touched: Touched) -> dict[str, object]:
    return {
        "id": transaction.id,
        "when": f"{transaction.when:%Y-%m-%dT%H:%M:%SZ}",
        "who": transaction.who,
        "commit": transaction.commit,
        "clean": transaction.clean,
        "command": "rollback" if transaction.back_to else "apply",
        "back_to": transaction.back_to,
        "outcome": transaction.outcome,
        "failure": transaction.failure,
        "kib": transaction.kib,
        "resources": [
            {"resource": resource, "action": action}
            for resource, action in dict.fromkeys(touched(transaction))
        ],
    }
