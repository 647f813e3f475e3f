"""What `explain` says: replies, lines of logs, bounces and messages, in plain words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.report.connection import explanation, kind_document
from provisioner.report.escape import escape
from provisioner.report.layout import beside, folded

if TYPE_CHECKING:
    from provisioner.explain.read import Reading
    from provisioner.explain.result import Bounce, Explanation, Hop, LogLine, MessageReport, Verdict

_SIDES = {
    "sender": "It is on the sender's side.",
    "receiver": "It is on the receiver's side.",
    "network": "It is in the network between the two.",
    "nobody": "",
}
_BAD = {"fail", "permerror", "softfail", "temperror", "policy"}


def lines(reading: Reading, width: int, *, verbose: bool = False) -> list[Text]:
    """What a person reads."""
    if reading.message is not None:
        return _message(reading.message, width)
    if reading.bounce is not None:
        return _bounce(reading.bounce, width)
    if reading.reply is not None:
        return _reply(reading.reply, width)
    return _log(reading.lines, reading.unknown, width, verbose=verbose)


def _reply(found: Explanation, width: int) -> list[Text]:
    told = explanation(found.kind, width, _SIDES)
    if found.meaning:
        told.append(Text(f"{found.enhanced} means: {found.meaning}.", style="dim"))
    if found.by and found.by != "any server":
        told.append(Text(f"The wording is that of {found.by} ({found.source}).", style="dim"))
    return told


def _log(found: tuple[LogLine, ...], unknown: int, width: int, *, verbose: bool) -> list[Text]:
    """Each meaning once, the most frequent first; with `verbose` every line."""
    told: list[Text] = []
    counts = Counter(line.kind.id for line in found)
    for kind_id, count in counts.most_common():
        of_kind = [line for line in found if line.kind.id == kind_id]
        times = f"{count} lines, such as" if count > 1 else ""
        shown = of_kind if verbose else of_kind[:1]
        told += [Text(times, style="dim")] if times else []
        told += [Text(f"  {escape(line.line)[:500]}", style="dim") for line in shown]
        told += [*explanation(of_kind[0].kind, width, _SIDES), Text("")]
    if unknown:
        told.append(
            Text(f"{unknown} {'line says' if unknown == 1 else 'lines say'} nothing that is known here.")
        )
    return told


def _bounce(found: Bounce, width: int) -> list[Text]:
    told: list[Text] = []
    about = f" about {found.subject!r}" if found.subject else ""
    told.append(
        Text(escape(f"A report{about}" + (f", written by {found.reporter}" if found.reporter else "")) + ".")
    )
    for delivery in found.deliveries:
        told.append(Text(""))
        told.append(Text(escape(f"{delivery.recipient}: {delivery.action}"), style="bold"))
        by = f"{delivery.remote_mta}: " if delivery.remote_mta else ""
        told += [
            Text("  " + line, style="dim")
            for line in folded(escape(by + delivery.explanation.reply)[:600].split(" "), width, 2, " ")
        ]
        told += _reply(delivery.explanation, width)
    return [*told, *_warned(found.warnings, width)]


def _message(found: MessageReport, width: int) -> list[Text]:
    told = [Text(escape(found.subject) or "(no subject)", style="bold"), Text(escape(f"from {found.sender}"))]
    told += [Text(""), Text("Its way, the first server first")] if found.hops else []
    for number, hop in enumerate(found.hops, 1):
        told += _hop(number, hop, width)
    told += [Text(""), Text("Its sender, looked at again now")]
    for verdict in found.verdicts:
        told += _verdict(verdict, width)
    if found.filters:
        told += [Text(""), Text("What filters say")]
        for note in found.filters:
            left = Text(f"  {note.filter} ({note.header})")
            told += beside(left, escape(note.says), width)
    return [*told, *_warned(found.warnings, width)]


def _hop(number: int, hop: Hop, width: int) -> list[Text]:
    origin = escape(hop.sent_from or "?") + (f" [{hop.address}]" if hop.address else "")
    secured = "TLS" if hop.encrypted else "no TLS noted"
    left = Text(f"  {number:>2} {origin} to {escape(hop.by or '?')}")
    return beside(left, f"{_delay(hop.delay)}{hop.protocol or 'no protocol'}, {secured}", width)


def _delay(delay: float | None) -> str:
    if delay is None:
        return ""
    if abs(delay) < 120:
        return f"{delay:+.0f} s, "
    return f"{delay / 60:+.0f} min, " if abs(delay) < 7200 else f"{delay / 3600:+.1f} h, "


def _verdict(verdict: Verdict, width: int) -> list[Text]:
    now = verdict.now or "can't be said"
    style = "red" if verdict.now in _BAD else "green" if verdict.now == "pass" else ""
    left = Text.assemble(f"  {verdict.method:<6}", (f"{now:<10}", style), escape(verdict.subject))
    then = ""
    if verdict.then:
        same = verdict.then == verdict.now
        then = "as the receiver wrote" if same else f"the receiver wrote {escape(verdict.then)}"
    told = beside(left, then, width)
    if verdict.detail:
        told += [
            Text("        " + line, style="dim")
            for line in folded(escape(verdict.detail).split(), width, 8, " ")
        ]
    return told


def _warned(warnings: tuple[str, ...], width: int) -> list[Text]:
    told = [Text("")] if warnings else []
    for warning in warnings:
        first, *rest = folded(escape(f"Mind: {warning}.").split(" "), width, 2, " ")
        told += [Text(first, style="yellow"), *(Text(f"  {line}", style="yellow") for line in rest)]
    return told


def document(reading: Reading) -> dict[str, object]:
    """The same for a program."""
    head: dict[str, object] = {"format": 1, "command": "explain"}
    if reading.message is not None:
        return {**head, "is": "message", "message": _message_document(reading.message)}
    if reading.bounce is not None:
        return {**head, "is": "bounce", "bounce": _bounce_document(reading.bounce)}
    if reading.reply is not None:
        return {**head, "is": "reply", "reply": _reply_document(reading.reply)}
    return {
        **head,
        "is": "log",
        "lines": [
            {
                "line": line.line,
                "program": line.program or None,
                **kind_document(line.kind),
                **({"reply": _reply_document(line.reply)} if line.reply is not None else {}),
            }
            for line in reading.lines
        ],
        "unknown": reading.unknown,
    }


def _reply_document(found: Explanation) -> dict[str, object]:
    return {
        "text": found.reply,
        "code": found.code,
        "enhanced": found.enhanced or None,
        "means": found.meaning or None,
        "by": found.by or None,
        "source": found.source or None,
        **kind_document(found.kind),
    }


def _bounce_document(found: Bounce) -> dict[str, object]:
    return {
        "reporter": found.reporter or None,
        "subject": found.subject or None,
        "message_id": found.message_id or None,
        "recipients": [
            {
                "recipient": one.recipient,
                "action": one.action,
                "remote_mta": one.remote_mta or None,
                "reply": _reply_document(one.explanation),
            }
            for one in found.deliveries
        ],
        "warnings": list(found.warnings),
    }


def _message_document(found: MessageReport) -> dict[str, object]:
    return {
        "subject": found.subject,
        "from": found.sender,
        "hops": [
            {
                "from": hop.sent_from or None,
                "address": hop.address or None,
                "by": hop.by or None,
                "protocol": hop.protocol or None,
                "encrypted": hop.encrypted,
                "time": hop.time or None,
                "delay": hop.delay,
            }
            for hop in found.hops
        ],
        "authentication": [
            {
                "method": one.method,
                "subject": one.subject or None,
                "now": one.now or None,
                "receiver": one.then or None,
                "detail": one.detail or None,
            }
            for one in found.verdicts
        ],
        "filters": [{"header": n.header, "filter": n.filter, "says": n.says} for n in found.filters],
        "warnings": list(found.warnings),
    }
