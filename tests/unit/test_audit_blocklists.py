"""What block lists' answers weigh in an audit."""

from __future__ import annotations

from provisioner.audit import blocklists
from provisioner.audit.finding import Finding, Severity
from provisioner.blocklists.lists import known_lists
from provisioner.blocklists.reading import query_name
from tests.unit.dns_zone import Value, Zone

ADDRESS = "192.0.2.25"


def found(listed: dict[str, Value], alive: bool = True) -> dict[str, Finding]:
    """Findings where these names (`25.2.0.192.zen.spamhaus.org`) have answers."""
    records: dict[str, Value] = {"example.org SOA": ["ns.example.org. root.example.org. 1 2 3 4 5"]}
    for one in known_lists():
        if one.zone and one.test_listed and alive:
            code = "127.0.0.2" if not one.bits else f"127.0.0.{one.bits[0][0]}"
            records[f"{query_name(one.test_listed, one.zone)} A"] = [code]
        elif one.zone and alive:
            records[f"{one.zone} SOA"] = [f"ns.{one.zone}. root.{one.zone}. 1 2 3 4 5"]
    records.update({f"{name} A": value for name, value in listed.items()})
    return {one.subject: one for one in blocklists.audit([ADDRESS], ["example.org"], Zone(records))}


def test_an_address_and_a_name_on_no_list_pass() -> None:
    findings = found({})

    assert {(one.check.id, one.outcome) for one in findings.values()} == {
        ("blocklist.address", "pass"),
        ("blocklist.name", "pass"),
    }
    assert "could not be asked" in findings[ADDRESS].summary  # Abusix wants a key


def test_a_listing_fails_with_the_list_s_codes_and_the_way_off() -> None:
    finding = found({"25.2.0.192.zen.spamhaus.org": ["127.0.0.4"]})[ADDRESS]

    assert (finding.outcome, finding.weight) == ("fail", Severity.HIGH)
    assert "Spamhaus ZEN" in finding.summary
    assert "127.0.0.4 (XBL" in finding.evidence[0]
    assert "check.spamhaus.org" in finding.fix


def test_a_list_that_few_heed_weighs_little_and_the_worst_of_several_counts() -> None:
    low = found({"25.2.0.192.all.s5h.net": ["127.0.0.2"]})[ADDRESS]
    both = found({"25.2.0.192.all.s5h.net": ["127.0.0.2"], "25.2.0.192.psbl.surriel.com": ["127.0.0.2"]})[
        ADDRESS
    ]

    assert (low.weight, both.weight) == (Severity.LOW, Severity.MEDIUM)


def test_what_is_only_noted_passes_and_is_told() -> None:
    finding = found({"25.2.0.192.dnsbl-3.uceprotect.net": ["127.0.0.2"]})[ADDRESS]

    assert finding.outcome == "pass"
    assert "UCEPROTECT level 3" in finding.evidence[0]


def test_a_white_list_is_no_finding() -> None:
    assert found({"25.2.0.192.list.dnswl.org": ["127.0.5.3"]})[ADDRESS].evidence == ()


def test_where_no_list_can_be_asked_nothing_is_known() -> None:
    finding = found({}, alive=False)[ADDRESS]

    assert finding.outcome == "error"
    assert len(finding.evidence) == 10


def test_a_listed_name_fails() -> None:
    finding = found({"example.org.dbl.spamhaus.org": ["127.0.1.4"]})["example.org"]

    assert (finding.check.id, finding.outcome) == ("blocklist.name", "fail")
