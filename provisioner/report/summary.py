"""The last line of a plan: how much changes on how many hosts, and what is interrupted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.errors import ProvisionError
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded

if TYPE_CHECKING:
    from provisioner.plan import Plan

VERBS = {"start": "starts", "stop": "stops", "reload": "reloads", "restart": "restarts"}
NOUNS = {
    "package": "package",
    "file": "file",
    "link": "link",
    "directory": "directory",
    "user": "account",
    "group": "account",
    "command": "command",
}


def summary(results: Mapping[str, Plan | ProvisionError], width: int) -> list[Text]:
    """`Plan: 3 files on 1 of 2 hosts. Reloads postfix; restarts nothing.`, folded."""
    first, *rest = folded(_sentence(results).split(" "), width, 0, " ")
    word, colon, tail = first.partition(":")
    head = Text.assemble((word, "bold"), colon, tail) if colon else Text(first)
    return [head, *(Text(line) for line in rest)]


def _sentence(results: Mapping[str, Plan | ProvisionError]) -> str:
    plans = [result for result in results.values() if not isinstance(result, ProvisionError)]
    changing = [plan for plan in plans if plan.changes]
    failed = len(results) - len(plans)
    tail = f" {counted(failed, 'host')} could not be planned." if failed else ""
    if not changing:
        return (
            f"Nothing to change on {counted(len(plans), 'host')}.{tail}"
            if plans or not failed
            else tail.strip()
        )
    of = f"{len(changing)} of {len(results)} hosts" if len(results) > 1 else "1 host"
    things = _things(changing) or ["services only"]
    return f"Plan: {', '.join(things)} on {of}. {_service_words(changing)}{tail}"


def _things(plans: Iterable[Plan]) -> list[str]:
    """`3 files`, `2 packages`: each distinct thing counted once, however many hosts share it."""
    distinct = {change.resource for plan in plans for change in plan.changes}
    counts: dict[str, int] = dict.fromkeys(NOUNS.values(), 0)
    for resource in distinct:
        noun = NOUNS.get(resource.split(":", 1)[0])
        if noun:
            counts[noun] += 1
    return [counted(number, noun) for noun, number in counts.items() if number]


def _service_words(plans: Sequence[Plan]) -> str:
    """`Starts dovecot; reloads postfix; restarts nothing.` What interrupts service is always said."""
    asked: dict[str, dict[str, None]] = {verb: {} for verb in VERBS}
    for plan in plans:
        for change in plan.changes:
            if change.action in asked:
                asked[change.action][escape(change.resource.partition(":")[2])] = None
    words = [
        f"{VERBS[verb]} {', '.join(services) or 'nothing'}"
        for verb, services in asked.items()
        if services or verb == "restart"
    ]
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}.{_held(plans)}"


def _held(plans: Sequence[Plan]) -> str:
    """Which services hold new connections back meanwhile: not an interruption, and clients notice it."""
    holds: dict[int, dict[str, None]] = {}
    for plan in plans:
        for change in plan.changes:
            if change.holds:
                holds.setdefault(change.holds, {})[escape(change.resource.partition(":")[2])] = None
    return "".join(
        f" New connections to {', '.join(services)} are held meanwhile, {seconds} s at most."
        for seconds, services in holds.items()
    )
