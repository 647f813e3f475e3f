"""CAA records: the climb up the tree, RFC 8659's examples, and each fault."""

from __future__ import annotations

import pytest

from provisioner.audit import caa
from provisioner.audit.caa import Property, relevant
from provisioner.audit.finding import Finding
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

GOOD: dict[str, Value] = {
    "mx1.example.org A": ["192.0.2.1"],
    "example.org CAA": ['0 issue "letsencrypt.org"', '0 iodef "mailto:postmaster@example.org"'],
}


def found(records: dict[str, Value]) -> dict[str, Finding]:
    return {one.check.id: one for one in caa.audit("mx1.example.org", Zone(records))}


def test_records_nearest_up_the_tree_hold() -> None:
    zone = Zone({"example.org CAA": ['0 issue "a.example"'], "b.example.org CAA": ['0 issue "b.example"']})

    assert relevant("x.y.b.example.org", zone)[:2] == ("b.example.org", (Property(0, "issue", "b.example"),))
    assert relevant("x.c.example.org", zone)[0] == "example.org"
    assert relevant("example.net", zone)[0] == ""


def test_the_climb_ends_where_nobody_answers() -> None:
    zone = Zone({**GOOD, "mx1.example.org CAA": Status.SERVFAIL})

    (finding,) = caa.audit("mx1.example.org", zone)

    assert (finding.outcome, ("example.org", "CAA") in zone.questions) == ("error", False)


def test_a_name_without_a_fault_passes_every_check() -> None:
    findings = found(GOOD)

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in caa.CHECKS}


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (Property(0, "issue", "ca1.example.net"), ""),  # the first four: RFC 8659 §4.2 and §4.4
        (Property(0, "issue", "ca1.example.net; account=230123"), ""),
        (Property(0, "issue", ";"), ""),
        (Property(0, "iodef", "http://iodef.example.com/"), ""),
        (Property(0, "issue", "letsencrypt.org;validationmethods=dns-01"), ""),
        (Property(0, "issue", "%%%%%"), "names no authority"),  # RFC 8659 §4.2: malformed forbids all
        (Property(0, "issue", "Let's Encrypt"), "names no authority"),
        (Property(128, "tbs", "Unknown"), "no authority knows"),  # RFC 8659 §4.5
        (Property(0, "tbs", "Unknown"), ""),
        (Property(0, "issuemail", "ca.example"), ""),
        (Property(0, "iodef", "postmaster@example.org"), "neither mailto"),
    ],
)
def test_a_record_is_judged_as_an_authority_reads_it(record: Property, fault: str) -> None:
    assert fault in record.fault
    assert bool(fault) == bool(record.fault)


@pytest.mark.parametrize(
    ("records", "check", "outcome", "words"),
    [
        ([], "caa.present", "warn", "any authority"),
        (['0 issue "Let\'s Encrypt"'], "caa.syntax", "fail", "names no authority"),
        (['0 iodef "mailto:a@example.org"'], "caa.issue", "warn", "name no authority"),
        (['0 issue ";"'], "caa.issue", "warn", "forbid every authority"),
        (['0 issue "letsencrypt.org"'], "caa.iodef", "warn", "nobody is told"),
    ],
)
def test_a_fault_is_found_and_named(records: list[str], check: str, outcome: str, words: str) -> None:
    finding = found({**GOOD, "example.org CAA": records})[check]

    assert (finding.outcome, finding.subject) == (outcome, "mx1.example.org")
    assert words in finding.summary
