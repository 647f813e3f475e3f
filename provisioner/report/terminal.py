"""Where text goes: results to stdout, progress to stderr; colour only where a person looks.

Everything printed passes here, so that a pipe gets plain lines that are never folded, `NO_COLOR`
is kept to, an encoding without `✓` gets ASCII, and a reader that goes away (`| head`) does not
change what a command did or its exit code.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

ASCII = {
    "✓": "ok",
    "✗": "FAILED",
    "…": "...",
    "·": "-",
    "→": "->",
    "—": "-",
    "–": "-",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "│": "|",
    "─": "-",
    "└": "`",
    "├": "|",
}
"""What stands for our signs where they can't be shown."""

Line = Text | str


class Terminal:
    """The two streams of a command."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is what `NO_COLOR`, `TERM` and `COLUMNS` are read from (default: the process's)."""
        environ = os.environ if environ is None else environ
        self.out = _console(out, environ)
        self.err = _console(err, environ)
        self._plain = {id(console): not _can_show_signs(console, environ) for console in (self.out, self.err)}

    @property
    def width(self) -> int:
        """Columns of the terminal results go to; 80 where there is none."""
        return self.out.width

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: both ends of the conversation are terminals."""
        return sys.stdin is not None and sys.stdin.isatty() and self.err.file.isatty()

    def result(self, *lines: Line) -> None:
        """Print lines to stdout."""
        self._print(self.out, lines)

    def progress(self, *lines: Line) -> None:
        """Print lines to stderr."""
        self._print(self.err, lines)

    def document(self, value: Mapping[str, object]) -> None:
        """Print one JSON document to stdout: ASCII only, so nothing in it can act on a terminal."""
        self._print(self.out, (json.dumps(value, indent=2),))

    def shown(self, line: Line, console: Console) -> Text:
        """`line` as `console` can show it."""
        text = Text(line) if isinstance(line, str) else line
        return _in_ascii(text) if self._plain[id(console)] else text

    def _print(self, console: Console, lines: tuple[Line, ...]) -> None:
        try:
            for line in lines:
                console.print(self.shown(line, console), soft_wrap=True, highlight=False)
            console.file.flush()
        except BrokenPipeError:
            console.on_broken_pipe()


def standard() -> Terminal:
    """The terminal of this process; a stream that it was started without goes nowhere."""
    return Terminal(sys.stdout or _nowhere(), sys.stderr or _nowhere())


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")


class _Stream(Console):
    """A console whose reader may leave before the end: what else is printed goes nowhere."""

    def on_broken_pipe(self) -> None:
        """Called where a write fails since nobody reads any more."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.fileno())
            os.close(nowhere)


def _console(stream: TextIO, environ: Mapping[str, str]) -> Console:
    width = None if stream.isatty() or environ.get("COLUMNS") else 80
    return _Stream(
        file=stream, width=width, _environ=environ, markup=False, emoji=False, highlight=False, soft_wrap=True
    )


def _can_show_signs(console: Console, environ: Mapping[str, str]) -> bool:
    if environ.get("TERM") == "linux" and console.file.isatty():
        return False  # the kernel's own console font has no ✓
    try:
        "✓✗…·→".encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _in_ascii(text: Text) -> Text:
    if text.plain.isascii():
        return text
    edges = sorted({edge for span in text.spans for edge in (span.start, span.end)})
    pieces = []
    for piece in text.divide(edges):
        style = piece.spans[0].style if piece.spans else piece.style
        pieces.append(Text(_ascii(piece.plain), style))
    return Text.assemble(*pieces)


def _ascii(text: str) -> str:
    return "".join(ASCII.get(c, c) for c in text).encode("ascii", "backslashreplace").decode("ascii")
