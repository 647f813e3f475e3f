"""Names of hosts as an inventory writes them: with ranges (`mx[01:10]`) and a port (`mx1:2222`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from string import ascii_letters

MAX_HOSTS = 100_000
"""As many as one range may yield; a range of more is a slip of the finger."""

_PORT = re.compile(
    r"\[(?P<bracketed>.+)\]:(?P<bracketed_port>[0-9]+)|(?P<plain>(?:[^:\[\]]|\[[^\]]*\])*):(?P<port>[0-9]+)"
)
_NUMERIC = r"\[[0-9]+:[0-9]+(?::[0-9]+)?\]"
_HEX = r"\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]"
_ALPHANUMERIC = r"\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]"
_LABEL = rf"(?:\w|{_ALPHANUMERIC})(?:[\w-]|{_ALPHANUMERIC})*(?<![_-])"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_OCTET = rf"(?:[01]?[0-9]{{1,2}}|2[0-4][0-9]|25[0-5]|{_NUMERIC})"
_IPV4 = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_HEXTET_RANGE = re.compile(_HEX, re.IGNORECASE)


def is_address(name: str) -> bool:
    """Whether `name` is a plain IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def split_port(pattern: str) -> tuple[str, int | None]:
    """The host part of `pattern` and its port, if `pattern` is a name or address with one.

    What is neither a host name nor an address (with or without ranges) comes back whole.
    """
    host, port = pattern, None
    if match := _PORT.fullmatch(pattern):
        host = match["bracketed"] or match["plain"]
        port = int(match["bracketed_port"] or match["port"])
    if _HOSTNAME.fullmatch(host) or _IPV4.fullmatch(host) or is_address(_HEXTET_RANGE.sub("1", host)):
        return host, port
    return pattern, None


def is_host_pattern(text: str) -> bool:
    """Whether `text` is one host's name or address, ranges and port allowed, rather than a list of them."""
    host, port = split_port(text)
    return port is not None or bool(
        _HOSTNAME.fullmatch(host) or _IPV4.fullmatch(host) or is_address(_HEXTET_RANGE.sub("1", host))
    )


def expand(pattern: str) -> list[str]:
    """The names that the ranges in `pattern` stand for. Raises ValueError, with what is wrong."""
    names: list[str] = []
    for name in _expand(pattern):
        names.append(name)
        if len(names) > MAX_HOSTS:
            raise ValueError(f"the range yields more than {MAX_HOSTS:,} hosts")
    return names


def _expand(pattern: str) -> Iterator[str]:
    head, bracket, rest = pattern.partition("[")
    if not bracket:
        yield pattern
        return
    inside, closed, tail = rest.partition("]")
    if not closed:
        raise ValueError("the range has no closing `]`")
    for value in _sequence(inside):
        yield from _expand(f"{head}{value}{tail}")


def _sequence(inside: str) -> Iterator[str]:
    """`01:10:2` → 01, 03, … 09."""
    bounds = inside.split(":")
    if len(bounds) not in (2, 3):
        raise ValueError("a range is written [first:last] or [first:last:step]")
    first, last = bounds[0] or "0", bounds[1]
    if not last:
        raise ValueError("the range has no end")
    if len(first) > 9 or len(last) > 9:
        raise ValueError("the range's numbers are too long")
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and width != len(last):
        raise ValueError("the two ends of a range that begins with 0 must be of one length")
    step = _number(bounds[2], "step") if len(bounds) == 3 else 1
    if step < 1:
        raise ValueError("the range's step must be 1 or more")
    if len(first) == len(last) == 1 and first in ascii_letters and last in ascii_letters:
        letters = ascii_letters[ascii_letters.index(first) : ascii_letters.index(last) + 1 : step]
        values = iter(letters)
        empty = not letters
    else:
        numbers = range(_number(first, "start"), _number(last, "end") + 1, step)
        values = (str(number).zfill(width) for number in numbers)
        empty = not numbers
    if empty:
        raise ValueError(f"the range [{inside}] yields no host: its end comes before its start")
    return values


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the range's {what} `{text}` is no number")
    return int(text)
