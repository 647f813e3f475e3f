"""TLSA records against certificates, as RFC 7671 and RFC 7672 say; each fault, and a host without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha512

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from provisioner.audit import dane
from provisioner.audit.finding import Finding, Severity
from provisioner.dns.resolver import Status
from provisioner.dns.tlsa import Tlsa, mismatch
from tests.unit.dns_zone import Value, Zone

HOST = "mx1.example.org"
OWNER = f"_25._tcp.{HOST}"


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def made(name: str, issuer: Made | None = None, days: int = 30, authority: bool = False) -> Made:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Made(certificate, key)


AUTHORITY = made("authority.example", authority=True)
LEAF = made(HOST, AUTHORITY)
OTHER = made("other.example", AUTHORITY)
LAPSED = made(HOST, AUTHORITY, days=-1)
CHAIN = (LEAF.der, AUTHORITY.der)


def text(usage: int, selector: int, matching: int, one: Made) -> str:
    content = one.spki if selector else one.der
    data = {0: content, 1: sha256(content).digest(), 2: sha512(content).digest()}[matching]
    return f"{usage} {selector} {matching} {data.hex()}"


def record(usage: int, selector: int, matching: int, one: Made) -> Tlsa:
    return Tlsa(usage, selector, matching, bytes.fromhex(text(usage, selector, matching, one).split()[3]))


def found(
    tlsa: Value,
    chain: tuple[bytes, ...] | None = CHAIN,
    secure: tuple[str, ...] = ("",),
    bogus: tuple[str, ...] = (),
) -> dict[str, Finding]:
    zone = Zone(
        {f"{OWNER} TLSA": tlsa, f"{HOST} A": ["192.0.2.1"], ". SOA": ["a. b. 1 2 3 4 5"]}, secure, bogus
    )
    return {one.check.id: one for one in dane.audit(HOST, chain, zone, names=["example.org"])}


@pytest.mark.parametrize("usage", [2, 3])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_a_record_of_every_usable_kind_fits_its_certificate(usage: int, selector: int, matching: int) -> None:
    one = record(usage, selector, matching, LEAF if usage == 3 else AUTHORITY)

    assert one.fault == ""
    assert mismatch(one, CHAIN, [HOST]) == ""
    assert mismatch(record(usage, selector, matching, OTHER), CHAIN, [HOST]) != ""


def test_an_own_certificate_is_right_whatever_its_name_and_dates() -> None:
    for one in (OTHER, LAPSED):
        assert mismatch(record(3, 1, 1, one), [one.der, AUTHORITY.der], [HOST]) == ""


@pytest.mark.parametrize(
    ("leaf", "why"),
    [(OTHER, "is for other.example, not for mx1.example.org"), (LAPSED, "has run out")],
)
def test_below_an_authority_names_and_dates_count(leaf: Made, why: str) -> None:
    assert why in mismatch(record(2, 1, 1, AUTHORITY), [leaf.der, AUTHORITY.der], [HOST])


def test_below_an_authority_the_mail_domain_is_a_right_name_too() -> None:
    assert mismatch(record(2, 0, 1, AUTHORITY), [OTHER.der, AUTHORITY.der], [HOST, "other.example"]) == ""


def test_an_authority_counts_only_where_it_has_signed() -> None:
    stranger = made("stranger.example", authority=True)

    assert "has not signed" in mismatch(record(2, 1, 1, stranger), [LEAF.der, stranger.der], [HOST])


def test_who_may_not_sign_others_is_no_authority() -> None:
    below = made(HOST, OTHER)

    assert "not one of an authority" in mismatch(record(2, 1, 1, OTHER), [below.der, OTHER.der], [HOST])


def test_an_authority_that_the_server_does_not_show_is_known_from_a_record_that_holds_it_whole() -> None:
    assert mismatch(record(2, 0, 0, AUTHORITY), [LEAF.der], [HOST]) == ""
    assert "no authority that the server shows" in mismatch(record(2, 1, 1, AUTHORITY), [LEAF.der], [HOST])


@pytest.mark.parametrize(
    ("one", "fault"),
    [
        (record(0, 0, 1, AUTHORITY), "usage 0 (PKIX-TA)"),  # RFC 7672 §3.1.3: unusable on SMTP
        (record(1, 1, 1, LEAF), "usage 1 (PKIX-EE)"),
        (Tlsa(4, 1, 1, b"x" * 32), "usage 4"),
        (Tlsa(3, 2, 1, b"x" * 32), "selector 2"),
        (Tlsa(3, 1, 3, b"x" * 32), "matching type 3"),
        (Tlsa(3, 1, 1, b"x" * 31), "31 bytes of data"),
        (Tlsa(3, 1, 2, b"x" * 32), "32 bytes of data"),
        (Tlsa(3, 0, 0, b"x" * 32), "no certificate"),
        (Tlsa(3, 1, 0, b"x" * 32), "no public key"),
    ],
)
def test_a_record_that_senders_leave_out_says_why(one: Tlsa, fault: str) -> None:
    assert fault in one.fault


def test_a_host_without_a_fault_passes_every_check() -> None:
    findings = found([text(3, 1, 1, LEAF), text(2, 1, 1, AUTHORITY)])

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in dane.CHECKS}


@pytest.mark.parametrize(
    ("tlsa", "check", "outcome", "words"),
    [
        ([], "dane.present", "fail", "though its zone is signed"),
        (Status.TIMEOUT, "dane.present", "error", "could not be asked"),
        ([text(1, 1, 1, LEAF)], "dane.usable", "fail", "no TLSA record can be used"),
        ([text(1, 1, 1, LEAF), text(3, 1, 1, LEAF)], "dane.usable", "warn", "1 of 2"),
        ([text(3, 1, 1, OTHER)], "dane.matches", "fail", "fits the certificate"),
        ([text(3, 1, 1, LEAF)], "dane.rollover", "warn", "a single TLSA record"),
        ([text(2, 1, 1, AUTHORITY)], "dane.rollover", "pass", "names an authority"),
        ([text(3, 1, 1, LEAF), text(3, 1, 1, OTHER)], "dane.rollover", "pass", "next key"),
        ([text(3, 0, 1, LEAF)], "dane.renewal", "warn", "whole certificate"),
    ],
)
def test_a_fault_is_found_and_named(tlsa: Value, check: str, outcome: str, words: str) -> None:
    finding = found(tlsa)[check]

    assert (finding.outcome, finding.subject) == (outcome, "mx1.example.org:25")
    assert words in finding.summary


def test_the_fix_for_a_stale_record_is_the_right_one() -> None:
    finding = found([text(3, 1, 1, OTHER)])["dane.matches"]

    assert f"`{OWNER}. TLSA 3 1 1 {sha256(LEAF.spki).hexdigest()}`" in finding.fix
    assert finding.weight is Severity.HIGH


def test_without_the_certificate_nothing_is_compared() -> None:
    assert found([text(3, 1, 1, LEAF)], chain=None)["dane.matches"].outcome == "error"


def test_records_that_dnssec_does_not_prove_are_heeded_by_nobody() -> None:
    insecure = found([text(3, 1, 1, LEAF)], secure=("com",))
    validating = Zone({f"{OWNER} TLSA": [text(3, 1, 1, LEAF)], f"{HOST} A": ["192.0.2.1"]}, (HOST,))
    validating._replies[OWNER, "TLSA", False] = Zone({f"{OWNER} TLSA": [text(3, 1, 1, LEAF)]}).ask(
        OWNER, "TLSA"
    )
    findings = {one.check.id: one for one in dane.audit(HOST, CHAIN, validating)}

    assert insecure["dane.secure"].outcome == "error"  # nothing has AD: the resolver may not validate
    assert findings["dane.secure"].outcome == "fail"
    assert "dane.matches" not in findings


def test_a_bogus_answer_about_tlsa_keeps_mail_out_where_the_host_itself_is_proven() -> None:
    finding = found([], bogus=("_tcp.mx1.example.org",))["dane.secure"]

    assert (finding.outcome, finding.weight) == ("fail", Severity.HIGH)
    assert "bogus" in finding.summary


def test_absence_in_an_unsigned_zone_is_said_to_need_dnssec_first() -> None:
    assert "which they need" in found([], secure=())["dane.present"].summary
