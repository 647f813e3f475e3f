"""What is said of a server's certificates."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.audit.certificate import CHECKS, audit_certificate, audit_certificates
from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.tls.result import Chain, Speech, TlsScan
from tests.unit.certificate_making import CA, INTERMEDIATE, NOW, Made, make

HOST = "mx1.example.test"
MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])


def judge(
    *made: Made,
    port: int = 465,
    names: tuple[str, ...] = (HOST,),
    now: datetime = NOW,
    stapled: bytes = b"",
    authorities: str = CA.pem,
) -> dict[str, Finding]:
    chain = Chain("ECDSA", tuple(one.der for one in made), stapled)
    findings = audit_certificate(chain, names, HOST, port, now=now, authorities=authorities)
    return {finding.check.id: finding for finding in findings}


def wrong(judged: dict[str, Finding]) -> set[str]:
    return {name for name, one in judged.items() if one.outcome in (Outcome.FAIL, Outcome.WARN)}


def staple(made: Made, status: ocsp.OCSPCertStatus, days: int = 3, about: Made | None = None) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    begins = NOW - timedelta(days=10)
    builder = ocsp.OCSPResponseBuilder().add_response(
        (about or made).certificate,
        INTERMEDIATE.certificate,
        hashes.SHA256(),
        status,
        begins,
        NOW + timedelta(days=days),
        NOW if revoked else None,
        None,
    )
    signed = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, INTERMEDIATE.certificate)
    return signed.sign(INTERMEDIATE.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_nothing_is_wrong_with_a_good_chain_and_every_check_is_listed() -> None:
    judged = judge(make("leaf", INTERMEDIATE), INTERMEDIATE)
    assert wrong(judged) == set()
    assert set(judged) == {check.id for check in CHECKS}


def test_a_self_signed_certificate_is_bad_for_people_and_a_note_on_port_25() -> None:
    own = make("own")
    at_465, at_25 = judge(own)["certificate.trust"], judge(own, port=25)["certificate.trust"]
    assert (at_465.outcome, at_465.weight) == (Outcome.FAIL, Severity.HIGH)
    assert (at_25.outcome, at_25.weight) == (Outcome.WARN, Severity.INFO)


def test_another_name_is_shown_with_the_one_that_was_wanted() -> None:
    finding = judge(make("leaf", INTERMEDIATE, names=("mail.elsewhere.test",)), INTERMEDIATE)[
        "certificate.hostmatch"
    ]
    assert finding.outcome is Outcome.FAIL
    assert finding.summary == f"has a certificate for mail.elsewhere.test, not for {HOST}"


def test_one_of_several_names_is_enough() -> None:
    leaf = make("leaf", INTERMEDIATE, names=("example.test",))
    judged = judge(leaf, INTERMEDIATE, names=(HOST, "example.test"))
    assert judged["certificate.hostmatch"].outcome is Outcome.PASS


def test_a_certificate_without_names_fits_nobody() -> None:
    judged = judge(make(HOST, INTERMEDIATE, names=()), INTERMEDIATE)
    assert wrong(judged) == {"certificate.hostmatch", "certificate.names"}


@pytest.mark.parametrize(
    ("later", "outcome", "words"),
    [
        (0, Outcome.PASS, "89 days left"),
        (80, Outcome.WARN, "ends in 9 days"),
        (99, Outcome.FAIL, "ended 10 days ago"),
        (-9, Outcome.FAIL, "begins on"),
    ],
)
def test_the_days_that_are_left_decide(later: int, outcome: Outcome, words: str) -> None:
    leaf = make("leaf", INTERMEDIATE, days=90)
    finding = judge(leaf, INTERMEDIATE, now=NOW + timedelta(days=later))["certificate.expiry"]
    assert finding.outcome is outcome
    assert words in finding.summary


def test_a_certificate_of_six_days_is_not_late_on_its_second() -> None:
    judged = judge(make("leaf", INTERMEDIATE, begins=-2, days=6), INTERMEDIATE)
    assert judged["certificate.expiry"].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("key", "outcome"),
    [("p256", Outcome.PASS), ("rsa3072", Outcome.PASS), ("rsa2048", Outcome.WARN), ("rsa1024", Outcome.FAIL)],
)
def test_keys_are_graded_by_kind_and_length(key: str, outcome: Outcome) -> None:
    assert judge(make("leaf", INTERMEDIATE, key=key), INTERMEDIATE)["certificate.pubkey"].outcome is outcome


def test_a_short_key_in_the_middle_of_the_chain_counts_and_the_root_s_does_not() -> None:
    root = make("Short Root", key="rsa1024", authority=True)
    middle = make("Middle", root, key="rsa2048", authority=True)
    judged = judge(make("leaf", middle), middle, root, authorities=root.pem)
    assert judged["certificate.pubkey"].outcome is Outcome.WARN


def test_a_missing_intermediate_certificate_is_named() -> None:
    finding = judge(make("leaf", INTERMEDIATE))["certificate.chain"]
    assert finding.summary == "sends a chain that ends before CN=Test Intermediate"


def test_the_wrong_order_is_minor_and_strangers_are_counted() -> None:
    middle = make("Middle", INTERMEDIATE, key="rsa3072", authority=True)
    leaf = make("leaf", middle)
    disorder = judge(leaf, INTERMEDIATE, middle)["certificate.chain"]
    assert (disorder.outcome, disorder.weight) == (Outcome.FAIL, Severity.LOW)
    strangers = judge(leaf, middle, INTERMEDIATE, make("stranger"))["certificate.chain"]
    assert strangers.summary == "sends 1 certificate not of its chain"


def test_the_root_may_be_sent_too() -> None:
    finding = judge(make("leaf", INTERMEDIATE), INTERMEDIATE, CA)["certificate.chain"]
    assert finding.outcome is Outcome.PASS
    assert "the root too" in finding.summary


def test_a_certificate_for_clients_is_not_for_servers() -> None:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    judged = judge(make("leaf", INTERMEDIATE, extensions=(usage,)), INTERMEDIATE)
    assert wrong(judged) == {"certificate.usage"}


def test_ten_years_are_too_long() -> None:
    assert "certificate.lifetime" in wrong(judge(make("own", days=3650)))
    assert "certificate.lifetime" not in wrong(judge(make("own", days=800)))
    assert "certificate.lifetime" in wrong(judge(make("leaf", INTERMEDIATE, days=800), INTERMEDIATE))


def test_stapling_is_demanded_only_by_the_certificate() -> None:
    plain, demanding = make("leaf", INTERMEDIATE), make("leaf", INTERMEDIATE, extensions=(MUST_STAPLE,))
    assert "certificate.ocsp-stapling" not in wrong(judge(plain, INTERMEDIATE))
    assert "certificate.ocsp-stapling" in wrong(judge(demanding, INTERMEDIATE))
    good = staple(demanding, ocsp.OCSPCertStatus.GOOD)
    assert "certificate.ocsp-stapling" not in wrong(judge(demanding, INTERMEDIATE, stapled=good))


@pytest.mark.parametrize(
    ("status", "days", "words"),
    [
        (ocsp.OCSPCertStatus.REVOKED, 3, "was revoked"),
        (ocsp.OCSPCertStatus.GOOD, -1, "an answer that ended on"),
    ],
)
def test_a_stapled_answer_is_read(status: ocsp.OCSPCertStatus, days: int, words: str) -> None:
    leaf = make("leaf", INTERMEDIATE)
    finding = judge(leaf, INTERMEDIATE, stapled=staple(leaf, status, days))["certificate.ocsp-stapling"]
    assert finding.outcome is Outcome.FAIL
    assert words in finding.summary


def test_a_stapled_answer_about_another_certificate_is_none() -> None:
    leaf, other = make("leaf", INTERMEDIATE), make("other", INTERMEDIATE)
    stapled = staple(leaf, ocsp.OCSPCertStatus.GOOD, about=other)
    finding = judge(leaf, INTERMEDIATE, stapled=stapled)["certificate.ocsp-stapling"]
    assert finding.summary == "staples an answer about another certificate"


@pytest.mark.parametrize("wild", [b"\0", b"\x30\x03\x0a\x01\x06", b"x" * 500])
def test_wild_bytes_are_said_to_be_unreadable(wild: bytes) -> None:
    leaf = make("leaf", INTERMEDIATE)
    assert judge(leaf, INTERMEDIATE, stapled=wild)["certificate.ocsp-stapling"].outcome is Outcome.WARN
    chain = Chain("RSA", (wild,))
    (finding,) = audit_certificate(chain, (HOST,), HOST, 25, now=NOW, authorities="")
    assert finding.summary == "shows a certificate that can't be read"


LEAF = make("leaf", INTERMEDIATE)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(0, 255), which=st.integers(0, 1))
def test_no_certificate_however_broken_ends_the_audit(place: int, value: int, which: int) -> None:
    chain = [bytearray(LEAF.der), bytearray(INTERMEDIATE.der)]
    chain[which][place % len(chain[which])] = value
    broken = Chain("ECDSA", (bytes(chain[0]), bytes(chain[1])))
    found = TlsScan(HOST, Speech.TLS, chains=(broken,))
    assert audit_certificates(found, (HOST,), HOST, 25, now=NOW, authorities=CA.pem)


def test_both_chains_of_a_server_are_judged_and_told_apart() -> None:
    chains = tuple(Chain(kind, (make(kind).der,)) for kind in ("ECDSA", "RSA"))
    found = TlsScan(HOST, Speech.TLS, chains=chains)
    findings = audit_certificates(found, (HOST,), HOST, 993, now=NOW, authorities="")
    trust = [finding.summary for finding in findings if finding.check.id == "certificate.trust"]
    assert trust == [
        "has a self-signed certificate (ECDSA certificate)",
        "has a self-signed certificate (RSA certificate)",
    ]
