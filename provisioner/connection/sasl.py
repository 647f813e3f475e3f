"""SASL mechanisms with a password or a token, as the client's side of an exchange; pure.

A mechanism is a generator: it gives what to send, and is sent what the server answered, both
decoded. The first thing it gives may go along with the command (initial response).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator

Exchange = Generator[bytes, bytes, None]
_SCRAM_MOST_ITERATIONS = 1_000_000
"""More would be a server that keeps us busy; RFC 7677 §4 asks for at least 4096."""


class SaslError(Exception):
    """The server's part of the exchange can't be right."""


class UnprovenError(SaslError):
    """The server has not proven that it knows the password: RFC 5802 §5 has the client end it then."""


def plain(user: str, password: str) -> Exchange:
    """RFC 4616."""
    yield f"\0{user}\0{password}".encode()


def login(user: str, password: str) -> Exchange:
    """LOGIN, never standardised (draft-murchison-sasl-login); the server asks for one after the other."""
    yield b""
    yield user.encode()
    yield password.encode()


def cram_md5(user: str, password: str) -> Exchange:
    """RFC 2195; the server speaks first."""
    challenge = yield b""
    digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    yield f"{user} {digest}".encode()


def scram(algorithm: str) -> Callable[[str, str], Exchange]:
    """SCRAM without channel binding (RFC 5802, RFC 7677); `algorithm` is `sha1` or `sha256`."""

    def exchange(user: str, password: str) -> Exchange:
        nonce = secrets.token_urlsafe(18)
        first = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
        server_first = (yield f"n,,{first}".encode()).decode("utf-8", "replace")
        values = dict(part.partition("=")[::2] for part in server_first.split(","))
        salt, iterations = _scram_challenge(values, nonce)
        salted = hashlib.pbkdf2_hmac(algorithm, password.encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", algorithm)
        without_proof = f"c=biws,r={values['r']}"
        signed = f"{first},{server_first},{without_proof}".encode()
        stored_key = hashlib.new(algorithm, client_key).digest()
        signature = hmac.digest(stored_key, signed, algorithm)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        last = yield f"{without_proof},p={base64.b64encode(proof).decode()}".encode()
        wanted = hmac.digest(hmac.digest(salted, b"Server Key", algorithm), signed, algorithm)
        if not hmac.compare_digest(last, b"v=" + base64.b64encode(wanted)):
            raise UnprovenError("the server did not show that it knows the password")
        yield b""

    return exchange


def _scram_challenge(values: dict[str, str], nonce: str) -> tuple[bytes, int]:
    try:
        salt = base64.b64decode(values["s"], validate=True)
        iterations = int(values["i"])
    except (KeyError, ValueError):
        raise SaslError("the server's challenge can't be read") from None
    its_own = values.get("r", "").startswith(nonce) and values["r"] != nonce
    if not its_own or not 0 < iterations <= _SCRAM_MOST_ITERATIONS:
        raise SaslError("the server's challenge does not answer ours")
    return salt, iterations


def unfinished(mechanism: str, responses: int) -> bool:
    """Whether a login that was taken after that many responses was taken without the server's proof."""
    return mechanism.startswith("SCRAM-") and responses < 3


MECHANISMS: dict[str, Callable[[str, str], Exchange]] = {
    "SCRAM-SHA-256": scram("sha256"),
    "SCRAM-SHA-1": scram("sha1"),
    "PLAIN": plain,
    "LOGIN": login,
    "CRAM-MD5": cram_md5,
}
"""Those with a password that we know, in the order in which they are tried."""


def oauthbearer(user: str, token: str) -> Exchange:
    """RFC 7628. Host and port are left out: only tokens bound to a request need them (§3.1).

    A challenge means a refusal, with its reasons; it is acknowledged, so that the server ends it (§3.2.3).
    """
    name = user.replace("=", "=3D").replace(",", "=2C")
    yield f"n,a={name},\x01auth=Bearer {token}\x01\x01".encode()
    yield b"\x01"


def xoauth2(user: str, token: str) -> Exchange:
    """XOAUTH2, which Google made and Microsoft took over; a refusal is acknowledged by an empty response.

    Described at https://developers.google.com/workspace/gmail/imap/xoauth2-protocol.
    """
    yield f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
    yield b""


TOKEN_MECHANISMS: dict[str, Callable[[str, str], Exchange]] = {"OAUTHBEARER": oauthbearer, "XOAUTH2": xoauth2}
"""Those with an access token (OAuth 2.0, RFC 6749), in the order in which they are tried."""
