"""A mail server made of a script, at the other end of a socket pair: for conversations in unit tests."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Answer = str | Sequence[str] | None
"""What the server says to a line: lines, or None to hang up."""


class MailServer:
    """Answers each line by `answers`: a function of the line and of whether TLS is on.

    An answer that begins with `STARTTLS:` is sent and followed by a TLS handshake.
    """

    def __init__(self, greeting: Answer, answers: Callable[[str, bool], Answer], *, tls: Path | None = None,
                 implicit: bool = False, after_tls: Answer = ()) -> None:  # fmt: skip
        self.greeting, self.answers, self.tls, self.implicit = greeting, answers, tls, implicit
        self.after_tls = after_tls
        self.heard: list[str] = []
        self.connections = 0

    def open(self, port: int) -> socket.socket:
        """A new connection to it."""
        self.connections += 1
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            if self.implicit:
                connection = self._wrap(connection)
            if self.greeting is None:
                return
            _say(connection, self.greeting)
            with connection.makefile("rb") as lines:
                while self._answer(connection, lines.readline()):
                    if self._turned is not None:
                        connection = self._turned
                        lines = connection.makefile("rb")
        except (OSError, ssl.SSLError):
            return
        finally:
            connection.close()

    _turned: ssl.SSLSocket | None = None

    def _answer(self, connection: socket.socket, line: bytes) -> bool:
        self._turned = None
        if not line:
            return False
        text = line.decode().rstrip("\r\n")
        self.heard.append(text)
        answer = self.answers(text, isinstance(connection, ssl.SSLSocket))
        if answer is None:
            return False
        if isinstance(answer, str) and answer.startswith("STARTTLS:"):
            _say(connection, answer.removeprefix("STARTTLS:"))
            self._turned = self._wrap(connection)
            _say(self._turned, self.after_tls)
            return True
        _say(connection, answer)
        return True

    def _wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self.tls is not None
        context.load_cert_chain(self.tls)
        return context.wrap_socket(connection, server_side=True)


def _say(connection: socket.socket, answer: Answer) -> None:
    for line in [answer] if isinstance(answer, str) else answer or ():
        connection.sendall(line.encode() + b"\r\n")


def make_certificate(
    path: Path, name: str, *, begins: timedelta = timedelta(days=-1), ends: timedelta = timedelta(days=30)
) -> x509.Certificate:
    """Write a self-signed certificate for `name`, with its key, to `path`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(now + begins).not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return certificate
