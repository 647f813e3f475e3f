"""VRFY and EXPN: which addresses exist, and who is behind them. Intrusive."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import ServerPort
from provisioner.audit.smtp_session import greeted
from provisioner.audit.smtp_talk import made_up
from provisioner.audit.verdict import Verdict, failed, passed, untested
from provisioner.mail.smtp import Reply
from provisioner.mail.wire import ConversationError

VRFY = Check(
    "smtp.vrfy",
    Severity.LOW,
    "VRFY does not tell which addresses exist",
    "With VRFY, address lists are checked by the thousand without a message.",
    "Postfix: disable_vrfy_command = yes. Exim: leave acl_smtp_vrfy unset.",
    "RFC 5321 §3.5.3, §7.3; RFC 2505 §2.11",
)
EXPN = Check(
    "smtp.expn",
    Severity.MEDIUM,
    "EXPN does not tell who is behind an address",
    "EXPN gives the members of lists and the targets of aliases to anybody.",
    "Postfix knows no EXPN. Exim: leave acl_smtp_expn unset. Sendmail: O PrivacyOptions=goaway.",
    "RFC 5321 §3.5.3, §7.3; RFC 2505 §2.11",
)
CHECKS = (VRFY, EXPN)
INTRUSIVE = CHECKS


@dataclass(frozen=True, slots=True)
class VrfyTalk:
    """Each command's answers: to an address that exists, and to one that nobody has."""

    known: str
    unknown: str
    vrfy: tuple[Reply, Reply]
    expn: tuple[Reply, Reply]


def audit_vrfy(port: ServerPort, domain: str, *, user: str = "") -> tuple[Finding, ...]:
    """Ask for an address that exists (`user`, or postmaster) and for one that nobody has."""
    known = user or (f"postmaster@{domain}" if domain else "postmaster")
    unknown = f"{made_up()}@{known.rpartition('@')[2]}" if "@" in known else made_up()
    try:
        talk = _talk(port, known, unknown)
    except ConversationError as error:
        verdict = untested(f"could not be tested: {error.message}")
        return (verdict.of(VRFY, port.subject), verdict.of(EXPN, port.subject))
    return (
        judge_vrfy(talk).of(VRFY, port.subject),
        judge_expn(talk).of(EXPN, port.subject),
    )


def _talk(port: ServerPort, known: str, unknown: str) -> VrfyTalk:
    wire = port.connect()
    try:
        smtp = greeted(wire, port.helo_name)
        vrfy = (smtp.command(f"VRFY {known}"), smtp.command(f"VRFY {unknown}"))
        local = [address.partition("@")[0] for address in (known, unknown)]
        expn = (smtp.command(f"EXPN {local[0]}"), smtp.command(f"EXPN {local[1]}"))
        smtp.quit()
    finally:
        wire.close()
    return VrfyTalk(known, unknown, vrfy, expn)


def judge_vrfy(talk: VrfyTalk) -> Verdict:
    """The two answers must not differ (252 for both is the polite way to say nothing)."""
    known, unknown = talk.vrfy
    said = (f"VRFY {talk.known} → {known}", f"VRFY {talk.unknown} → {unknown}")
    if 421 in (known.code, unknown.code):
        return untested(f"could not be tested: {known}", *said)
    if known.accepted and unknown.code != known.code:
        return failed("VRFY tells which addresses exist", *said)
    return passed("VRFY tells nothing", *said)


def judge_expn(talk: VrfyTalk) -> Verdict:
    """Anything but a refusal tells something."""
    known, unknown = talk.expn
    said = (f"EXPN {talk.known.partition('@')[0]} → {known}", *known.lines[:3])
    if known.code == 421:
        return untested(f"could not be tested: {known}", *said)
    if known.code == 250 or (known.accepted and not unknown.accepted):
        return failed("EXPN tells who is behind an address", *said)
    return passed("EXPN tells nothing", said[0])
