"""MTA-STS records and policies as they are written (RFC 8461 §3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RECORD = re.compile(r"v=STSv1[ \t]*;[ \t]*id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*(;.*)?", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):(.*)")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was read; `mx` are names, or patterns such as `*.example.net`, in lower case."""

    mode: str
    max_age: int
    mx: tuple[str, ...]

    def names(self, host: str) -> bool:
        """Whether it names an MX; `*` stands for one whole leftmost label (RFC 8461 §4.1)."""
        name = host.rstrip(".").lower()
        parent = name.partition(".")[2]
        return any(name == pattern or pattern == f"*.{parent}" for pattern in self.mx)


def parse_record(text: str) -> str:
    """The id of a record (RFC 8461 §3.1); `ValueError` says what is wrong with it."""
    match = _RECORD.fullmatch(text)
    if match is None:
        id_ = re.search(r"id[ \t]*=[ \t]*([^; \t]*)", text)
        if not re.match(r"v=STSv1[ \t]*;", text):
            raise ValueError("it does not begin with v=STSv1;")
        raise ValueError(
            f"its id {id_[1][:40]!r} is not 1 to 32 letters and digits" if id_ else "it has no id"
        )
    return match[1]


def parse_policy(text: str) -> Policy:
    """Read a policy (RFC 8461 §3.2); `ValueError` says what is wrong with it.

    Of a field given twice the first counts, except `mx`; unknown fields are left aside.
    """
    fields: dict[str, str] = {}
    patterns: list[str] = []
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    for number, line in enumerate(lines, 1):
        match = _FIELD.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number}, {line[:60]!r}, is no NAME: VALUE")
        name, value = match[1], match[2].strip(" \t")
        if name == "mx":
            patterns.append(value.lower().rstrip("."))
        else:
            fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise ValueError("it has no line `version: STSv1`")
    if fields.get("mode") not in ("enforce", "testing", "none"):
        raise ValueError(f"its mode {fields.get('mode', '')[:40]!r} is not enforce, testing or none")
    if not re.fullmatch(r"[0-9]{1,10}", fields.get("max_age", "")):
        raise ValueError(f"its max_age {fields.get('max_age', '')[:40]!r} is no number of seconds")
    if not patterns and fields["mode"] != "none":
        raise ValueError("it has no line `mx:`")
    if wrong := next((pattern for pattern in patterns if not _HOST.fullmatch(pattern)), None):
        raise ValueError(f"its mx {wrong[:60]!r} is no name")
    return Policy(fields["mode"], int(fields["max_age"]), tuple(patterns))
