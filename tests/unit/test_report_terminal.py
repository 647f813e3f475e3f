from __future__ import annotations

import io
import json
import os
import subprocess
import sys

from rich.text import Text

from provisioner.report.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal, with an encoding of its own."""

    def __init__(self, encoding: str = "utf-8", tty: bool = True) -> None:
        super().__init__()
        self._encoding, self._tty = encoding, tty

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO's is always None
        return self._encoding

    def isatty(self) -> bool:
        return self._tty


SIGN = Text.assemble(("✓", "green"), " changed · ", ("✗", "red"), " put back → …")


def printed(stream: Screen, line: Text | str = SIGN, **environ: str) -> str:
    Terminal(stream, Screen(), {"TERM": "xterm-256color", **environ}).result(line)
    return stream.getvalue()


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[32m✓\x1b[0m changed" in printed(Screen())


def test_no_color_and_pipes_get_none() -> None:
    assert printed(Screen(), NO_COLOR="1") == SIGN.plain + "\n"
    assert printed(Screen(tty=False)) == SIGN.plain + "\n"


def test_an_encoding_without_our_signs_gets_ascii_with_the_same_words() -> None:
    assert printed(Screen("latin-1", tty=False)) == "ok changed - FAILED put back -> ...\n"
    assert "\x1b[31mFAILED\x1b[0m" in printed(Screen("ascii"))


def test_the_console_of_the_kernel_gets_ascii() -> None:
    assert "ok" in printed(Screen(), TERM="linux")


def test_a_long_line_in_a_pipe_is_not_folded() -> None:
    assert printed(Screen(tty=False), "x" * 300) == "x" * 300 + "\n"


def test_square_brackets_are_text_and_not_markup() -> None:
    assert printed(Screen(tty=False), "[red]mail[/red] :smile:") == "[red]mail[/red] :smile:\n"


def test_a_document_is_ascii_so_that_nothing_in_it_acts_on_a_terminal() -> None:
    stream = Screen()
    Terminal(stream, Screen(), {}).document({"evidence": "\x1b[2J\u202e"})
    assert stream.getvalue().isascii() and "\x1b" not in stream.getvalue()
    assert json.loads(stream.getvalue()) == {"evidence": "\x1b[2J\u202e"}


def test_a_reader_that_leaves_does_not_end_the_program() -> None:
    code = (
        "from provisioner.report.terminal import standard\n"
        "screen = standard()\n"
        "for n in range(20000): screen.result('a line that fills the pipe')\n"
        "raise SystemExit(3)\n"
    )
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE) as program:
        os.close(write)
        os.read(read, 10)
        os.close(read)
        _, complaint = program.communicate(timeout=60)
    assert (program.returncode, complaint) == (3, b"")


def test_a_program_started_without_streams_still_ends_with_its_own_code() -> None:
    code = (
        "from provisioner.report.terminal import standard\n"
        "screen = standard()\n"
        "screen.result('nobody reads this'); screen.progress('nor this')\n"
        "raise SystemExit(4 if screen.interactive else 3)\n"
    )
    program = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    assert subprocess.run(program, timeout=60).returncode == 3
