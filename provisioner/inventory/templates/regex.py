"""Regular expressions of an inventory's author, which may take exponential time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from provisioner.inventory.templates.budget import Refused

SECONDS = 1.0
Result = TypeVar("Result")


def guarded(work: Callable[[], Result]) -> Result:
    """`work`, given up after one second of this process's own time.

    Python's matcher looks for signals while it searches. Only the main thread can set the alarm;
    elsewhere the work is done without.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getitimer(signal.ITIMER_VIRTUAL)[0]
    ):
        return work()

    def ring(number: int, frame: FrameType | None) -> None:
        raise Refused("a regular expression does not come to an end")

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        return work()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
