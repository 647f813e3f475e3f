"""A three-way merge of lines: their edit of what we wrote, in what is wanted now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

LONGEST = 20_000
"""Lines; a longer file is not merged: comparing takes too long."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged content; where both changed the same lines in different ways, it has what is wanted."""

    content: bytes
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines `start` to `end` of the base are replaced by `lines`."""

    start: int
    end: int
    lines: tuple[str, ...]

    def meets(self, start: int, end: int) -> bool:
        """Whether it touches the same lines, or inserts at the same place."""
        return (self.start < end and self.end > start) or self.start == self.end == start == end


def merge(base: bytes, theirs: bytes, wanted: bytes) -> Merged | None:
    """`wanted` with what `theirs` changed of `base`. None where one of them is no text, or too long.

    Lines of configuration stand for themselves: changes of neighbouring lines are no conflict.
    """
    try:
        old, one, other = (text.decode().split("\n") for text in (base, theirs, wanted))
    except UnicodeDecodeError:
        return None
    if max(len(old), len(one), len(other)) > LONGEST:
        return None
    lines, conflicts = _merged(old, _edits(old, one), _edits(old, other))
    if other[-1:] == [""] != lines[-1:]:
        lines.append("")  # a last line without its end is nobody's wish
    return Merged("\n".join(lines).encode(), conflicts)


def _edits(base: Sequence[str], other: Sequence[str]) -> list[_Edit]:
    matcher = SequenceMatcher(None, base, other, autojunk=False)
    edits: list[_Edit] = []
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "replace" and end - start == last - first:  # line by line: each is a setting of its own
            edits += [_Edit(start + n, start + n + 1, (other[first + n],)) for n in range(end - start)]
        elif tag != "equal":
            edits.append(_Edit(start, end, tuple(other[first:last])))
    return edits


def _merged(base: Sequence[str], theirs: list[_Edit], ours: list[_Edit]) -> tuple[list[str], int]:
    lines: list[str] = []
    done = conflicts = 0
    while theirs or ours:
        start, end, mine, yours = _together(theirs, ours)
        lines += base[done:start]
        left, right = _applied(base, start, end, mine), _applied(base, start, end, yours)
        if mine and yours and left != right:
            conflicts += 1
        lines += right if yours else left
        done = end
    return [*lines, *base[done:]], conflicts


def _together(theirs: list[_Edit], ours: list[_Edit]) -> tuple[int, int, list[_Edit], list[_Edit]]:
    """Take the first edit, and all of both sides that meet it, out of the lists."""
    first = min((*theirs[:1], *ours[:1]), key=lambda edit: (edit.start, edit.end))
    start, end = first.start, first.end
    mine: list[_Edit] = []
    yours: list[_Edit] = []
    grown = True
    while grown:
        grown = False
        for source, taken in ((theirs, mine), (ours, yours)):
            while source and (source[0] is first or source[0].meets(start, end)):
                taken.append(source.pop(0))
                end = max(end, taken[-1].end)
                grown = True
    return start, end, mine, yours


def _applied(base: Sequence[str], start: int, end: int, edits: Sequence[_Edit]) -> list[str]:
    """Lines `start` to `end` of the base with `edits` made."""
    lines: list[str] = []
    for edit in edits:
        lines += [*base[start : edit.start], *edit.lines]
        start = edit.end
    return [*lines, *base[start:end]]
