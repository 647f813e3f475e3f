"""Authentication-Results (RFC 8601): what a receiver found, written into the header for those behind it.

Only the field of one's own receiver is to be believed: anybody can write such fields (§1.2, §5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LENGTH = 20_000
"""Characters of a field that are read."""
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s;="]+', re.DOTALL)
_METHOD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One `dkim=pass reason="…" header.d=example.org`."""

    method: str
    """Lower case: `spf`, `dkim`, `dmarc`, `arc`, `auth`, `iprev` …"""
    result: str
    """Lower case."""
    reason: str = ""
    comments: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    """`header.d` and its value, in order."""

    def get(self, name: str) -> str:
        """The first value of a property such as `smtp.mailfrom`; `""` where there is none."""
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A field taken apart. What can't be read is in `mistakes`; the rest is there all the same."""

    authserv_id: str
    """Who checked; receivers choose the name, often that of the server."""
    results: tuple[MethodResult, ...]
    mistakes: tuple[str, ...] = ()

    def of(self, method: str) -> tuple[MethodResult, ...]:
        """The results of one method."""
        return tuple(one for one in self.results if one.method == method)


def parse(value: str) -> AuthenticationResults:
    """Read the value of the field (what stands after the colon)."""
    text, notes = _without_comments(value[:LENGTH])
    first, *rest = _split(text)
    identity = _words(first[0])
    if "=" in first[0]:
        # Exchange Online writes no name of the server before its results.
        identity, rest = [], [first, *rest]
    results, mistakes = [], []
    for part, start in rest:
        if not part.strip() or part.strip().lower() == "none":
            continue
        inside = tuple(note for place, note in notes if start <= place <= start + len(part))
        one = _result(part, inside)
        if one is None:
            mistakes.append(f"{part.strip()[:80]!r} is no result")
        else:
            results.append(one)
    if not identity:
        mistakes.insert(0, "the name of the server that checked is missing")
    return AuthenticationResults(identity[0] if identity else "", tuple(results), tuple(mistakes))


def _without_comments(value: str) -> tuple[str, list[tuple[int, str]]]:
    """The text without comments, which may nest, and each comment with the place where it was."""
    kept: list[str] = []
    comments: list[tuple[int, str]] = []
    comment: list[str] = []
    depth, quoted, escaped = 0, False, False
    for char in value:
        if escaped or char == "\\":
            escaped = not escaped
        elif char == '"' and not depth:
            quoted = not quoted
        elif char == "(" and not quoted:
            depth += 1
            if depth == 1:
                continue
        elif char == ")" and depth:
            depth -= 1
            if not depth:
                comments.append((len(kept), "".join(comment).strip()))
                comment = []
                kept.append(" ")
                continue
        (comment if depth else kept).append(char)
    return "".join(kept), comments


def _split(text: str) -> list[tuple[str, int]]:
    """The parts between semicolons that are not quoted, and where each begins."""
    parts, start, quoted, escaped = [], 0, False, False
    for at, char in enumerate(text):
        if escaped or char == "\\":
            escaped = not escaped
        elif char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            parts.append((text[start:at], start))
            start = at + 1
    return [*parts, (text[start:], start)]


def _words(text: str) -> list[str]:
    return [_unquoted(match[0]) for match in _WORD.finditer(text)]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') and len(text) > 1 else text


def _result(part: str, comments: tuple[str, ...]) -> MethodResult | None:
    """`method[/version] = result [reason = …] (ptype.property = value)*` (§2.2)."""
    pairs = _pairs(part)
    if not pairs:
        return None
    method = pairs[0][0].partition("/")[0].strip().lower()
    if not _METHOD.fullmatch(method) or not pairs[0][1]:
        return None
    reason = next((value for key, value in pairs[1:] if key.lower() == "reason"), "")
    properties = tuple((key.lower(), value) for key, value in pairs[1:] if "." in key)
    return MethodResult(method, pairs[0][1].lower(), reason, comments, properties)


_PAIR = re.compile(r'(?<![^\s;])([A-Za-z][^\s=;"]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s"]*)', re.DOTALL)


def _pairs(part: str) -> list[tuple[str, str]]:
    tidy = re.sub(r" ?([./]) ?(?=[A-Za-z0-9_-]+ ?=)", r"\1", " ".join(part.split()))
    return [(match[1], _unquoted(match[2])) for match in _PAIR.finditer(tidy)]
