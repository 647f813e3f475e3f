"""MX: whether a domain's records say rightly where its mail goes (RFC 5321 §5.1, RFC 7505, RFC 2181 §10.3).

Everything is judged from what `dns/exchangers.py` has looked up; an exchanger at a loopback or private
address is reported here and connected to by nobody.
"""

from __future__ import annotations

from collections import Counter

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.exchangers import Exchanger, Exchangers
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Status

PRESENT = Check(
    "mx.present",
    Severity.HIGH,
    "The domain says where its mail goes",
    "Senders look for MX records first. Without any, mail goes to the domain's own address, or nowhere.",
    "Publish `@ MX 10 mx1.example.org.` with the name of the server; a domain without mail publishes"
    " `@ MX 0 .`.",
    "RFC 5321 §5.1, RFC 7505",
)
NULL = Check(
    "mx.null",
    Severity.MEDIUM,
    "A null MX stands alone",
    "`MX 0 .` says that the domain takes no mail at all. Beside other MX records senders read it each in"
    " their own way, and mail is lost or waits for days.",
    "Keep either `@ MX 0 .` alone, or the other MX records without it.",
    "RFC 7505 §3",
)
NAMES = Check(
    "mx.names",
    Severity.HIGH,
    "Every MX holds the name of a host",
    "An address in place of a name looks like a host called `192.0.2.1.`, which does not exist: that MX"
    " takes no mail.",
    "Give the server a name with an A record, and put the name into the MX.",
    "RFC 5321 §5.1, RFC 1035 §3.3.9",
)
ALIAS = Check(
    "mx.alias",
    Severity.MEDIUM,
    "No MX points at an alias",
    "A name in an MX must have addresses of its own and no CNAME. Some senders refuse such mail, and"
    " certificates and TLSA records are looked for under another name than meant.",
    "Put the name at the end of the CNAME into the MX, or replace the CNAME by A and AAAA records.",
    "RFC 2181 §10.3, RFC 5321 §5.1",
)
DUPLICATES = Check(
    "mx.duplicates",
    Severity.LOW,
    "No host is named twice",
    "A host named at two preferences is tried twice when it is down; the second record helps nobody.",
    "Remove all but one MX for each name.",
    "RFC 5321 §5.1",
)
RESOLVES = Check(
    "mx.resolves",
    Severity.HIGH,
    "Every MX has an address",
    "A sender that draws an MX without an address must go on to the next, or wait and give up.",
    "Publish A and AAAA records for the name, or remove the MX.",
    "RFC 5321 §5.1",
)
IPV4 = Check(
    "mx.ipv4",
    Severity.MEDIUM,
    "Every MX can be reached over IPv4",
    "Many senders have no IPv6. For them, an MX with AAAA records only does not exist.",
    "Publish an A record for each MX.",
    "RFC 3974 §3",
)
IPV6 = Check(
    "mx.ipv6",
    Severity.LOW,
    "Every MX can be reached over IPv6",
    "Senders that have IPv6 only reach no server without it. Some authorities require it.",
    "Give the server an IPv6 address, let Postfix listen on it (`inet_protocols = all`), publish its AAAA"
    " record and its PTR.",
    "RFC 3974 §3, Internet.nl mail test: IPv6",
)
PUBLIC = Check(
    "mx.public",
    Severity.HIGH,
    "Every MX points at an address on the internet",
    "Mail sent to a loopback or private address ends on the sender's own machine or in a stranger's"
    " network. Some domains do it on purpose, to make senders talk to themselves.",
    "Put the server's public address into its A and AAAA records.",
    "RFC 6890, RFC 7505 §1",
)
CHECKS = (PRESENT, NULL, NAMES, ALIAS, DUPLICATES, RESOLVES, IPV4, IPV6, PUBLIC)


