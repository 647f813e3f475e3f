"""HTTPS with the names looked up by our own resolver: for MTA-STS policies and clients' settings.

Everything is bounded: the time for the whole, the bytes of the answer, the redirections. An address
that a record must not lead to (`Reach`) is not connected to, and a redirection is held to the same.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver
from provisioner.mail.certificate import Certificate
from provisioner.mail.tls_stream import TlsStream
from provisioner.mail.wire import BoundedStream, ConversationError

LONGEST = 256 * 1024
"""Bytes of an answer, head and body. RFC 8461 §3.3 suggests 64 kB for a policy."""


class FetchError(Exception):
    """There is no answer; `kind` says where it ended, the message why."""

    def __init__(self, kind: str, message: str) -> None:
        """`kind`: `url`, `name`, `reach`, `connect`, `tls`, `certificate`, `http` or `redirect`."""
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered. Header names are in lower case."""

    url: str
    """Where it came from in the end."""
    status: int
    headers: dict[str, str]
    body: bytes
    address: str
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Web:
    """The way to web servers in a run."""

    resolver: Resolver
    reach: Reach
    context: ssl.SSLContext
    """Verifies the chain; the name is checked here."""
    seconds: float = 10.0

    def fetch(
        self, url: str, *, body: bytes | None = None, content_type: str = "", redirects: int = 0
    ) -> Response:
        """GET `url`, or POST `body`; at most `redirects` of them are followed.

        Without any left, the redirection itself is the answer. Raises `FetchError`.
        """
        ends = time.monotonic() + self.seconds
        for _ in range(redirects):
            response = self._once(url, body, content_type, ends)
            location = response.headers.get("location", "")
            if response.status not in (301, 302, 303, 307, 308) or not location:
                return response
            url = urljoin(url, location)
            if response.status == 303:
                body = None
        return self._once(url, body, content_type, ends)

    def _once(self, url: str, body: bytes | None, content_type: str, ends: float) -> Response:
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port or 443
        except ValueError:
            raise FetchError("url", f"{url[:200]} is no URL") from None
        if parts.scheme != "https" or not host or parts.username is not None:
            raise FetchError("url", f"{url[:200]} is not an https URL")
        request = _request(parts.path or "/", parts.query, host, body, content_type)
        address, stream = self._connect(host, port, ends)
        try:
            tls = TlsStream(stream, self.context, host)
            try:
                certificate = tls.handshake().certificate
            except ConversationError as error:
                kind = "certificate" if error.trouble.value == "untrusted" else "tls"
                raise FetchError(kind, f"{host} at {address}: {error.message}") from None
            if not certificate.matches(host):
                names = ", ".join(certificate.names[:5]) or "no name"
                raise FetchError("certificate", f"the certificate of {host} at {address} is for {names}")
            try:
                tls.sendall(request)
                return _read(tls, url, address, certificate)
            except ConversationError as error:
                raise FetchError("http", f"{host} at {address}: {error.message}") from None
        finally:
            stream.close()

    def _connect(self, host: str, port: int, ends: float) -> tuple[str, BoundedStream]:
        addresses = (host,) if _is_address(host) else self.resolver.addresses(host)
        if not addresses:
            reply = self.resolver.ask(host, "A")
            raise FetchError("name", reply.detail or f"{host} has no address")
        last = FetchError("connect", f"{host} was not tried")
        for address in addresses[:4]:
            refusal = self.reach.refusal(address)
            if refusal:
                leads = f"{host} leads to {address}" if host != address else f"it leads to {address}"
                last = FetchError("reach", f"{leads}, {refusal}: not followed")
                continue
            left = ends - time.monotonic()
            if left <= 0:
                raise FetchError("connect", f"{host} took longer than {self.seconds:g} s")
            try:
                found = socket.create_connection((address, port), timeout=min(left, self.seconds / 2))
            except OSError as error:
                last = FetchError("connect", f"{host} at {address}:{port}: {error.strerror or error}")
                continue
            left = max(0.1, ends - time.monotonic())
            return address, BoundedStream(found, left, left)
        raise last


def _is_address(host: str) -> bool:
    """Whether a URL's host is an address, of which no name server is asked."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _request(path: str, query: str, host: str, body: bytes | None, content_type: str) -> bytes:
    target = path + (f"?{query}" if query else "")
    if any(character <= " " or character > "~" for character in target + host):
        raise FetchError("url", f"{target[:200]!r} can't be asked for")
    lines = [
        f"{'GET' if body is None else 'POST'} {target} HTTP/1.1",
        f"Host: {f'[{host}]' if ':' in host else host}",
        "User-Agent: provision",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if body is not None:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


class _Answer(io.BytesIO):
    """All that was received, as `http.client` wants to read it: from a socket."""

    def makefile(self, _mode: str) -> _Answer:
        return self


def _read(stream: TlsStream, url: str, address: str, certificate: Certificate) -> Response:
    received = bytearray()
    while data := stream.recv(16384):
        received += data
        if len(received) > LONGEST:
            raise FetchError("http", f"the answer at {url[:200]} is longer than {LONGEST // 1024} KiB")
    response = http.client.HTTPResponse(_Answer(bytes(received)))  # type: ignore[arg-type]  # not a socket
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise FetchError("http", f"the answer at {url[:200]} is no HTTP: {type(error).__name__}") from None
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Response(url, response.status, headers, body, address, certificate)
