"""One port of one address of a server under audit, and how to reach it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from provisioner.mail.wire import ConversationError, Stream, Trouble, Wire

SECONDS = 25.0
WAIT = 12.0
"""Greetings that are held back on purpose (postscreen, Exim, Sendmail) come within 10 s."""


@dataclass(frozen=True, slots=True)
class ServerPort:
    """A port as the audit sees it.

    `host` is the server's name, for SNI and for people; `address` the IP address behind
    `open_stream`, which makes a new connection at each call and may raise `OSError` or
    `ConversationError`. `helo_name` is ours: a domain, or a literal such as `[192.0.2.1]`.
    `implicit_tls`: TLS from the first byte, as on 465, 993 and 995. `label` is the subject of the
    findings where `host:number` would not tell two addresses of one host apart.
    """

    host: str
    address: str
    number: int
    open_stream: Callable[[], Stream]
    helo_name: str
    implicit_tls: bool = False
    label: str = ""
    seconds: float = SECONDS
    """Most that one conversation may take."""
    wait: float = WAIT
    """Most that one answer may take."""

    @property
    def subject(self) -> str:
        """What findings call it."""
        return self.label or f"{self.host}:{self.number}"

    @property
    def literal(self) -> str:
        """The server's address as the domain of a mail address (RFC 5321 §4.1.3)."""
        return f"[IPv6:{self.address}]" if ":" in self.address else f"[{self.address}]"

    def connect(self, *, seconds: float | None = None, wait: float | None = None) -> Wire:
        """A new conversation, inside TLS where the port is so. Every failure is a `ConversationError`."""
        try:
            stream = self.open_stream()
        except OSError as error:
            raise ConversationError(
                Trouble.UNREACHABLE, error.strerror or str(error) or type(error).__name__
            ) from None
        wire = Wire(stream, seconds=seconds or self.seconds, wait=wait or self.wait)
        if self.implicit_tls:
            try:
                wire.start_tls(any_tls(), self.host)
            except BaseException:
                wire.close()
                raise
        return wire


class Allowance:
    """The time that many short conversations may take together, whatever the server does."""

    def __init__(self, seconds: float) -> None:
        """It runs from now."""
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    def left(self, most: float) -> float:
        """Seconds left, `most` at most; `ConversationError` where there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise ConversationError(Trouble.SILENT, f"the server took longer than {self._seconds:.0f} s")
        return min(left, most)


@lru_cache(maxsize=1)
def any_tls() -> ssl.SSLContext:
    """TLS with whoever answers, old versions and ciphers included: how good it is, others judge."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    # minimum_version would warn of TLS 1.0; the options say the same without.
    context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    return context
