"""Header fields and bodies in the form that is hashed (RFC 6376 §3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from provisioner.authentication.message import Field

_SPACE = re.compile(rb"[ \t]+")
_SPACE_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_SIGNATURE_VALUE = re.compile(rb"((?:\A|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")


def header(raw: bytes, method: str) -> bytes:
    """A whole field (`Name: value CRLF`) by `simple` (§3.4.1) or `relaxed` (§3.4.2)."""
    if method == "simple":
        return raw
    name, _, value = raw.partition(b":")
    unfolded = _SPACE.sub(b" ", value.replace(b"\r\n", b""))
    return name.rstrip(b" \t").lower() + b":" + unfolded.strip(b" ") + b"\r\n"


def body(raw: bytes, method: str) -> bytes:
    """The body by `simple` (§3.4.3) or `relaxed` (§3.4.4); `raw` has CRLF line ends."""
    if method == "relaxed":
        raw = _SPACE_AT_END.sub(b"", _SPACE.sub(b" ", raw + (b"" if raw.endswith(b"\r\n") else b"\r\n")))
    end = len(raw)
    while raw.endswith(b"\r\n", 0, end):
        end -= 2
    text = raw[:end]
    return text + b"\r\n" if text or method == "simple" else b""


def without_signature(field: Field) -> bytes:
    """The field with an empty `b=` and no CRLF at its end: so it is part of what it signs (§3.7)."""
    name, _, _ = field.raw.partition(b":")
    return name + b":" + _SIGNATURE_VALUE.sub(rb"\1", field.value, count=1)


def selected(fields: Sequence[Field], names: Iterable[str]) -> Iterator[Field]:
    """The fields that `h=` names: of those with one name, from the bottom up (§5.4.2)."""
    left: dict[str, list[Field]] = {}
    for field in fields:
        left.setdefault(field.name, []).append(field)
    for name in names:
        if left.get(name):
            yield left[name].pop()
