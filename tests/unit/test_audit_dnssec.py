"""What a zone's signatures are judged to be, by what a resolver says of them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import dns.rdata
import pytest

from provisioner.audit import dnssec
from provisioner.audit.dnssec import rsa_bits
from provisioner.audit.finding import Finding, Severity
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DIGEST = "ab" * 32
SOA = "ns.example.org. root.example.org. 1 2 3 4 5"
GOOD: dict[str, Value] = {
    ". SOA": [SOA],
    "example.org SOA": [SOA],
    "example.org DS": [f"4711 13 2 {DIGEST}"],
    "example.org DNSKEY": ["257 3 13 " + base64.b64encode(b"k" * 64).decode()],
    "example.org RRSIG:SOA": ["SOA 13 2 300 20261201000000 20261117000000 4711 example.org. c2ln"],
    "mx1.example.org A": ["192.0.2.1"],
}
ALL = ("",)


def found(
    records: dict[str, Value],
    secure: tuple[str, ...] = ALL,
    bogus: tuple[str, ...] = (),
    hosts: tuple[str, ...] = ("mx1.example.org",),
) -> dict[str, Finding]:
    zone = Zone({key: value for key, value in records.items() if value is not None}, secure, bogus)
    return {one.check.id: one for one in dnssec.audit("example.org", zone, hosts, now=NOW)}


def rsa_key(bits: int) -> str:
    modulus = (1 << (bits - 1)) | 1
    return base64.b64encode(b"\x03\x01\x00\x01" + modulus.to_bytes(bits // 8)).decode()


def test_a_signed_zone_without_a_fault_passes_every_check() -> None:
    findings = found({**GOOD, "example.org DNSKEY": [f"257 3 8 {rsa_key(2048)}"],
                      "example.org DS": [f"4711 8 2 {DIGEST}"]})  # fmt: skip

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in dnssec.CHECKS}


def test_the_zone_of_each_mx_host_is_judged_and_each_zone_once() -> None:
    records = {**GOOD, "example.net SOA": [SOA], "mx2.example.net A": ["192.0.2.2"]}
    zone = Zone(records, ALL)

    findings = dnssec.audit("example.org", zone, ["mx1.example.org", "mx2.example.net"], now=NOW)

    signed = [(one.subject, one.outcome) for one in findings if one.check is dnssec.SIGNED]
    assert signed == [("example.org", "pass"), ("example.net", "fail")]


def test_a_bogus_zone_is_told_from_one_whose_servers_fail() -> None:
    bogus = found(GOOD, bogus=("example.org",))
    failing = found({**GOOD, "example.org SOA": Status.SERVFAIL})

    assert bogus["dnssec.valid"].outcome == "fail"
    assert "dnssec bogus" in bogus["dnssec.valid"].evidence[0]
    assert bogus["dnssec.valid"].subject == "example.org"
    assert failing["dnssec.signed"].outcome == "error"


def test_where_the_resolver_does_not_validate_nothing_is_called_right_or_wrong() -> None:
    findings = found(GOOD, secure=())

    assert (findings["dnssec.resolver"].outcome, findings["dnssec.valid"].outcome) == ("warn", "error")
    assert findings["dnssec.signed"].outcome == "pass"


def test_a_zone_that_a_validating_resolver_takes_for_unsigned_is_named() -> None:
    zone = Zone(GOOD)
    zone._replies["", "SOA", False] = Zone(GOOD, ALL).ask(".", "SOA")

    findings = {one.check.id: one for one in dnssec.audit("example.org", zone, now=NOW)}
    assert (findings["dnssec.valid"].outcome, findings["dnssec.resolver"].outcome) == ("warn", "pass")


@pytest.mark.parametrize(
    ("change", "check", "outcome", "words"),
    [
        ({"example.org DS": [], "example.org DNSKEY": []}, "dnssec.signed", "fail", "is not signed"),
        ({"example.org DS": []}, "dnssec.signed", "fail", "its parent does not know"),
        ({"example.org DS": Status.TIMEOUT}, "dnssec.signed", "error", "could not be asked"),
        ({"example.org DS": [f"1 5 2 {DIGEST}"]}, "dnssec.algorithms", "fail", "RSA/SHA-1"),
        ({"example.org DS": ["1 13 1 " + "ab" * 20]}, "dnssec.algorithms", "fail", "SHA-1"),
        (
            {"example.org DS": ["1 13 1 " + "ab" * 20, f"1 13 2 {DIGEST}"]},
            "dnssec.algorithms",
            "warn",
            "beside a strong one",
        ),
        ({"example.org DNSKEY": [f"256 3 8 {rsa_key(1024)}"]}, "dnssec.keys", "warn", "1024 bits"),
        ({"example.org DNSKEY": [f"256 3 8 {rsa_key(512)}"]}, "dnssec.keys", "fail", "512 bits"),
    ],
)
def test_a_fault_is_found_and_named(change: dict[str, Value], check: str, outcome: str, words: str) -> None:
    finding = found({**GOOD, **change})[check]

    assert (finding.outcome, finding.subject) == (outcome, "example.org")
    assert words in finding.summary


@pytest.mark.parametrize(
    ("begin", "end", "outcome", "words"),
    [
        ("20261101000000", "20261119000000", "fail", "has run out on 2026-11-19"),
        ("20261107000000", "20261120120000", "warn", "runs out in 12 h"),
        ("20261121000000", "20261201000000", "fail", "begins in the future"),
        ("20261119000000", "20261121000000", "pass", "2026-11-21"),  # signed on the fly, for two days
    ],
)
def test_the_end_of_a_signature_is_judged_against_its_life(
    begin: str, end: str, outcome: str, words: str
) -> None:
    rrsig = f"SOA 13 2 300 {end} {begin} 4711 example.org. c2ln"

    finding = found({**GOOD, "example.org RRSIG:SOA": [rrsig]})["dnssec.signatures"]

    assert finding.outcome == outcome
    assert words in finding.summary


def test_a_short_key_weighs_more_the_shorter_it_is() -> None:
    finding = found({**GOOD, "example.org DNSKEY": [f"256 3 8 {rsa_key(512)}"]})["dnssec.keys"]

    assert finding.weight is Severity.HIGH


def test_the_length_of_an_rsa_key_is_that_of_its_modulus() -> None:
    key = dns.rdata.from_text("IN", "DNSKEY", f"256 3 8 {rsa_key(2048)}")
    curve = dns.rdata.from_text("IN", "DNSKEY", "257 3 13 " + base64.b64encode(b"k" * 64).decode())

    assert (rsa_bits(key), rsa_bits(curve)) == (2048, 0)
