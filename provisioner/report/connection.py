"""What `test-connection` says: each step with its time, and what to do about the first that fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.report.escape import escape
from provisioner.report.layout import folded, two_ends
from provisioner.report.layout import seconds as in_words

if TYPE_CHECKING:
    from provisioner.connection.result import Step, Walk
    from provisioner.explain.result import Kind

_SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_SIDES = {
    "sender": "This side has to change something.",
    "receiver": "It is for whoever runs the server.",
    "network": "It is the network in between, here or there.",
    "nobody": "",
}


def heading(target: str, user: str) -> Text:
    """The first line."""
    return Text(escape(f"{target} as {user}" if user else target), style="bold")


def step_lines(step: Step, width: int) -> list[Text]:
    """One step; an answer of several lines is shown with all of them."""
    sign, style = _SIGNS[step.outcome.value]
    first, *more = step.detail.splitlines() or [""]
    room = width - 28
    shown = folded(escape(first).split(" "), room, 0, " ") if first else [""]
    left = Text.assemble("  ", (sign, style), f" {step.stage.value:<12} ", shown[0])
    lines = two_ends(left, in_words(step.seconds) if step.seconds is not None else "", width)
    rest = [*shown[1:], *(escape(line) for line in more[:10])]
    return [*lines, *(Text(" " * 17 + line) for line in rest)]


def conclusion(walk: Walk, width: int) -> list[Text]:
    """What the first failure means and what to do; the warnings, where there is none."""
    failure = walk.failure
    warned = [step for step in walk.steps if step.outcome.value == "warning" and step.kind is not None]
    told: list[Text] = [Text("")]
    if failure is not None and failure.kind is not None:
        told += [Text(line) for line in folded(_before(walk, failure).split(" "), width, 0, " ")]
        told += explanation(failure.kind, width)
    elif not warned:
        told.append(Text("Everything that was tried works."))
    if failure is None and _offers_login(walk):
        told.append(Text("No login was tried: --user LOGIN does that."))
    for step in warned:
        if step.kind is not None and step is not failure:
            told += explanation(step.kind, width)
    return told


def _offers_login(walk: Walk) -> bool:
    """Whether a login could have been tried and nobody asked for it."""
    last = walk.steps[-1]
    return not walk.user and last.stage.value == "hello" and not last.detail.endswith(("no login", "a login"))


def _before(walk: Walk, failure: Step) -> str:
    """What the steps before have shown to be right."""
    passed = [step.stage.value for step in walk.steps if step.outcome.value == "ok"]
    if failure.stage.value == "login" and "certificate" in passed:
        return "Name, port and encryption are right: everything before the login works."
    if failure.stage.value in ("sender", "recipient", "message", "mailbox") and "login" in passed:
        return "The connection and the login work."
    if "connect" in passed:
        return "The server is reached."
    return ""


def explanation(kind: Kind, width: int, sides: Mapping[str, str] = _SIDES) -> list[Text]:
    """A kind of failure: its sentence, what to do, and whose side it is on in the words of `sides`."""
    told = [Text(line) for line in folded(escape(kind.says).split(" "), width, 0, " ")]
    for advice in kind.do:
        first, *rest = folded(escape(advice).split(" "), width, 2, " ")
        told += [Text(f"- {first}"), *(Text(f"  {line}") for line in rest)]
    side = " ".join(
        part
        for part in (sides[kind.side.value], "It mends itself, or is tried again." * kind.temporary)
        if part
    )
    return [*told, Text(side, style="dim")] if side else told


def document(walks: Sequence[Walk]) -> dict[str, object]:
    """The same for a program."""
    return {
        "format": 1,
        "command": "test-connection",
        "ok": all(walk.failure is None for walk in walks),
        "connections": [_walk(walk) for walk in walks],
    }


def _walk(walk: Walk) -> dict[str, object]:
    failure = walk.failure
    return {
        "target": walk.target,
        "user": walk.user or None,
        "ok": failure is None,
        "failure": None if failure is None else {"step": failure.stage.value, **kind_document(failure.kind)},
        "steps": [
            {
                "step": step.stage.value,
                "outcome": step.outcome.value,
                "detail": step.detail,
                "seconds": None if step.seconds is None else round(step.seconds, 3),
                **({} if step.kind is None else {"means": kind_document(step.kind)}),
            }
            for step in walk.steps
        ],
    }


def kind_document(kind: Kind | None) -> dict[str, object]:
    """A kind of failure."""
    if kind is None:
        return {}
    return {
        "kind": kind.id,
        "says": kind.says,
        "side": kind.side.value,
        "do": list(kind.do),
        "temporary": kind.temporary,
    }
