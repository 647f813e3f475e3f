from __future__ import annotations

import io
import re
from time import sleep

from provisioner.apply import Progress
from provisioner.report.live import TIMES_A_SECOND, Live, _Row, picture
from provisioner.report.terminal import Terminal


class Screen(io.StringIO):
    """A stream that is a terminal, or not."""

    def __init__(self, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


def terminal(tty: bool) -> tuple[Terminal, Screen]:
    screen = Screen(tty)
    environ = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    return Terminal(Screen(tty), screen, environ), screen


def test_without_a_terminal_each_step_is_one_line() -> None:
    target, screen = terminal(tty=False)
    with Live(target, ["mx1", "mx2.example.org"]) as live:
        live(Progress("mx1", "reading"))
        live(Progress("mx1", "step", "commit"))
        live(Progress("mx1", "proving", "25 ✓"))
        live(Progress("mx1", "done", "changed"))
        live(Progress("mx2.example.org", "done", "rolled-back"))
    lines = [re.sub(r" +\d+ ms +", " | ", line) for line in screen.getvalue().splitlines()]
    assert lines == [
        "mx1 | reading",
        "mx1 | commit",
        "mx1 | proving    25 ✓",
        "mx1 | ✓ changed",
        "mx2.example.org | ✗ put back as it was",
    ]
    assert "\x1b" not in screen.getvalue()


def test_on_a_terminal_the_lines_are_rewritten_and_gone_at_the_end() -> None:
    target, screen = terminal(tty=True)
    with Live(target, ["mx1"]) as live:
        live(Progress("mx1", "reading"))
    assert "reading" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[1A\x1b[2K")


def test_a_question_has_the_screen_to_itself() -> None:
    target, screen = terminal(tty=True)
    with Live(target, ["mx1", "mx2"]) as live:
        live(Progress("mx1", "connecting"))
        with live.paused():
            before = screen.getvalue()
            live(Progress("mx2", "connecting"))
            sleep(3 / TIMES_A_SECOND)
            assert screen.getvalue() == before
        assert "mx2" in screen.getvalue()[len(before) :]


def test_hosts_that_do_not_fit_the_screen_are_counted() -> None:
    rows = {f"mx{n}": _Row("reading", "", 0.0, 1.0 if n < 70 else None) for n in range(100)}
    lines = [line.plain for line in picture(rows, 100, 8, (80, 24), 2.0)]
    assert len(lines) <= 23
    assert lines[0].startswith("mx70")
    assert lines[-1] == "70 of 100 hosts done, 30 at work"


def test_a_line_never_folds() -> None:
    rows = {"mx1": _Row("proving", "25 ✓  " * 40, 0.0)}
    (line,) = picture(rows, 1, 8, (80, 24), 2.1)
    assert line.cell_len == 80
    assert line.plain.endswith("2.1 s")


def test_with_a_log_on_the_screen_nothing_is_drawn_over_it() -> None:
    target, screen = terminal(tty=True)
    with Live(target, ["mx1"], quiet=True) as live:
        live(Progress("mx1", "reading"))
    assert screen.getvalue() == ""
