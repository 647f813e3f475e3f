"""DNSSEC (RFC 4033-4035): whether a domain's zone and its mail servers' zones are signed, and rightly.

The resolver does the validating: its AD bit says that an answer is true, and an answer that it gives only
when told not to check (CD) is bogus. Where the resolver does not validate, nothing is known, and that is
what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.resolver import Reply, Resolver, Status
from provisioner.dns.zones import zone_of

if TYPE_CHECKING:
    from dns.rdata import Rdata

RESOLVER = Check(
    "dnssec.resolver",
    Severity.INFO,
    "The resolver asked checks signatures",
    "Without a validating resolver nobody can say whether signatures are right, and a Postfix beside it"
    " can't use DANE.",
    "Ask another one (--resolver), or let this one validate: unbound does so as Debian installs it.",
    "RFC 4035 §3.2, RFC 7672 §2.2",
)
SIGNED = Check(
    "dnssec.signed",
    Severity.MEDIUM,
    "The zone is signed",
    "Without signatures anybody between a sender and its resolver can lead mail elsewhere, and DANE is not"
    " possible.",
    "Switch DNSSEC on at the DNS provider, and give the DS record that it shows to the registrar.",
    "RFC 4033 §3, RFC 7672 §1.3",
)
VALID = Check(
    "dnssec.valid",
    Severity.HIGH,
    "The zone's signatures are right",
    "For everybody whose resolver validates, a zone with wrong signatures does not exist: no mail comes in,"
    " and what it sends is refused.",
    "Compare the DS record at the registrar with the zone's DNSKEY, and let the zone be signed again.",
    "RFC 4035 §5, RFC 4033 §5",
)
ALGORITHMS = Check(
    "dnssec.algorithms",
    Severity.MEDIUM,
    "The zone is signed with algorithms that hold",
    "SHA-1 can be forged, and validators have begun to treat what depends on it as unsigned.",
    "Roll the keys over to algorithm 13 (ECDSA P-256 with SHA-256), with a DS of digest type 2 (SHA-256).",
    "RFC 8624 §3.1, §3.3; RFC 9905",
)
KEYS = Check(
    "dnssec.keys",
    Severity.LOW,
    "The zone's RSA keys have at least 2048 bits",
    "Short RSA keys can be broken by whoever pays for the machines.",
    "Roll the keys over to algorithm 13 (ECDSA P-256), whose signatures are shorter too.",
    "RFC 6781 §3.4.2, NIST SP 800-57 part 1",
)
SIGNATURES = Check(
    "dnssec.signatures",
    Severity.HIGH,
    "The zone's signatures do not run out soon",
    "A signature is renewed long before its end. One near it means that the signer has stopped, and at the"
    " end the zone is gone for everybody who validates.",
    "Look at the signer's log and sign again: knotc zone-sign ZONE, rndc sign ZONE, or ask the provider.",
    "RFC 4034 §3.1.5, RFC 6781 §4.4.2",
)
CHECKS = (RESOLVER, SIGNED, VALID, ALGORITHMS, KEYS, SIGNATURES)

ALGORITHM_NAMES = {
    1: "RSA/MD5", 3: "DSA", 5: "RSA/SHA-1", 6: "DSA", 7: "RSA/SHA-1", 8: "RSA/SHA-256", 10: "RSA/SHA-512",
    12: "GOST", 13: "ECDSA P-256", 14: "ECDSA P-384", 15: "Ed25519", 16: "Ed448",
}  # fmt: skip
STRONG_ALGORITHMS = frozenset({8, 10, 13, 14, 15, 16})
DIGEST_NAMES = {1: "SHA-1", 2: "SHA-256", 3: "GOST", 4: "SHA-384"}
STRONG_DIGESTS = frozenset({2, 4})
RSA_BITS = 2048
NEAR_THE_END = 0.05
"""Of a signature's life. Signers renew at a tenth (Knot) to a half (signing on the fly) of it."""