def audit(found: Exchangers, reach: Reach) -> list[Finding]:
    """Judge a domain's exchangers, as `provisioner.dns.exchangers.exchangers(domain, resolver)` gives them.

    `reach` says which addresses a record may lead to. Subject of each finding: the domain.
    """
    findings = [_present(found)]
    if found.reply.status is Status.FOUND:
        findings += [_null(found)] if found.null else []
        if found.hosts:
            findings += [_names(found), _alias(found), _duplicates(found)]
    if _named(found):
        findings += [_resolves(found), *_families(found), *_public(found, reach)]
    return findings


def _named(found: Exchangers) -> list[Exchanger]:
    """Those with a name that can have addresses; the others are what `mx.names` is about."""
    return [host for host in found.hosts if not host.is_address]


def _records(found: Exchangers) -> tuple[str, ...]:
    return tuple(f"{found.domain} MX {text}" for text in found.reply.texts()[:20])


def _present(found: Exchangers) -> Finding:
    domain, records = found.domain, _records(found)
    if not found.reply.answered:
        return Finding(PRESENT, Outcome.ERROR, domain, "its MX records could not be asked for",
                       (found.reply.detail,))  # fmt: skip
    if found.null and not found.hosts:
        return Finding(PRESENT, Outcome.PASS, domain, "takes no mail, and says so by a null MX", records)
    if found.implicit:
        where = ", ".join(found.hosts[0].addresses)
        return Finding(
            PRESENT, Outcome.WARN, domain, f"has no MX; mail goes to its own address, {where}",
            severity=Severity.LOW,
            fix=f"Publish `{domain}. MX 10 NAME.` with the server's name, or `{domain}. MX 0 .` if the"
            " domain takes no mail.",
        )  # fmt: skip
    if not found.hosts:
        missing = (
            "does not exist" if found.reply.status is Status.NXDOMAIN else "has neither an MX nor an address"
        )
        return Finding(PRESENT, Outcome.FAIL, domain, f"{missing}: nobody can send mail to it")
    if found.left_out:
        count = len(found.hosts) + found.left_out
        return Finding(
            PRESENT,
            Outcome.WARN,
            domain,
            f"names {count} hosts; the best {len(found.hosts)} are looked at",
            records,
            severity=Severity.LOW,
            fix="Name the few hosts that take mail; senders try no more than some of them.",
        )
    names = ", ".join(host.name for host in found.hosts)
    return Finding(PRESENT, Outcome.PASS, domain, f"mail goes to {names}", records)


def _null(found: Exchangers) -> Finding:
    records = _records(found)
    if len(found.reply.records) > 1:
        return Finding(NULL, Outcome.FAIL, found.domain, "has a null MX beside other MX records", records)
    if not records[0].endswith(" 0 ."):
        return Finding(NULL, Outcome.WARN, found.domain, "has a null MX whose preference is not 0", records,
                       severity=Severity.LOW, fix=f"{found.domain}. MX 0 .")  # fmt: skip
    return Finding(NULL, Outcome.PASS, found.domain, "has a null MX and nothing beside it", records)


def _names(found: Exchangers) -> Finding:
    wrong = [host.name for host in found.hosts if host.is_address or "." not in host.name]
    if wrong:
        return Finding(NAMES, Outcome.FAIL, found.domain, f"has an MX without a host's name: {_some(wrong)}",
                       _records(found), severity=_all_or_some(len(wrong), found))  # fmt: skip
    return Finding(NAMES, Outcome.PASS, found.domain, "every MX holds a name")


def _alias(found: Exchangers) -> Finding:
    wrong = [host for host in found.hosts if host.ipv4.aliases or host.ipv6.aliases]
    if not wrong:
        return Finding(ALIAS, Outcome.PASS, found.domain, "no MX points at an alias")
    targets = {host.name: host.ipv4.canonical or host.ipv6.canonical for host in wrong}
    return Finding(
        ALIAS, Outcome.FAIL, found.domain, f"has an MX that is an alias: {_some(list(targets))}",
        tuple(f"{name} CNAME {target}" for name, target in targets.items()),
        fix="; ".join(
            f"`{found.domain}. MX {host.preference} {targets[host.name]}.` in place of {host.name}"
            for host in wrong[:3]
        ),
    )  # fmt: skip


