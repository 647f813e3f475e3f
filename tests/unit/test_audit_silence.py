"""Servers that say nothing: how often they are tried, and that whoever speaks is asked everything."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from provisioner.audit.gate import LINGER, Gate
from provisioner.audit.silence import ADDRESS_SILENCES, PORT_SILENCES, NotTried, Silence

MX = "192.0.2.1"
FAR = 60.0


@contextlib.contextmanager
def mute() -> Iterator[int]:
    """A port that takes connections; nobody ever speaks there."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def unheard(gate: Gate, port: int, wait: float | None = 0.05, ends: float = FAR) -> None:
    """Connect, and wait for a greeting that never comes."""
    stream = gate.connect("127.0.0.1", port, time.monotonic() + ends)
    stream.settimeout(wait)
    with pytest.raises(TimeoutError):
        stream.recv(1)
    stream.close()


def test_a_port_that_says_nothing_is_tried_twice_and_no_more() -> None:
    with mute() as port:
        gate = Gate()
        for _ in range(PORT_SILENCES):
            unheard(gate, port)
        with pytest.raises(NotTried, match="2 connections and not said a word"):
            gate.connect("127.0.0.1", port, time.monotonic() + FAR)


def test_who_is_given_up_gives_its_place_back() -> None:
    with mute() as port:
        gate = Gate(at_once=1)
        for _ in range(PORT_SILENCES):
            unheard(gate, port)
        for _ in range(3):
            with pytest.raises(NotTried):
                gate.connect("127.0.0.1", port, time.monotonic() + FAR)


def test_a_wait_that_our_own_time_cut_short_is_no_silence() -> None:
    with mute() as port:
        gate = Gate()
        for _ in range(PORT_SILENCES + 1):
            unheard(gate, port, wait=10.0, ends=0.1)
            unheard(gate, port, wait=None, ends=0.1)


def test_an_address_that_says_nothing_at_several_ports_is_given_up_at_all() -> None:
    silence = Silence()
    for port in (25, 465, 587, 143)[:ADDRESS_SILENCES]:
        silence.refuse(MX, port)
        silence.mute(MX, port)
    with pytest.raises(NotTried, match="4 connections and not said a word"):
        silence.refuse(MX, 993)
    silence.refuse("192.0.2.2", 993)


def test_whoever_has_said_a_word_is_asked_everything() -> None:
    silence = Silence()
    silence.heard(MX, 25)
    for _ in range(ADDRESS_SILENCES):
        silence.mute(MX, 25)
    silence.refuse(MX, 25)
    silence.mute(MX, 587)
    silence.refuse(MX, 587)
    silence.mute(MX, 587)
    with pytest.raises(NotTried):
        silence.refuse(MX, 587)
    silence.refuse(MX, 993)


def test_a_port_that_took_no_connection_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def dropped(address: object, timeout: float) -> socket.socket:
        tried.append(address)
        raise TimeoutError("timed out")

    monkeypatch.setattr("provisioner.audit.gate.socket.create_connection", dropped)
    gate = Gate(timeout=10.0)
    for _ in range(3):
        with pytest.raises(TimeoutError, match="timed out"):
            gate.connect(MX, 25, time.monotonic() + FAR)
    assert tried == [(MX, 25)]


def test_a_connection_for_which_our_time_was_too_short_says_nothing_of_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []

    def dropped(address: object, timeout: float) -> socket.socket:
        tried.append(address)
        raise TimeoutError("timed out")

    monkeypatch.setattr("provisioner.audit.gate.socket.create_connection", dropped)
    gate = Gate(timeout=10.0)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            gate.connect(MX, 25, time.monotonic() + 5.0)
    assert len(tried) == 2


def test_a_place_is_free_when_the_server_too_has_ended_the_connection() -> None:
    """Exim counts a process until it has ended, and turns everybody away who comes before."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = Gate().connect("127.0.0.1", server.getsockname()[1], time.monotonic() + FAR)
        theirs, _ = server.accept()
        ended: list[float] = []
        closing = threading.Thread(target=lambda: (stream.close(), ended.append(time.monotonic())))
        closing.start()
        assert theirs.recv(1) == b""
        time.sleep(0.05)
        gone = time.monotonic()
        theirs.close()
        closing.join()
    assert ended[0] >= gone


def test_a_server_that_never_ends_a_connection_holds_up_nobody_for_long() -> None:
    with mute() as port:
        stream = Gate().connect("127.0.0.1", port, time.monotonic() + FAR)
        begun = time.monotonic()
        stream.close()
        assert LINGER <= time.monotonic() - begun < 10


def test_who_has_had_enough_waits_for_no_server() -> None:
    with mute() as port:
        gate = Gate(at_once=1)
        stream = gate.connect("127.0.0.1", port, time.monotonic() + FAR)
        stream.settimeout(FAR)

        def wait() -> None:
            with contextlib.suppress(OSError):
                stream.recv(1)

        waiting = threading.Thread(target=wait)
        waiting.start()
        gate.stop()
        waiting.join(10)
        assert not waiting.is_alive()
