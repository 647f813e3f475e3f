"""SMTP, IMAP, POP3 and ManageSieve behind the same few steps: greeting, hello, STARTTLS, login."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import Protocol as Interface

from provisioner.connection.exchange import Said, continuation, exchange, in_base64, with_auth
from provisioner.connection.sasl import MECHANISMS, TOKEN_MECHANISMS
from provisioner.connection.target import Protocol
from provisioner.mail.imap import Imap
from provisioner.mail.managesieve import ManageSieve
from provisioner.mail.pop3 import Pop3
from provisioner.mail.smtp import Smtp
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import Wire

_AUTH_LINE_SMTP, _AUTH_LINE_POP3 = 512, 255
"""The longest AUTH command with an initial response, CRLF included (RFC 4954 §4, RFC 5034 §4)."""
_CAPABILITIES = re.compile(r"\[CAPABILITY [^]]*\] ?", re.IGNORECASE)


class Speaker(Interface):
    """One conversation, whatever the protocol."""

    wire: Wire

    def greeting(self) -> Said:
        """The first words of the server."""
        ...

    def hello(self, name: str) -> Said:
        """Introduce ourselves where the protocol does, and learn what is offered."""
        ...

    @property
    def offers_starttls(self) -> bool:
        """Whether encryption can be asked for now."""
        ...

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Said:
        """Ask for encryption."""
        ...

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What a login may use now; `USER` and `COMMAND` are the login commands of POP3 and IMAP."""
        ...

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """Log in; raises `SaslError` where the server's part of the exchange can't be right.

        `secret` is a password, or a token for the mechanisms that take one.
        """
        ...

    def end(self) -> None:
        """Say farewell."""
        ...


def speaker(protocol: Protocol, wire: Wire) -> Speaker:
    """A conversation over a fresh connection."""
    made: dict[Protocol, Callable[[Wire], Speaker]] = {
        Protocol.SMTP: SmtpSpeaker,
        Protocol.IMAP: ImapSpeaker,
        Protocol.POP3: Pop3Speaker,
        Protocol.SIEVE: SieveSpeaker,
    }
    return made[protocol](wire)


class SmtpSpeaker:
    """RFC 5321, RFC 3207, RFC 4954."""

    def __init__(self, wire: Wire) -> None:
        """Over `wire`."""
        self.wire = wire
        self.smtp = Smtp(wire)

    def greeting(self) -> Said:
        """220, or a refusal."""
        reply = self.smtp.read_reply()
        return Said(reply.code == 220, " ".join(reply.lines))

    def hello(self, name: str) -> Said:
        """EHLO."""
        reply = self.smtp.hello(name)
        return Said(reply.accepted, "\n".join(reply.lines) if not reply.accepted else reply.lines[0])

    @property
    def offers_starttls(self) -> bool:
        """The extension."""
        return "STARTTLS" in self.smtp.extensions

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Said:
        """STARTTLS."""
        answer = self.smtp.starttls(context, server_name)
        return answer if isinstance(answer, TlsFacts) else Said(False, "\n".join(answer.lines))

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """AUTH's parameters."""
        return self.smtp.mechanisms

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """AUTH; the initial response goes along with the command (RFC 4954 §4)."""

        def command(line: str) -> str:
            return "\n".join(self.smtp.command(line, secret=True).lines)

        def challenge(answer: str) -> str:
            return answer[4:] or "=" if answer[:3] == "334" else ""

        send = with_auth(mechanism, command, challenge, _AUTH_LINE_SMTP)
        return exchange(mechanism, user, secret, send, challenge, "235")

    def end(self) -> None:
        """QUIT."""
        self.smtp.quit()


