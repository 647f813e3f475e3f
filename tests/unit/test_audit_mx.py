"""What a domain's MX records are judged to be; each fault, and a domain without it."""

from __future__ import annotations

import pytest

from provisioner.audit import mx
from provisioner.audit.finding import Finding, Severity
from provisioner.dns.exchangers import exchangers
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

GOOD: dict[str, Value] = {
    "example.org MX": ["10 mx1.example.org.", "20 mx2.example.org."],
    "mx1.example.org A": ["198.51.100.1"],
    "mx1.example.org AAAA": ["2001:db8::1"],
    "mx2.example.org A": ["198.51.100.2"],
    "mx2.example.org AAAA": ["2001:db8::2"],
}
PUBLIC = Reach(["198.51.100.0/24", "2001:db8::/32"])


def found(records: dict[str, Value]) -> dict[str, Finding]:
    findings = mx.audit(exchangers("example.org", Zone(records)), PUBLIC)
    assert len({one.check.id for one in findings}) == len(findings)
    return {one.check.id: one for one in findings}


def test_a_domain_without_a_fault_passes_every_check() -> None:
    findings = found(GOOD)

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in mx.CHECKS} - {"mx.null"}


@pytest.mark.parametrize(
    ("change", "check", "outcome", "words"),
    [
        ({"example.org MX": []}, "mx.present", "fail", "neither an MX nor an address"),
        ({"example.org MX": [], "example.org A": ["198.51.100.9"]}, "mx.present", "warn", "no MX"),
        ({"example.org MX": Status.SERVFAIL}, "mx.present", "error", "could not be asked"),
        ({"example.org MX": ["0 ."]}, "mx.present", "pass", "takes no mail"),
        ({"example.org MX": ["0 ."]}, "mx.null", "pass", "nothing beside it"),
        ({"example.org MX": ["10 ."]}, "mx.null", "warn", "preference is not 0"),
        ({"example.org MX": ["0 .", "10 mx1.example.org."]}, "mx.null", "fail", "beside other MX"),
        ({"example.org MX": ["10 198.51.100.1."]}, "mx.names", "fail", "198.51.100.1"),
        ({"example.org MX": ["10 localhost."]}, "mx.names", "fail", "localhost"),
        ({"mx1.example.org CNAME": ["mx2.example.org."]}, "mx.alias", "fail", "mx1.example.org"),
        ({"example.org MX": ["10 mx1.example.org.", "20 MX1.example.org."]}, "mx.duplicates", "warn", "mx1"),
        ({"mx2.example.org A": [], "mx2.example.org AAAA": []}, "mx.resolves", "fail", "mx2.example.org"),
        (
            {"mx2.example.org A": Status.TIMEOUT, "mx2.example.org AAAA": Status.TIMEOUT},
            "mx.resolves",
            "error",
            "could not be asked",
        ),
        ({"mx2.example.org A": []}, "mx.ipv4", "fail", "mx2.example.org"),
        ({"mx2.example.org AAAA": []}, "mx.ipv6", "fail", "mx2.example.org"),
        ({"mx2.example.org AAAA": Status.SERVFAIL}, "mx.ipv6", "error", "mx2.example.org"),
        ({"mx1.example.org A": ["127.0.0.1"]}, "mx.public", "fail", "a loopback address: mx1.example.org"),
        ({"mx1.example.org A": ["169.254.169.254"]}, "mx.public", "fail", "link-local"),
        ({"mx1.example.org AAAA": ["fd00::1"]}, "mx.public", "fail", "private"),
    ],
)
def test_a_fault_is_found_and_named(change: dict[str, Value], check: str, outcome: str, words: str) -> None:
    finding = found({**GOOD, **change})[check]

    assert (finding.outcome, finding.subject) == (outcome, "example.org")
    assert words in finding.summary
    assert finding.remedy


def test_a_domain_that_does_not_exist_is_told_from_one_without_mail() -> None:
    assert "does not exist" in found({})["mx.present"].summary


def test_a_fault_of_all_exchangers_weighs_more_than_one_of_some() -> None:
    some = found({**GOOD, "mx1.example.org A": ["10.0.0.1"], "mx1.example.org AAAA": []})["mx.public"]
    every = found({**GOOD, "mx1.example.org A": ["10.0.0.1"], "mx1.example.org AAAA": [],
                   "mx2.example.org A": ["10.0.0.2"], "mx2.example.org AAAA": []})["mx.public"]  # fmt: skip

    assert (some.weight, every.weight) == (Severity.MEDIUM, Severity.HIGH)


def test_the_fix_for_an_alias_is_the_record_to_write() -> None:
    finding = found({**GOOD, "mx1.example.org CNAME": ["mx2.example.org."]})["mx.alias"]

    assert "`example.org. MX 10 mx2.example.org.` in place of mx1.example.org" in finding.fix


def test_an_address_in_place_of_a_name_is_one_fault_and_not_four() -> None:
    findings = found({**GOOD, "example.org MX": ["10 mx1.example.org.", "20 192.0.2.1."]})

    assert [one.check.id for one in findings.values() if one.outcome != "pass"] == ["mx.names"]


def test_an_mx_without_any_address_is_one_fault_and_not_three() -> None:
    findings = found({**GOOD, "mx2.example.org A": [], "mx2.example.org AAAA": []})

    assert [one.check.id for one in findings.values() if one.outcome != "pass"] == ["mx.resolves"]


def test_a_domain_that_names_thousands_of_exchangers_costs_few_questions() -> None:
    zone = Zone({"example.org MX": [f"10 mx{number}.example.net." for number in range(500)]})

    (present, *_) = mx.audit(exchangers("example.org", zone), PUBLIC)

    assert "names 500 hosts" in present.summary
    assert len(zone.questions) < 50