def audit(
    domain: str, resolver: Resolver, hosts: Sequence[str] = (), *, now: datetime | None = None
) -> list[Finding]:
    """Judge the zone of a mail domain and those of its MX hosts, each zone once.

    `hosts` are the names of the MX hosts; `now` has a time zone. Subject of each finding: the zone.
    """
    zones = dict.fromkeys(zone for name in (domain, *hosts) if (zone := zone_of(name, resolver)))
    if not zones:
        why = resolver.ask(domain, "SOA", checking_disabled=True)
        said = why.detail or f"{domain} SOA: {why.status}"
        return [Finding(SIGNED, Outcome.ERROR, domain, "its zone could not be found", (said,))]
    seen = [finding for zone in zones for finding in _zone(zone, resolver, now or datetime.now(UTC))]
    proven = any(finding.check is VALID and finding.outcome is Outcome.PASS for finding in seen)
    return [_resolver(resolver, proven or _validates(resolver)), *seen]


def _validates(resolver: Resolver) -> bool:
    return resolver.ask(".", "SOA").authenticated


def _resolver(resolver: Resolver, validates: bool) -> Finding:
    names = ", ".join(address for address, _ in resolver.servers)
    if validates:
        return Finding(RESOLVER, Outcome.PASS, names, "checks signatures")
    said = "does not check signatures: its answers come without the AD bit"
    return Finding(RESOLVER, Outcome.WARN, names, said, (". SOA without AD",))


def _zone(zone: str, resolver: Resolver, now: datetime) -> list[Finding]:
    checked = resolver.ask(zone, "SOA")
    unchecked = resolver.ask(zone, "SOA", checking_disabled=True)
    ds = resolver.ask(zone, "DS", checking_disabled=True)
    keys = resolver.ask(zone, "DNSKEY", checking_disabled=True)
    if not unchecked.answered or not ds.answered:
        detail = unchecked.detail or ds.detail
        return [Finding(SIGNED, Outcome.ERROR, zone, "could not be asked for", (detail,))]
    if not ds.records:
        return [_unsigned(zone, keys)]
    findings = [Finding(SIGNED, Outcome.PASS, zone, "is signed", _evidence(zone, "DS", ds))]
    findings.append(_valid(zone, checked, unchecked, resolver))
    findings += [_algorithms(zone, ds), *_keys(zone, keys)]
    return findings + [finding for finding in (_signatures(zone, unchecked, now),) if finding]


def _evidence(zone: str, rdtype: str, reply: Reply) -> tuple[str, ...]:
    return tuple(f"{zone} {rdtype} {text}"[:200] for text in reply.texts()[:5])


def _unsigned(zone: str, keys: Reply) -> Finding:
    if keys.records:
        return Finding(
            SIGNED, Outcome.FAIL, zone, "is signed, and its parent does not know: there is no DS record",
            _evidence(zone, "DNSKEY", keys),
            fix="Give the DS record of the zone's key-signing key (flags 257) to the registrar.",
        )  # fmt: skip
    return Finding(SIGNED, Outcome.FAIL, zone, "is not signed")


def _valid(zone: str, checked: Reply, unchecked: Reply, resolver: Resolver) -> Finding:
    if checked.authenticated:
        return Finding(VALID, Outcome.PASS, zone, "its signatures are right")
    if checked.status is Status.SERVFAIL and unchecked.answered:
        said = (checked.detail, "the same question with checking disabled (CD) was answered")
        return Finding(VALID, Outcome.FAIL, zone, "is bogus: its signatures are wrong", said)
    if not checked.answered:
        return Finding(VALID, Outcome.ERROR, zone, "could not be asked for", (checked.detail,))
    if not _validates(resolver):
        return Finding(VALID, Outcome.ERROR, zone, "its signatures were not checked: the resolver does not")
    return Finding(
        VALID, Outcome.WARN, zone, "counts as unsigned for the resolver, though it has a DS record",
        ("SOA answered without AD",), severity=Severity.MEDIUM,
        fix="Use algorithm 13 and digest type 2; make sure that every zone above is signed too.",
    )  # fmt: skip


