"""A mail server with one flaw, for what no server of Debian does wrong any more. It runs on the lab's host.

    flawed_server.py CERTIFICATE KEY PROTOCOL,ADDRESS,PORT,NAME,FLAW …

The flaws:

keeps-buffer       what came behind STARTTLS is answered inside TLS: Postfix up to 2.7.2 (CVE-2011-0411)
keeps-transaction  MAIL from before TLS counts inside it, against RFC 3207 §4.2
offers-again       STARTTLS is offered inside TLS, against the same
no-login           no login is offered inside TLS

In all else it is as it should be, as far as the audit looks.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import NamedTuple

USERS = ("postmaster", "abuse", "alice")


class Listener(NamedTuple):
    """What one port is."""

    protocol: str
    address: str
    port: int
    name: str
    flaw: str


class Ended(Exception):
    """The conversation is over."""


class Talk:
    """One conversation: lines in and out, in clear text and then inside TLS."""

    def __init__(self, connection: socket.socket, listener: Listener, context: ssl.SSLContext) -> None:
        self.connection, self.name, self.flaw = connection, listener.name, listener.flaw
        self.context = context
        self.buffer = b""
        self.inside = False

    def read_to(self, end: bytes) -> bytes:
        """What comes before `end`."""
        while end not in self.buffer:
            more = self.connection.recv(4096)
            if not more:
                raise Ended
            self.buffer += more
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def line(self) -> str:
        """The next line."""
        return self.read_to(b"\n").removesuffix(b"\r").decode("latin-1")

    def say(self, *lines: str) -> None:
        """Send lines in one write."""
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def begin_tls(self, agreed: str) -> None:
        """Agree, and go on inside TLS. A sound server forgets what it has read and not yet answered."""
        self.say(agreed)
        if self.flaw != "keeps-buffer":
            self.buffer = b""
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.inside = True


@dataclass
class Smtp:
    """Port 25, or a submission port."""

    talk: Talk
    submission: bool = False
    sender: bool = False
    recipients: bool = False

    def serve(self) -> None:
        """RFC 5321, RFC 3207."""
        self.talk.say(f"220 {self.talk.name} ESMTP")
        while True:
            verb, _, rest = self.talk.line().partition(" ")
            known = {
                "EHLO": self.hello,
                "HELO": self.hello,
                "STARTTLS": self.starttls,
                "AUTH": self.auth,
                "MAIL": self.mail,
                "RCPT": self.rcpt,
                "DATA": self.data,
                "RSET": self.reset,
                "QUIT": self.quit,
            }.get(verb.upper())
            if known is None:
                self.talk.say(
                    "250 2.0.0 Ok" if verb.upper() == "NOOP" else "502 5.5.2 Command not recognized"
                )
            else:
                known(rest)

    def hello(self, rest: str) -> None:
        if self.talk.buffer:  # RFC 2920 §3.1: nothing may stand behind it in one group
            self.talk.say("554 5.5.0 Commands before their turn")
            raise Ended
        words = [self.talk.name, "PIPELINING", "SIZE 50000000", "8BITMIME"]
        if not self.talk.inside or self.talk.flaw == "offers-again":
            words.append("STARTTLS")
        if self.talk.inside and self.submission:
            words.append("AUTH PLAIN")
        self.talk.say(*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}")

    def starttls(self, rest: str) -> None:
        if self.talk.inside:
            self.talk.say("503 5.5.1 TLS is on already")
            return
        self.talk.begin_tls("220 2.0.0 Ready to start TLS")
        if self.talk.flaw != "keeps-transaction":
            self.sender = self.recipients = False

    def auth(self, rest: str) -> None:
        if not self.submission:
            self.talk.say("502 5.5.2 Command not recognized")
        elif not self.talk.inside:
            self.talk.say("538 5.7.11 Encryption required")
        else:
            self.talk.say("535 5.7.8 Authentication failed")

    def mail(self, rest: str) -> None:
        if self.submission:
            self.talk.say("530 5.7.0 Authentication required")
            return
        self.sender = True
        self.talk.say("250 2.1.0 Ok")

    def rcpt(self, rest: str) -> None:
        address = re.fullmatch(r"TO:\s*<([a-z]+)(?:@([a-z0-9.-]+))?>.*", rest, re.I)
        if not self.sender:
            self.talk.say("503 5.5.1 MAIL first")
        elif address is None or not (address[2] or "x.test").endswith(".test"):
            self.talk.say("554 5.7.1 Relay access denied")
        elif address[1] not in USERS:
            self.talk.say("550 5.1.1 No such user")
        else:
            self.recipients = True
            self.talk.say("250 2.1.5 Ok")

    def data(self, rest: str) -> None:
        if not self.recipients:
            self.talk.say("503 5.5.1 RCPT first")
            return
        self.talk.say("354 End data with <CR><LF>.<CR><LF>")
        self.talk.read_to(b"\r\n.\r\n")
        self.talk.say("250 2.0.0 Ok")

    def reset(self, rest: str) -> None:
        self.sender = self.recipients = False
        self.talk.say("250 2.0.0 Ok")

    def quit(self, rest: str) -> None:
        self.talk.say("221 2.0.0 Bye")
        raise Ended


def submission(talk: Talk) -> None:
    """RFC 6409."""
    Smtp(talk, submission=True).serve()


def smtp(talk: Talk) -> None:
    """Port 25."""
    Smtp(talk).serve()


def imap(talk: Talk) -> None:
    """RFC 9051."""
    talk.say("* OK ready")
    while True:
        tag, _, command = talk.line().partition(" ")
        verb = command.partition(" ")[0]
        if verb == "CAPABILITY":
            login = "AUTH=PLAIN" if talk.inside and talk.flaw != "no-login" else "LOGINDISABLED"
            talk.say(f"* CAPABILITY IMAP4rev1 {login}{'' if talk.inside else ' STARTTLS'}", f"{tag} OK done")
        elif verb == "STARTTLS" and not talk.inside:
            talk.begin_tls(f"{tag} OK begin")
        elif verb == "LOGIN" and not talk.inside:
            talk.say(f"{tag} NO [PRIVACYREQUIRED] TLS first")
        elif verb == "LOGIN":
            talk.say(f"{tag} NO [AUTHENTICATIONFAILED] failed")
        elif verb == "LOGOUT":
            talk.say("* BYE", f"{tag} OK done")
            raise Ended
        else:
            talk.say(f"{tag} {'OK done' if verb == 'NOOP' else 'BAD unknown command'}")


def pop3(talk: Talk) -> None:
    """RFC 1939, RFC 2595."""
    talk.say("+OK ready")
    while True:
        verb = talk.line().partition(" ")[0]
        if verb == "CAPA":
            login = ["USER", "SASL PLAIN"] if talk.inside and talk.flaw != "no-login" else []
            talk.say("+OK", "TOP", "UIDL", *login, *([] if talk.inside else ["STLS"]), ".")
        elif verb == "STLS" and not talk.inside:
            talk.begin_tls("+OK begin")
        elif verb in ("USER", "PASS") and not talk.inside:
            talk.say("-ERR TLS first")
        elif verb == "USER":
            talk.say("+OK")
        elif verb == "PASS":
            talk.say("-ERR [AUTH] failed")
        elif verb == "QUIT":
            talk.say("+OK bye")
            raise Ended
        else:
            talk.say("-ERR unknown command")


def managesieve(talk: Talk) -> None:
    """RFC 5804."""

    def capabilities() -> None:
        login = "PLAIN" if talk.inside and talk.flaw != "no-login" else ""
        more = [] if talk.inside else ['"STARTTLS"']
        talk.say('"IMPLEMENTATION" "ready"', f'"SASL" "{login}"', '"SIEVE" "fileinto"', *more, 'OK "ready"')

    capabilities()
    while True:
        verb, _, rest = talk.line().partition(" ")
        if verb == "CAPABILITY":
            capabilities()
        elif verb == "STARTTLS" and not talk.inside:
            talk.begin_tls('OK "begin"')
            capabilities()
        elif verb == "AUTHENTICATE" and not talk.inside:
            talk.say('NO (ENCRYPT-NEEDED) "TLS first"')
        elif verb == "AUTHENTICATE":
            talk.say('NO "failed"')
        elif verb == "NOOP":
            talk.say(f'OK (TAG {rest}) "done"' if rest else 'OK "done"')
        elif verb == "LOGOUT":
            talk.say('OK "bye"')
            raise Ended
        else:
            talk.say('NO "unknown command"')


PROTOCOLS = {"smtp": smtp, "submission": submission, "imap": imap, "pop3": pop3, "managesieve": managesieve}


def converse(connection: socket.socket, listener: Listener, context: ssl.SSLContext) -> None:
    """Hold one conversation to its end, whichever side ends it."""
    talk = Talk(connection, listener, context)
    try:
        PROTOCOLS[listener.protocol](talk)
    except (Ended, OSError):
        pass
    finally:
        talk.connection.close()


def listen(listener: Listener, context: ssl.SSLContext) -> None:
    """Take connections for ever."""
    family = socket.AF_INET6 if ":" in listener.address else socket.AF_INET
    with socket.create_server((listener.address, listener.port), family=family, backlog=64) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=converse, args=(connection, listener, context), daemon=True).start()


def main(certificate: str, key: str, *words: str) -> None:
    """Serve every port that is named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for word in words:
        protocol, address, port, name, flaw = word.split(",")
        listener = Listener(protocol, address, int(port), name, flaw)
        threading.Thread(target=listen, args=(listener, context)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
