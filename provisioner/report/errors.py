"""Mistakes and failures as text and as JSON: what, where with the line marked, why, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from provisioner.errors import HostError, Location, Mistakes, ProvisionError
from provisioner.report.escape import escape, escape_lines

HIDDEN = "********"
_SECRET_VALUE = re.compile(
    r"""(?ix) [\w-]* (?:passw|passphrase|secret|token|private_?key|api_?key|credential) [\w-]*
        ["']? \s* [:=] \s+ (?P<value> "(?!\{\{)[^"]*"? | '(?!\{\{)[^']*'? | [^\s"'!|>&*{\[#][^,}\]#]* )"""
)


@dataclass(frozen=True, slots=True)
class Sources:
    """How to show a place in a file: the name to call the file by, and the text of the line."""

    name: Callable[[str], str]
    line: Callable[[Location], str | None]


def error_lines(error: ProvisionError, sources: Sources, width: int = 80) -> list[Text]:
    """Everything that `error` has to say; all the mistakes, where it is several."""
    if isinstance(error, Mistakes):
        lines: list[Text] = []
        for mistake in error.mistakes:
            lines += [*error_lines(mistake, sources, width), Text()]
        return [*lines, Text(f"{len(error.mistakes)} mistakes.")] if len(error.mistakes) > 1 else lines[:-1]
    return [
        *_message(error.message),
        *_place(error, sources, width),
        *(Text(f"  {line}") for item in _evidence(error) for line in escape_lines(item)),
        *_hint(error.hint),
    ]


def error_document(error: ProvisionError) -> dict[str, object]:
    """`error` as the JSON of every command has it."""
    document: dict[str, object] = {"kind": error.kind, "message": error.message, "hint": error.hint}
    if error.where is not None:
        where = error.where
        document["where"] = {"file": where.file, "line": where.line, "column": where.column}
    if error.note:
        document["note"] = error.note
    if isinstance(error, HostError) and error.evidence:
        document["evidence"] = list(error.evidence)
    if isinstance(error, Mistakes):
        document["mistakes"] = [error_document(mistake) for mistake in error.mistakes]
    return document


def _message(message: str) -> list[Text]:
    first, *rest = message.splitlines() or [""]
    return [
        Text.assemble(("error", "bold red"), (f": {escape(first)}", "bold")),
        *(Text(f"  {escape(line)}") for line in rest),
    ]


def _hint(hint: str) -> list[Text]:
    return [Text(f"  {escape(line)}") for line in hint.splitlines()]


def _evidence(error: ProvisionError) -> Sequence[str]:
    return error.evidence if isinstance(error, HostError) else ()


def _place(error: ProvisionError, sources: Sources, width: int) -> Iterator[Text]:
    where = error.where
    if where is None:
        if error.note:
            yield Text(f"  {escape(error.note)}")
        return
    margin = " " * len(str(where.line or ""))
    parts = [sources.name(where.file), *(str(n) for n in (where.line, where.column) if n is not None)]
    yield Text.assemble(f"{margin} ", ("-->", "blue"), f" {escape(':'.join(parts))}")
    line = sources.line(where) if where.line is not None else None
    if line is None:
        if error.note:
            yield Text.assemble(f"{margin}  ", ("=", "blue"), f" {escape(error.note)}")
        return
    shown, start, marks = _window(line, where, max(width - len(margin) - 3, 20))
    bar = (f"{margin} |", "blue")
    yield Text.assemble(bar)
    yield Text.assemble((f"{where.line} |", "blue"), f" {shown}")
    note = f" {escape(error.note)}" if error.note else ""
    if where.column is not None or note:
        yield Text.assemble(bar, f" {' ' * start}", (f"{'^' * marks}{note}", "red"))
    yield Text.assemble(bar)


def _window(line: str, where: Location, width: int) -> tuple[str, int, int]:
    """The part of `line` to show, and where in it the marks begin and how many they are."""
    if where.column is None:
        first = len(line) - len(line.lstrip())
        start, end = first, max(len(line.rstrip()), first + 1)
    else:
        start = where.column - 1
        end = start + max(where.width, 1)
    line, start, end = _without_secrets(line, start, end)
    line = line.replace("\t", " ")
    before, marked, after = (escape(part) for part in (line[:start], line[start:end], line[end:]))
    start, marks = len(before), max(len(marked), 1)
    shown = before + marked + after
    if len(shown) <= width:
        return shown, start, marks
    left = 0 if start + marks < width - 1 else max(0, start - width // 3)
    cut = shown[left : left + width - 1]
    cut = ("…" + cut[1:] if left else cut) + ("…" if left + width - 1 < len(shown) else "")
    return cut, start - left, max(1, min(marks, width - (start - left)))


def _without_secrets(line: str, start: int, end: int) -> tuple[str, int, int]:
    """`line` with what looks like a secret's value hidden, and the marks moved along.

    A person's own file, but its errors also land in the log of a CI run that others read.
    """
    for match in reversed(list(_SECRET_VALUE.finditer(line))):
        first, last = match.span("value")
        last = first + len(match["value"].rstrip())
        line = line[:first] + HIDDEN + line[last:]
        shift = len(HIDDEN) - (last - first)
        if start >= last:
            start, end = start + shift, end + shift
        elif start >= first:
            start, end = first, first + len(HIDDEN)
        elif end > first:
            end = max(first, end + shift)
    return line, start, end
