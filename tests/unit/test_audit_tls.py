"""What is said of a server's TLS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.tls import CHECKS, audit_tls
from provisioner.audit.tls_grades import Grade, grade_dh, grade_group, grade_suite
from provisioner.tls.groups import Group, group
from provisioner.tls.result import Answer, DhParameters, Order, Speech, TlsScan, VersionScan
from provisioner.tls.suites import suite
from provisioner.tls.versions import Version

GOOD_12 = (suite(0xC02F), suite(0xC030))
GOOD_13 = (suite(0x1301), suite(0x1302))
HYBRID = group(0x11EC)


def versions(**suites: tuple[object, ...]) -> tuple[VersionScan, ...]:
    answers = {version: Answer.YES if suites.get(version.name) else Answer.NO for version in Version}
    return tuple(
        VersionScan(version, answer, suites.get(version.name, ()), why="protocol_version")  # type: ignore[arg-type]
        for version, answer in answers.items()
    )


GOOD = TlsScan(
    "mx1.example.test",
    Speech.TLS,
    versions=versions(TLS12=GOOD_12, TLS13=GOOD_13),
    order=Order.SERVER,
    groups=(group(29), group(23), HYBRID),
    signatures=("RSA-PSS with SHA-256",),
    weak_signatures=Answer.NO,
    compression=Answer.NO,
    secure_renegotiation=Answer.YES,
    client_renegotiation=Answer.NO,
    extended_master_secret=Answer.YES,
    fallback_scsv=Answer.YES,
)


def judge(scan: TlsScan, port: int = 465) -> dict[str, Finding]:
    return {finding.check.id: finding for finding in audit_tls(scan, "mx1.example.test", port)}


def with_suite(number: int) -> TlsScan:
    return replace(GOOD, versions=versions(TLS12=(*GOOD_12, suite(number)), TLS13=GOOD_13))


def test_a_good_server_passes_every_check() -> None:
    judged = judge(GOOD)
    assert set(judged) == {check.id for check in CHECKS}
    outcomes = {
        name: finding.outcome for name, finding in judged.items() if finding.outcome is not Outcome.PASS
    }
    assert outcomes == {"tls.cipher-order": Outcome.SKIPPED}


def test_the_subject_is_host_and_port() -> None:
    assert {finding.subject for finding in audit_tls(GOOD, "mx1.example.test", 993)} == {
        "mx1.example.test:993"
    }


@pytest.mark.parametrize(
    ("name", "port", "weight"),
    [
        ("TLS10", 465, Severity.MEDIUM),
        ("TLS11", 25, Severity.LOW),
        ("SSL3", 993, Severity.HIGH),
        ("SSL3", 25, Severity.MEDIUM),
    ],
)
def test_an_old_version_weighs_less_on_port_25(name: str, port: int, weight: Severity) -> None:
    old = {name: (suite(0x002F),)}
    finding = judge(replace(GOOD, versions=versions(TLS12=GOOD_12, **old)), port)["tls.version"]
    assert (finding.outcome, finding.weight) == (Outcome.FAIL, weight)
    assert finding.summary == f"still speaks {Version[name]}"


def test_a_version_that_could_not_be_asked_for_is_no_pass() -> None:
    unknown = replace(GOOD.versions[1], answer=Answer.UNKNOWN, complete=False, why="no answer within 10 s")
    scan = replace(GOOD, versions=(GOOD.versions[0], unknown, *GOOD.versions[2:]))
    finding = judge(scan)["tls.version"]
    assert (finding.outcome, finding.summary) == (Outcome.ERROR, "could not be asked for SSL 3.0")


@pytest.mark.parametrize(
    ("number", "at_465", "at_25", "words"),
    [
        (
            0xC027,
            Outcome.WARN,
            Outcome.WARN,
            "to be phased out: with an old mode or cipher (ECDHE-RSA-AES128-SHA256)",
        ),
        (0x009E, Outcome.WARN, Outcome.WARN, "with a finite field (DHE-RSA-AES128-GCM-SHA256)"),
        (0xC013, Outcome.FAIL, Outcome.WARN, "weak suites: with a SHA-1 MAC (ECDHE-RSA-AES128-SHA)"),
        (0x009C, Outcome.FAIL, Outcome.WARN, "without forward secrecy (AES128-GCM-SHA256)"),
        (0x00A6, Outcome.FAIL, Outcome.WARN, "without a certificate (ADH-AES128-GCM-SHA256)"),
        (0x0005, Outcome.FAIL, Outcome.FAIL, "with RC4 (RC4-SHA)"),
        (0x0003, Outcome.FAIL, Outcome.FAIL, "of export strength (EXP-RC4-MD5)"),
        (0x003B, Outcome.FAIL, Outcome.FAIL, "without encryption (NULL-SHA256)"),
    ],
)
def test_suites_are_graded_and_their_weakness_named(
    number: int, at_465: Outcome, at_25: Outcome, words: str
) -> None:
    scan = with_suite(number)
    assert judge(scan)["tls.ciphers"].outcome is at_465
    assert judge(scan, 25)["tls.ciphers"].outcome is at_25
    assert words in judge(scan)["tls.ciphers"].summary


def test_what_is_broken_weighs_more_than_what_is_old() -> None:
    assert judge(with_suite(0x0005))["tls.ciphers"].weight is Severity.HIGH
    assert judge(with_suite(0x009C))["tls.ciphers"].weight is Severity.MEDIUM


def test_the_order_matters_only_where_there_is_something_weak() -> None:
    weak = with_suite(0xC013)
    assert judge(weak)["tls.cipher-order"].outcome is Outcome.PASS
    assert judge(replace(weak, order=Order.CLIENT))["tls.cipher-order"].outcome is Outcome.FAIL
    pair = ((suite(0xC013), suite(0xC02F)),)
    finding = judge(replace(weak, misordered=pair))["tls.cipher-order"]
    assert finding.outcome is Outcome.FAIL
    assert finding.evidence == ("ECDHE-RSA-AES128-SHA before ECDHE-RSA-AES128-GCM-SHA256",)


@pytest.mark.parametrize(
    ("bits", "name", "outcome", "weight"),
    [
        (1024, "modp1024", Outcome.FAIL, Severity.MEDIUM),
        (2048, "ffdhe2048", Outcome.FAIL, Severity.LOW),
        (4096, "", Outcome.FAIL, Severity.LOW),
        (3072, "ffdhe3072", Outcome.WARN, Severity.LOW),
    ],
)
def test_finite_fields_are_graded_by_length_and_name(
    bits: int, name: str, outcome: Outcome, weight: Severity
) -> None:
    finding = judge(replace(GOOD, dh=(DhParameters(bits, 2, name, ""),)))["tls.fs-params"]
    assert (finding.outcome, finding.weight) == (outcome, weight)
    assert f"DHE with {bits} bits" in finding.summary


def test_weak_curves_are_named() -> None:
    finding = judge(replace(GOOD, groups=(group(29), group(19))))["tls.fs-params"]
    assert (finding.outcome, finding.weight) == (Outcome.FAIL, Severity.MEDIUM)
    assert "secp192r1" in finding.summary


@pytest.mark.parametrize(
    ("signatures", "outcome"),
    [
        (("RSA with SHA-1",), Outcome.FAIL),
        (("RSA with SHA-224",), Outcome.WARN),
    ],
)
def test_weak_hashes_of_the_key_exchange_are_told_apart(
    signatures: tuple[str, ...], outcome: Outcome
) -> None:
    scan = replace(GOOD, weak_signatures=Answer.YES, signatures=signatures)
    assert judge(scan)["tls.kex-hash-func"].outcome is outcome


def test_before_tls_1_2_the_hash_is_sha_1() -> None:
    scan = replace(GOOD, versions=versions(TLS10=(suite(0xC013),)), weak_signatures=Answer.UNKNOWN)
    assert judge(scan)["tls.kex-hash-func"].outcome is Outcome.FAIL
    assert judge(scan)["tls.version"].summary == "speaks only TLS 1.0"


@pytest.mark.parametrize(
    ("field", "wrong", "check"),
    [
        ("compression", Answer.YES, "tls.compression"),
        ("secure_renegotiation", Answer.NO, "tls.renegotiation-secure"),
        ("client_renegotiation", Answer.YES, "tls.renegotiation-client"),
        ("extended_master_secret", Answer.NO, "tls.extended-master-secret"),
        ("fallback_scsv", Answer.NO, "tls.fallback-scsv"),
    ],
)
def test_each_answer_that_is_wrong_fails_its_check_alone(field: str, wrong: Answer, check: str) -> None:
    judged = judge(replace(GOOD, **{field: wrong}))  # type: ignore[arg-type]
    assert [name for name, finding in judged.items() if finding.outcome is Outcome.FAIL] == [check]


def test_tls_1_3_alone_needs_no_answers_about_older_versions() -> None:
    nothing = dict.fromkeys(("compression", "secure_renegotiation", "extended_master_secret"), Answer.UNKNOWN)
    scan = replace(GOOD, versions=versions(TLS13=GOOD_13), **nothing)  # type: ignore[arg-type]
    assert not [f for f in judge(scan).values() if f.outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.WARN)]


def test_without_a_hybrid_it_is_a_note() -> None:
    finding = judge(replace(GOOD, groups=(group(29),)))["tls.post-quantum"]
    assert (finding.outcome, finding.weight) == (Outcome.WARN, Severity.INFO)


def test_what_is_beyond_mozilla_s_profile_is_listed() -> None:
    scan = replace(with_suite(0x009E), groups=(group(29), group(30)))
    finding = judge(scan)["tls.mozilla-intermediate"]
    assert finding.summary == "offers more than the profile: 1 suites, 1 groups"
    assert finding.evidence == ("suites: DHE-RSA-AES128-GCM-SHA256", "groups: x448")


@pytest.mark.parametrize(
    ("speech", "outcome"), [(Speech.NOT_OFFERED, Outcome.FAIL), (Speech.FAILED, Outcome.ERROR)]
)
def test_no_tls_and_no_answer_are_one_finding(speech: Speech, outcome: Outcome) -> None:
    (finding,) = audit_tls(TlsScan("mx", speech, "STARTTLS is not offered"), "mx", 25)
    assert (finding.check.id, finding.outcome) == ("tls.offered", outcome)


def test_a_server_that_agrees_to_nothing_is_said_to() -> None:
    (finding,) = audit_tls(replace(GOOD, versions=versions()), "mx", 25)
    assert (finding.outcome, finding.summary) == (Outcome.FAIL, "agrees to no version of TLS")
    assert "TLS 1.2: protocol_version" in finding.evidence


def test_grades_follow_the_guideline() -> None:
    assert grade_suite(suite(0x1302)) is Grade.GOOD
    assert grade_suite(suite(0x1301)) is Grade.SUFFICIENT
    assert grade_suite(suite(0x1305)) is Grade.INSUFFICIENT  # a MAC of 8 bytes
    assert grade_group(HYBRID) is Grade.GOOD
    assert grade_group(Group(21, "secp224r1", 224, "curve")) is Grade.PHASE_OUT
    assert grade_dh(DhParameters(2048, 2, "modp2048", "")) is Grade.INSUFFICIENT
