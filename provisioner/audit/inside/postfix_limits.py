"""What Postfix takes and keeps, and what was left switched on: sizes, rates, bounces, filters, debugging."""

from __future__ import annotations

from collections.abc import Iterator

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
UNKNOWN = Check(
    "postfix.unknown-users",
    Severity.HIGH,
    "Mail for users that don't exist is refused while the sender is there",
    "Mail that is taken first and bounced later goes back to forged senders: the server then spams"
    " strangers, and gets"
    " on block lists.",
    "main.cf: take out `local_recipient_maps =` and `smtpd_reject_unlisted_recipient = no`; for virtual"
    " domains name"
    " every user in virtual_mailbox_maps.",
    "LOCAL_RECIPIENT_README; BACKSCATTER_README; RFC 5321 §6.2",
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
CHECKS = (SIZES, MESSAGE, RATES, UNKNOWN, BOUNCES, DEFERRED, DEBUG, COPIES, MILTERS)

_SMALLEST, _LARGEST = 10_240_000, 1_000_000_000


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge limits and leftovers. Subject of each finding: the host."""
    ways = {
        SIZES: _sizes,
        MESSAGE: _message,
        RATES: lambda postfix: _rates(postfix, "fail2ban" in inside.output("services")),
        UNKNOWN: _unknown,
        BOUNCES: _bounces,
        DEFERRED: _deferred,
        DEBUG: _debug,
        COPIES: _copies,
        MILTERS: _milters,
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
            return postfix.at(verdict, name)
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


def _unknown(postfix: Postfix) -> Verdict:
    for port in postfix.open_ports or (None,):
        refuses = "reject_unlisted_recipient" in postfix.words("smtpd_recipient_restrictions", port)
        if not postfix.yes("smtpd_reject_unlisted_recipient", port) and not refuses:
            verdict = failed("whether an address exists is not asked before its mail is taken")
            return postfix.at(verdict, "smtpd_reject_unlisted_recipient", port)
    delivers = not postfix.get("local_transport").startswith(("error", "discard"))
    if postfix.get("mydestination") and delivers and not postfix.get("local_recipient_maps"):
        verdict = failed("mail for any name at its own domains is taken, and bounced later")
        return postfix.at(verdict, "local_recipient_maps")
    if postfix.get("virtual_mailbox_domains") and not postfix.get("virtual_mailbox_maps"):
        verdict = failed("mail for any name at virtual mailbox domains is taken")
        return postfix.at(verdict, "virtual_mailbox_maps")
    if postfix.get("relay_domains") and not postfix.get("relay_recipient_maps"):
        verdict = warned("mail for any name at relay domains is taken", postfix.said("relay_domains"),
                         severity=Severity.MEDIUM, fix="main.cf: list the addresses in relay_recipient_maps,"
                         " or ask the next server with reject_unverified_recipient.")  # fmt: skip
        verified = any("reject_unverified_recipient" in postfix.words(f"smtpd_{what}_restrictions")
                       for what in ("recipient", "relay"))  # fmt: skip
        if not verified:
            return postfix.at(verdict, "relay_recipient_maps")
    return passed("mail for users that don't exist is refused")


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
