"""A bounce: RFC 3464's machine-readable form, and what qmail and Exim write without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message

from provisioner.explain.replies import explain_reply
from provisioner.explain.result import Bounce, Delivery, Explanation

MOST_RECIPIENTS = 200
_QMAIL = re.compile(r"^<([^<>\s]{3,320})>:\n((?:.+\n?)+)", re.MULTILINE)
_CODE = re.compile(r"\b[245]\d\d[ -]")


def is_bounce(message: Message) -> bool:
    """Whether a message is a report about another: by its type, its sender or its headers."""
    if message.get_content_type() == "multipart/report":
        return "delivery-status" in str(message.get_param("report-type", "")).lower()
    if message.get("X-Failed-Recipients"):
        return True
    sender = f"{message.get('Return-Path', '')} {message.get('From', '')}".lower()
    return bool(re.search(r"mailer-daemon|^<>", sender)) and not message.is_multipart()


def read(message: Message) -> Bounce:
    """What it says of each recipient."""
    status = next((p for p in message.walk() if p.get_content_type() == "message/delivery-status"), None)
    deliveries = list(_reported(status)) if status is not None else list(_in_prose(message))
    original = _original(message)
    warnings = () if deliveries else ("it names no recipient in a form that is known here",)
    return Bounce(
        reporter=_typed(_first_block(status).get("Reporting-MTA", "")) if status is not None else "",
        deliveries=tuple(deliveries[:MOST_RECIPIENTS]),
        subject=str(original.get("Subject", "")) if original is not None else "",
        message_id=str(original.get("Message-ID", "")) if original is not None else "",
        warnings=warnings,
    )


def _blocks(status: Message) -> list[Message]:
    payload = status.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _first_block(status: Message) -> Message:
    blocks = _blocks(status)
    return blocks[0] if blocks else Message()


def _reported(status: Message) -> Iterator[Delivery]:
    """The blocks after the first, one for each recipient (RFC 3464 §2.1)."""
    for block in _blocks(status):
        recipient = _typed(block.get("Original-Recipient", "")) or _typed(block.get("Final-Recipient", ""))
        if not recipient:
            continue
        remote = _typed(block.get("Remote-MTA", ""))
        yield Delivery(
            recipient, str(block.get("Action", "failed")).strip().lower(), _explained(block, remote), remote
        )


def _explained(block: Message, remote: str) -> Explanation:
    """By the other server's words where there are some, else by the status."""
    diagnostic = _typed(block.get("Diagnostic-Code", ""))
    status = str(block.get("Status", "")).split(" ")[0].strip()
    if not re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", status):
        status = ""
    text = diagnostic or status
    if status and not re.search(r"\b[245]\.\d{1,3}\.\d{1,3}\b", text):
        code = _CODE.match(text)
        text = f"{text[: code.end()]}{status} {text[code.end() :]}" if code else f"{status} {text}"
    return explain_reply(text, stage="recipient", host=remote)


def _typed(field: object) -> str:
    """The value of `type; value` (RFC 3464 §2.1.2), unfolded; angle brackets taken off."""
    text = " ".join(str(field).split())
    _, semicolon, value = text.partition(";")
    return (value if semicolon else text).strip().strip("<>")


def _in_prose(message: Message) -> Iterator[Delivery]:
    """qmail's paragraphs, and Exim's header with its indented reasons."""
    text = _plain(message)
    failed = [one.strip() for one in str(message.get("X-Failed-Recipients", "")).split(",") if one.strip()]
    if failed:
        for recipient in failed:
            after = text.partition(recipient)[2].strip().split("\n\n")[0]
            yield Delivery(recipient, "failed", explain_reply(_answer(after), stage="recipient"))
        return
    for found in _QMAIL.finditer(text):
        yield Delivery(found[1], "failed", explain_reply(_answer(found[2]), stage="recipient"))


def _answer(text: str) -> str:
    """The other server's reply inside a paragraph of prose, or all of it."""
    flat = " ".join(text.split())
    code = _CODE.search(flat)
    return flat[code.start() :] if code else flat


def _plain(message: Message) -> str:
    part = next((p for p in message.walk() if p.get_content_type() == "text/plain"), None)
    payload = part.get_payload(decode=True) if part is not None else None
    return payload.decode("utf-8", "replace")[:100_000] if isinstance(payload, bytes) else ""


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
