"""One port, one conversation: does it do what it was deployed for?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioner.mail.wire import ConversationError, Stream, Trouble, Wire
from provisioner.roles.model import Port
from provisioner.verify.dialogue import Dialogue
from provisioner.verify.expectations import Expectations
from provisioner.verify.mailbox_port import prove_imap, prove_managesieve, prove_pop3
from provisioner.verify.other_port import prove_connection, prove_http, prove_ssh
from provisioner.verify.result import PortResult, Unproven
from provisioner.verify.smtp_port import prove_lmtp, prove_mail_exchange, prove_submission

CONVERSATIONS: dict[str, Callable[[Dialogue], str]] = {
    "smtp": prove_mail_exchange,
    "submission": prove_submission,
    "submissions": prove_submission,
    "lmtp": prove_lmtp,
    "imap": prove_imap,
    "imaps": prove_imap,
    "pop3": prove_pop3,
    "pop3s": prove_pop3,
    "sieve": prove_managesieve,
    "http": prove_http,
    "https": prove_http,
    "ssh": prove_ssh,
}
"""Protocol (`Port.protocol`) → the conversation that proves it."""

REFUSALS = ("4", "5", "* BYE", "-ERR", "NO", "BYE")

HINTS = {
    Trouble.UNREACHABLE: "Is the service up, and does it listen on every address? Its log and `ss -ltn` say.",
    Trouble.SILENT: "The service takes connections but its processes may die at once: its log says why.",
    Trouble.CLOSED: "The service may refuse its configuration only when it is used: its log says why.",
}


def prove_port(
    port: Port, open_stream: Callable[[int], Stream], expect: Expectations | Callable[[], Expectations]
) -> PortResult:
    """Hold the conversation that `port` calls for. Never raises for what a server does.

    `open_stream` connects to the port number it is given, and raises `ConversationError` or
    `OSError` where it can't; it is called a second time to look at a certificate that isn't trusted.
    `expect` may be a function: it is called once the connection is there.
    """
    started = time.monotonic()
    result = _converse(port, open_stream, expect, verify_chain=True)
    if result.kind == Trouble.UNTRUSTED:
        again = _converse(port, open_stream, expect, verify_chain=False)
        hint = (
            "Where a public authority is to sign it, it has not yet: the log of what asks it says why. "
            "Else set tls_provider to what does."
        )
        # A date or a name that is wrong is more exact than "not trusted".
        if not again.kind.startswith("certificate"):
            again = replace(again, ok=False, kind="certificate-trust", outcome=result.outcome, hint=hint)
        result = again
    return replace(result, milliseconds=(time.monotonic() - started) * 1000)


def _converse(
    port: Port,
    open_stream: Callable[[int], Stream],
    expect: Expectations | Callable[[], Expectations],
    *,
    verify_chain: bool,
) -> PortResult:
    try:
        stream = open_stream(port.number)
    except ConversationError as error:
        hint = HINTS.get(error.trouble, "")
        return PortResult(port, False, error.trouble, error.message, hint=hint, retry=True)
    except OSError as error:
        hint = HINTS[Trouble.UNREACHABLE]
        return PortResult(port, False, Trouble.UNREACHABLE, connect_failure(error), hint=hint, retry=True)
    expect = expect() if callable(expect) else expect
    wire = Wire(stream, seconds=expect.seconds, wait=expect.wait)
    dialogue = Dialogue(port, wire, expect, verify_chain)
    try:
        verdict = _Verdict(True, "ok", CONVERSATIONS.get(port.protocol, prove_connection)(dialogue))
        dialogue.check_certificate()
    except Unproven as no:
        verdict = _Verdict(False, no.kind, no.outcome, no.evidence, no.hint, no.retry)
    except ConversationError as error:
        verdict = _broken_off(error, wire)
    finally:
        wire.close()
    return PortResult(
        port=port,
        ok=verdict.ok,
        kind=verdict.kind,
        outcome=verdict.outcome,
        evidence=verdict.evidence,
        hint=verdict.hint,
        transcript=tuple(wire.transcript),
        tls_version=dialogue.tls.version if dialogue.tls else "",
        certificate=dialogue.tls.certificate if dialogue.tls else None,
        mechanisms_before=dialogue.before,
        mechanisms_after=dialogue.after,
        retry=verdict.retry,
    )


@dataclass(frozen=True, slots=True)
class _Verdict:
    ok: bool
    kind: str
    outcome: str
    evidence: tuple[str, ...] = ()
    hint: str = ""
    retry: bool = False


def _broken_off(error: ConversationError, wire: Wire) -> _Verdict:
    """The conversation ended early: say after which command, and show a refusal that was said last."""
    asked = next((line[2:] for line in reversed(wire.transcript) if line.startswith("> ")), "")
    where = f"after {_verb(asked)}" if asked else "before its greeting"
    outcome = f"{error.message}, {where}"
    if error.trouble is Trouble.UNTRUSTED:
        outcome = f"the certificate is not trusted: {error.message}"
    heard = [line[2:] for line in wire.transcript if line.startswith("< ")][-1:]
    refusals = tuple(line for line in heard if line.upper().startswith(REFUSALS))
    retry = error.trouble in (Trouble.CLOSED, Trouble.SILENT)
    return _Verdict(False, error.trouble, outcome, refusals, HINTS.get(error.trouble, ""), retry)


def _verb(command: str) -> str:
    """A command without what differs from connection to connection: our address, IMAP's tag."""
    words = [word for word in command.split() if not word.startswith("[")]
    return " ".join(words[1:] if len(words) > 1 and words[0][:1] == "p" and words[0][1:].isdigit() else words)


def connect_failure(error: OSError) -> str:
    """Why a connection could not be made, in words."""
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens: connection refused"
    if isinstance(error, TimeoutError):
        return "no answer to the connection attempt"
    return f"cannot connect: {error.strerror or error}"
