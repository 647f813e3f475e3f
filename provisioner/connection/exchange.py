"""A SASL exchange over the commands of a protocol: what is sent, what comes back, what it comes to."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass

from provisioner.connection.sasl import MECHANISMS, TOKEN_MECHANISMS, SaslError, UnprovenError, unfinished


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered; `text` without the line breaks of a long reply's lines."""

    ok: bool
    text: str
    challenge: str = ""
    """What the server said within a login with a token that it refused (RFC 7628 §3.2.2)."""


def exchange(
    mechanism: str,
    user: str,
    secret: str,
    send: Callable[[bytes | None], str],
    challenge: Callable[[str], str],
    taken: str,
) -> Said:
    """Go through a mechanism; `send` sends a response and returns the answer.

    `challenge` gives the base64 text of an answer that goes on, and `""` for any other. The first
    response is `None` where the server has to speak first. An answer that begins with `taken` is a login.
    """
    steps = {**MECHANISMS, **TOKEN_MECHANISMS}[mechanism](user, secret)
    initial = None if mechanism in ("CRAM-MD5", "LOGIN") else next(steps)
    answer = send(initial)
    responses = 1
    if initial is None:
        next(steps)  # Stops where it waits for the challenge.
    told = b""
    while (text := challenge(answer)) != "":
        try:
            told = b64decode(text.lstrip("="), validate=True) if text != "=" else b""
            response = steps.send(told)
        except (binascii.Error, StopIteration):
            raise SaslError("the server asks for more than the mechanism has") from None
        answer = send(response)
        responses += 1
    ok = answer.upper().startswith(taken)
    if ok and unfinished(mechanism, responses):
        raise UnprovenError("the server took the login and did not show that it knows the password")
    in_token = mechanism in TOKEN_MECHANISMS and not ok
    return Said(ok, answer, told.decode("utf-8", "replace") if in_token else "")


def with_auth(
    mechanism: str, command: Callable[[str], str], challenge: Callable[[str], str], longest: int
) -> Callable[[bytes | None], str]:
    """How SMTP and POP3 send the responses: the first along with AUTH, where the line may be so long.

    Else AUTH is sent alone, and the response after the server has asked for it (RFC 4954 §4, RFC 5034 §4).
    """
    begun = False

    def send(response: bytes | None) -> str:
        nonlocal begun
        if begun:
            return command(in_base64(response or b""))
        begun = True
        if response is None:
            return command(f"AUTH {mechanism}")
        line = f"AUTH {mechanism} {in_base64(response) or '='}"  # `=` stands for an empty one.
        if len(line) + len("\r\n") <= longest:
            return command(line)
        answer = command(f"AUTH {mechanism}")
        return command(in_base64(response)) if challenge(answer) else answer

    return send


def in_base64(data: bytes) -> str:
    """RFC 4648 §4."""
    return b64encode(data).decode()


def continuation(answer: str) -> str:
    """The base64 text of IMAP's and POP3's `+ …`; `=` for an empty one, `""` for an answer that ends."""
    if answer == "+" or answer.startswith("+ "):
        return answer[2:].strip() or "="
    return ""
