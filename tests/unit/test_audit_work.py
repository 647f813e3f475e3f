"""How an audit works through its jobs, and how it treats other people's servers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from audit_making import OPEN_RELAY

from provisioner.audit.gate import Gate, Once
from provisioner.audit.work import Done, Job, Worked, work

FAR = 30.0
"""Seconds; nothing here takes as long."""


def worked(*jobs: Job, seconds: float = FAR) -> Worked:
    with ThreadPoolExecutor(4) as pool:
        return work(jobs, pool, time.monotonic() + seconds)


@contextmanager
def listener() -> Iterator[tuple[str, int]]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield "127.0.0.1", server.getsockname()[1]


def test_a_job_may_lead_to_more_and_everything_is_kept() -> None:
    last = Job("last", lambda: Done(notes=("the end",)))
    first = Job("first", lambda: Done((OPEN_RELAY,), (last, last)))
    done = worked(first)
    assert done.findings == [OPEN_RELAY] and done.notes == ["the end", "the end"]
    assert done.late == [] and done.broken == {}


def test_a_job_that_breaks_is_named_and_takes_no_other_with_it() -> None:
    def broken() -> Done:
        raise KeyError("secret")

    done = worked(Job("odd", broken), Job("fine", lambda: Done((OPEN_RELAY,))))
    assert done.findings == [OPEN_RELAY]
    assert "KeyError" in done.broken["odd"].message and "secret" not in done.broken["odd"].message


def test_what_is_not_done_when_the_time_is_up_is_named() -> None:
    release = threading.Event()

    def slow() -> Done:
        release.wait(FAR)
        return Done()

    with ThreadPoolExecutor(1) as pool:
        quick = Job("quick", lambda: Done((OPEN_RELAY,)))
        done = work([quick, Job("slow", slow), Job("never begun", slow)], pool, time.monotonic() + 0.3)
        release.set()
    assert done.findings == [OPEN_RELAY]
    assert sorted(done.late) == ["never begun", "slow"]


def test_a_server_sees_no_more_connections_at_once_than_allowed() -> None:
    with listener() as (address, port):
        gate = Gate(at_once=2)
        ends = time.monotonic() + FAR
        first, second = gate.connect(address, port, ends), gate.connect(address, port, ends)
        with pytest.raises(TimeoutError, match="no time was left"):
            gate.connect(address, port, time.monotonic() + 0.1)
        first.close()
        first.close()
        gate.connect(address, port, ends).close()
        second.close()


def test_a_connection_that_is_forgotten_gives_its_place_back() -> None:
    with listener() as (address, port):
        gate = Gate(at_once=1)
        for _ in range(5):
            gate.connect(address, port, time.monotonic() + FAR)


def test_a_refused_connection_gives_its_place_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    gate = Gate(at_once=1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            gate.connect("127.0.0.1", port, time.monotonic() + FAR)


def test_connections_to_one_server_do_not_come_faster_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("provisioner.audit.gate.time.sleep", slept.append)
    with listener() as (address, port):
        gate = Gate(at_once=10, a_second=0.001)
        for host in ("mx", "mx", "mx", "other"):
            gate.connect(address, port, time.monotonic() + FAR, host=host).close()
    assert [round(seconds, -3) for seconds in slept] == [0, 1000, 2000, 0]


def test_no_wait_on_a_connection_is_longer_than_the_target_s_time() -> None:
    with listener() as (address, port):
        stream = Gate().connect(address, port, time.monotonic() + 0.2)
        stream.settimeout(None)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        stream.close()


def test_when_the_gate_is_stopped_whoever_waits_is_woken_and_nobody_gets_in() -> None:
    with listener() as (address, port):
        gate = Gate()
        stream = gate.connect(address, port, time.monotonic() + FAR)

        def listen() -> None:
            with contextlib.suppress(OSError):
                stream.recv(1)

        waiting = threading.Thread(target=listen)
        waiting.start()
        gate.stop()
        waiting.join(FAR)
        assert not waiting.is_alive()
        with pytest.raises(TimeoutError):
            gate.connect(address, port, time.monotonic() + FAR)


def test_work_that_many_want_is_done_once_and_fails_for_all() -> None:
    once, made = Once(), []

    def make() -> object:
        made.append(1)
        time.sleep(0.05)
        return "done"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: once.get("key", make), range(8))) == {"done"}
    assert made == [1]

    def fail() -> object:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            once.get("other", fail)
