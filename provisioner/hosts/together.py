"""What the transactions of one run know of each other: whether to go on, and whether all have proven."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock

PATIENCE_SECONDS = 840.0
"""How long the first host that has proven waits for all others; then all go back."""
HOST_PATIENCE_SECONDS = 900
"""How long a host itself waits for the word that all have proven, before it puts itself back.

Longer than `PATIENCE_SECONDS`, so that there is a minute to give every host the word: a host that
went back by itself while another keeps its change is what must not be.
"""
ALL_OR_NONE = "--atomic changes all hosts or none"


@dataclass(frozen=True)
class Stop:
    """What a person asked for while hosts change."""

    no_more: Event = field(default_factory=Event)
    """Begin no further host; those in their transaction finish it."""
    undo: Event = field(default_factory=Event)
    """Put back what is not yet kept."""


@dataclass
class Together:
    """The agreement of several transactions: all keep what they did, or none does. Any thread may call."""

    hosts: frozenset[str]
    who: str = ""
    """The first host that failed."""
    patience: float = PATIENCE_SECONDS
    _ready: set[str] = field(default_factory=set)
    _broken: bool = False
    _ends: float = float("inf")
    _lock: Lock = field(default_factory=Lock)

    def ready(self, host: str) -> None:
        """`host` has proven, and waits."""
        with self._lock:
            if not self._ready:
                self._ends = time.monotonic() + self.patience
            self._ready.add(host)

    def fail(self, host: str) -> None:
        """`host` (empty: one that is not even begun) can't keep its change. Too late once all were ready."""
        with self._lock:
            if not self._ready >= self.hosts and not self._broken:
                self._broken, self.who = True, host

    def verdict(self) -> bool | None:
        """True: keep. False: put back. None: not all have spoken. The first answer that is not None stays."""
        with self._lock:
            if self._broken:
                return False
            if self._ready >= self.hosts:
                return True
            if time.monotonic() >= self._ends:
                self._broken = True
                return False
            return None


@dataclass(frozen=True)
class Company:
    """What one transaction knows of the run that it is part of."""

    stop: Stop = field(default_factory=Stop)
    together: Together | None = None
    settled: Callable[[], None] = lambda: None
    """Called once it has proven and only waits for others."""

    def called_off(self, waiting: bool) -> bool:
        """Whether what is not kept yet is to go back: a person said so, or another host has failed.

        `waiting`: it has not even begun, but waits for another transaction on its host.
        """
        others = self.together is not None and self.together.verdict() is False
        return others or self.stop.undo.is_set() or (waiting and self.stop.no_more.is_set())
