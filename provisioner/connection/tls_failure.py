"""Which kind of failure a TLS handshake or a certificate shows; pure."""

from __future__ import annotations

from datetime import datetime

from provisioner.mail.certificate import Certificate
from provisioner.mail.wire import ConversationError, Trouble

_HANDSHAKE = (
    ("protocol version", "tls-version"),
    ("unsupported protocol", "tls-version"),
    ("no protocols available", "tls-version"),
    ("version too low", "tls-version"),
    ("certificate required", "tls-client-certificate"),
    ("dh key too small", "tls-weak"),
    ("ee key too small", "tls-weak"),
    ("ca md too weak", "tls-weak"),
    ("ca key too small", "tls-weak"),
    ("bad dh value", "tls-weak"),
    ("wrong signature type", "tls-weak"),
    ("handshake failure", "tls-ciphers"),
    ("no shared cipher", "tls-ciphers"),
    ("insufficient security", "tls-ciphers"),
)
_VERIFY = (
    ("has expired", "certificate-expired"),
    ("not yet valid", "certificate-early"),
    ("self-signed certificate in", "certificate-untrusted"),
    ("self signed certificate in", "certificate-untrusted"),
    ("self-signed", "certificate-self-signed"),
    ("self signed", "certificate-self-signed"),
    ("too weak", "tls-weak"),
    ("too small", "tls-weak"),
)


def handshake_kind(error: ConversationError, *, implicit: bool) -> str:
    """The kind of a handshake that came to nothing; `implicit`: TLS was begun without asking first."""
    message = error.message.lower()
    if "went on in plain text" in message:
        return "plain-text-first" if implicit else "tls-broken"
    if implicit and "wrong version number" in message:
        return "plain-text-first"
    if error.trouble is Trouble.SILENT:
        return "silent" if implicit else "tls-broken"
    return next((kind for words, kind in _HANDSHAKE if words in message), "tls-broken")


def certificate_kind(certificate: Certificate, chain_length: int, verify_message: str, now: datetime) -> str:
    """The kind of a certificate whose chain did not verify; OpenSSL's words, and what it shows itself."""
    message = verify_message.lower()
    if certificate.not_after < now:
        return "certificate-expired"
    if certificate.not_before > now:
        return "certificate-early"
    if certificate.self_signed:
        return "certificate-self-signed"
    found = next((kind for words, kind in _VERIFY if words in message), "certificate-untrusted")
    if found == "certificate-untrusted" and chain_length == 1 and certificate.issuer_url:
        # It says where its issuer's certificate is to be had, which is an intermediate's: an
        # authority that signs servers itself is in the client's store and has no need to.
        return "certificate-chain"
    return found
