"""IMAP (RFC 9051), as far as the questions go that one asks a server from outside."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

ANSWER_LINES = 500
_LITERAL = re.compile(r"\{(\d{1,9})\}$")
_CAPABILITY = re.compile(
    r"\* CAPABILITY (?P<line>.*)|\S+ (OK|PREAUTH) \[CAPABILITY (?P<code>[^\]]*)\]", re.IGNORECASE
)
"""The two places of the list (§7.2.2, §7.1); in the words behind OK, Dovecot says `Capability completed`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a command: the untagged lines, and the tagged one without its tag."""

    untagged: tuple[str, ...]
    tagged: str

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return self.tagged.upper().startswith("OK")


class Imap:
    """A conversation with a server. `capabilities` is what it last said of itself."""

    def __init__(self, wire: Wire) -> None:
        """`wire` is a fresh connection, or one just turned to TLS."""
        self.wire = wire
        self.capabilities: tuple[str, ...] = ()
        self._count = 0

    def greeting(self) -> str:
        """The first line (§7.1.5): `* OK …`, or `ConversationError`."""
        line = self.wire.read_line()
        if not re.match(r"\* (OK|PREAUTH|BYE)\b", line, re.IGNORECASE):
            raise ConversationError(Trouble.BABBLE, f"this is no IMAP greeting: {line[:200]!r}")
        self._learn(line)
        return line

    def command(self, line: str, *, secret: bool = False) -> Answer:
        """Send any command and read up to its tagged answer. A BYE instead of one is the answer."""
        self._count += 1
        tag = f"p{self._count}"
        self.wire.send_line(f"{tag} {line}", secret=secret)
        untagged: list[str] = []
        while len(untagged) < ANSWER_LINES:
            answer = self._read_with_literals()
            if answer.startswith(f"{tag} "):
                self._learn(answer)
                return Answer(tuple(untagged), answer.removeprefix(f"{tag} "))
            untagged.append(answer)
            self._learn(answer)
        raise ConversationError(Trouble.BABBLE, f"an answer of more than {ANSWER_LINES} lines")

    def _read_with_literals(self) -> str:
        line = self.wire.read_line()
        while (literal := _LITERAL.search(line)) is not None:
            text = self.wire.read_exactly(int(literal[1])).decode("utf-8", "backslashreplace")
            line = f"{line[: literal.start()]}{text}{self.wire.read_line()}"
        return line

    def _learn(self, line: str) -> None:
        if (found := _CAPABILITY.match(line)) is not None:
            self.capabilities = tuple((found["line"] or found["code"] or "").upper().split())

    def capability(self) -> Answer:
        """Ask for the capabilities (§6.1.1)."""
        return self.command("CAPABILITY")

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms offered now."""
        return tuple(word.removeprefix("AUTH=") for word in self.capabilities if word.startswith("AUTH="))

    def starttls(self, context: ssl.SSLContext, server_name: str) -> TlsFacts | Answer:
        """STARTTLS (§6.2.1): the facts of the handshake, or the answer that refused it."""
        answer = self.command("STARTTLS")
        if not answer.ok:
            return answer
        self.capabilities = ()
        return self.wire.start_tls(context, server_name)

    def login(self, user: str, password: str) -> Answer:
        """LOGIN (§6.2.3); neither is in the transcript."""
        return self.command(f"LOGIN {_quoted(user)} {_quoted(password)}", secret=True)

    def authenticate(self, arguments: str) -> str:
        """AUTHENTICATE (§6.2.2): a continuation `+ …`, or the tagged answer without its tag."""
        self._count += 1
        self.wire.send_line(f"p{self._count} AUTHENTICATE {arguments}", secret=True)
        return self._read_exchange()

    def respond(self, text: str) -> str:
        """Answer a continuation; returns the next, or the tagged answer without its tag."""
        self.wire.send_line(text, secret=True)
        return self._read_exchange()

    def _read_exchange(self) -> str:
        tag = f"p{self._count} "
        for _ in range(ANSWER_LINES):
            line = self.wire.read_line()
            if line.startswith("+"):
                return line
            self._learn(line)
            if line.startswith(tag):
                return line.removeprefix(tag)
        raise ConversationError(Trouble.BABBLE, f"an answer of more than {ANSWER_LINES} lines")

    def logout(self) -> None:
        """LOGOUT; a server that hangs up first is none the worse for it."""
        try:
            self.command("LOGOUT")
        except ConversationError:
            return
        finally:
            self.wire.close()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
