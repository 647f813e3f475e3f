"""A TLS server in memory: OpenSSL behind a `Stream`, so that a scan meets real answers without a network."""

from __future__ import annotations

import ssl
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from provisioner.tls.primes import _known
from tests.unit.certificate_making import CA, INTERMEDIATE, Made, make

RSA = make("rsa", INTERMEDIATE, key="rsa2048")
ECDSA = make("ec", INTERMEDIATE)


def context(
    *made: Made,
    ciphers: str = "ALL:@SECLEVEL=0",
    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1,
    highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    options: int = 0,
) -> ssl.SSLContext:
    """A server's context with these certificates, each with the intermediate one behind it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers(ciphers)
    server.minimum_version, server.maximum_version = lowest, highest
    # Python sets the server's own order by itself.
    server.options = (server.options & ~ssl.OP_CIPHER_SERVER_PREFERENCE) | options
    with tempfile.TemporaryDirectory() as folder:
        field = Path(folder) / "dh.pem"
        field.write_text(_dh_pem(next(prime for prime, name in _known().items() if name == "ffdhe2048")))
        server.load_dh_params(field)
        for number, one in enumerate(made or (RSA, ECDSA)):
            path = Path(folder) / f"{number}.pem"
            path.write_text(one.key_pem + one.pem + INTERMEDIATE.pem)
            server.load_cert_chain(path)
    return server


def _dh_pem(prime: int) -> str:
    """PKCS #3's DHParameter: a sequence of the prime and the generator 2."""
    number = prime.to_bytes(257, "big")
    body = b"\x02\x82\x01\x01" + number + b"\x02\x01\x02"
    encoded = b64encode(b"\x30\x82" + len(body).to_bytes(2, "big") + body).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{encoded}\n-----END DH PARAMETERS-----\n"


class TlsServer:
    """One connection's server side. What the client sends is answered at once."""

    def __init__(self, server: ssl.SSLContext) -> None:
        """`server` is its context."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = server.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._over = False

    def sendall(self, data: bytes) -> None:
        """Take what the client sends."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError:
            self._over = True

    def recv(self, size: int) -> bytes:
        """What the server answers; the end where it broke off, and a time-out where it waits."""
        data = self._outgoing.read(size)
        if not data and not self._over:
            raise TimeoutError
        return data

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing to close."""


class SmtpServer:
    """An SMTP server that turns to TLS after STARTTLS; `extensions` is what it answers to EHLO."""

    def __init__(
        self, server: ssl.SSLContext, greeting: str = "220 mx ESMTP", extensions: str = "STARTTLS"
    ) -> None:
        """`server` is the context of its TLS."""
        self._server = server
        self._extensions = extensions
        self._answers = greeting.encode() + b"\r\n"
        self._tls: TlsServer | None = None

    def sendall(self, data: bytes) -> None:
        """A command, or TLS after STARTTLS."""
        if self._tls is not None:
            self._tls.sendall(data)
        elif data.startswith(b"EHLO"):
            self._answers += f"250-mx\r\n250 {self._extensions}\r\n".encode()
        elif data == b"STARTTLS\r\n":
            self._answers += b"220 go ahead\r\n"
            self._tls = TlsServer(self._server)

    def recv(self, size: int) -> bytes:
        """The next bytes."""
        if self._answers:
            taken, self._answers = self._answers[:size], self._answers[size:]
            return taken
        if self._tls is None:
            raise TimeoutError
        return self._tls.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing to close."""


class Says:
    """A server that says the same bytes to everybody, and then ends, or falls silent."""

    def __init__(self, data: bytes, silent: bool = False) -> None:
        """`silent`: wait for ever afterwards."""
        self._data = data
        self._silent = silent

    def sendall(self, data: bytes) -> None:
        """Hear nothing."""

    def recv(self, size: int) -> bytes:
        """The next bytes."""
        taken, self._data = self._data[:size], self._data[size:]
        if not taken and self._silent:
            raise TimeoutError
        return taken

    def settimeout(self, seconds: float | None) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing to close."""


class Counted:
    """Counts how many connections are open at once."""

    def __init__(self, connect: Callable[[], TlsServer]) -> None:
        """`connect` makes each."""
        self._connect = connect
        self._lock = threading.Lock()
        self.open = 0
        self.most = 0

    def __call__(self) -> TlsServer:
        """One more, until it is closed."""
        server = self._connect()
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)

        def close() -> None:
            with self._lock:
                self.open -= 1

        server.close = close  # type: ignore[method-assign]
        return server


__all__ = ["CA", "ECDSA", "RSA", "Counted", "Says", "SmtpServer", "TlsServer", "context"]
