"""What one types to see a failure of a mail connection with swaks, curl, openssl and Python; pure.

Each program is told as much as `test-connection` is: the port, how it is encrypted, which authority to
trust, the login. Each gets four seconds for an answer. `shortened` leaves the lines that tell something.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provisioner.connection.target import Encryption, Protocol, parse

MOST_LINES, LONGEST = 4, 170
PROGRAMS = ("swaks", "curl", "openssl", "python")
AUTHORITY = "/root/root.pem"
SUBJECT, BODY = "Test of a mail connection", "One line of a message.\n" * 40
MESSAGE = f"Subject: {SUBJECT}\r\n\r\n" + BODY.replace("\n", "\r\n")
PYTHON = """
import imaplib, poplib, smtplib, ssl, sys
protocol, host, port, encryption, user, password, sender, to, helo = sys.argv[1:]
context = ssl.create_default_context(cafile="/root/root.pem")
tls, where = encryption == "tls", {"host": host, "port": int(port), "timeout": 4}
more = {"ssl_context": context} if tls and protocol == "imap" else {"context": context} if tls else {}
if protocol == "smtp":
    where["local_hostname"] = helo or None
    talk = (smtplib.SMTP_SSL if tls else smtplib.SMTP)(**where, **more)
    if encryption == "starttls":
        talk.starttls(context=context)
    talk.ehlo()
    if user:
        talk.login(user, password)
    if to:
        talk.sendmail(sender, [to], open("/root/message").read())
elif protocol == "imap":
    talk = (imaplib.IMAP4_SSL if tls else imaplib.IMAP4)(**where, **more)
    if encryption == "starttls":
        talk.starttls(context)
    if user:
        talk.login(user, password)
        status, said = talk.select("INBOX", readonly=True)
        if status != "OK":
            raise imaplib.IMAP4.error(said)
else:
    talk = (poplib.POP3_SSL if tls else poplib.POP3)(**where, **more)
    if encryption == "starttls":
        talk.stls(context)
    talk.user(user)
    talk.pass_(password)
    talk.stat()
"""


@dataclass(frozen=True)
class Attempt:
    """What is tried, in the terms of every program."""

    host: str
    port: int
    protocol: Protocol
    encryption: Encryption
    domain: bool
    """The host is a mail domain, whose MX is looked up first."""
    user: str
    password: str
    mechanism: str
    sender: str
    to: str
    helo: str
    send: bool


def attempt(target: str, options: Sequence[str], passwords: dict[str, str]) -> Attempt:
    """Read the arguments of `test-connection`."""
    given: dict[str, str] = {}
    for option, value in zip(options, (*options[1:], ""), strict=False):
        if option.startswith("--"):
            given[option] = value
    protocol, encryption = given.get("--protocol"), given.get("--encryption")
    place = parse(
        target, Protocol(protocol) if protocol else None, Encryption(encryption) if encryption else None
    )
    user = given.get("--user", "")
    return Attempt(
        place.host, place.port, place.protocol, place.encryption, place.follow_mx,
        user, passwords.get(given.get("--password-file", ""), ""), given.get("--mechanism", ""),
        given.get("--from", user), given.get("--to", ""), given.get("--helo", ""), "--send" in options,
    )  # fmt: skip


def swaks(wanted: Attempt) -> str:
    """The command; `""` for what it does not speak. It alone looks up an MX."""
    if wanted.protocol is not Protocol.SMTP:
        return ""
    to = wanted.to or (f"someone@{wanted.host}" if wanted.domain else "")
    words = ["swaks", "--timeout", "4", "--to", to or "nobody@lab.test", "--from", wanted.sender or "<>"]
    if not wanted.domain:
        words += ["--server", wanted.host, "--port", str(wanted.port)]
    if wanted.encryption is not Encryption.NONE and not wanted.domain:
        words += ["-tlsc" if wanted.encryption is Encryption.TLS else "-tls"]
        words += ["--tls-verify", "--tls-ca-path", AUTHORITY]
    if wanted.user:
        words += ["--auth", *([wanted.mechanism] if wanted.mechanism else [])]
        words += ["--auth-user", wanted.user, "--auth-password", wanted.password]
    if wanted.helo:
        words += ["--helo", wanted.helo]
    if wanted.send:
        words += ["--header", f"Subject: {SUBJECT}", "--body", BODY]
    else:
        words += ["--quit-after", "RCPT" if wanted.to else "AUTH" if wanted.user else "EHLO"]
    return shlex.join(words)


def curl(wanted: Attempt) -> str:
    """The command; `""` where a domain's MX would have to be looked up."""
    if wanted.domain:
        return ""
    scheme = wanted.protocol.value + ("s" if wanted.encryption is Encryption.TLS else "")
    words = ["curl", "-v", "-sS", "--connect-timeout", "4", "--max-time", "6", "--cacert", AUTHORITY]
    if wanted.encryption is Encryption.STARTTLS:
        words += ["--ssl-reqd"]
    if wanted.user:
        words += ["--user", f"{wanted.user}:{wanted.password}"]
    if wanted.mechanism:
        words += ["--login-options", f"AUTH={wanted.mechanism}"]
    if wanted.to:
        words += ["--mail-from", wanted.sender, "--mail-rcpt", wanted.to, "-T", "/root/message"]
    elif wanted.user and wanted.protocol is Protocol.IMAP:
        words += ["-X", "EXAMINE INBOX"]
    elif wanted.protocol is not Protocol.POP3 or not wanted.user:
        words += ["-X", "NOOP"]
    return shlex.join([*words, f"{scheme}://{wanted.host}:{wanted.port}/{wanted.helo}"])


