"""What a reading script answers: lines of plain words, names and texts among them in base64.

The answer is untrusted: whoever reads it takes the lines one by one, and refuses what no script of ours says.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import TypeVar

from provisioner.errors import NotTouched

Read = TypeVar("Read")


def parsed(answer: bytes, first_line: str, read: Callable[[list[str]], Read]) -> Read:
    """What `read` makes of the lines after the first. Raises NotTouched where it raises ValueError."""
    try:
        lines = answer.decode("ascii").split("\n")
        return read(lines[lines.index(first_line) + 1 :])
    except (ValueError, IndexError) as error:
        raise NotTouched(
            f"the host's answer makes no sense: {error}"[:300],
            hint="It was cut off, or comes from something else than a Debian system's `sh`.",
        ) from error


def content(word: str) -> bytes:
    """A file's content, or an output; `-` for nothing."""
    return b"" if word == "-" else b64decode(word, validate=True)


def text(word: str) -> str:
    """The same as text."""
    return content(word).decode("utf-8", "replace")
