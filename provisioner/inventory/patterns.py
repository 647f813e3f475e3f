"""Ansible's host patterns: `web*`, `group`, `a:b`, `a:&b`, `a:!b`, `~regex`, `mx[0]`, `mx[0:1]`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from provisioner.errors import InputError
from provisioner.inventory.model import Host, Inventory
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.ranges import is_host_pattern

_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)([:-])([0-9]*))\]")
_PIECE = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")


@dataclass(frozen=True)
class Names:
    """The hosts and groups that patterns choose from."""

    hosts: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    """Every group's hosts, those of the groups below it included."""


def select(inventory: Inventory, pattern: str) -> tuple[Host, ...]:
    """The hosts that match `pattern`. Raises InputError where none does."""
    hosts = {host.name: host for host in inventory.hosts}
    members = {name: [h for h in inventory.members(name) if h in hosts] for name in inventory.groups}
    return tuple(hosts[name] for name in choose(Names(list(hosts), members), pattern))


def choose(names: Names, pattern: str) -> list[str]:
    """The names of hosts that match. Raises InputError where none does, or a part of it is no pattern."""
    pieces = _split(pattern)
    regular = [piece for piece in pieces if piece[0] not in "&!"] or ["all"]
    chosen: dict[str, None] = {}
    unmatched = []
    for piece in regular:
        found = _match(names, piece)
        if not found:
            unmatched.append(piece)
        chosen.update(dict.fromkeys(found))
    for sign, keep in (("&", True), ("!", False)):
        for piece in (piece for piece in pieces if piece[0] == sign):
            those = set(_match(names, piece[1:]))
            chosen = {name: None for name in chosen if (name in those) is keep}
    if not chosen:
        known = [*names.groups, *names.hosts]
        note = next(filter(None, (did_you_mean(piece, known) for piece in unmatched)), "")
        raise InputError(f"no host matches `{pattern}`", note=note)
    return list(chosen)


def _split(pattern: str) -> list[str]:
    if "," in pattern:
        pieces = pattern.split(",")
    elif is_host_pattern(pattern):
        pieces = [pattern]
    else:
        pieces = _PIECE.findall(pattern)
    stripped = [piece.strip() for piece in pieces if piece.strip()]
    if not stripped or any(piece in ("&", "!", "~") for piece in stripped):
        raise InputError(f"`{pattern}` is no pattern of hosts")
    return stripped


def _match(names: Names, piece: str) -> list[str]:
    """The hosts of one piece, its subscript applied."""
    if piece in names.hosts:
        return [piece]
    subscript = None if piece.startswith("~") else _SUBSCRIPT.fullmatch(piece)
    expression = subscript[1] if subscript else piece
    # As with Ansible, a host that several matching groups hold counts several times for a subscript.
    found = _enumerate(names, expression)
    if not subscript or not found:
        return found
    if subscript[2]:
        index = int(subscript[2])
        if not -len(found) <= index < len(found):
            raise InputError(f"`{piece}`: `{expression}` has only {len(set(found))} hosts")
        return [found[index]]
    first, last = int(subscript[3]), int(subscript[5]) if subscript[5] else len(found) - 1
    return found[first : last + 1]


def _enumerate(names: Names, expression: str) -> list[str]:
    matches = _matcher(expression)
    groups = [name for name in names.groups if matches(name)]
    found = [host for group in groups for host in names.groups[group]]
    if not groups or expression[0] == "~" or any(sign in expression for sign in ".?*["):
        found += [host for host in names.hosts if matches(host)]
    return found


def _matcher(expression: str) -> Callable[[str], bool]:
    source = expression[1:] if expression.startswith("~") else fnmatch.translate(expression)
    try:
        compiled = re.compile(source)
    except re.error as error:
        raise InputError(f"`{expression}` is no pattern of hosts: {error}") from error
    return lambda name: compiled.match(name) is not None