def _algorithms(zone: str, ds: Reply) -> Finding:
    algorithms = {int(record.algorithm) for record in ds.records}  # type: ignore[attr-defined]  # DS
    digests = {int(record.digest_type) for record in ds.records}  # type: ignore[attr-defined]  # DS
    weak = algorithms - STRONG_ALGORITHMS
    evidence = _evidence(zone, "DS", ds)
    if not algorithms & STRONG_ALGORITHMS:
        names = ", ".join(ALGORITHM_NAMES.get(number, f"algorithm {number}") for number in sorted(weak))
        return Finding(ALGORITHMS, Outcome.FAIL, zone, f"is signed with {names}", evidence)
    if not digests & STRONG_DIGESTS:
        names = ", ".join(DIGEST_NAMES.get(number, f"type {number}") for number in sorted(digests))
        return Finding(
            ALGORITHMS, Outcome.FAIL, zone, f"its DS record has a digest that is too weak: {names}", evidence,
            fix="Give the registrar a DS of the same key with digest type 2 (SHA-256).",
        )  # fmt: skip
    if weak or digests - STRONG_DIGESTS:
        said = "has a DS with a weak algorithm or digest beside a strong one"
        fix = "Remove the DS records with digest type 1, and those of old keys."
        return Finding(ALGORITHMS, Outcome.WARN, zone, said, evidence, fix, Severity.LOW)
    names = ", ".join(ALGORITHM_NAMES[number] for number in sorted(algorithms))
    return Finding(ALGORITHMS, Outcome.PASS, zone, f"is signed with {names}")


def _keys(zone: str, keys: Reply) -> list[Finding]:
    sizes = [size for record in keys.records if (size := rsa_bits(record))]
    if not sizes:
        return []
    if min(sizes) < RSA_BITS:
        weight = Severity.HIGH if min(sizes) < 1024 else None
        short = f"has an RSA key of {min(sizes)} bits"
        return [Finding(KEYS, Outcome.WARN if weight is None else Outcome.FAIL, zone, short, severity=weight)]
    return [Finding(KEYS, Outcome.PASS, zone, f"its RSA keys have {min(sizes)} bits or more")]


def rsa_bits(key: Rdata) -> int:
    """The length of the modulus of an RSA DNSKEY (RFC 3110 §2); 0 for other algorithms."""
    if int(key.algorithm) not in (1, 5, 7, 8, 10):  # type: ignore[attr-defined]  # DNSKEY
        return 0
    data: bytes = key.key  # type: ignore[attr-defined]
    exponent = (1, data[0]) if data[:1] != b"\0" else (3, int.from_bytes(data[1:3]))
    modulus = data[sum(exponent) :]
    return int.from_bytes(modulus).bit_length()


def _signatures(zone: str, reply: Reply, now: datetime) -> Finding | None:
    if not reply.signatures:
        return None
    ends, begins = [], []
    for record in reply.signatures:
        ends.append(datetime.fromtimestamp(record.expiration, UTC))  # type: ignore[attr-defined]  # RRSIG
        begins.append(datetime.fromtimestamp(record.inception, UTC))  # type: ignore[attr-defined]
    end, begin = min(ends), begins[ends.index(min(ends))]
    evidence = (f"RRSIG over {zone} SOA: {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC",)
    left = end - now
    if left <= timedelta():
        return Finding(SIGNATURES, Outcome.FAIL, zone, f"a signature has run out on {end:%Y-%m-%d}", evidence)
    if begin > now:
        return Finding(SIGNATURES, Outcome.FAIL, zone, "a signature begins in the future", evidence,
                       fix="Set the clock of the signer right, and sign again.")  # fmt: skip
    if left < NEAR_THE_END * (end - begin):
        hours = round(left.total_seconds() / 3600)
        return Finding(SIGNATURES, Outcome.WARN, zone, f"a signature runs out in {hours} h", evidence)
    return Finding(SIGNATURES, Outcome.PASS, zone, f"its signatures hold until {end:%Y-%m-%d}", evidence)
