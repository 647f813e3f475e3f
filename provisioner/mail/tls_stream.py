"""TLS over any byte stream, so that it also runs through a channel that SSH forwards.

`ssl.SSLSocket` wants a socket of the operating system; `ssl.MemoryBIO` wants nothing.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from functools import lru_cache

from provisioner.mail.certificate import Certificate, read_certificate
from provisioner.mail.wire import ConversationError, Stream, Trouble

_RECORD_TYPES = range(20, 25)
"""The first byte of every TLS record (RFC 8446 §5.1); no line of text begins with one."""


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What a handshake came to. `version` is `TLSv1.2` or `TLSv1.3`; `cipher` is OpenSSL's name."""

    version: str
    cipher: str
    certificate: Certificate
    chain: tuple[bytes, ...] = ()
    """Every certificate that the server sent, its own first, in DER form."""


@lru_cache(maxsize=16)
def tls_context(*, authorities: str | None = None, verify: bool = True) -> ssl.SSLContext:
    """A client's context.

    With `verify`, the chain must lead to one of `authorities` (PEM text), or of the system's where
    it is None. The name is never checked here: the certificate is looked at for that, so that the
    report can say which names it has. Reading the system's authorities takes 20 ms, so that the
    contexts are kept and shared between connections, which OpenSSL allows.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if not verify:
        context.verify_mode = ssl.CERT_NONE
    elif authorities is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        context.load_verify_locations(cadata=authorities)
    return context


class TlsStream:
    """A `Stream` inside TLS, itself a `Stream`."""

    def __init__(self, stream: Stream, context: ssl.SSLContext, server_name: str) -> None:
        """`server_name` is sent as SNI (RFC 6066 §3) where it is a name and not an address."""
        self._stream = stream
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=False, server_hostname=server_name or None
        )
        self._first = b""

    def handshake(self) -> TlsFacts:
        """Agree on keys. `ConversationError`: `untrusted` for a chain that doesn't verify, else `tls`."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
            except ssl.SSLCertVerificationError as error:
                self._flush()
                raise ConversationError(Trouble.UNTRUSTED, error.verify_message) from None
            except ssl.SSLError as error:
                raise ConversationError(Trouble.TLS, self._spoken() or _why(error)) from None
        self._flush()
        der = self._tls.getpeercert(binary_form=True)
        if der is None:
            raise ConversationError(Trouble.TLS, "the server showed no certificate")
        try:
            certificate = read_certificate(der)
        except ValueError as error:
            why = f"the server's certificate can't be read: {str(error)[:200]}"
            raise ConversationError(Trouble.TLS, why) from None
        cipher = self._tls.cipher()
        version, suite = self._tls.version() or "", cipher[0] if cipher else ""
        return TlsFacts(version, suite, certificate, _chain_sent(self._tls))

    def recv(self, size: int) -> bytes:
        """Decrypted bytes; `b""` when the server ended TLS or the connection."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                self._flush()
                data = self._stream.recv(16384)
                if not data:
                    return b""
                self._incoming.write(data)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            except ssl.SSLError as error:
                raise ConversationError(Trouble.TLS, _why(error)) from None

    def sendall(self, data: bytes) -> None:
        """Encrypt and send."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise ConversationError(Trouble.TLS, _why(error)) from None
        self._flush()

    def settimeout(self, seconds: float | None) -> None:
        """As the stream beneath."""
        self._stream.settimeout(seconds)

    def close(self) -> None:
        """End the stream beneath; the farewell of TLS is left out, as mail servers do."""
        self._stream.close()

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._stream.sendall(data)

    def _fill(self) -> None:
        data = self._stream.recv(16384)
        if not data:
            said = self._spoken() or "the server hung up during the TLS handshake"
            raise ConversationError(Trouble.TLS, said)
        self._first = self._first or data[:200]
        self._incoming.write(data)

    def _spoken(self) -> str:
        """What the server said in plain text instead of TLS, such as `* BYE TLS initialization failed.`"""
        if not self._first or self._first[0] in _RECORD_TYPES:
            return ""
        line = self._first.splitlines()[0].decode("utf-8", "backslashreplace")
        return f"the server went on in plain text: {line}"


def _chain_sent(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """All of the chain as sent; Python has it in public from 3.13 on."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return tuple(public())
    hidden = getattr(getattr(tls, "_sslobj", None), "get_unverified_chain", None)
    return tuple(_der(certificate) for certificate in hidden() or ()) if hidden is not None else ()


def _der(certificate: object) -> bytes:
    import _ssl

    form: bytes = certificate.public_bytes(_ssl.ENCODING_DER)  # type: ignore[attr-defined]
    return form


def _why(error: ssl.SSLError) -> str:
    """OpenSSL's reason; an alert without the version in which it was first defined, which misleads."""
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return re.sub(r"^(?:sslv3|tlsv1|tlsv13|ssl/tls) alert ", "the server's alert: ", reason)
