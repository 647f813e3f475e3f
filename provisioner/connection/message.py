"""A message of our own: handed in on an open walk, and looked for over IMAP."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from provisioner.connection.result import Stage
from provisioner.connection.speakers import ImapSpeaker, SmtpSpeaker
from provisioner.connection.walker import Ended, Walker
from provisioner.mail.imap import Imap
from provisioner.mail.wire import ConversationError

_WAIT = 1.0
"""Seconds between two looks into the mailbox."""
_LIST = re.compile(r'\* LIST \(([^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (.+)', re.IGNORECASE)


def hand_in(walker: Walker, sender: str, rcpt_to: str) -> str:
    """Send a short message after MAIL and RCPT were accepted; its Message-ID, `""` where it was refused."""
    talk = walker.speaker
    assert isinstance(talk, SmtpSpeaker)
    domain = sender.rpartition("@")[2] or "localhost"
    message_id = f"<{secrets.token_hex(12)}@{domain}>"
    try:
        begun = time.monotonic()
        reply = talk.smtp.command("DATA")
        if reply.code == 354:
            for line in _text(sender, rcpt_to, message_id):
                talk.wire.send_line(line)
            reply = talk.smtp.command(".")
        said = "\n".join(reply.lines)
        if not reply.accepted:
            raise walker.fail(Stage.MESSAGE, said, walker.meaning(said, "message"), begun)
    except ConversationError as error:
        walker.fail(Stage.MESSAGE, error.message, walker.kind("shutting-down"), begun)
        return ""
    except Ended:
        return ""
    walker.ok(Stage.MESSAGE, f"{said}, Message-ID {message_id}", begun)
    return message_id


def _text(sender: str, rcpt_to: str, message_id: str) -> Sequence[str]:
    message = EmailMessage()
    message["From"] = sender or "postmaster@localhost"
    message["To"] = rcpt_to
    message["Subject"] = "Test of a mail connection"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note comes back.
    message.set_content("This message was sent by `provision test-connection`. It can be deleted.\n")
    lines = message.as_bytes().decode("ascii", "replace").splitlines()
    return [f".{line}" if line.startswith(".") else line for line in lines]


def look_for(walker: Walker, message_id: str, seconds: float) -> None:
    """Look for it in every folder of the IMAP login of `walker` until it is there, at most `seconds`."""
    talk = walker.speaker
    assert isinstance(talk, ImapSpeaker)
    begun = time.monotonic()
    try:
        folders = _folders(talk.imap)
        while True:
            where = next((name for name in folders if _has(talk.imap, name, message_id)), "")
            if where or time.monotonic() - begun > seconds:
                break
            time.sleep(_WAIT)
    except ConversationError as error:
        walker.fail(Stage.MAILBOX, error.message, walker.kind("silent"), begun)
        return
    if not where:
        meaning = walker.kind("not-found", name=walker.wish.rcpt_to, detail=f"{seconds:.0f} s")
        walker.fail(Stage.MAILBOX, f"not in {len(folders)} folders", meaning, begun)
    elif "\\junk" in folders[where]:
        walker.warn(
            Stage.MAILBOX, f"in {_unquoted(where)}", walker.kind("in-junk", detail=_unquoted(where)), begun
        )
    else:
        walker.ok(Stage.MAILBOX, f"in {_unquoted(where)}", begun)


def _folders(imap: Imap) -> dict[str, str]:
    """Folders as the server names them, with their attributes; the inbox first, and those for junk."""
    answer = imap.command('LIST "" "*"')
    found = {"INBOX": ""}
    for line in answer.untagged:
        match = _LIST.fullmatch(line)
        if match is None or "\\noselect" in match[1].lower():
            continue
        attributes, name = match[1].lower(), match[2]
        if re.search(r"\b(junk|spam)\b", name, re.IGNORECASE):
            attributes += " \\junk"
        if _unquoted(name).upper() != "INBOX":
            found[name] = attributes
    return dict(sorted(found.items(), key=lambda pair: (pair[0] != "INBOX", "\\junk" not in pair[1]))[:50])


def _has(imap: Imap, folder: str, message_id: str) -> bool:
    if not imap.command(f"EXAMINE {folder}").ok:  # Reads without marking anything as seen.
        return False
    answer = imap.command(f'SEARCH HEADER Message-ID "{message_id}"')
    return any(re.match(r"\* SEARCH \d", line, re.IGNORECASE) for line in answer.untagged)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('\\"', '"') if name.startswith('"') else name
