"""SMTP (RFC 5321) and LMTP (RFC 2033), one step at a time.

A caller that proves, audits or explains a server wants to see each answer, not an exception:
every method returns the server's `Reply`, whatever its code. `ConversationError` is for a server
that doesn't speak SMTP at all.
"""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from dataclasses import dataclass

from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

REPLY_LINES = 100
_REPLY = re.compile(r"([2-5][0-9]{2})([ -]|$)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, perhaps of many lines: `code` and the text of each line after it."""

    code: int
    texts: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """2xx."""
        return 200 <= self.code < 300

    @property
    def refused(self) -> bool:
        """5xx: no, and asking again is no use (RFC 5321 §4.2.1)."""
        return self.code >= 500

    @property
    def lines(self) -> tuple[str, ...]:
        """As the server sent them, but for the hyphen of lines before the last."""
        return tuple(f"{self.code} {text}".rstrip() for text in self.texts)

    def __str__(self) -> str:
        """The last line: `451 4.3.5 Server configuration error`."""
        return self.lines[-1]


class Smtp:
    """A conversation with a server. `extensions` is what the last EHLO offered: keyword → parameters."""

    def __init__(self, wire: Wire, *, lmtp: bool = False) -> None:
        """`lmtp` greets with LHLO."""
        self.wire = wire
        self.extensions: dict[str, tuple[str, ...]] = {}
        self._hello = "LHLO" if lmtp else "EHLO"

    def read_reply(self) -> Reply:
        """The next reply; the greeting is the first."""
        texts: list[str] = []
        while len(texts) < REPLY_LINES:
            line = self.wire.read_line()
            match = _REPLY.fullmatch(line)
            if match is None:
                raise ConversationError(Trouble.BABBLE, f"this is no SMTP reply: {line[:200]!r}")
            texts.append(match[3])
            if match[2] != "-":
                return Reply(int(match[1]), tuple(texts))
        raise ConversationError(Trouble.BABBLE, f"a reply of more than {REPLY_LINES} lines")

    def command(self, line: str, *, secret: bool = False) -> Reply:
        """Send any command and read its reply."""
        self.wire.send_line(line, secret=secret)
        return self.read_reply()

    def hello(self, name: str) -> Reply:
        """EHLO (or LHLO); `name` is ours: a domain, or an address literal such as `[192.0.2.1]`."""
        reply = self.command(f"{self._hello} {name}")
        self.extensions = {}
        if reply.accepted:
            for text in reply.texts[1:]:
                # Some servers still write AUTH=PLAIN, as clients of the nineties wanted it.
                keyword, *parameters = text.replace("=", " ", 1).split() or [""]
                known = self.extensions.get(keyword.upper(), ())
                fresh = (p.upper() for p in parameters)
                self.extensions[keyword.upper()] = tuple(dict.fromkeys((*known, *fresh)))
        return reply

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered now (RFC 4954 §3), in the server's order."""
        return self.extensions.get("AUTH", ())

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Reply:
        """STARTTLS (RFC 3207): the facts of the handshake, or the reply that refused it.

        What was offered before is forgotten (§4.2): say hello again.
        """
        reply = self.command("STARTTLS")
        if not reply.accepted:
            return reply
        self.extensions = {}
        return self.wire.start_tls(context, server_name)

    def mail_from(self, address: str) -> Reply:
        """MAIL; the empty address is the null sender (RFC 5321 §4.5.5)."""
        return self.command(f"MAIL FROM:<{address}>")

    def rcpt_to(self, address: str) -> Reply:
        """RCPT."""
        return self.command(f"RCPT TO:<{address}>")

    def rset(self) -> Reply:
        """RSET: forget sender and recipients."""
        return self.command("RSET")

    def login(self, user: str, password: str) -> Reply:
        """AUTH PLAIN (RFC 4616); neither is in the transcript."""
        token = b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {token}", secret=True)

    def quit(self) -> None:
        """QUIT; a server that hangs up first is none the worse for it."""
        try:
            self.command("QUIT")
        except ConversationError:
            return
        finally:
            self.wire.close()
