"""Postfix's own formats: main.cf, master.cf, and what postconf prints of them (postconf(5), master(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"([A-Za-z0-9_]+)\s*=\s*(.*)", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\(([A-Za-z0-9_]+)\)|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")


@dataclass(frozen=True)
class Service:
    """A line of master.cf. `name` as written: `smtp`, `2525`, `127.0.0.1:10025`."""

    name: str
    type: str
    fields: tuple[str, ...]
    """private, unpriv, chroot, wakeup, maxproc."""
    command: str
    arguments: str
    """What follows the command, on one line."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Parameters set by `-o`."""

    @property
    def key(self) -> str:
        """`name/type`, as postconf calls it."""
        return f"{self.name}/{self.type}"

    @property
    def rest(self) -> str:
        """Everything after the type."""
        return " ".join(filter(None, (*self.fields, self.command, self.arguments)))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of the line they begin at.

    A line that begins with white space goes on from the one before; empty lines, and lines whose first
    character that is no white space is `#`, are ignored, between the two as well (postconf(5)).
    """
    start, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if line[0] in " \t":
            if parts:
                parts.append(stripped)
            continue
        if parts:
            yield start, " ".join(parts)
        start, parts = number, [stripped]
    if parts:
        yield start, " ".join(parts)


def parameters(text: str) -> list[tuple[str, str, int]]:
    """Name, value and line of every parameter in a main.cf, in order; one may be there several times."""
    found = []
    for number, line in logical_lines(text):
        if match := _NAME.match(line):
            found.append((match[1], match[2].strip(), number))
    return found


def printed(text: str) -> dict[str, str]:
    """What `postconf` prints: one `name = value` a line."""
    pairs = (line.partition(" =") for line in text.splitlines() if " =" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def services(text: str) -> list[Service]:
    """The services in a master.cf, or in what `postconf -M` prints."""
    found = []
    for _, line in logical_lines(text):
        words = line.split(None, 8)
        if len(words) >= 8:
            name, kind, *fields, command = words[:8]
            rest = words[8] if len(words) > 8 else ""
            options = dict(_options(rest))
            found.append(Service(name, kind, tuple(fields), command, " ".join(rest.split()), options))
    return found


def _options(rest: str) -> Iterator[tuple[str, str]]:
    """Parameters of `-o name=value`, also of `-o { name = value }` (Postfix 3.0 and later)."""
    words = iter(split_braces(rest))
    for word in words:
        if word != "-o":
            continue
        pair = next(words, "")
        inner = pair[1:-1].strip() if pair.startswith("{") and pair.endswith("}") else pair
        name, equals, value = inner.partition("=")
        if equals:
            yield name.strip(), value.strip()


def split_braces(text: str, separators: str = " \t\r\n,") -> list[str]:
    """The words of a value; `{ … }` is one word whatever is in it, braces in it balanced."""
    words, word, depth = list[str](), "", 0
    for character in text:
        depth += (character == "{") - (character == "}" and depth > 0)
        if character in separators and depth == 0:
            if word:
                words.append(word)
            word = ""
        else:
            word += character
    return [*words, word] if word else words


def references(value: str) -> set[str]:
    """The parameters that a value refers to, `$name`, `${name}` or `$(name)`."""
    return {one or two or three for one, two, three in _REFERENCE.findall(value)}
