"""Ctrl-C: while hosts are read it ends the program; while they change it begins no further one.

A host in the middle of its transaction ends it: seconds, as a rule. Who can't wait presses again, and
what is not kept yet is put back and reported. A third time ends the program; each host that was being
changed then puts itself back, since nobody tells it to keep the change.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

from provisioner.errors import Interrupted

if TYPE_CHECKING:
    from provisioner.hosts.together import Stop
    from provisioner.report.live import Live

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_at_once(live: Live) -> Iterator[None]:
    """While nothing is changed: end the program, without waiting for connections under way."""

    def end(_number: int, _frame: FrameType | None) -> None:
        _leave(live)

    with _handling(end):
        yield


@contextmanager
def finishing(stop: Stop, live: Live) -> Iterator[None]:
    """While hosts change: begin no further one, then put back, then end the program: a signal for each."""

    def finish(_number: int, _frame: FrameType | None) -> None:
        if stop.undo.is_set():
            _leave(live)
        elif stop.no_more.is_set():
            stop.undo.set()
            live.say("Putting back what is not kept yet. Ctrl-C again leaves that to the hosts.")
        else:
            stop.no_more.set()
            live.say("Interrupted. Hosts being changed finish first; Ctrl-C again puts them back.")

    with _handling(finish):
        yield


def _leave(live: Live) -> None:
    live.stop()
    live.say("Interrupted.")
    os._exit(Interrupted.exit_code)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """`handler` for both signals; what was there before afterwards."""
    if current_thread() is not main_thread():  # signals are not ours there
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
