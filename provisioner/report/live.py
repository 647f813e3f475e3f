"""What is going on while it goes on: a line per host, rewritten in place; or a line per step in a file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.text import Text

from provisioner.report.apply import HEADS
from provisioner.report.escape import escape
from provisioner.report.layout import counted, seconds, two_ends
from provisioner.report.terminal import Terminal

if TYPE_CHECKING:
    from rich.live import Live as RichLive

    from provisioner.apply import Progress

FINISHED = "done"
"""The step that a host's last event names."""
TIMES_A_SECOND = 8


@dataclass
class _Row:
    step: str = ""
    detail: str = ""
    started: float = 0.0
    finished: float | None = None


@dataclass
class Live:
    """Takes progress events of many threads and shows them on stderr while it is entered."""

    terminal: Terminal
    hosts: Sequence[str]
    quiet: bool = False
    _rows: dict[str, _Row] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _display: RichLive | None = None

    def __enter__(self) -> Self:
        """Begin to show, each host's time from its first event on."""
        self._rows.clear()
        self._start()
        return self

    def _start(self) -> None:
        if not self.quiet and self._rewrites:
            from rich.live import Live as RichLive

            self._display = RichLive(
                console=self.terminal.err,
                get_renderable=self._picture,
                refresh_per_second=TIMES_A_SECOND,
                transient=True,
            )
            self._display.start(refresh=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and leave the screen as it was: the results follow on stdout."""
        self.stop()

    def stop(self) -> None:
        """Show no more, and leave the screen as it was."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the screen to somebody else for a while: a question stands there."""
        shown = self._display is not None
        self.stop()
        try:
            yield
        finally:
            if shown:
                self._start()

    def __call__(self, event: Progress) -> None:
        """Take one event; any thread may call."""
        now = time.monotonic()
        with self._lock:
            row = self._rows.setdefault(event.host, _Row(started=now))
            row.step, row.detail = said(event)
            if event.step == FINISHED:
                row.finished = now
            if not self.quiet and not self._rewrites:
                self.terminal.progress(step_line(event, now - row.started, self._column))

    def say(self, text: str) -> None:
        """A line above those that are rewritten."""
        self.terminal.progress(text)

    @property
    def _rewrites(self) -> bool:
        return self.terminal.err.is_terminal

    @cached_property
    def _column(self) -> int:
        return min(max((len(escape(host)) for host in self.hosts), default=0), 40) + 3

    def _picture(self) -> Group:
        with self._lock:
            rows = {host: self._rows[host] for host in self.hosts if host in self._rows}
        lines = picture(rows, len(self.hosts), self._column, self.terminal.err.size, time.monotonic())
        return Group(*(self.terminal.shown(line, self.terminal.err) for line in lines))


def said(event: Progress) -> tuple[str, str]:
    """The step and its detail in the words that are shown; a host's last event says what became of it."""
    if event.step == FINISHED:
        words = HEADS.get(event.detail, (event.detail, ""))[0]
        return (f"{words} changed" if event.detail == "changed" else words), ""
    if event.step == "waiting":
        return "waiting", f"for {event.detail or 'somebody'}"
    return (event.detail, "") if event.step == "step" else (event.step, event.detail)


def step_line(event: Progress, elapsed: float, column: int) -> Text:
    """One event as a line of a log."""
    step, detail = said(event)
    parts = [escape(step).ljust(10), escape(detail)]
    return Text(f"{escape(event.host).ljust(column)}{seconds(elapsed):>8}   {' '.join(parts)}".rstrip())


def picture(rows: dict[str, _Row], hosts: int, column: int, size: tuple[int, int], now: float) -> list[Text]:
    """The lines on the screen: every host where they fit, else those at work and how many are done."""
    width, height = size
    shown = rows
    footer: list[Text] = []
    if len(rows) > height - 3:
        working = {host: row for host, row in rows.items() if row.finished is None}
        shown = dict(list(working.items())[: max(height - 3, 1)])
        done = len(rows) - len(working)
        footer = [Text(f"{done} of {counted(hosts, 'host')} done, {len(working)} at work", "dim")]
    return [_row_line(host, row, column, width, now) for host, row in shown.items()] + footer


def _row_line(host: str, row: _Row, column: int, width: int, now: float) -> Text:
    elapsed = seconds((row.finished or now) - row.started)
    left = Text.assemble((escape(host).ljust(column), "bold"), escape(row.step).ljust(10), escape(row.detail))
    left.truncate(max(width - len(elapsed) - 2, 10), overflow="ellipsis")
    return two_ends(left, Text(elapsed, "dim"), width)[0]
