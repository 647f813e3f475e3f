"""For which addresses Postfix takes mail: what it takes for nobody is bounced to forged senders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.inside.postfix_view import Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, warned

UNKNOWN = Check(
    "postfix.unknown-users",
    Severity.HIGH,
    "Mail for users that don't exist is refused while the sender is there",
    "Mail that is taken first and bounced later goes back to forged senders: the server then spams"
    " strangers, and gets"
    " on block lists.",
    "main.cf: take out `local_recipient_maps =` and `smtpd_reject_unlisted_recipient = no`; for virtual"
    " domains name"
    " every user in virtual_mailbox_maps, for relay domains in relay_recipient_maps.",
    "LOCAL_RECIPIENT_README; BACKSCATTER_README; RFC 5321 §6.2",
)
CATCH_ALL = Check(
    "postfix.catch-all",
    Severity.MEDIUM,
    "No catch-all takes mail that is refused later",
    "A catch-all makes every name at the domain exist, so that Postfix takes all of its mail, mostly"
    " spam. What the place where it goes on to then refuses, Postfix bounces to forged senders.",
    "Name the addresses one by one in place of `@example.org`; main.cf: take `luser_relay` out, with the"
    " `local_recipient_maps =` that it needs.",
    "BACKSCATTER_README; ADDRESS_REWRITING_README, virtual(5); postconf(5), luser_relay",
)
CHECKS = (UNKNOWN, CATCH_ALL)

_DOMAINS = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "myhostname", "mydomain")
_RECIPIENTS = ("local_recipient_maps", "virtual_mailbox_maps", "relay_recipient_maps")
_READ = ("hash", "btree", "lmdb", "dbm", "cdb", "texthash")
"""Kinds of tables whose names the script reads."""


@dataclass(frozen=True)
class CatchAll:
    """A line of a table that makes every name exist, or every name at a domain."""

    parameter: str
    place: str
    key: str
    """`@example.org`, or a pattern that fits everything."""
    target: str

    def __str__(self) -> str:
        return f"{self.parameter}: {self.key} {self.target}".strip()


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge for whom mail is taken. Subject of each finding: the host."""
    return judged(inside, subject, {UNKNOWN: _unknown, CATCH_ALL: _catch_all})


def lists_recipients(postfix: Postfix, name: str) -> bool:
    """Whether a parameter's tables tell real addresses from others; `static:` and a pattern `/./` don't."""
    words = [word for word in postfix.words(name) if not word.removeprefix("proxy:").startswith("static:")]
    return bool(words) and not any(
        one.parameter == name and not one.key.startswith("@") for one in catch_alls(postfix)
    )


def catch_alls(postfix: Postfix) -> list[CatchAll]:
    """Every such line of the tables that were read."""
    rows = (line.split(" ", 3) for line in postfix.inside.output("postfix-catch-alls").splitlines())
    return [CatchAll(*row) for row in rows if len(row) == 4]


def _unknown(postfix: Postfix) -> Verdict:
    wrong = list(_taken_for_nobody(postfix))
    if not wrong:
        return passed("mail for users that don't exist is refused")
    worst = min(wrong, key=lambda verdict: verdict.outcome is not Outcome.FAIL)
    others = [one.summary for one in wrong if one is not worst]
    return replace(worst, evidence=(*worst.evidence, *others))


def _taken_for_nobody(postfix: Postfix) -> Iterator[Verdict]:
    name = "smtpd_reject_unlisted_recipient"
    for port in postfix.open_ports or (None,):
        refuses = "reject_unlisted_recipient" in postfix.words("smtpd_recipient_restrictions", port)
        if not postfix.yes(name, port) and not refuses:
            yield postfix.at(
                failed("whether an address exists is not asked before its mail is taken"), name, port
            )
            break
    local, virtual, relay = _RECIPIENTS
    delivers = not postfix.get("local_transport").startswith(("error", "discard"))
    if postfix.get("mydestination") and delivers and not lists_recipients(postfix, local):
        yield postfix.at(failed("mail for any name at its own domains is taken, and bounced later"), local)
    if postfix.get("virtual_mailbox_domains") and not lists_recipients(postfix, virtual):
        yield postfix.at(failed("mail for any name at virtual mailbox domains is taken"), virtual)
    # At old compatibility levels relay_domains repeats mydestination.
    relayed = [word for word in postfix.words("relay_domains") if word not in postfix.words("mydestination")]
    if relayed and not lists_recipients(postfix, relay) and not asks_the_next_server(postfix):
        verdict = warned("mail for any name at relay domains is taken", postfix.said("relay_domains"),
                         severity=Severity.MEDIUM, fix="main.cf: list the addresses in relay_recipient_maps,"
                         " or ask the next server with reject_unverified_recipient.")  # fmt: skip
        yield postfix.at(verdict, relay)


def asks_the_next_server(postfix: Postfix) -> bool:
    """Whether recipients are verified where their mail goes on to (ADDRESS_VERIFICATION_README)."""
    ports = postfix.strangers or (None,)
    lists = ("smtpd_recipient_restrictions", "smtpd_relay_restrictions")
    return all(
        any("reject_unverified_recipient" in postfix.words(one, port) for one in lists) for port in ports
    )


def _catch_all(postfix: Postfix) -> Verdict:
    found = [one for one in catch_alls(postfix) if one.key.startswith("@")]
    wrong = [one for one in found if _is_refused_later(postfix, one)]
    relay = postfix.get("luser_relay")
    # Without an empty list of recipients nothing unknown comes as far as luser_relay.
    if relay and not postfix.get("local_recipient_maps") and not _is_ours(postfix, relay):
        said = f"mail for every name that is no account goes on to {relay}"
        return postfix.at(failed(said, *map(str, wrong)), "luser_relay")
    if wrong:
        verdict = failed(f"mail for every name of {wrong[0].key} is taken, and goes on", *map(str, wrong))
        return replace(verdict, place=wrong[0].place)
    if found:
        return passed(f"{len(found)} catch-all(s) end in mailboxes of its own", *map(str, found))
    return passed("no catch-all was found")


def _is_refused_later(postfix: Postfix, one: CatchAll) -> bool:
    """Whether what a catch-all takes goes on to where names are looked at again."""
    if one.parameter == "virtual_alias_maps":
        return any(not _is_ours(postfix, target) for target in one.target.replace(",", " ").split())
    # virtual(8) puts it all into one mailbox; Dovecot, by LMTP, knows its own users.
    return not (one.parameter == "virtual_mailbox_maps" and postfix.get("virtual_transport") == "virtual")


def _is_ours(postfix: Postfix, address: str) -> bool:
    """Whether an address is one mailbox here; true where that can't be known."""
    name, at, domain = address.rpartition("@")
    if not at:
        return True
    if not name or "$" in name:  # `@old.example @new.example`: every name becomes one over there.
        return False
    ours = {word.lower() for parameter in _DOMAINS for word in postfix.words(parameter)}
    rows = (line.split(" ") for line in postfix.inside.output("postfix-domains").splitlines())
    ours |= {row[1].lower() for row in rows if len(row) == 3 and row[0] in _DOMAINS}
    asks = any(":" in word and word.partition(":")[0] not in _READ for word in ours)
    return asks or domain.lower() in ours
