"""All suites and groups of a version: offer what is left, take away what the server chose, ask again.

That the server chooses shows its order too, without further questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from provisioner.tls.groups import CURVES, TLS13_GROUPS, Group, group
from provisioner.tls.hello import Hello
from provisioner.tls.probe import Prober, Said
from provisioner.tls.result import Answer
from provisioner.tls.suites import CipherSuite, suite, suites_for
from provisioner.tls.versions import Version

BATCH = 64
"""Suites in one ClientHello: some servers refuse longer lists."""
_CURVE_NUMBERS = tuple(one.number for one in CURVES)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Enumeration:
    """What the server chose, in its order, and how it ended.

    `why` is the refusal that ended it; `trouble` the reason why it ended early; `other` the lower
    version that the server answered with instead.
    """

    suites: tuple[CipherSuite, ...] = ()
    said: tuple[Said, ...] = ()
    why: str = ""
    trouble: str = ""
    other: Version | None = None

    @property
    def answer(self) -> Answer:
        """Whether it speaks the version."""
        if self.suites:
            return Answer.YES
        return Answer.UNKNOWN if self.trouble else Answer.NO


def batches(version: Version) -> tuple[tuple[CipherSuite, ...], ...]:
    """All suites of a version in parts that don't mix ranks, none longer than `BATCH`."""
    found: list[tuple[CipherSuite, ...]] = []
    for rank in (0, 1, 2):
        part = [one for one in suites_for(version) if one.rank == rank]
        found += (tuple(part[start : start + BATCH]) for start in range(0, len(part), BATCH))
    return tuple(found)


def accepted(prober: Prober, version: Version, offered: Sequence[CipherSuite], name: str) -> Enumeration:
    """Which of `offered` the server takes, for SSL 3.0 to TLS 1.2."""
    left = list(offered)
    chosen: list[CipherSuite] = []
    heard: list[Said] = []
    ended = Said()
    while left:
        numbers = [one.number for one in left]
        ended = prober.ask(Hello(version, numbers, groups=_CURVE_NUMBERS, server_name=name))
        if ended.flight is None or ended.flight.hello is None:
            break
        if ended.flight.hello.version != version:
            return Enumeration(tuple(chosen), tuple(heard), other=_lower(ended.flight.hello.version))
        choice = suite(ended.flight.hello.suite)
        if choice not in left:
            return Enumeration(tuple(chosen), tuple(heard), trouble=f"it chose {choice}, not offered")
        left.remove(choice)
        chosen.append(choice)
        heard.append(ended)
    return Enumeration(tuple(chosen), tuple(heard), ended.refusal, ended.trouble)


def _lower(number: int) -> Version | None:
    return Version(number) if number in list(Version) else None


class Tls13:
    """The search for suites and groups of TLS 1.3, and what it has come to so far.

    Without a key share the server must name a group of ours in a HelloRetryRequest, and it names
    the suite with it (RFC 8446 §4.1.4): each question finds one of each.
    """

    def __init__(self, prober: Prober, name: str) -> None:
        """`name` goes into SNI."""
        self._prober = prober
        self._name = name
        self._suites_left = list(suites_for(Version.TLS13))
        self._groups_left = list(TLS13_GROUPS)
        self.suites: list[CipherSuite] = []
        self.groups: list[Group] = []
        self.why = ""
        self.trouble = ""

    @property
    def answer(self) -> Answer:
        """Whether the server speaks it."""
        if self.suites:
            return Answer.YES
        return Answer.UNKNOWN if self.trouble else Answer.NO

    def begin(self) -> Said:
        """The first question, which is also the first to this port."""
        return self._ask(self._suites_left, self._groups_left)

    def finish(self) -> None:
        """All the other questions, where the first found something."""
        if not self.suites:
            return
        more = True
        while more and self._suites_left and self._groups_left:
            more = self._learnt(self._suites_left, self._groups_left)
        while self._groups_left and self._learnt(self.suites, self._groups_left):
            pass
        while self._suites_left and self._learnt(self._suites_left, self.groups):
            pass

    def _learnt(self, suites: Sequence[CipherSuite], groups: Sequence[Group]) -> bool:
        before = len(self.suites) + len(self.groups)
        self._ask(suites, groups)
        return len(self.suites) + len(self.groups) > before

    def _ask(self, suites: Sequence[CipherSuite], groups: Sequence[Group]) -> Said:
        hello = Hello(
            Version.TLS13,
            [one.number for one in suites],
            [one.number for one in groups],
            server_name=self._name,
        )
        said = self._prober.ask(hello)
        self.trouble = self.trouble or said.trouble
        self.why = self.why or said.refusal
        server = said.flight.hello if said.flight else None
        if server is None:
            return said
        if server.version != Version.TLS13:
            self.why = "it answered with an older version"
            return said
        self._move(suite(server.suite), self._suites_left, self.suites)
        if server.group is not None:
            self._move(group(server.group), self._groups_left, self.groups)
        return said

    @staticmethod
    def _move(one: T, left: list[T], found: list[T]) -> None:
        if one in left:
            left.remove(one)
            found.append(one)
