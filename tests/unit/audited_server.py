"""Mail servers made of scripts for the audit: a sound SMTP server, and what to change to make it bad."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.server_port import ServerPort
from tests.unit.mail_server import Answer, MailServer

GREETING = "220 mx1.example.test ESMTP"
EXTENSIONS = ("PIPELINING", "SIZE 52428800", "8BITMIME")
LOCAL = ("postmaster", "abuse", "alice")


def hello(*keywords: str, name: str = "mx1.example.test") -> list[str]:
    """An answer to EHLO."""
    return [f"250-{name}", *(f"250-{keyword}" for keyword in keywords[:-1]), f"250 {keywords[-1]}"]


def sound(line: str, tls: bool) -> Answer:
    """What a sound server for example.test says to a line."""
    verb = line.partition(" ")[0].upper()
    if verb == "EHLO":
        return hello(*EXTENSIONS, *(() if tls else ("STARTTLS",)))
    if verb == "STARTTLS":
        return "STARTTLS:220 go ahead"
    if verb == "RCPT":
        return recipient(line)
    known = {"MAIL": "250 ok", "RSET": "250 ok", "NOOP": "250 ok", "QUIT": "221 bye", "DATA": "354 go on"}
    return known.get(verb, "502 unknown command")


def recipient(line: str) -> str:
    """250 for LOCAL at example.test or without domain, 550 for others there, 554 for strangers."""
    address = line.partition(":")[2].strip("<>")
    local, _, domain = address.rpartition("@")
    if domain in LOCAL or (domain == "example.test" and local in LOCAL):
        return "250 ok"
    return "550 5.1.1 no such user" if domain == "example.test" else "554 5.7.1 Relay access denied"


def but(**answers: Answer) -> Callable[[str, bool], Answer]:
    """The sound server, but for the answers to the verbs that are given."""

    def answer(line: str, tls: bool) -> Answer:
        verb = line.partition(" ")[0].upper()
        return answers[verb] if verb in answers else sound(line, tls)

    return answer


def port_to(
    open_stream: Callable[[], socket.socket],
    number: int = 25,
    *,
    implicit_tls: bool = False,
    wait: float = 5.0,
) -> ServerPort:
    """A port of mx1.example.test."""
    return ServerPort("mx1.example.test", "192.0.2.10", number, open_stream, "[192.0.2.1]",
                      implicit_tls=implicit_tls, seconds=wait, wait=wait)  # fmt: skip


def port_of(server: MailServer, number: int = 25, *, implicit_tls: bool = False) -> ServerPort:
    """The same, of a scripted server."""
    return port_to(lambda: server.open(number), number, implicit_tls=implicit_tls)


def outcomes(findings: Iterable[Finding]) -> dict[str, Outcome]:
    """What each check came to."""
    return {finding.check.id: finding.outcome for finding in findings}


def finding(findings: Iterable[Finding], check: str) -> Finding:
    """The finding of one check."""
    (found,) = [f for f in findings if f.check.id == check]
    return found


class RawServer:
    """A server that reads and answers as `serve` says, byte by byte."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._serve = serve

    def open(self) -> socket.socket:
        """A new connection to it."""
        self.connections += 1
        ours, theirs = socket.socketpair()
        theirs.settimeout(5)
        threading.Thread(target=self._run, args=(theirs,), daemon=True).start()
        return ours

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except (OSError, ssl.SSLError):
            return
        finally:
            connection.close()


def injectable(tls: Path, greeting: str, answers: Callable[[str, bool], str]) -> RawServer:
    """A server with CVE-2011-0411: what it read in clear text it answers inside TLS.

    No such server is to be had from Debian any more, so it is written here. An answer that begins
    with `STARTTLS:` turns to TLS.
    """

    def serve(connection: socket.socket) -> None:
        buffer = b""
        connection.sendall(greeting.encode() + b"\r\n")
        while True:
            while b"\n" not in buffer:
                data = connection.recv(4096)
                if not data:
                    return
                buffer += data
            line, _, buffer = buffer.partition(b"\n")
            answer = answers(line.decode().strip(), isinstance(connection, ssl.SSLSocket))
            turn = answer.startswith("STARTTLS:")
            connection.sendall(answer.removeprefix("STARTTLS:").encode() + b"\r\n")
            if turn:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(tls)
                connection = context.wrap_socket(connection, server_side=True)
                # the fault: `buffer` is kept

    return RawServer(serve)
