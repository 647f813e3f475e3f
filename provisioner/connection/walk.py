"""One walk: name, connection, greeting, hello, encryption, certificate, login, mailbox, sender, recipient.

It stops at the first step that fails. A password or a token is never sent over a connection whose
certificate did not verify, nor in plain text unless the user asked for no encryption.
"""

from __future__ import annotations

import time

from provisioner.connection import names
from provisioner.connection.connect import Connected, connect
from provisioner.connection.encryption import handshake, speaks_tls, starttls
from provisioner.connection.exchange import Said
from provisioner.connection.login import login, shown
from provisioner.connection.mailbox import open_mailbox
from provisioner.connection.result import Stage, Walk
from provisioner.connection.speakers import SmtpSpeaker, speaker
from provisioner.connection.target import Encryption
from provisioner.connection.tls_failure import handshake_kind
from provisioner.connection.walker import Ended, Walker
from provisioner.explain.result import Kind
from provisioner.mail.smtp import Smtp
from provisioner.mail.wire import ConversationError, Trouble, Wire


def walk(walker: Walker) -> Walk:
    """Take every step. The conversation stays open where the walk went well: `walker.end()` closes it."""
    try:
        _connect(walker, names.find(walker))
        _greeting(walker)
        if walker.target.encryption is Encryption.STARTTLS:
            _hello(walker, before_tls=True)
            starttls(walker)
        _hello(walker)
        if walker.wish.user and (walker.wish.password or walker.wish.token):
            login(walker)
            open_mailbox(walker)
        if isinstance(walker.speaker, SmtpSpeaker):
            _envelope(walker, walker.speaker.smtp)
    except Ended:
        walker.end()
    return walker.walk()


def _connect(walker: Walker, addresses: tuple[str, ...]) -> None:
    begun = time.monotonic()
    found = connect(addresses, walker.target.port, walker.wish.seconds)
    if found.stream is None:
        first = found.attempts[-1]  # IPv4, where there is one: mostly the one that should work.
        told = "; ".join(f"{one.address}: {one.detail}" for one in found.attempts)
        meaning = walker.kind(first.kind, detail=first.detail)
        if not walker.backups:
            raise walker.fail(Stage.CONNECT, told, meaning, begun)
        walker.warn(Stage.CONNECT, told, meaning, begun)
        _connect(walker, names.next_server(walker))
        return
    walker.address = found.address
    _say_connected(walker, found, begun)
    wire = Wire(found.stream, seconds=12 * walker.wish.seconds, wait=walker.wish.seconds)
    walker.speaker = speaker(walker.target.protocol, wire)


def _say_connected(walker: Walker, found: Connected, begun: float) -> None:
    missed = [attempt for attempt in found.attempts if attempt.kind]
    if not missed:
        walker.ok(Stage.CONNECT, found.address, begun)
        return
    told = ", ".join(f"{one.family} {one.address}: {one.detail}" for one in missed)
    detail = f"{found.address} ({told})"
    families = {attempt.family for attempt in found.attempts if not attempt.kind}
    broken = {attempt.family for attempt in missed} - families
    if broken and any(one.kind != "no-route" for one in missed):
        name = "ipv6-broken" if "IPv6" in broken else "ipv4-broken"
        walker.warn(Stage.CONNECT, detail, walker.kind(name, detail=missed[0].detail), begun)
    else:
        walker.ok(Stage.CONNECT, detail, begun)


def _greeting(walker: Walker) -> None:
    if walker.target.encryption is Encryption.TLS:
        handshake(walker, implicit=True)
    begun = time.monotonic()
    try:
        said = walker.talking().greeting()
    except ConversationError as error:
        raise walker.fail(Stage.GREETING, error.message, _no_greeting(walker, error), begun) from None
    if not said.ok:
        raise walker.fail(Stage.GREETING, said.text, walker.meaning(said.text, "greeting"), begun)
    walker.ok(Stage.GREETING, said.text, begun)


def _no_greeting(walker: Walker, error: ConversationError) -> Kind:
    if error.trouble is Trouble.TLS:
        # TLS 1.3 tells only now that a client's certificate was wanted (RFC 8446 §4.4.2.4).
        return walker.kind(handshake_kind(error, implicit=True), detail=error.message)
    if error.trouble is Trouble.CLOSED:
        return walker.kind("closed-at-once")
    if error.trouble is Trouble.BABBLE:
        return walker.kind("wrong-service", detail=error.message)
    plain = walker.target.encryption is not Encryption.TLS
    if error.trouble is Trouble.SILENT and plain and speaks_tls(walker):
        return walker.kind("tls-from-the-start")
    return walker.kind("silent")


def _hello(walker: Walker, *, before_tls: bool = False) -> None:
    begun = time.monotonic()
    talk = walker.talking()
    said = walker.asked(Stage.HELLO, begun, lambda: talk.hello(walker.wish.helo_name))
    if not said.ok:
        meaning = walker.meaning(said.text, "hello")
        raise walker.fail(Stage.HELLO, said.text, meaning, begun)
    if before_tls:
        return  # What is offered now is forgotten under TLS (RFC 3207 §4.2).
    offered = [*(["STARTTLS"] if talk.offers_starttls else []), *map(shown, talk.mechanisms)]
    nothing = "no login" if talk.wire.tls is not None else "neither STARTTLS nor a login"
    walker.ok(Stage.HELLO, "offers " + (", ".join(offered) or nothing), begun)


def _envelope(walker: Walker, smtp: Smtp) -> None:
    if walker.wish.mail_from is None and not walker.wish.rcpt_to:
        return
    sender = walker.wish.mail_from or ""
    begun = time.monotonic()
    said = walker.asked(Stage.SENDER, begun, lambda: _said(smtp, f"MAIL FROM:<{sender}>"))
    if not said.ok:
        raise walker.fail(Stage.SENDER, said.text, walker.meaning(said.text, "sender"), begun)
    walker.ok(Stage.SENDER, f"<{sender}>: {said.text}", begun)
    if not walker.wish.rcpt_to:
        return
    begun = time.monotonic()
    said = walker.asked(Stage.RECIPIENT, begun, lambda: _said(smtp, f"RCPT TO:<{walker.wish.rcpt_to}>"))
    if not said.ok:
        raise walker.fail(Stage.RECIPIENT, said.text, _refused_recipient(walker, said.text), begun)
    walker.ok(Stage.RECIPIENT, f"<{walker.wish.rcpt_to}>: {said.text}", begun)


def _refused_recipient(walker: Walker, said: str) -> Kind:
    """A port for submission refuses everybody who has not logged in, in whatever words."""
    found = walker.meaning(said, "recipient")
    without_login = walker.target.port in (465, 587) and not walker.wish.user
    if without_login and found.id in ("policy", "relay-denied", "recipient-refused"):
        return walker.kind("auth-required")
    return found


def _said(smtp: Smtp, line: str) -> Said:
    reply = smtp.command(line)
    return Said(reply.accepted, "\n".join(reply.lines))