def openssl(wanted: Attempt) -> str:
    """The command; `""` where there is no TLS, or it ends before what is tried."""
    if wanted.domain or wanted.encryption is Encryption.NONE or wanted.user or wanted.to:
        return ""
    words = ["openssl", "s_client", "-brief", "-ign_eof", "-connect", f"{wanted.host}:{wanted.port}"]
    words += ["-servername", wanted.host, "-CAfile", AUTHORITY, "-verify_return_error"]
    words += ["-verify_hostname", wanted.host]
    if wanted.encryption is Encryption.STARTTLS:
        words += ["-starttls", wanted.protocol.value, *(["-name", wanted.helo] if wanted.helo else [])]
    return "printf 'QUIT\\r\\n' | timeout 6 " + shlex.join(words)


def python(wanted: Attempt) -> str:
    """The command; `""` where an MX would have to be looked up, or a mechanism be chosen."""
    if wanted.domain or wanted.mechanism:
        return ""
    words = [wanted.protocol.value, wanted.host, str(wanted.port), wanted.encryption.value]
    words += [wanted.user, wanted.password, wanted.sender, wanted.to, wanted.helo]
    return shlex.join(["timeout", "20", "python3", "/root/talk.py", *words])


COMMANDS: dict[str, Callable[[Attempt], str]] = {
    "swaks": swaks,
    "curl": curl,
    "openssl": openssl,
    "python": python,
}


def shortened(program: str, text: str) -> list[str]:
    """The lines of a program's output that say what went wrong; without them, the last ones."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    kept = {"swaks": _swaks, "curl": _curl, "openssl": _openssl, "python": _python}[program](lines)
    return [line if len(line) <= LONGEST else line[: LONGEST - 2] + " …" for line in kept[-MOST_LINES:]]


def _swaks(lines: list[str]) -> list[str]:
    """Its own words begin with stars, a server's refusals with `<**` or `<~*`."""
    found = [line for line in lines if re.match(r"\*\*\*|<[-~*][*]", line)]
    return found or [line for line in lines if re.match(r"<[-~]", line)][-1:]


def _curl(lines: list[str]) -> list[str]:
    """Its last line, and the server's last words before it where they refuse something."""
    found = [line for line in lines if line.startswith("curl: ")]
    said = [line for line in lines if line.startswith("< ")][-1:]
    refused = [line for line in said if re.match(r"< ([45]\d\d|-ERR|\S+ (NO|BAD|BYE))", line)]
    return [*(refused if found else said), *found]


def _openssl(lines: list[str]) -> list[str]:
    """Errors without their thread, file and line."""
    found = [
        re.sub(r"^[0-9A-F]+:(error:.*?):\.\./[^:]*:\d+:?", r"\1:", line).rstrip(":")
        for line in lines
        if re.search(r"error|errno|Verification|ESTABLISHED|[Dd]idn't|closed|[45]\d\d ", line)
    ]
    return found or lines[-1:]


def _python(lines: list[str]) -> list[str]:
    """The last line of a traceback."""
    return lines[-1:] if any(line.startswith("Traceback") for line in lines) else lines
