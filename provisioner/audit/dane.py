"""DANE for SMTP (RFC 7672): whether the TLSA records of an MX host fit the certificate it shows.

A TLSA record at `_25._tcp.MX` says by its usage, selector and matching type which certificate or key is
the right one (RFC 6698 §2.1): `3 1 1 HASH` is the SHA-256 of the server's own public key. Senders that
heed DANE deliver to no server that fits none of its records: a stale record keeps mail out.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.resolver import Reply, Resolver, Status
from provisioner.dns.tlsa import Tlsa, mismatch, public_key, tlsa

PRESENT = Check(
    "dane.present",
    Severity.LOW,
    "The MX host has TLSA records",
    "With TLSA records, senders encrypt to this server only, and know that it is this one. Without, anybody"
    " on the way can strip the encryption.",
    "Sign the zone with DNSSEC, then publish `_25._tcp.HOST TLSA 3 1 1 HASH` with the SHA-256 of the"
    " server's public key.",
    "RFC 7672 §1.3, Internet.nl mail test: DANE",
)
SECURE = Check(
    "dane.secure",
    Severity.MEDIUM,
    "The TLSA records, or their absence, are proven by DNSSEC",
    "Senders ignore TLSA records that DNSSEC does not prove, and put off mail where the answer is bogus,"
    " the answer that there is none included.",
    "Sign the zone of the MX host; where it is signed, mend its signatures or the name server's answers.",
    "RFC 7672 §2.1.1, §2.2",
)
USABLE = Check(
    "dane.usable",
    Severity.MEDIUM,
    "Every TLSA record can be used for SMTP",
    "Senders leave out records with usage 0 or 1, with unknown numbers, or with data of a wrong length."
    " Where all are so, they encrypt without knowing to whom.",
    "Publish `_25._tcp.HOST TLSA 3 1 1 HASH` in their place.",
    "RFC 7672 §3.1.3, RFC 6698 §2.1",
)
MATCHES = Check(
    "dane.matches",
    Severity.HIGH,
    "A TLSA record fits the server's certificate",
    "Senders that heed DANE deliver nothing to a server that fits none of its records. The mail waits for"
    " days and comes back.",
    "Publish the record of the certificate in use, wait for the TTL, then remove the old one.",
    "RFC 7672 §2.2, RFC 7671 §5",
)
ROLLOVER = Check(
    "dane.rollover",
    Severity.INFO,
    "There is a TLSA record for the next key as well",
    "With a single record, the moment between a new key and the new record keeps mail out, for as long as"
    " resolvers keep the old one.",
    "Publish a second record before each change of key: `3 1 1` of the next key, or `2 1 1` of the"
    " authority's.",
    "RFC 7671 §8, Internet.nl mail test: DANE roll-over",
)
RENEWAL = Check(
    "dane.renewal",
    Severity.LOW,
    "The TLSA records outlive a renewed certificate",
    "A record over the whole certificate (selector 0) is wrong after each renewal. One over the key stays"
    " right while the key stays.",
    "Use selector 1 (`3 1 1`), and let the renewal keep the key (certbot: --reuse-key).",
    "RFC 7671 §5.1",
)
CHECKS = (PRESENT, SECURE, USABLE, MATCHES, ROLLOVER, RENEWAL)
MOST = 50
"""Records looked at; nobody needs more than a handful."""


def audit(
    host: str, chain: Sequence[bytes] | None, resolver: Resolver, *, names: Sequence[str] = (), port: int = 25
) -> list[Finding]:
    """Judge the TLSA records of an MX host. Subject of each finding: the host with the port.

    `chain` holds the certificates that the server showed, its own first, in DER form; None where it could
    not be had. `names` are further names that the certificate may be for where a record is about an
    authority (usage 2): the mail domains (RFC 7672 §3.2.2). Nothing is connected to.
    """
    subject, owner = f"{host}:{port}", f"_{port}._tcp.{host}"
    reply = resolver.ask(owner, "TLSA")
    if not reply.answered:
        return [_unanswered(subject, host, reply, resolver)]
    if not reply.records:
        return _absent(subject, host, owner, reply, resolver)
    records = [tlsa(record) for record in reply.records[:MOST]]
    evidence = tuple(f"{owner} TLSA {record}" for record in records[:10])
    findings = [Finding(PRESENT, Outcome.PASS, subject, f"has {_counted(len(records))}", evidence)]
    if not reply.authenticated:
        return [*findings, _insecure(subject, host, resolver)]
    findings.append(Finding(SECURE, Outcome.PASS, subject, "its TLSA records are proven by DNSSEC"))
    findings.append(_usable(subject, records))
    usable = [record for record in records if not record.fault]
    if not usable:
        return findings
    findings.append(_matches(subject, usable, chain, (host, *names)))
    return [*findings, _rollover(subject, usable), _renewal(subject, usable)]


def _counted(number: int) -> str:
    return "a TLSA record" if number == 1 else f"{number} TLSA records"


def _unanswered(subject: str, host: str, reply: Reply, resolver: Resolver) -> Finding:
    """No answer for TLSA. Where the host's addresses are answered, senders put mail off for that."""
    unchecked = resolver.ask(reply.name, "TLSA", checking_disabled=True)
    signed = resolver.ask(host, "A").authenticated or resolver.ask(host, "AAAA").authenticated
    if reply.status is Status.SERVFAIL and signed:
        why = "the proof is bogus" if unchecked.answered else "the name server fails on TLSA questions"
        return Finding(
            SECURE, Outcome.FAIL, subject, f"its TLSA records can't be asked for: {why}", (reply.detail,),
            severity=Severity.HIGH,
            fix="Senders that heed DANE put mail off until this is answered. Sign the zone again, or let its"
            " name server answer TLSA questions (also for `_tcp` names that do not exist).",
        )  # fmt: skip
    return Finding(
        PRESENT, Outcome.ERROR, subject, "its TLSA records could not be asked for", (reply.detail,)
    )


