"""Tag lists, `v=DKIM1; p=…`, the syntax that DKIM, DMARC, ARC and BIMI share (RFC 6376 §3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TAG = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags in order, values without space around them; and what could not be read."""

    values: Mapping[str, str]
    order: tuple[str, ...]
    mistakes: tuple[str, ...]

    def get(self, name: str, default: str = "") -> str:
        """The value of a tag; `default` where it is absent."""
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        """Whether the tag is there, empty or not."""
        return name in self.values

    def packed(self, name: str) -> str:
        """The value without any white space, as base64 and lists are read."""
        return re.sub(r"[ \t\r\n]+", "", self.get(name))

    def listed(self, name: str, default: str = "") -> tuple[str, ...]:
        """A colon-separated list, lower case."""
        text = self.packed(name) if name in self.values else default
        return tuple(part.lower() for part in text.split(":") if part)


def parse(text: str) -> Tags:
    """Read a tag list; a duplicate keeps the first value, and is a mistake as all that has no `=`."""
    values: dict[str, str] = {}
    mistakes: list[str] = []
    for part in text.split(";"):
        if not part.strip(" \t\r\n"):
            continue
        match = _TAG.fullmatch(part)
        if match is None:
            mistakes.append(f"{part.strip()[:60]!r} is no tag=value")
        elif match[1] in values:
            mistakes.append(f"the tag {match[1]}= is there twice")
        else:
            values[match[1]] = match[2].strip(" \t\r\n")
    return Tags(values, tuple(values), tuple(mistakes))
