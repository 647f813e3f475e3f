"""ManageSieve (RFC 5804): the greeting is the list of capabilities."""

from __future__ import annotations

import re
import ssl
from base64 import b64encode

from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

ANSWER_LINES = 100
_LITERAL = re.compile(r"\{(\d{1,5})\}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class ManageSieve:
    """A conversation with a server. `capabilities` is what it last said of itself."""

    def __init__(self, wire: Wire) -> None:
        """`wire` is a fresh connection."""
        self.wire = wire
        self.capabilities: dict[str, str] = {}

    def answer(self) -> str:
        """Read up to OK, NO or BYE, and return that line (§1.3)."""
        for _ in range(ANSWER_LINES):
            line = self.wire.read_line()
            if line.upper().startswith(("OK", "NO", "BYE")):
                return line
            if not (words := _QUOTED.findall(line)):
                raise ConversationError(Trouble.BABBLE, f"this is no ManageSieve answer: {line[:200]!r}")
            self.capabilities[words[0].upper()] = words[1] if len(words) > 1 else ""
        raise ConversationError(Trouble.BABBLE, f"an answer of more than {ANSWER_LINES} lines")

    def command(self, line: str, *, secret: bool = False) -> str:
        """Send any command and read its answer."""
        self.wire.send_line(line, secret=secret)
        return self.answer()

    def login(self, user: str, password: str) -> str:
        """AUTHENTICATE PLAIN (§2.1); neither is in the transcript."""
        token = b64encode(f"\0{user}\0{password}".encode()).decode()
        return self.command(f'AUTHENTICATE "PLAIN" "{token}"', secret=True)

    def authenticate(self, command: str, response: str) -> str:
        """A response of an exchange (§2.1), in base64 and behind its command where it is the first.

        Returns the server's challenge in quotes, or OK, NO or BYE. It is sent as a literal, since a quoted
        string has 1024 octets at most (§1.2).
        """
        self.wire.send_line(f"{command}{{{len(response)}+}}", secret=True)
        self.wire.send_line(response, secret=True)
        line = self.wire.read_line()
        if (literal := _LITERAL.fullmatch(line)) is None:
            return line
        text = self.wire.read_exactly(int(literal[1])).decode("utf-8", "backslashreplace")
        self.wire.read_line()
        return f'"{text}"'

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered now."""
        return tuple(self.capabilities.get("SASL", "").upper().split())

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | str:
        """STARTTLS (§2.2): the facts of the handshake, or the answer that refused it.

        After the handshake the server lists its capabilities again: `answer` reads them.
        """
        status = self.command("STARTTLS")
        if not status.upper().startswith("OK"):
            return status
        self.capabilities = {}
        return self.wire.start_tls(context, server_name)

    def logout(self) -> None:
        """LOGOUT; a server that hangs up first is none the worse for it."""
        try:
            self.command("LOGOUT")
        except ConversationError:
            return
        finally:
            self.wire.close()