def _absent(subject: str, host: str, owner: str, reply: Reply, resolver: Resolver) -> list[Finding]:
    signed = resolver.ask(host, "A").authenticated or resolver.ask(host, "AAAA").authenticated
    if not signed:
        said = "has no TLSA records, and its zone is not proven by DNSSEC, which they need"
        return [Finding(PRESENT, Outcome.FAIL, subject, said, (f"{owner} TLSA: {reply.status}",))]
    findings = [
        Finding(
            PRESENT,
            Outcome.FAIL,
            subject,
            "has no TLSA records, though its zone is signed",
            (f"{owner} TLSA: {reply.status}",),
            fix=f"Publish `{owner}. TLSA 3 1 1 HASH` with the SHA-256 of the server's public key.",
        )
    ]
    if not reply.authenticated:
        said = "that it has no TLSA records is not proven"
        return [*findings, Finding(SECURE, Outcome.WARN, subject, said, severity=Severity.LOW)]
    return [*findings, Finding(SECURE, Outcome.PASS, subject, "that it has no TLSA records is proven")]


def _insecure(subject: str, host: str, resolver: Resolver) -> Finding:
    if not resolver.ask(".", "SOA").authenticated and not resolver.ask(host, "A").authenticated:
        said = "whether its TLSA records are proven is not known: the resolver does not say (no AD)"
        return Finding(SECURE, Outcome.ERROR, subject, said)
    return Finding(SECURE, Outcome.FAIL, subject, "has TLSA records that no sender heeds: DNSSEC does not"
                   " prove them")  # fmt: skip


def _usable(subject: str, records: Sequence[Tlsa]) -> Finding:
    faults = tuple(f"TLSA {record}: {record.fault}" for record in records if record.fault)
    if not faults:
        return Finding(USABLE, Outcome.PASS, subject, "every TLSA record can be used")
    if len(faults) == len(records):
        return Finding(USABLE, Outcome.FAIL, subject, "no TLSA record can be used", faults[:10])
    some = f"{len(faults)} of {len(records)} TLSA records can't be used"
    return Finding(USABLE, Outcome.WARN, subject, some, faults[:10], severity=Severity.LOW)


def _matches(
    subject: str, usable: Sequence[Tlsa], chain: Sequence[bytes] | None, names: Sequence[str]
) -> Finding:
    if not chain:
        return Finding(
            MATCHES, Outcome.ERROR, subject, "the certificate could not be had: nothing to compare"
        )
    fitting, faults = [], []
    for record in usable:
        fault = mismatch(record, chain, names)
        if fault:
            faults.append(f"TLSA {record}: {fault}")
        else:
            fitting.append(record)
    if fitting:
        return Finding(MATCHES, Outcome.PASS, subject, f"TLSA {fitting[0]} fits the certificate",
                       tuple(faults[:10]))  # fmt: skip
    right = f"3 1 1 {_hash_of_key(chain[0])}"
    return Finding(
        MATCHES, Outcome.FAIL, subject, "no TLSA record fits the certificate that it shows",
        tuple(faults[:10]),
        fix=f"Publish `_{subject.rpartition(':')[2]}._tcp.{names[0]}. TLSA {right}` if the certificate is the"
        " right one, and remove the old records.",
    )  # fmt: skip


def _hash_of_key(der: bytes) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return sha256(public_key(der)).hexdigest()
    except (ValueError, UnsupportedAlgorithm):
        return "HASH"


def _rollover(subject: str, usable: Sequence[Tlsa]) -> Finding:
    own = {record for record in usable if record.usage == 3}
    if len(own) > 1 or (own and len(own) < len(usable)):
        return Finding(ROLLOVER, Outcome.PASS, subject, "has a TLSA record for the next key")
    if not own:
        return Finding(ROLLOVER, Outcome.PASS, subject, "names an authority, which outlasts the server's key")
    return Finding(ROLLOVER, Outcome.WARN, subject, "has a single TLSA record")


def _renewal(subject: str, usable: Sequence[Tlsa]) -> Finding:
    if any(record.selector == 1 or record.usage == 2 for record in usable):
        return Finding(RENEWAL, Outcome.PASS, subject, "has a TLSA record that outlives a renewal")
    return Finding(RENEWAL, Outcome.WARN, subject, "its TLSA records are about the whole certificate")
