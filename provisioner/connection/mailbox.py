"""The step of a walk that opens the mailbox after a login; nothing in it is changed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from provisioner.connection.exchange import Said
from provisioner.connection.result import Stage
from provisioner.connection.speakers import ImapSpeaker, Pop3Speaker
from provisioner.connection.walker import Walker
from provisioner.mail.imap import Imap
from provisioner.mail.pop3 import Pop3

_EXISTS = re.compile(r"\* (\d+) EXISTS", re.IGNORECASE)
_STAT = re.compile(r"\+OK (\d+) ", re.IGNORECASE)


def open_mailbox(walker: Walker) -> None:
    """A login may succeed where the mailbox behind it can't be read; only opening it shows that."""
    talk = walker.talking()
    ask: Callable[[], Said]
    if isinstance(talk, ImapSpeaker):
        imap = talk.imap
        ask = lambda: _examine(imap)  # noqa: E731
    elif isinstance(talk, Pop3Speaker):
        pop3 = talk.pop3
        ask = lambda: _stat(pop3)  # noqa: E731
    else:
        return
    begun = time.monotonic()
    said = walker.asked(Stage.MAILBOX, begun, ask)
    if not said.ok:
        raise walker.fail(Stage.MAILBOX, said.text, walker.kind("mailbox-unreadable"), begun)
    walker.ok(Stage.MAILBOX, said.text, begun)


def _examine(imap: Imap) -> Said:
    """RFC 9051 §6.3.3: as SELECT, and no message is marked as seen."""
    answer = imap.command("EXAMINE INBOX")
    if not answer.ok:
        return Said(False, answer.tagged)
    count = next((found[1] for line in answer.untagged if (found := _EXISTS.match(line))), "?")
    return Said(True, f"INBOX opened, {_messages(count)}")


def _stat(pop3: Pop3) -> Said:
    """RFC 1939 §5."""
    status = pop3.command("STAT")
    found = _STAT.match(f"{status} ")
    return Said(True, f"opened, {_messages(found[1])}") if found else Said(False, status)


def _messages(count: str) -> str:
    return "1 message" if count == "1" else f"{count} messages"
