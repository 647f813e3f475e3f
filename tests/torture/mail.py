"""Mail that flows while a host is tortured: a sender that never pauses, and a count at the end.

A message counts as accepted once the server has answered its data with 250 (RFC 5321 section 4.2.5:
from then on it is the server's to deliver). One whose connection broke before that answer may arrive
or not, and is neither lost nor twice there, whichever it does.
"""

from __future__ import annotations

import imaplib
import re
import smtplib
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

SENDER, RECIPIENT = "alice@example.test", "bob@example.test"
PAUSE = 0.4
"""Seconds between two messages."""


def trust_nobody() -> ssl.SSLContext:
    """TLS without a look at the certificate: the sandbox host's is its own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Sender(threading.Thread):
    """Submits one message after the other to port 587, over connections it makes anew when they break."""

    def __init__(self, address: str, password: str, journal: Path) -> None:
        """`journal` gets a line for each message: `accepted`, `unsure` or `refused`, its mark, and when."""
        super().__init__(name="sender", daemon=True)
        self._address, self._password, self._journal = address, password, journal
        self._ended = threading.Event()
        self._smtp: smtplib.SMTP | None = None
        self._run = f"{time.time_ns():x}"

    def stop(self) -> None:
        """Let the message under way come to its end."""
        self._ended.set()
        self.join(60)

    def run(self) -> None:
        """Send until told to stop."""
        number = 0
        with self._journal.open("a", buffering=1) as journal:
            while not self._ended.wait(PAUSE):
                number += 1
                mark = f"torture-{self._run}-{number}"
                journal.write(f"{self._send(mark)} {mark} {time.time():.1f}\n")
        if self._smtp is not None:
            self._smtp.close()

    def _send(self, mark: str) -> str:
        message = f"From: <{SENDER}>\r\nTo: <{RECIPIENT}>\r\nSubject: {mark}\r\n\r\nStill there?\r\n"
        asked = False
        try:
            if self._smtp is None:
                self._smtp = self._connect()
            if self._smtp.mail(SENDER)[0] != 250 or self._smtp.rcpt(RECIPIENT)[0] != 250:
                raise smtplib.SMTPException("refused")
            asked = True
            code, _ = self._smtp.data(message)
            return "accepted" if code == 250 else "refused"
        except (OSError, smtplib.SMTPException):
            if self._smtp is not None:
                self._smtp.close()
            self._smtp = None
            return "unsure" if asked else "refused"

    def _connect(self) -> smtplib.SMTP:
        smtp = smtplib.SMTP(self._address, 587, local_hostname="client.example.test", timeout=15)
        smtp.starttls(context=trust_nobody())
        smtp.login(SENDER, self._password)
        return smtp


@dataclass(frozen=True)
class Count:
    """What came of the messages."""

    accepted: int
    refused: int
    unsure: int
    received: int
    lost: tuple[str, ...]
    twice: dict[str, float]
    """Those that lie in the mailbox more than once, and when they were sent."""


def count(address: str, password: str, journal: Path) -> Count:
    """Set what was accepted against what lies in the recipient's mailbox."""
    said = [line.split() for line in journal.read_text().splitlines() if line.count(" ") == 2]
    by_answer = Counter(answer for answer, _, _ in said)
    sent = {mark: float(when) for _, mark, when in said}
    there = _marks_in_mailbox(address, password)
    accepted = [mark for answer, mark, _ in said if answer == "accepted"]
    return Count(
        by_answer["accepted"],
        by_answer["refused"],
        by_answer["unsure"],
        sum(there.values()),
        tuple(mark for mark in accepted if not there[mark]),
        {mark: sent.get(mark, 0.0) for mark, times in there.items() if times > 1},
    )


def _marks_in_mailbox(address: str, password: str) -> Counter[str]:
    found: Counter[str] = Counter()
    with imaplib.IMAP4_SSL(address, ssl_context=trust_nobody(), timeout=30) as mailbox:
        mailbox.login(RECIPIENT, password)
        for folder in ("INBOX", "Junk"):
            status, number = mailbox.select(folder, readonly=True)
            if status != "OK" or number == [b"0"]:
                continue
            _, parts = mailbox.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            for part in parts:
                if isinstance(part, tuple):
                    found.update(re.findall(r"torture-[0-9a-f]+-\d+", part[1].decode("ascii", "replace")))
    return found
