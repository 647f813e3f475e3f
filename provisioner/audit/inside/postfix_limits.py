"""What Postfix takes and keeps, and what was left switched on: sizes, rates, bounces, filters, debugging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.postfix_view import Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

SIZES = Check(
    "postfix.sizes",
    Severity.HIGH,
    "A mailbox can hold the largest message",
    "Where mailbox_size_limit or virtual_mailbox_limit is below message_size_limit, local(8) or"
    " virtual(8) refuses"
    " to work, and mail stays in the queue.",
    "main.cf: `mailbox_size_limit = 0` and `virtual_mailbox_limit = 0` (no limit; quotas are Dovecot's),"
    " or more than"
    " message_size_limit.",
    "postconf(5), mailbox_size_limit, virtual_mailbox_limit",
)
MESSAGE = Check(
    "postfix.message-size",
    Severity.LOW,
    "Messages of a usual size are taken, and not of any size",
    "Large providers let 25 to 50 MB pass, and attachments grow by a third on the way. Without a limit"
    " one message"
    " fills the disk.",
    "main.cf: `message_size_limit = 52428800`.",
    "postconf(5), message_size_limit",
)
RATES = Check(
    "postfix.rates",
    Severity.LOW,
    "One client can't take everything, nor guess passwords without end",
    "Without limits, one address has all the processes to itself, and guesses as many passwords as it likes.",
    "main.cf: `smtpd_client_connection_rate_limit = 300`, `smtpd_client_auth_rate_limit = 60`; or fail2ban.",
    "TUNING_README; postconf(5), smtpd_client_auth_rate_limit",
)
BOUNCES = Check(
    "postfix.soft-bounce",
    Severity.MEDIUM,
    "Postfix is not in test mode",
    "With soft_bounce, what should be refused for good is tried again for days, by this server and by"
    " others.",
    "main.cf: take `soft_bounce = yes` out.",
    "postconf(5), soft_bounce",
)
DEFERRED = Check(
    "postfix.defer-transports",
    Severity.MEDIUM,
    "No transport is held back",
    "Mail for these transports waits in the queue until somebody runs `postqueue -f`, and comes back"
    " after days.",
    "main.cf: take `defer_transports` out, then `postfix reload` and `postqueue -f`.",
    "postconf(5), defer_transports",
)
DEBUG = Check(
    "postfix.debug",
    Severity.LOW,
    "No conversation is logged in full",
    "debug_peer_list and `-v` write mail addresses, and at times login data, into the log, and fill the"
    " disk.",
    "main.cf: take `debug_peer_list` out; master.cf: take `-v` out.",
    "DEBUG_README; postconf(5), debug_peer_list",
)
COPIES = Check(
    "postfix.copies",
    Severity.INFO,
    "No copy of all mail is sent to somebody",
    "always_bcc gives one mailbox everybody's mail. If it is an archive, people should know of it; if"
    " nobody knows of"
    " it, somebody reads along.",
    "main.cf: take `always_bcc` out if it isn't meant.",
    "postconf(5), always_bcc",
)
MILTERS = Check(
    "postfix.milters",
    Severity.MEDIUM,
    "Mail waits while its filter is away",
    "With milter_default_action = accept, mail goes through unsigned and unchecked whenever the filter"
    " is down, and"
    " nobody notices.",
    "main.cf: `milter_default_action = tempfail`.",
    "MILTER_README; postconf(5), milter_default_action",
)
NOTICES = Check(
    "postfix.notices",
    Severity.LOW,
    "Postmaster hears of trouble",
    "Postfix writes to postmaster when mail is lost for want of space or by a fault of its programs. Without"
    " `resource` and `software` in notify_classes it does not, and the log is all that says so.",
    "main.cf: take `notify_classes` out (the default is `resource, software`), or add what is missing.",
    "postconf(5), notify_classes",
)
CHECKS = (SIZES, MESSAGE, RATES, BOUNCES, DEFERRED, DEBUG, COPIES, MILTERS, NOTICES)

_SMALLEST, _LARGEST = 10_240_000, 1_000_000_000


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge limits and leftovers. Subject of each finding: the host."""
    ways = {
        SIZES: _sizes,
        MESSAGE: _message,
        RATES: lambda postfix: _rates(postfix, "fail2ban" in inside.output("services")),
        BOUNCES: _bounces,
        DEFERRED: _deferred,
        DEBUG: _debug,
        COPIES: _copies,
        MILTERS: _milters,
        NOTICES: _notices,
    }
    return judged(inside, subject, ways)


def _number(postfix: Postfix, name: str) -> int:
    value = postfix.get(name)
    return int(value) if value.isdigit() else 0


