"""The name servers of a mail domain; each fault, and a zone without it."""

from __future__ import annotations

import pytest

from provisioner.audit import name_servers
from provisioner.audit.finding import Finding
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

GOOD: dict[str, Value] = {
    "example.org SOA": ["ns1.example.org. root.example.org. 1 2 3 4 5"],
    "example.org NS": ["ns1.example.org.", "ns2.example.net."],
    "ns1.example.org A": ["192.0.2.53"],
    "ns1.example.org AAAA": ["2001:db8::53"],
    "ns2.example.net A": ["198.51.100.53"],
    "ns2.example.net AAAA": ["2001:db8:1::53"],
    "mail.example.org TXT": ['"x"'],
}


def found(records: dict[str, Value], domain: str = "example.org") -> dict[str, Finding]:
    return {one.check.id: one for one in name_servers.audit(domain, Zone(records))}


def test_a_zone_without_a_fault_passes_every_check() -> None:
    findings = found(GOOD)

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in name_servers.CHECKS}


def test_a_mail_domain_inside_a_zone_is_judged_by_that_zone() -> None:
    assert {one.subject for one in found(GOOD, "mail.example.org").values()} == {"example.org"}


@pytest.mark.parametrize(
    ("change", "check", "outcome", "words"),
    [
        ({"example.org NS": ["ns1.example.org."]}, "dns.name-servers", "fail", "a single name server"),
        ({"example.org NS": Status.SERVFAIL}, "dns.name-servers", "error", "could not be found"),
        ({"ns2.example.net A": ["192.0.2.54"]}, "dns.name-servers", "warn", "all in one network"),
        ({"ns2.example.net AAAA": []}, "dns.ipv6", "fail", "only ns1.example.org"),
        ({"ns1.example.org AAAA": [], "ns2.example.net AAAA": []}, "dns.ipv6", "fail", "no name server has"),
        ({"ns2.example.net AAAA": Status.TIMEOUT}, "dns.ipv6", "error", "not known"),
        (
            {"ns2.example.net A": [], "ns2.example.net AAAA": []},
            "dns.name-servers-resolve",
            "fail",
            "ns2.example.net",
        ),
    ],
)
def test_a_fault_is_found_and_named(change: dict[str, Value], check: str, outcome: str, words: str) -> None:
    finding = found({**GOOD, **change})[check]

    assert finding.outcome == outcome
    assert words in finding.summary
