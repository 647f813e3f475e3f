"""Servers that answer never, endlessly or drop by drop cost an intrusive check little, and pass nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import sleep

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.injection import audit_injection
from provisioner.audit.logins import audit_cleartext_login, audit_user_enumeration
from provisioner.audit.relay import audit_relay
from provisioner.audit.server_port import ServerPort
from provisioner.audit.smuggling import audit_smuggling
from provisioner.audit.vrfy import audit_vrfy
from tests.unit.audited_server import RawServer, port_to


def silence(connection: socket.socket) -> None:
    connection.recv(1)


def endless_reply(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"220-hello\r\n" * 400)


def endless_line(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"+" * 4096)


def drops(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"2")
        sleep(0.05)


def control_characters(connection: socket.socket) -> None:
    connection.sendall(b"220 \x1b[2J\x00\xff\r\n")
    while connection.recv(4096):
        connection.sendall(b"\x1b]0;owned\x07\xff\r\n")


AUDITS: dict[str, Callable[[ServerPort], tuple[Finding, ...]]] = {
    "relay": lambda port: audit_relay(port, "example.test", ""),
    "smuggling": lambda port: audit_smuggling(port, "example.test", patience=0.2),
    "vrfy": lambda port: audit_vrfy(port, "example.test"),
    **{f"injection {area}": (lambda port, area=area: audit_injection(port, area))  # type: ignore[misc]
       for area in ("smtp", "imap", "pop3", "managesieve")},
    **{f"clear text {area}": (lambda port, area=area: audit_cleartext_login(port, area))  # type: ignore[misc]
       for area in ("submission", "imap", "pop3", "managesieve")},
    "users": lambda port: audit_user_enumeration(port, "imap", "alice@example.test"),
}  # fmt: skip


@pytest.mark.parametrize(
    "serve",
    [silence, endless_reply, endless_line, drops, control_characters],
    ids=lambda serve: serve.__name__,
)
@pytest.mark.parametrize("audit", AUDITS)
def test_a_hostile_server_passes_nothing(serve: Callable[[socket.socket], None], audit: str) -> None:
    server = RawServer(serve)
    found = AUDITS[audit](port_to(server.open, wait=0.4))
    assert {finding.outcome for finding in found} == {Outcome.ERROR}
    assert server.connections <= 4
