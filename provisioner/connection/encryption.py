"""The steps of a walk that turn it to TLS and look at the certificate."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime

from provisioner.connection.connect import reconnect
from provisioner.connection.exchange import Said
from provisioner.connection.result import Stage
from provisioner.connection.speakers import speaker
from provisioner.connection.tls_failure import certificate_kind, handshake_kind
from provisioner.connection.walker import Walker
from provisioner.mail.tls_stream import TlsFacts, tls_context
from provisioner.mail.wire import ConversationError, Trouble, Wire


def speaks_tls(walker: Walker) -> bool:
    """Whether a handshake succeeds where the server would not speak first."""
    stream = reconnect(walker.address, walker.target.port, walker.wish.seconds)
    if stream is None:
        return False
    wire = Wire(stream, seconds=walker.wish.seconds, wait=walker.wish.seconds)
    try:
        wire.start_tls(tls_context(verify=False), _sni(walker))
    except ConversationError:
        return False
    finally:
        wire.close()
    return True


def starttls(walker: Walker) -> None:
    """Ask for encryption and turn to it; what was offered before is forgotten: say hello again."""
    talk = walker.talking()
    if not talk.offers_starttls:
        meaning = walker.kind("starttls-missing")
        raise walker.fail(Stage.TLS, "the server does not offer STARTTLS", meaning)
    handshake(walker, implicit=False)


def _sni(walker: Walker) -> str:
    return "" if walker.target.address else walker.server_name


def handshake(walker: Walker, *, implicit: bool) -> None:
    """Agree on keys and look at the certificate; `implicit`: TLS from the start."""
    begun = time.monotonic()
    context = tls_context(authorities=walker.wish.authorities)
    try:
        facts = _turn(walker, context, implicit=implicit)
    except ConversationError as error:
        if error.trouble is not Trouble.UNTRUSTED:
            name = handshake_kind(error, implicit=implicit)
            if name == "silent" and implicit and _greets_in_plain(walker):
                name = "plain-text-first"
            raise walker.fail(
                Stage.TLS, error.message, walker.kind(name, detail=error.message), begun
            ) from None
        _untrusted(walker, error, begun, implicit=implicit)
        return
    walker.ok(Stage.TLS, _agreed(facts, implicit=implicit), begun)
    _certificate(walker, facts)


def _turn(walker: Walker, context: ssl.SSLContext, *, implicit: bool) -> TlsFacts:
    talk = walker.talking()
    if implicit:
        return talk.wire.start_tls(context, _sni(walker))
    answer = talk.starttls(context, _sni(walker))
    if isinstance(answer, Said):
        raise walker.fail(Stage.TLS, answer.text, walker.meaning(answer.text, "starttls"))
    return answer


def _greets_in_plain(walker: Walker) -> bool:
    stream = reconnect(walker.address, walker.target.port, walker.wish.seconds)
    if stream is None:
        return False
    wire = Wire(stream, seconds=walker.wish.seconds, wait=walker.wish.seconds)
    try:
        wire.read_line()
    except ConversationError:
        return False
    finally:
        wire.close()
    return True


def _untrusted(walker: Walker, error: ConversationError, begun: float, *, implicit: bool) -> None:
    """The chain did not verify: connect again without verifying, to see what it is instead."""
    walker.end()
    stream = reconnect(walker.address, walker.target.port, walker.wish.seconds)
    facts = None
    if stream is not None:
        wire = Wire(stream, seconds=12 * walker.wish.seconds, wait=walker.wish.seconds)
        walker.speaker = speaker(walker.target.protocol, wire)
        try:
            if not implicit:
                walker.speaker.greeting()
                walker.speaker.hello(walker.wish.helo_name)
            facts = _turn(walker, tls_context(verify=False), implicit=implicit)
        except ConversationError:
            facts = None
    if facts is None:
        meaning = walker.kind("certificate-untrusted", detail=error.message)
        raise walker.fail(Stage.CERTIFICATE, error.message, meaning, begun)
    walker.ok(Stage.TLS, _agreed(facts, implicit=implicit), begun)
    now = datetime.now(UTC)
    name = certificate_kind(facts.certificate, len(facts.chain), error.message, now)
    _distrust(walker, name, facts, error.message)


def _distrust(walker: Walker, name: str, facts: TlsFacts, why: str) -> None:
    certificate = facts.certificate
    dates = f"valid {certificate.not_before:%d %b %Y} to {certificate.not_after:%d %b %Y}"
    detail = dates if name in ("certificate-expired", "certificate-early") else why
    shown = f"for {', '.join(certificate.names[:4]) or certificate.subject}, by {certificate.issuer}: {why}"
    meaning = walker.kind(name, detail=detail, names=", ".join(certificate.names[:4]))
    if walker.target.port == 25 and not walker.wish.user:
        # Between servers TLS is opportunistic: no server refuses to deliver for this.
        walker.warn(Stage.CERTIFICATE, shown, meaning)
        return
    raise walker.fail(Stage.CERTIFICATE, shown, meaning)


def _certificate(walker: Walker, facts: TlsFacts) -> None:
    certificate = facts.certificate
    wanted = walker.target.address or walker.server_name
    if not certificate.matches(wanted):
        _distrust(walker, "certificate-name", facts, f"not for {wanted}")
        return
    left = certificate.days_left(datetime.now(UTC))
    walker.ok(Stage.CERTIFICATE, f"for {wanted}, by {certificate.issuer}, {left} days left")


def _agreed(facts: TlsFacts, *, implicit: bool) -> str:
    version = facts.version.replace("TLSv", "TLS ")
    return f"{version} from the start, {facts.cipher}" if implicit else f"STARTTLS, {version}, {facts.cipher}"
