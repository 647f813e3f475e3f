"""In which order many hosts are begun, and when no further one is: batches, thresholds, interruptions.

Knows nothing of hosts: what is changed, and what failed, others say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Semaphore
from typing import Generic, TypeVar

from provisioner.errors import InputError, Interrupted, NotBegun, ProvisionError
from provisioner.hosts.together import ALL_OR_NONE, Stop, Together

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Share:
    """A number of hosts, or a part of them: `3`, `25%`."""

    number: int
    percent: bool = False

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.number}{'%' if self.percent else ''}"

    def of(self, total: int) -> int:
        """So many hosts out of `total`; at least one, as in Ansible."""
        return max(1, total * self.number // 100 if self.percent else self.number)

    def exceeded(self, failed: int, total: int) -> bool:
        """Whether `failed` out of `total` is more than this."""
        return failed * 100 > self.number * total if self.percent else failed > self.number


def shares(text: str, option: str, least: int, *, several: bool = True) -> tuple[Share, ...]:
    """What was typed after `option`: `3`, `25%`, or for batches that grow `1,5,25%`. Raises InputError.

    `least` is the smallest number that makes sense; `several`: whether there may be more than one.
    """
    found = []
    for word in text.split(",") if several else [text]:
        match = re.fullmatch(r"([0-9]{1,6})(%?)", word.strip())
        share = Share(int(match[1]), bool(match[2])) if match else None
        if share is None or share.number < least or (share.percent and share.number > 100):
            raise InputError(
                f"{option} {text!r} is no number of hosts",
                hint=f"For example {option} 2, or {option} 25%.",
            )
        found.append(share)
    return tuple(found)


def batches(items: Sequence[Item], serial: Sequence[Share]) -> list[Sequence[Item]]:
    """`items` in batches of those sizes; the last size is that of all further ones. One batch without."""
    rest = list(items)
    done: list[Sequence[Item]] = []
    sizes = list(serial)
    while rest:
        size = sizes[0].of(len(items)) if sizes else len(rest)
        done.append(rest[:size])
        rest = rest[size:]
        if len(sizes) > 1:
            sizes.pop(0)
    return done


@dataclass(frozen=True, slots=True)
class Rules:
    """How hosts are begun."""

    forks: int = 50
    serial: tuple[Share, ...] = ()
    """Sizes of the batches; none: all hosts side by side."""
    max_fail: Share | None = None
    """How many may fail before no further one is begun; None: any number, but none between batches."""


@dataclass
class Rollout(Generic[Item, Result]):
    """One run over many hosts."""

    rules: Rules
    stop: Stop
    change: Callable[[Item, Callable[[], None]], Result]
    """Changes one; it calls its second argument once the others may go on: at the latest it returns."""
    skip: Callable[[Item, ProvisionError], Result]
    """The result of one that is not begun, and why."""
    failed: Callable[[Result], str]
    """The name of a host that failed; empty where it did not."""
    together: Together | None = None
    """Where all hosts keep their changes, or none does."""
    _total: int = 0
    _bad: list[str] = field(default_factory=list)
    _settled: int = 0
    _news: Condition = field(default_factory=Condition)

    def run(self, items: Sequence[Item]) -> list[Result]:
        """Change them all, or say why not; the results are in the order of `items`."""
        if not items:
            return []
        self._total = len(items)
        # Those that wait for all others to keep their change hold no one up: each has its own thread.
        threads = len(items) if self.together else min(self.rules.forks, len(items))
        places = Semaphore(self.rules.forks)
        begun = 0
        with ThreadPoolExecutor(threads, thread_name_prefix="host") as pool:
            futures = []
            for batch in batches(items, self.rules.serial):
                futures += [pool.submit(self._one, item, begun, places) for item in batch]
                begun += len(batch)
                with self._news:
                    self._news.wait_for(lambda due=begun: self._settled >= due)  # type: ignore[misc]
            return [future.result() for future in futures]

    def _one(self, item: Item, earlier: int, places: Semaphore) -> Result:
        places.acquire()
        once = [self._settle, places.release]

        def settled() -> None:
            while once:
                once.pop()()

        try:
            if (why := self._why_not(first=earlier == 0)) is not None:
                if self.together is not None:
                    self.together.fail("")
                return self.skip(item, why)
            result = self.change(item, settled)
            if name := self.failed(result):
                with self._news:
                    self._bad.append(name)
            return result
        except BaseException:  # a defect: the others must not wait for this one
            if self.together is not None:
                self.together.fail("")
            raise
        finally:
            settled()

    def _settle(self) -> None:
        with self._news:
            self._settled += 1
            self._news.notify_all()

    def _why_not(self, first: bool) -> ProvisionError | None:
        """Why the next host is not begun, if it is not; `first`: it belongs to the first batch."""
        if self.stop.no_more.is_set():
            return Interrupted("interrupted before it was begun")
        if self.together is not None and self.together.verdict() is False:
            return NotBegun(f"{ALL_OR_NONE}, and {self.together.who or 'another host'} failed")
        with self._news:
            bad = list(self._bad)
        if not bad:
            return None
        named = f"{', '.join(bad[:3])}{f' and {len(bad) - 3} more' if len(bad) > 3 else ''} failed"
        limit = self.rules.max_fail
        if limit is None:
            return NotBegun(f"{named} in an earlier batch") if not first else None
        if limit.exceeded(len(bad), self._total):
            return NotBegun(f"{named}, and --max-fail is {limit}")
        return None
