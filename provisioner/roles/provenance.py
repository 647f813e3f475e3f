"""Which value of the inventory made a line: of a rendered file, or of a service's complaint about it.

A line `key = value` is traced by both; any other text by the most telling word in it that exactly
one value of the inventory has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from provisioner.errors import Location
from provisioner.inventory.model import Host, VariablePath

_SETTING = re.compile(r"[\s+-]*([A-Za-z][\w.-]*)\s*[=:]\s*(.*?)[;,]?\s*$")
_COMMENT = re.compile(r"[\s+-]*(#|//|;)")
_WORD = re.compile(r"[A-Za-z0-9_.@/:+-]{3,}")
_LONGEST_TEXT = 4000
"""Characters; what a host says is bounded before it is searched."""


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: VariablePath
    forms: frozenset[str]
    """How the value may be written in a configuration file."""


@dataclass(frozen=True)
class _Index:
    """What a host's inventory values can be found by."""

    by_key: Mapping[str, Sequence[_Leaf]]
    by_word: Mapping[str, Set[VariablePath]]
    addresses: Mapping[str, VariablePath]
    """Mailboxes and aliases by their whole address, which the inventory writes in two parts."""


def trace(text: str, host: Host) -> tuple[VariablePath, Location] | None:
    """The path and place of the inventory value that made `text`, or None where it can't be told.

    Only variables that a file holds are looked at, and of them not Ansible's connection variables.
    Comments are nobody's value.
    """
    lines = [line for line in text[:_LONGEST_TEXT].splitlines() if not _COMMENT.match(line)]
    index = _index_of(_ById(host))
    path = next((path for line in lines if (path := _by_setting(line, index))), None)
    path = path or _by_word("\n".join(lines), index)
    place = host.origins.find(path) if path else None
    return (path, place) if path and place else None


def _by_setting(line: str, index: _Index) -> VariablePath | None:
    """By the key that begins a line (`key = value`, `address targets`); by the value where keys repeat."""
    first = line.lstrip(" +-\t").split(maxsplit=1)
    if first and (path := index.addresses.get(first[0].lower())):
        return path
    match = _SETTING.match(line)
    if match is None:
        return None
    value = match[2].strip().strip("\"'")
    named = index.by_key.get(match[1], ())
    exact = [leaf for leaf in named if value in leaf.forms]
    for candidates in (exact, named):
        if len({leaf.path for leaf in candidates}) == 1:
            return candidates[0].path
    return _only({_up_to_name(leaf.path) for leaf in named})


def _by_word(text: str, index: _Index) -> VariablePath | None:
    words = sorted({word for word in _words(text) if _is_telling(word)}, key=lambda word: (-len(word), word))
    for word in words:
        if path := _only(index.by_word.get(word, set())) or index.addresses.get(word.lower()):
            return path
    for word in words:
        if path := _only({_up_to_name(leaf.path) for leaf in index.by_key.get(word, ())}):
            return path
    return None


def _only(paths: Set[VariablePath]) -> VariablePath | None:
    """The one path there is; None where there are several, or none."""
    return next(iter(paths)) if len(paths) == 1 else None


def _is_telling(word: str) -> bool:
    """Whether a word is unlikely to stand in a message by chance."""
    return len(word) >= 6 or (len(word) >= 4 and not word.isalpha())


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield word
        yield word.strip(".:-+/")
        if ":" in word:
            yield from word.split(":")


def _last_name(path: VariablePath) -> str:
    return next((step for step in reversed(path) if isinstance(step, str)), "")


def _up_to_name(path: VariablePath) -> VariablePath:
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


class _ById:
    """A host as a key of the cache: hosts hold mappings, which have no hash."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __hash__(self) -> int:
        return id(self.host)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.host is self.host


@lru_cache(maxsize=8)
def _index_of(key: _ById) -> _Index:
    host = key.host
    by_key: dict[str, list[_Leaf]] = {}
    by_word: dict[str, set[VariablePath]] = {}
    for name, value in host.variables.items():
        if name.startswith("ansible_") or not host.origins.find((name,)):
            continue
        for path, inner in _leaves(value, (name,)):
            by_key.setdefault(_last_name(path), []).append(_Leaf(path, _forms(inner)))
            for word in _words(str(inner)):
                by_word.setdefault(word, set()).add(path)
    return _Index(by_key, by_word, dict(_addresses(host.variables.get("mail_domains"))))


def _leaves(value: object, path: VariablePath) -> Iterator[tuple[VariablePath, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    elif value is not None:
        yield path, value


def _forms(value: object) -> frozenset[str]:
    if isinstance(value, bool):
        return frozenset(("yes", "true", "on") if value else ("no", "false", "off"))
    return frozenset({str(value), " ".join(str(value).split())})


def _addresses(domains: object) -> Iterator[tuple[str, VariablePath]]:
    for domain, spec in domains.items() if isinstance(domains, Mapping) else ():
        for section in ("aliases", "users"):
            names = spec.get(section) if isinstance(spec, Mapping) else None
            for name in names if isinstance(names, Mapping) else ():
                address = str(name) if "@" in str(name) else f"{name}@{domain}"
                yield address.lower(), ("mail_domains", str(domain), section, str(name))
