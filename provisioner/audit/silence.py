"""Who has never said a word in a run, and is given up: a silent server shall cost seconds, not minutes.

A port that takes connections and says nothing on two of them, an address that says nothing on four, a port
that takes no connection at all: nobody connects there again in this run. Whoever has said one word, whatever
it was, is asked everything.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

PORT_SILENCES = 2
"""A second try is for a server that was busy."""
ADDRESS_SILENCES = 4


class NotTried(TimeoutError):
    """No connection was tried: its turn did not come in time, or others were for nothing. It says nothing
    about the port."""


@dataclass
class Silence:
    """What has been heard from whom; may be used from many threads."""

    _heard: set[tuple[str, int]] = field(default_factory=set)
    _mute: Counter[tuple[str, int]] = field(default_factory=Counter)
    _shut: dict[tuple[str, int], TimeoutError] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self, address: str, port: int) -> None:
        """Raise `TimeoutError` where another connection would be for nothing."""
        with self._lock:
            if (address, port) in self._heard:
                return
            if (address, port) in self._shut:
                raise TimeoutError(str(self._shut[address, port]))
            times = self._mute[address, port]
            limit = PORT_SILENCES
            if times < limit and not any(one == address for one, _ in self._heard):
                times = sum(count for (one, _), count in self._mute.items() if one == address)
                limit = ADDRESS_SILENCES
        if times >= limit:
            raise NotTried(f"it has taken {times} connections and not said a word")

    def heard(self, address: str, port: int) -> None:
        """Something came from there."""
        if (address, port) not in self._heard:
            with self._lock:
                self._heard.add((address, port))

    def mute(self, address: str, port: int) -> None:
        """A connection was taken, and nothing came."""
        with self._lock:
            self._mute[address, port] += 1

    def shut(self, address: str, port: int, error: TimeoutError) -> None:
        """No connection came about in the time for one."""
        with self._lock:
            self._shut[address, port] = error
