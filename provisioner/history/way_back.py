"""The way back: from what transactions have written down, what a host was before them. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.hosts.history import Transaction
from provisioner.resources import Command
from provisioner.resources.observed import Written

_SECONDS = re.compile(r"[1-9][0-9]{0,3}")
START = "start"
"""What to go back to where nothing of ours was there."""


@dataclass(frozen=True, slots=True)
class Place:
    """One path as it was: a saved copy, a directory with other attributes, or nothing at all."""

    path: str
    kind: str
    """`copy`, `attributes` or `absent`."""
    source: tuple[str, int] = ("", 0)
    """Of a copy: the transaction that saved it, and under which number."""
    owner: tuple[int, int] = (0, 0)
    """Of a directory: uid and gid."""
    mode: int = 0
    parents: tuple[str, ...] = ()
    """Directories that were made on the way to it, the innermost first."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as it was, and how the transactions made it take up its files."""

    unit: str
    active: str
    enabled: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class WayBack:
    """All that is needed to bring a host back behind some of its transactions."""

    to: str
    """The id of the transaction that it will be as after, or `start`."""
    undone: tuple[Transaction, ...]
    """The transactions that it goes behind, oldest first."""
    places: tuple[Place, ...] = ()
    units: tuple[Unit, ...] = ()
    validators: tuple[Command, ...] = ()
    commands: tuple[Command, ...] = ()
    proves: tuple[Command, ...] = ()
    written: tuple[Written, ...] = ()
    """What was ours then."""
    sensitive: frozenset[str] = frozenset()
    """Paths whose content is not to be shown."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Path or unit → the role that brought it."""
    edits: frozenset[tuple[str, str]] = frozenset()
    """(path, SHA-256) of files that were written with an edit in them: as such they are not edited since."""
    holds: Mapping[str, int] = field(default_factory=dict)
    """Unit → seconds for which its reload may hold new connections back."""
    proof: bytes = b""
    stays: tuple[str, ...] = ()
    """What a rollback does not take away: packages and accounts, as resources."""


def find(transactions: Sequence[Transaction], to: str = "") -> WayBack | None:
    """The way back behind the last kept transaction, or to the state after `to`; None where there is none.

    `transactions` are a host's, the one that ended first coming first. `to` is the id of one of them,
    `start`, or the beginning of an id: a time. Raises LookupError where the history does not reach so far.
    """
    kept = [one for one in transactions if one.outcome == "kept"]
    if not to:
        undone = kept[-1:]
    elif to == START:
        undone = kept
    elif known := [number for number, one in enumerate(kept) if one.id == to]:
        undone = kept[known[0] + 1 :]
    else:
        undone = [one for one in kept if one.id[: len(to)] > to]
    if not undone:
        return None
    target = kept[len(kept) - len(undone) - 1] if len(undone) < len(kept) else None
    if target is None and any(True for _ in undone[0].lines("record.before")):
        raise LookupError(f"the oldest transaction that is kept is {undone[0].id}")
    return _way(undone, target)


def _way(undone: Sequence[Transaction], target: Transaction | None) -> WayBack:
    places = _places(undone)
    gone = {path for path, place in places.items() if place.kind == "absent"}
    own = tuple(undone) if target is None else (*undone, target)
    return WayBack(
        to=START if target is None else target.id,
        undone=tuple(undone),
        places=tuple(places.values()),
        units=_units(undone),
        # A state that was not ours need not please our checkers.
        validators=() if target is None else _commands(own, "validator", "validate"),
        commands=tuple(
            command
            for command in _commands(undone, "command", "commit")
            if _is_repeatable(command, undone) and gone.isdisjoint(command.argv)
        ),
        proves=() if target is None else _commands((target,), "prove", "prove"),
        written=_written(undone[0], target),
        sensitive=frozenset(words[1] for one in own for words in one.lines("manifest", "sensitive")),
        edits=frozenset((words[1], words[2]) for one in undone for words in one.lines("manifest", "edit")),
        roles={words[1]: words[3] for one in own for words in _notes(one)},
        holds={
            words[1]: int(words[2])
            for one in own
            for words in one.lines("manifest", "holds")
            if _SECONDS.fullmatch(words[2])
        },
        proof=b"" if target is None else target.texts.get("proof", b""),
        stays=tuple(
            f"{words[0]}:{words[1]}"
            for one in undone
            for words in one.lines("manifest", "package", "user", "group")
        ),
    )


def _places(undone: Iterable[Transaction]) -> dict[str, Place]:
    """Every path as it was before all of the transactions: what came first knows it."""
    places: dict[str, Place] = {}
    made: set[str] = set()
    for transaction in undone:
        for words in transaction.lines("before"):
            place = _place(transaction.id, words)
            if place.path not in made:
                places.setdefault(place.path, place)
            made.update(place.parents)
    return places


def _place(transaction: str, words: Sequence[str]) -> Place:
    match words:
        case ["copy", path, number]:
            return Place(path, "copy", (transaction, int(number)))
        case ["attributes", path, uid, gid, mode]:
            return Place(path, "attributes", owner=(int(uid), int(gid)), mode=int(mode, 8))
        case ["absent", path, *parents]:
            made = (b64decode(one, validate=True).decode("utf-8", "surrogateescape") for one in parents)
            return Place(path, "absent", parents=tuple(made))
    raise ValueError(f"a line {' '.join(words)[:60]!r}")


def _units(undone: Iterable[Transaction]) -> tuple[Unit, ...]:
    before: dict[str, Unit] = {}
    actions: dict[str, dict[str, None]] = {}
    for transaction in undone:
        for words in transaction.lines("services"):
            unit, active, enabled = (*words, "", "")[:3]
            before.setdefault(unit, Unit(unit, active, enabled))
        for _, unit, action, *_ in transaction.lines("manifest", "service"):
            actions.setdefault(unit, {})[action] = None
    return tuple(
        Unit(one.unit, one.active, one.enabled, tuple(actions.get(one.unit, {}))) for one in before.values()
    )


def _commands(transactions: Iterable[Transaction], verb: str, when: str) -> tuple[Command, ...]:
    """The commands of the manifests, each name once: as the last of them has it."""
    found: dict[str, Command] = {}
    for transaction in transactions:
        allowed: dict[str, list[str]] = {}
        for _, name, pattern, *_ in transaction.lines("manifest", "allow"):
            allowed.setdefault(name, []).append(pattern)
        for _, name, limit, *argv in transaction.lines("manifest", verb):
            allow = tuple(allowed.get(name, ())) if when == "validate" else ()
            found[name] = Command(name, tuple(argv), "", when, allow=allow, timeout=int(limit))
    return tuple(found.values())


def _is_repeatable(command: Command, undone: Iterable[Transaction]) -> bool:
    """Whether a changed file asked for the command: one that only its guard asked for has made something."""
    return any(words[1] == command.name for one in undone for words in one.lines("manifest", "again"))


def _notes(transaction: Transaction) -> list[tuple[str, ...]]:
    notes = (*transaction.lines("record.before"), *transaction.lines("record"))
    return [words for words in notes if len(words) == 4]


def _written(first: Transaction, target: Transaction | None) -> tuple[Written, ...]:
    """What the host remembered as ours before `first`."""
    if "record.before" in first.texts:
        lines = list(first.lines("record.before"))
    else:
        lines = [] if target is None else list(target.lines("record"))
    return tuple(Written(*words) for words in lines if len(words) == 4)
