"""The small pieces that all text is made of: rows with two ends, counts, lists of names, times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.text import Text

from provisioner.report.escape import escape

GAP = 3
"""Columns between a host's name and what is said of it."""


def two_ends(left: Text, right: Text | str, width: int, indent: int = 8) -> list[Text]:
    """`left` and, at the right edge of `width` columns, `right`; one below the other where both don't fit."""
    end = Text(right) if isinstance(right, str) else right
    if not end.plain:
        return [left]
    room = width - left.cell_len - end.cell_len
    if room >= 2:
        return [Text.assemble(left, " " * room, end)]
    return [left, Text.assemble(" " * indent, end)]


def beside(left: Text, right: Text | str, width: int, gap: int = GAP, indent: int = 8) -> list[Text]:
    """`left` and, a `gap` after it, `right`; one below the other where both don't fit."""
    end = Text(right) if isinstance(right, str) else right
    if not end.plain:
        return [left]
    if left.cell_len + gap + end.cell_len <= width:
        return [Text.assemble(left, " " * gap, end)]
    return [left, Text.assemble(" " * indent, end)]


def folded(words: Sequence[str], width: int, indent: int, separator: str = ", ") -> list[str]:
    """`words` joined by `separator`, folded into lines of at most `width - indent` columns."""
    lines: list[str] = []
    line = ""
    for number, word in enumerate(words):
        piece = word if number == len(words) - 1 else word + separator.rstrip()
        if line and cell_len(line) + 1 + cell_len(piece) > width - indent:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return [*lines, line] if line else lines


def counted(number: int, noun: str) -> str:
    """`1 file`, `3 files`, `2 directories`."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}s"


def names(some: Sequence[str], most: int = 3) -> str:
    """`mx1, mx2 and 14 more`: the first few by name and the rest by number."""
    shown = [escape(name) for name in some]
    if len(shown) > most + 1:
        return f"{', '.join(shown[:most])} and {len(shown) - most} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part) if shown else ""


def seconds(value: float) -> str:
    """`40 ms`, `0.3 s`, `42 s`, `3 min 5 s`."""
    if value < 0.0995:
        return f"{round(value * 1000)} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def moment(when: datetime, now: datetime) -> str:
    """`20 Nov 14:02`, in the time zone of this machine; with the year where it is not this one."""
    here = when.astimezone()
    day = f"{here.day} {here:%b}"
    return f"{day} {here:%H:%M}" if here.year == now.astimezone().year else f"{day} {here.year}"