def _duplicates(found: Exchangers) -> Finding:
    names = Counter(text.split()[-1].rstrip(".").lower() for text in found.reply.texts())
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        return Finding(DUPLICATES, Outcome.WARN, found.domain, f"names twice: {_some(twice)}",
                       _records(found))  # fmt: skip
    return Finding(DUPLICATES, Outcome.PASS, found.domain, "names each host once")


def _resolves(found: Exchangers) -> Finding:
    named = _named(found)
    silent = [host for host in named if _unanswered(host)]
    empty = [host for host in named if not host.addresses and host not in silent]
    if empty:
        evidence = tuple(f"{host.name} A: {host.ipv4.status}, AAAA: {host.ipv6.status}" for host in empty)
        return Finding(RESOLVES, Outcome.FAIL, found.domain,
                       f"has an MX without an address: {_some([host.name for host in empty])}", evidence,
                       severity=_all_or_some(len(empty), found))  # fmt: skip
    if silent:
        evidence = tuple(f"{host.name}: {host.ipv4.detail or host.ipv6.detail}" for host in silent)
        return Finding(RESOLVES, Outcome.ERROR, found.domain, "the addresses of an MX could not be asked for",
                       evidence)  # fmt: skip
    evidence = tuple(f"{host.name}: {', '.join(host.addresses)}" for host in found.hosts)
    return Finding(RESOLVES, Outcome.PASS, found.domain, "every MX has an address", evidence)


def _unanswered(host: Exchanger) -> bool:
    return not host.addresses and not (host.ipv4.answered and host.ipv6.answered)


def _families(found: Exchangers) -> list[Finding]:
    """Of those that have an address at all; the others are what `mx.resolves` is about."""
    hosts = [host for host in _named(found) if host.addresses or _unanswered(host)]
    findings: list[Finding] = []
    if not hosts:
        return findings
    for check, family, replies in (
        (IPV4, "IPv4", [(host, host.ipv4) for host in hosts]),
        (IPV6, "IPv6", [(host, host.ipv6) for host in hosts]),
    ):
        lacking = [host.name for host, reply in replies if reply.answered and not reply.records]
        silent = [host.name for host, reply in replies if not reply.answered]
        if lacking:
            outcome, summary = Outcome.FAIL, f"has an MX without an {family} address: {_some(lacking)}"
        elif silent:
            outcome, summary = Outcome.ERROR, f"the {family} addresses of {_some(silent)} are not known"
        else:
            outcome, summary = Outcome.PASS, f"every MX has an {family} address"
        findings.append(Finding(check, outcome, found.domain, summary))
    return findings


def _public(found: Exchangers, reach: Reach) -> list[Finding]:
    addresses = [(host, address) for host in found.hosts for address in host.addresses]
    refused = [(host, address, why) for host, address in addresses if (why := reach.refusal(address))]
    if not addresses:
        return []
    if not refused:
        return [Finding(PUBLIC, Outcome.PASS, found.domain, "every MX points at the internet")]
    cut_off = [host for host in found.hosts if host.addresses and not host.reachable(reach)]
    return [
        Finding(
            PUBLIC, Outcome.FAIL, found.domain,
            f"has an MX at {refused[0][2]}: {_some(list(dict.fromkeys(h.name for h, _, _ in refused)))}."
            " It was not connected to",
            tuple(f"{host.name}: {address}, {why}" for host, address, why in refused[:20]),
            severity=_all_or_some(len(cut_off), found),
        )
    ]  # fmt: skip


def _all_or_some(wrong: int, found: Exchangers) -> Severity:
    return Severity.HIGH if wrong == len(found.hosts) else Severity.MEDIUM


def _some(names: list[str]) -> str:
    rest = len(names) - 5
    return ", ".join(names[:5]) + (f" and {rest} more" if rest > 0 else "")
