"""What a text is, a message, a bounce, lines of a log or a reply, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from email import message_from_bytes

from provisioner.authentication.lookup import Lookup
from provisioner.explain import bounce, logs, message
from provisioner.explain.kinds import kind
from provisioner.explain.replies import explain_reply
from provisioner.explain.result import Bounce, Explanation, LogLine, MessageReport

LONGEST = 25 * 1024 * 1024
"""Bytes of a message; more is no mail that a server takes."""
MOST_LINES = 2000
_FIELD = re.compile(rb"\A(?:From [^\n]*\n)?[!-9;-~]+[ \t]*:")
_REFUSAL = re.compile(r"\s*(?:\S+ )?(?:NO|BAD|BYE|-ERR)\b")
"""IMAP's and POP3's refusals have no code."""
_HEADER_NAMES = re.compile(
    rb"^(received|return-path|from|to|subject|date|message-id|dkim-signature|mime-version|content-type|"
    rb"authentication-results|delivered-to|x-[!-9;-~]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read; one of these is there. `unknown` counts the lines of a log that no rule knows."""

    reply: Explanation | None = None
    lines: tuple[LogLine, ...] = ()
    unknown: int = 0
    bounce: Bounce | None = None
    message: MessageReport | None = None

    @property
    def known(self) -> bool:
        """Whether there was anything to say."""
        if self.reply is not None:
            return self.reply.kind.id != "not-known"
        return bool(self.lines or self.bounce or self.message)


def read(data: bytes, lookup: Lookup, *, address: str = "", helo: str = "") -> Reading:
    """Explain `data`; `lookup` is asked only for a message."""
    data = data[:LONGEST].lstrip(b"\r\n")
    if _is_message(data):
        parsed = message_from_bytes(data)
        if bounce.is_bounce(parsed):
            return Reading(bounce=bounce.read(parsed))
        return Reading(message=message.read(data, parsed, lookup, address=address, helo=helo))
    text = data.decode("utf-8", "backslashreplace")
    if logs.looks_like_a_log(text):
        wanted = [line for line in text.splitlines() if line.strip()][:MOST_LINES]
        found = [logs.read(line) for line in wanted]
        known = tuple(line for line in found if line is not None)
        return Reading(lines=known, unknown=len(found) - len(known))
    return Reading(reply=_reply(text))


def _reply(text: str) -> Explanation:
    """A reply; words with neither a code nor a wording that is known may be anything, and that is said."""
    found = explain_reply(text)
    if found.code is not None or found.enhanced or found.by or _REFUSAL.match(text):
        return found
    return replace(found, kind=kind("not-known"))


def _is_message(data: bytes) -> bool:
    """Two fields that messages have, at the top."""
    header = data[:20_000].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return bool(_FIELD.match(header)) and len(_HEADER_NAMES.findall(header)) >= 2
