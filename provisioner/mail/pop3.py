"""POP3 (RFC 1939), with CAPA (RFC 2449) and STLS (RFC 2595)."""

from __future__ import annotations

import ssl

from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

LISTING_LINES = 1000


class Pop3:
    """A conversation with a server. `capabilities` is what CAPA last listed: keyword → parameters."""

    def __init__(self, wire: Wire) -> None:
        """`wire` is a fresh connection, or one just turned to TLS."""
        self.wire = wire
        self.capabilities: dict[str, tuple[str, ...]] = {}

    def greeting(self) -> str:
        """The first line: `+OK …`, or `ConversationError`."""
        return self._status()

    def command(self, line: str, *, secret: bool = False) -> str:
        """Send any command and read its status line."""
        self.wire.send_line(line, secret=secret)
        return self._status()

    def _status(self) -> str:
        line = self.wire.read_line()
        if not line.upper().startswith(("+OK", "-ERR")):
            raise ConversationError(Trouble.BABBLE, f"this is no POP3 answer: {line[:200]!r}")
        return line

    def listing(self) -> tuple[str, ...]:
        """The lines after a status line, up to the dot that ends them (RFC 1939 §3)."""
        lines: list[str] = []
        while len(lines) < LISTING_LINES:
            line = self.wire.read_line()
            if line == ".":
                return tuple(lines)
            lines.append(line.removeprefix("."))
        raise ConversationError(Trouble.BABBLE, f"a listing of more than {LISTING_LINES} lines")

    def capa(self) -> str:
        """Ask for the capabilities."""
        status = self.command("CAPA")
        self.capabilities = {}
        if status.upper().startswith("+OK"):
            words = (line.upper().split() for line in self.listing())
            self.capabilities = {first: tuple(rest) for first, *rest in filter(None, words)}
        return status

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered now, and `USER` where the plain login command is."""
        plain = ("USER",) if "USER" in self.capabilities else ()
        return (*plain, *self.capabilities.get("SASL", ()))

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | str:
        """STLS: the facts of the handshake, or the answer that refused it."""
        status = self.command("STLS")
        if not status.upper().startswith("+OK"):
            return status
        self.capabilities = {}
        return self.wire.start_tls(context, server_name)

    def login(self, user: str, password: str) -> str:
        """USER and PASS; neither is in the transcript."""
        status = self.command(f"USER {user}", secret=True)
        return self.command(f"PASS {password}", secret=True) if status.upper().startswith("+OK") else status

    def respond(self, line: str) -> str:
        """A line of an AUTH exchange (RFC 5034 §4); returns a continuation `+ …` or the status line."""
        self.wire.send_line(line, secret=True)
        answer = self.wire.read_line()
        if not answer.upper().startswith(("+ ", "+OK", "-ERR")) and answer != "+":
            raise ConversationError(Trouble.BABBLE, f"this is no POP3 answer: {answer[:200]!r}")
        return answer

    def quit(self) -> None:
        """QUIT; a server that hangs up first is none the worse for it."""
        try:
            self.command("QUIT")
        except ConversationError:
            return
        finally:
            self.wire.close()
