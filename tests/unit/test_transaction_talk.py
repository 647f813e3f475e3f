"""The control machine's side of a transaction: what it says when, whatever becomes of the connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest

from provisioner.hosts import transaction
from provisioner.hosts.bundle import Meta
from provisioner.hosts.channels import ConnectionLost, TimedOut
from provisioner.hosts.together import Company, Stop, Together
from provisioner.hosts.transaction import Answer, Ended, run_transaction
from provisioner.inventory.model import Host
from provisioner.plan import Plan
from provisioner.resources.observed import Observed
from provisioner.roles.model import Desired

PLAN = Plan(Desired(Host("mx1", {}, {}), "bookworm", ()), Observed())
META = Meta("20261124T000000-000abcd", datetime.now(UTC), "test")
LOST = "(the connection is lost)"
SILENT = "(nothing for a while)"


@dataclass
class Talk:
    """A host that says these lines, and notes what it is told."""

    lines_left: list[str]
    told: list[str] = field(default_factory=list)
    on: dict[str, Callable[[], object]] = field(default_factory=dict)
    """What happens at the moment in which a line is said."""

    def read_line(self, timeout: float | None = None) -> bytes | None:
        if not self.lines_left:
            raise TimedOut("silent")
        line = self.lines_left.pop(0)
        if line in self.on:
            self.on[line]()
        if line == SILENT:
            raise TimedOut("silent")
        if line == LOST:
            raise ConnectionLost("lost")
        return line.encode()

    def lines(self, timeout: float) -> Iterator[str]:
        while (line := self.read_line(timeout)) is not None:
            yield line.decode()

    def send(self, text: str) -> None:
        self.told.append(text.strip())

    def close(self) -> None:
        pass


@dataclass
class Connections:
    """First this talk, then, after a reconnection, the next one."""

    talks: list[Talk]
    questions: list[str] = field(default_factory=list)

    def start(self, _script: str, stdin: bytes) -> Talk:
        self.questions.append(" ".join(stdin.split(b"\0")[0].decode("ascii", "replace").split()[:3]))
        return self.talks.pop(0)


def run(
    *talks: Talk, company: Company | None = None, prove: Callable[[], Answer] = lambda: "keep"
) -> tuple[Ended, list[str]]:
    connections = Connections(list(talks))
    ended = run_transaction(
        connections,  # type: ignore[arg-type]
        PLAN,
        META,
        prove=prove,
        reconnect=lambda: connections,  # type: ignore[arg-type, return-value]
        progress=lambda *_: None,
        company=company,
    )
    return ended, connections.questions


def test_alone_a_proof_is_answered_with_keep() -> None:
    talk = Talk(["step commit", "ask proof", "outcome kept"])
    assert run(talk)[0].outcome == "kept"
    assert talk.told == ["keep", "bye"]


def test_in_company_it_is_proven_first_and_kept_once_all_are() -> None:
    together = Together(frozenset({"mx1", "mx2"}))
    settled: list[str] = []
    company = Company(together=together, settled=lambda: settled.append("mx1"))
    talk = Talk(["ask proof", "ask others", "alive", SILENT, "alive", "outcome kept"])
    talk.on = {SILENT: lambda: together.ready("mx2")}
    assert run(talk, company=company)[0].outcome == "kept"
    assert (talk.told, settled) == (["proven", "keep", "bye"], ["mx1"])


def test_another_hosts_failure_takes_back_what_waits() -> None:
    together = Together(frozenset({"mx1", "mx2"}))
    talk = Talk(["ask proof", "ask others", SILENT, "fail refused others", "outcome undone"])
    talk.on = {SILENT: lambda: together.fail("mx2")}
    ended, _ = run(talk, company=Company(together=together))
    assert (ended.outcome, ended.called_off) == ("undone", True)
    assert talk.told == ["proven", "undo", "bye"]


def test_a_connection_that_is_lost_while_others_are_proven_takes_all_back() -> None:
    together = Together(frozenset({"mx1", "mx2"}))
    first = Talk(["ask proof", "ask others", LOST])
    second = Talk(["ask proof", "ask others", "silence others", "outcome undone"])
    ended, questions = run(first, second, company=Company(together=together))
    assert (ended.outcome, together.verdict(), together.who) == ("undone", False, "mx1")
    assert questions[1] == f"answer {META.id} undo"


def test_a_connection_that_is_lost_once_all_have_proven_still_gets_the_word() -> None:
    together = Together(frozenset({"mx1", "mx2"}))
    first = Talk(["ask proof", "ask others", LOST])
    first.on = {LOST: lambda: together.ready("mx2")}
    second = Talk(["ask proof", "ask others", "outcome kept"])
    ended, questions = run(first, second, company=Company(together=together))
    assert ended.outcome == "kept"
    assert questions[1] == f"answer {META.id} keep"
    assert second.told == ["bye"]


def test_a_host_that_gives_up_waiting_itself_takes_the_others_back() -> None:
    together = Together(frozenset({"mx1", "mx2"}))
    talk = Talk(["ask proof", "ask others", "silence others", "fail silence", "outcome undone"])
    assert run(talk, company=Company(together=together))[0].outcome == "undone"
    assert together.verdict() is False


def test_a_proof_is_not_waited_for_once_it_is_called_off() -> None:
    stop, never = Stop(), Event()

    def prove() -> Answer:
        stop.undo.set()
        never.wait(120)
        return "keep"

    talk = Talk(["ask proof", "fail refused proof", "outcome undone"])
    began = time.monotonic()
    ended, _ = run(talk, company=Company(stop), prove=prove)
    never.set()
    assert (ended.called_off, talk.told) == (True, ["undo", "bye"])
    assert time.monotonic() - began < 60


def test_an_interruption_reaches_a_host_in_the_middle_of_its_steps_and_is_said_once() -> None:
    stop = Stop()
    talk = Talk(["step packages", "alive", "alive", "fail refused proof", "outcome undone"])
    talk.on = {"step packages": stop.undo.set}
    assert run(talk, company=Company(stop))[0].outcome == "undone"
    assert talk.told == ["undo", "bye"]


def test_what_fails_by_itself_is_not_said_to_be_called_off() -> None:
    stop = Stop()
    talk = Talk(["step commit", "fail service nginx.service restart", "outcome undone"])
    talk.on = {"fail service nginx.service restart": stop.undo.set}
    assert not run(talk, company=Company(stop))[0].called_off


def test_a_host_that_is_alive_for_ever_does_not_keep_us_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "LONGEST_SECONDS", -1000.0)
    ended, _ = run(Talk(["alive"] * 1000), Talk(["alive"] * 1000))
    assert ended.outcome == "unknown"
