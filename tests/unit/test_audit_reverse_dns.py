"""What an address's reverse DNS is judged to be."""

from __future__ import annotations

import pytest

from provisioner.audit import reverse_dns
from provisioner.audit.finding import Finding, Severity
from provisioner.audit.reverse_dns import looks_generic
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

PTR = "25.100.51.198.in-addr.arpa PTR"
GOOD: dict[str, Value] = {PTR: ["mx1.example.org."], "mx1.example.org A": ["198.51.100.25"]}


def found(
    records: dict[str, Value], greeting: str = "mx1.example.org", sends: bool = True
) -> dict[str, Finding]:
    findings = reverse_dns.audit("198.51.100.25", Zone(records), greeting_name=greeting, sends=sends)
    return {one.check.id: one for one in findings}


def test_an_address_without_a_fault_passes_every_check() -> None:
    findings = found(GOOD)

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in reverse_dns.CHECKS}


def test_an_ipv6_address_is_judged_by_its_own_records() -> None:
    name = "5.2" + ".0" * 22 + ".8.b.d.0.1.0.0.2.ip6.arpa"
    zone = Zone({f"{name} PTR": ["mx1.example.org."], "mx1.example.org AAAA": ["2001:db8::25"]})

    findings = reverse_dns.audit("2001:db8::25", zone)

    assert {one.outcome for one in findings} == {"pass"}


@pytest.mark.parametrize(
    ("change", "greeting", "check", "outcome", "words"),
    [
        ({PTR: []}, "", "reverse-dns.present", "fail", "no PTR record"),
        ({PTR: Status.TIMEOUT}, "", "reverse-dns.present", "error", "could not be asked"),
        ({"mx1.example.org A": ["198.51.100.26"]}, "", "reverse-dns.confirmed", "fail", "does not lead back"),
        ({"mx1.example.org A": []}, "", "reverse-dns.confirmed", "fail", "does not lead back"),
        ({"mx1.example.org A": Status.SERVFAIL}, "", "reverse-dns.confirmed", "error", "could not be asked"),
        ({PTR: ["mx1.example.org.", "www.example.org."]}, "", "reverse-dns.single", "warn", "2 names"),
        (
            {PTR: ["static-198-51-100-25.isp.example."]},
            "",
            "reverse-dns.own-name",
            "warn",
            "provider's default",
        ),
        ({}, "mail.example.net", "reverse-dns.greeting", "warn", "greets as mail.example.net"),
        ({}, "localhost.localdomain", "reverse-dns.greeting-name", "fail", "no full domain name"),
        ({}, "mail", "reverse-dns.greeting-name", "fail", "no full domain name"),
        ({}, "[198.51.100.25]", "reverse-dns.greeting-name", "fail", "an address"),
        ({}, "nothing.example.org", "reverse-dns.greeting-name", "fail", "has no address"),
        (
            {"slow.example.org A": Status.TIMEOUT},
            "slow.example.org",
            "reverse-dns.greeting-name",
            "error",
            "could not be asked",
        ),
    ],
)
def test_a_fault_is_found_and_named(
    change: dict[str, Value], greeting: str, check: str, outcome: str, words: str
) -> None:
    finding = found({**GOOD, **change}, greeting)[check]

    assert (finding.outcome, finding.subject) == (outcome, "198.51.100.25")
    assert words in finding.summary


def test_the_fixes_name_the_record_and_the_setting() -> None:
    assert (
        "`mx1.example.org. A 198.51.100.25`"
        in found({PTR: ["mx1.example.org."]})["reverse-dns.confirmed"].fix
    )
    assert "`myhostname = mx1.example.org`" in found(GOOD, "mail.example.net")["reverse-dns.greeting"].fix


def test_a_server_that_does_not_send_is_judged_more_mildly() -> None:
    assert found({PTR: []}, "", sends=False)["reverse-dns.present"].weight is Severity.LOW


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("static-192-0-2-25.isp.example", "192.0.2.25"),
        ("25.2.0.192.dynamic.isp.example", "192.0.2.25"),
        ("ip-192-0-2-25.compute.example", "192.0.2.25"),
        ("192.000.002.025.isp.example", "192.0.2.25"),
        ("c0000219.isp.example", "192.0.2.25"),
        ("dsl-2-25.isp.example", "192.0.2.25"),
        ("2001-db8-0-0-0-0-0-25.isp.example", "2001:db8::25"),
        ("20010db8000000000000000000000025.isp.example", "2001:db8::25"),
    ],
)
def test_a_name_made_of_the_address_looks_generic(name: str, address: str) -> None:
    assert looks_generic(name, address)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("mx1.example.org", "192.0.2.25"),
        ("mail25.example.org", "192.0.2.25"),
        ("mx-2.example.org", "192.0.2.25"),
        ("smtp-out-192.example.org", "192.0.2.25"),
        ("static.example.org", "192.0.2.25"),
        ("mx1.example.org", "2001:db8::25"),
    ],
)
def test_a_server_s_own_name_does_not(name: str, address: str) -> None:
    assert not looks_generic(name, address)