def _sizes(postfix: Postfix) -> Verdict:
    largest = _number(postfix, "message_size_limit")
    used = {"virtual": "virtual_mailbox_limit", "local": "mailbox_size_limit"}
    for agent, name in used.items():
        limit = _number(postfix, name)
        if limit and (largest == 0 or limit < largest) and _delivers(postfix, agent):
            verdict = failed(f"a mailbox holds {limit} bytes, a message {largest or 'any number of'}",
                             postfix.said("message_size_limit"))  # fmt: skip
            return postfix.at(replace(verdict, settings=("message_size_limit",)), name)
    return passed("a mailbox can hold the largest message", postfix.said("message_size_limit"))


def _delivers(postfix: Postfix, agent: str) -> bool:
    """Whether an agent of Postfix itself puts mail into mailboxes."""
    if agent == "virtual":
        is_agent = postfix.get("virtual_transport").partition(":")[0] == "virtual"
        return is_agent and bool(
            postfix.get("virtual_mailbox_domains") or postfix.get("virtual_mailbox_maps")
        )
    return postfix.get("local_transport").partition(":")[0] == "local" and bool(postfix.get("mydestination"))


def _message(postfix: Postfix) -> Verdict:
    name, size = "message_size_limit", _number(postfix, "message_size_limit")
    if size == 0 or size > _LARGEST:
        said = (
            "messages of any size are taken" if size == 0 else f"messages of {size // 1_000_000} MB are taken"
        )
        return postfix.at(warned(said), name)
    if size < _SMALLEST:
        return postfix.at(warned(f"messages above {size / 1_000_000:.1f} MB are refused"), name)
    return postfix.at(passed(f"messages of up to {size // 1_000_000} MB are taken"), name)


def _rates(postfix: Postfix, banned: bool) -> Verdict:
    if not postfix.open_ports:
        return skipped("no port of smtpd is open to the network")
    names = [f"smtpd_client_{what}_rate_limit" for what in ("connection", "message", "auth", "recipient")]
    for port in (None, *postfix.open_ports):
        given = [name for name in names if postfix.get(name, port) not in ("", "0")]
        if given:
            return postfix.at(passed("one client's rate is limited"), given[0], port)
    if banned:
        return passed("fail2ban keeps out who tries too often")
    return postfix.at(warned("no rate of one client is limited"), names[0])


def _bounces(postfix: Postfix) -> Verdict:
    if postfix.yes("soft_bounce"):
        return postfix.at(failed("every refusal is for the time being only"), "soft_bounce")
    return postfix.at(passed("refusals are for good"), "soft_bounce")


def _deferred(postfix: Postfix) -> Verdict:
    if words := postfix.get("defer_transports"):
        return postfix.at(failed(f"mail for {words} is held back"), "defer_transports")
    return postfix.at(passed("no transport is held back"), "defer_transports")


def _debug(postfix: Postfix) -> Verdict:
    if peers := postfix.get("debug_peer_list"):
        return postfix.at(warned(f"conversations with {peers} are logged in full"), "debug_peer_list")
    for port in postfix.ports:
        words = port.service.arguments.split()
        if any(word.startswith("-v") for word in words):
            verdict = warned(f"port {port.service.name} logs every conversation in full", port.service.rest)
            return Verdict(verdict.outcome, verdict.summary, verdict.evidence, place=port.place)
    return passed("no conversation is logged in full")


def _copies(postfix: Postfix) -> Verdict:
    if address := postfix.get("always_bcc"):
        return postfix.at(warned(f"a copy of all mail goes to {address}"), "always_bcc")
    return postfix.at(passed("no copy of all mail is sent"), "always_bcc")


def _milters(postfix: Postfix) -> Verdict:
    milters = postfix.words("smtpd_milters")
    if not milters:
        return skipped("no filter is set (smtpd_milters)")
    action = postfix.get("milter_default_action")
    if action == "accept" and not any("default_action" in one for one in milters):
        said = f"mail goes through while {', '.join(milters)} is away"
        return postfix.at(warned(said), "milter_default_action")
    return postfix.at(passed("mail does not pass while its filter is away"), "milter_default_action")


def _notices(postfix: Postfix) -> Verdict:
    name = "notify_classes"
    told = postfix.words(name) if name in postfix.values else ["resource", "software"]
    if missing := [word for word in ("resource", "software") if word not in told]:
        return postfix.at(warned(f"postmaster hears nothing of {' and '.join(missing)} problems"), name)
    return postfix.at(passed("postmaster hears of trouble"), name)
