"""A bounce: RFC 3464's machine-readable form, and the prose that servers write without or beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.message import Message

from provisioner.explain.replies import explain_reply, stage_of
from provisioner.explain.result import Bounce, Delivery, Explanation

MOST_RECIPIENTS = 200
_ADDRESS = r"[^\s<>\"@]{1,64}@[^\s<>\"]{1,255}?"
_PROSE = (
    # qmail and GMX give the reason from the next line on, Postfix beside the address.
    re.compile(rf'^[<"](?P<to>{_ADDRESS})[>"]:(?P<why>.*(?:\n[ \t]*\S.*)*)', re.MULTILINE),
    # OpenSMTPD's bounce.c: a line for each recipient.
    re.compile(rf"^(?P<to>{_ADDRESS}): (?P<why>.+)$", re.MULTILINE),
    # dma, the DragonFly Mail Agent.
    re.compile(
        rf"^There was an error delivering your mail to <(?P<to>{_ADDRESS})>\.\n"
        r"(?P<why>(?:\n(?!Message headers follow|Original message follows).*)+)",
        re.MULTILINE,
    ),
    # Exim's warning of a delay.
    re.compile(rf"^  (?P<to>{_ADDRESS})(?P<why>(?:\n {{4}}.+)+)", re.MULTILINE),
)
_ORIGINAL = re.compile(r"^(?:-{3,}|\s*Below is a copy )", re.MULTILINE)
"""Where the message that came back begins in a bounce of one part."""
_CODE = re.compile(r"(?:^|(?<=[\s:]))[45]\d\d[ -]")
_SAYS_NOTHING = re.compile(r"[45]\.[05]\.0")
"""Statuses that servers fill in where the other gave none."""


def is_bounce(message: Message) -> bool:
    """Whether a message is a report about another: by its type, its parts, its sender or its headers."""
    if message.get_content_type() == "multipart/report":
        return "delivery-status" in str(message.get_param("report-type", "")).lower()
    if message.get("X-Failed-Recipients"):
        return True
    sender = f"{message.get('Return-Path', '')} {message.get('From', '')}".lower()
    if not re.search(r"mailer-daemon|^<>", sender):
        return False
    return not message.is_multipart() or _status(message) is not None or any(_in_prose(message))


def read(message: Message) -> Bounce:
    """What it says of each recipient."""
    status = _status(message)
    in_prose = tuple(_in_prose(message))
    deliveries = list(_reported(status, in_prose)) if status is not None else list(in_prose)
    original = _original(message)
    warnings = () if deliveries else ("it names no recipient in a form that is known here",)
    return Bounce(
        reporter=_typed(_first_block(status).get("Reporting-MTA", "")) if status is not None else "",
        deliveries=tuple(deliveries[:MOST_RECIPIENTS]),
        subject=str(original.get("Subject", "")) if original is not None else "",
        message_id=str(original.get("Message-ID", "")) if original is not None else "",
        warnings=warnings,
    )


def _status(message: Message) -> Message | None:
    """The machine-readable part; OpenSMTPD puts it into a multipart/mixed."""
    return next((p for p in message.walk() if p.get_content_type() == "message/delivery-status"), None)


def _blocks(status: Message) -> list[Message]:
    payload = status.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _first_block(status: Message) -> Message:
    blocks = _blocks(status)
    return blocks[0] if blocks else Message()


def _reported(status: Message, in_prose: Sequence[Delivery]) -> Iterator[Delivery]:
    """The blocks after the first, one for each recipient (RFC 3464 §2.1)."""
    told = {one.recipient: one.explanation for one in in_prose}
    for block in _blocks(status):
        recipient = _typed(block.get("Original-Recipient", "")) or _typed(block.get("Final-Recipient", ""))
        if not recipient:
            continue
        remote = _typed(block.get("Remote-MTA", ""))
        explanation = told.get(recipient) if not block.get("Diagnostic-Code") else None
        yield Delivery(
            recipient,
            str(block.get("Action", "failed")).strip().lower(),
            explanation or _explained(block, remote),
            remote,
        )


def _explained(block: Message, remote: str) -> Explanation:
    """By the other server's words where there are some, else by the status."""
    diagnostic = _typed(block.get("Diagnostic-Code", ""))
    status = str(block.get("Status", "")).split(" ")[0].strip()
    if not re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status):
        status = ""
    text = diagnostic or status
    if _SAYS_NOTHING.fullmatch(status) and _CODE.match(diagnostic):
        status = ""
    if status and not re.search(r"\b[245]\.\d{1,3}\.\d{1,3}\b", text):
        code = _CODE.match(text)
        text = f"{text[: code.end()]}{status} {text[code.end() :]}" if code else f"{status} {text}"
    return explain_reply(text, host=remote)


def _typed(field: object) -> str:
    """The value of `type; value` (RFC 3464 §2.1.2), unfolded; angle brackets taken off."""
    text = " ".join(str(field).split())
    _, semicolon, value = text.partition(";")
    return (value if semicolon else text).strip().strip("<>")


def _in_prose(message: Message) -> Iterator[Delivery]:
    """Exim's header with its indented reasons, and the paragraphs of other servers."""
    text = _ORIGINAL.split(_plain(message))[0]
    failed = [one.strip() for one in str(message.get("X-Failed-Recipients", "")).split(",") if one.strip()]
    if failed:
        for recipient in failed:
            found = re.search(rf"^ +{re.escape(recipient)}:?(?P<why>(?:\n {{2,}}.+)+)", text, re.MULTILINE)
            yield Delivery(recipient, "failed", _told(found["why"] if found else text))
        return
    action = "delayed" if "has not yet been delivered" in text else "failed"
    for form in _PROSE:
        for found in form.finditer(text):
            if found["why"].strip():
                yield Delivery(found["to"], action, _told(found["why"]))


def _told(text: str) -> Explanation:
    """The other server's reply inside a paragraph of prose, or all of it."""
    flat = " ".join(text.split())
    code = _CODE.search(flat)
    return explain_reply(flat[code.start() :] if code else flat, stage=stage_of(flat))


def _plain(message: Message) -> str:
    part = next((p for p in message.walk() if p.get_content_type() == "text/plain"), None)
    payload = part.get_payload(decode=True) if part is not None else None
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    return text[:100_000].replace("\r\n", "\n")


def _original(message: Message) -> Message | None:
    """The message that came back, whole or its headers (RFC 6522 §3)."""
    from email import message_from_string

    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            payload = part.get_payload()
            return payload[0] if isinstance(payload, list) and isinstance(payload[0], Message) else None
        if part.get_content_type() == "text/rfc822-headers":
            text = part.get_payload(decode=True)
            return message_from_string(text.decode("utf-8", "replace")) if isinstance(text, bytes) else None
    return None
