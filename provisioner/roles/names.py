"""Names that people mistype: which known one is nearest, and what counts as one slip."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path


def distance(left: str, right: str) -> int:
    """How many letters are missing, too many, wrong or swapped (optimal string alignment)."""
    before_last: list[int] = []
    last = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(
                last[column] + 1,
                current[column - 1] + 1,
                last[column - 1] + (letter != other),
            )
            swapped = row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other
            if swapped:
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        before_last, last = last, current
    return last[-1]


def nearest(word: str, known: Iterable[str] | None = None) -> str | None:
    """The known name that `word` was most likely meant to be, or None if nothing is near.

    Without `known`: words of Postfix's and Dovecot's own languages (restrictions, TLS levels).
    A name counts as near with at most a third of its letters mistaken, and a known one is no mistake.
    """
    names = mail_words() if known is None else tuple(known)
    if word in names:
        return None
    limit = max(1, min(len(word) // 3, 4))
    close = [
        (distance(word.lower(), name.lower()), name) for name in names if abs(len(name) - len(word)) <= limit
    ]
    best = min(close, default=None)
    return best[1] if best and best[0] <= limit else None


def is_one_slip(word: str, right: str) -> bool:
    """Whether `word` is `right` with one letter missing, doubled, swapped with the next, or wrong."""
    if word == right or distance(word, right) != 1:
        return False
    if len(word) != len(right) + 1:
        return True
    extra = next((i for i, letter in enumerate(right) if word[i] != letter), len(right))
    return extra > 0 and word[extra] == word[extra - 1]


@cache
def mail_words() -> tuple[str, ...]:
    """Words that values of Postfix parameters are made of, from `roles/postfix/names/words.txt`."""
    from provisioner.roles.folders import built_in_folder

    file = built_in_folder("roles") / "postfix" / "names" / "words.txt"
    return read_names(file)


@cache
def read_names(file: Path) -> tuple[str, ...]:
    """One name a line; `#` begins a comment. Empty where there is no such file."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