class ImapSpeaker:
    """RFC 9051."""

    def __init__(self, wire: Wire) -> None:
        """Over `wire`."""
        self.wire = wire
        self.imap = Imap(wire)

    def greeting(self) -> Said:
        """`* OK`; PREAUTH is a login that nobody made, BYE a refusal."""
        line = self.imap.greeting()
        text = _CAPABILITIES.sub("", line[2:])  # What it offers is said at hello.
        return Said(line[2:4].upper() == "OK" or line[2:9].upper() == "PREAUTH", text)

    def hello(self, name: str) -> Said:
        """CAPABILITY, where the greeting did not say it."""
        if self.imap.capabilities:
            return Said(True, " ".join(self.imap.capabilities))
        answer = self.imap.capability()
        return Said(answer.ok, " ".join(self.imap.capabilities) if answer.ok else answer.tagged)

    @property
    def offers_starttls(self) -> bool:
        """The capability."""
        return "STARTTLS" in self.imap.capabilities

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Said:
        """STARTTLS."""
        answer = self.imap.starttls(context, server_name)
        return answer if isinstance(answer, TlsFacts) else Said(False, answer.tagged)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """AUTH= capabilities, and the LOGIN command unless LOGINDISABLED says otherwise (§6.2.3)."""
        command = () if "LOGINDISABLED" in self.imap.capabilities else ("COMMAND",)
        return (*self.imap.mechanisms, *command)

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """AUTHENTICATE (§6.2.2), or LOGIN."""
        if mechanism == "COMMAND":
            answer = self.imap.login(user, secret)
            return Said(answer.ok, answer.tagged)
        begun = False

        def send(response: bytes | None) -> str:
            nonlocal begun
            if begun:
                return self.imap.respond(in_base64(response or b""))
            begun = True
            if response is not None and "SASL-IR" in self.imap.capabilities:
                return self.imap.authenticate(f"{mechanism} {in_base64(response) or '='}")
            answer = self.imap.authenticate(mechanism)
            if response is None or not continuation(answer):
                return answer
            return self.imap.respond(in_base64(response))

        return exchange(mechanism, user, secret, send, continuation, "OK")

    def end(self) -> None:
        """LOGOUT."""
        self.imap.logout()


class Pop3Speaker:
    """RFC 1939, RFC 2449, RFC 2595, RFC 5034."""

    def __init__(self, wire: Wire) -> None:
        """Over `wire`."""
        self.wire = wire
        self.pop3 = Pop3(wire)

    def greeting(self) -> Said:
        """`+OK`."""
        line = self.pop3.greeting()
        return Said(line.upper().startswith("+OK"), line)

    def hello(self, name: str) -> Said:
        """CAPA; a server that does not know it still takes USER and PASS."""
        status = self.pop3.capa()
        if not status.upper().startswith("+OK"):
            self.pop3.capabilities = {"USER": ()}
        return Said(True, " ".join(self.pop3.capabilities))

    @property
    def offers_starttls(self) -> bool:
        """STLS."""
        return "STLS" in self.pop3.capabilities

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Said:
        """STLS."""
        answer = self.pop3.starttls(context, server_name)
        return answer if isinstance(answer, TlsFacts) else Said(False, answer)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL's mechanisms, and USER."""
        return self.pop3.mechanisms

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """AUTH (RFC 5034), or USER and PASS."""
        if mechanism == "USER":
            status = self.pop3.login(user, secret)
            return Said(status.upper().startswith("+OK"), status)
        send = with_auth(mechanism, self.pop3.respond, continuation, _AUTH_LINE_POP3)
        return exchange(mechanism, user, secret, send, continuation, "+OK")

    def end(self) -> None:
        """QUIT."""
        self.pop3.quit()


class SieveSpeaker:
    """RFC 5804."""

    def __init__(self, wire: Wire) -> None:
        """Over `wire`."""
        self.wire = wire
        self.sieve = ManageSieve(wire)

    def greeting(self) -> Said:
        """The list of capabilities, which ends with OK."""
        line = self.sieve.answer()
        return Said(line.upper().startswith("OK"), line)

    def hello(self, name: str) -> Said:
        """After TLS the server lists its capabilities again by itself."""
        if self.sieve.capabilities:
            return Said(True, " ".join(self.sieve.capabilities))
        line = self.sieve.answer()
        return Said(line.upper().startswith("OK"), line)

    @property
    def offers_starttls(self) -> bool:
        """The capability."""
        return "STARTTLS" in self.sieve.capabilities

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Said:
        """STARTTLS."""
        answer = self.sieve.starttls(context, server_name)
        return answer if isinstance(answer, TlsFacts) else Said(False, answer)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL's mechanisms; of those with a password only PLAIN is spoken here."""
        return tuple(name for name in self.sieve.mechanisms if name == "PLAIN" or name not in MECHANISMS)

    def login(self, mechanism: str, user: str, secret: str) -> Said:
        """AUTHENTICATE (§2.1)."""
        if mechanism not in TOKEN_MECHANISMS:
            line = self.sieve.login(user, secret)
            return Said(line.upper().startswith("OK"), line)
        begun = False

        def send(response: bytes | None) -> str:
            nonlocal begun
            text, command = in_base64(response or b""), "" if begun else f'AUTHENTICATE "{mechanism}" '
            begun = True
            return self.sieve.authenticate(command, text)

        def challenge(answer: str) -> str:
            return answer.strip('"') or "=" if answer.startswith('"') else ""

        return exchange(mechanism, user, secret, send, challenge, "OK")

    def end(self) -> None:
        """LOGOUT."""
        self.sieve.logout()
