"""Many small questions to an SMTP server over few connections.

Servers count errors: Postfix answers slowly after ten (smtpd_soft_error_limit) and hangs up after
twenty. So a session begins a new connection after a few refusals, and where the server hung up.
"""

from __future__ import annotations

import ssl

from provisioner.audit.server_port import Allowance, ServerPort, any_tls
from provisioner.mail.smtp import Reply, Smtp
from provisioner.mail.tls_stream import TlsFacts
from provisioner.mail.wire import ConversationError, Trouble, Wire

REFUSALS = 8
"""After so many on one connection a new one is made: below Postfix's smtpd_soft_error_limit of 10."""
CONNECTIONS = 14
"""Most that one session makes."""
SECONDS = 60.0
"""Most that one session takes."""


class RefusedError(ConversationError):
    """The server turned the whole conversation away, by its greeting, EHLO, STARTTLS or 421."""

    def __init__(self, what: str, reply: Reply) -> None:
        """`what` was answered with `reply`."""
        super().__init__(Trouble.CLOSED, f"{what} was answered with {reply}")
        self.reply = reply


def greeted(wire: Wire, name: str) -> Smtp:
    """Greeting and EHLO. `RefusedError` where the server takes either badly."""
    smtp = Smtp(wire)
    greeting = smtp.read_reply()
    if not greeting.accepted:
        raise RefusedError("the connection", greeting)
    hello = smtp.hello(name)
    if not hello.accepted:
        raise RefusedError(f"EHLO {name}", hello)
    return smtp


def turned_to_tls(smtp: Smtp, context: ssl.SSLContext, port: ServerPort) -> None:
    """STARTTLS and EHLO again."""
    answer = smtp.starttls(context, port.host)
    if not isinstance(answer, TlsFacts):
        raise RefusedError("STARTTLS", answer)
    hello = smtp.hello(port.helo_name)
    if not hello.accepted:
        raise RefusedError("EHLO inside TLS", hello)


class SmtpSession:
    """Asks about senders and recipients, and takes each transaction back with RSET.

    `helo_name` may differ from the port's, to try names. TLS is begun where the server offers it
    on the submission ports, or asks for it.
    """

    def __init__(self, port: ServerPort, *, helo_name: str = "", tls: bool = False) -> None:
        """Connects when first asked."""
        self._port, self._name = port, helo_name or port.helo_name
        self._tls = tls and not port.implicit_tls
        self._smtp: Smtp | None = None
        self._sender: str | None = None
        self._refusals = 0
        self._connections = 0
        self._allowance = Allowance(SECONDS)

    def open(self) -> Smtp:
        """The connection, made anew if there is none. `ConversationError` where it can't be had."""
        if self._smtp is not None:
            return self._smtp
        if self._connections == CONNECTIONS:
            raise ConversationError(Trouble.CLOSED, f"the server hung up {CONNECTIONS} times")
        self._connections += 1
        wire = self._port.connect(seconds=self._allowance.left(self._port.seconds))
        try:
            smtp = greeted(wire, self._name)
            if self._tls and "STARTTLS" in smtp.extensions:
                turned_to_tls(smtp, any_tls(), self._port)
        except BaseException:
            wire.close()
            raise
        self._smtp, self._sender, self._refusals = smtp, None, 0
        return smtp

    def ask(self, sender: str, recipient: str) -> tuple[str, Reply]:
        """MAIL and RCPT: the command that was answered last, and its answer.

        `sender` and `recipient` are what follows the colon, angle brackets included. A hang-up in
        answer to one question is tried again once on a new connection.
        """
        try:
            return self._ask(sender, recipient)
        except RefusedError:
            raise
        except ConversationError:
            fresh = self._refusals == 0 and self._sender is None
            self.drop()
            if fresh:
                raise
            return self._ask(sender, recipient)

    def _ask(self, sender: str, recipient: str) -> tuple[str, Reply]:
        if self._refusals >= REFUSALS:
            self.quit()
        smtp = self.open()
        if self._sender != sender:
            if self._sender is not None:
                smtp.rset()
            self._sender = None
            answer = self._counted(smtp.command(f"MAIL FROM:{sender}"))
            if answer.code == 530 and not self._tls and "STARTTLS" in smtp.extensions:
                self._tls = True  # RFC 3207 §4: it wants TLS first
                self.quit()
                return self._ask(sender, recipient)
            if not answer.accepted:
                return f"MAIL FROM:{sender}", answer
            self._sender = sender
        return f"RCPT TO:{recipient}", self._counted(smtp.command(f"RCPT TO:{recipient}"))

    def _counted(self, answer: Reply) -> Reply:
        if answer.code == 421:
            self.drop()
            raise RefusedError("a question", answer)
        self._refusals += not answer.accepted
        return answer

    def forget(self) -> None:
        """RSET: nothing that was accepted stays."""
        if self._smtp is not None and self._sender is not None:
            self._sender = None
            self._smtp.rset()

    def drop(self) -> None:
        """Hang up."""
        if self._smtp is not None:
            self._smtp.wire.close()
        self._smtp, self._sender = None, None

    def quit(self) -> None:
        """Take leave."""
        if self._smtp is not None:
            self._smtp.quit()
        self._smtp, self._sender = None, None
