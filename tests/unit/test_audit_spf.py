"""What an audit says of SPF records: each fault in a small zone, and what is no fault."""

from __future__ import annotations

import pytest
from zone_making import Records, Zone

from provisioner.audit import spf
from provisioner.audit.finding import Finding, Outcome, Severity

WRONG = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
HOSTS = {
    "example.org MX": ["10 mx1.example.org."],
    "mx1.example.org A": ["192.0.2.10"],
    "mx1.example.org AAAA": ["2001:db8::10"],
}


def findings(record: str, more: Records | None = None) -> dict[str, Finding]:
    zone = Zone({**HOSTS, "example.org TXT": [record], **(more or {})})
    return {finding.check.id: finding for finding in spf.audit("example.org", zone)}


def wrong(found: dict[str, Finding]) -> dict[str, Outcome]:
    return {name: finding.outcome for name, finding in found.items() if finding.outcome in WRONG}


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 mx -all",
        "v=spf1 a:mx1.example.org ip4:192.0.2.0/24 ip6:2001:db8::/48 ~all",
        "v=spf1 include:spf.example.net -all",
        "v=spf1 redirect=spf.example.net",
        "v=spf1 exists:%{i}._spf.example.net mx -all exp=why.example.org",
        "v=spf1 include:%{d}.example.net -all",
    ],
)
def test_a_good_record_has_no_fault(record: str) -> None:
    found = findings(record, {"spf.example.net TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]})

    assert wrong(found) == {}
    assert set(found) == {check.id for check in spf.CHECKS}


def test_a_server_s_own_name_has_no_fault() -> None:
    zone = Zone({"mx1.example.org A": ["192.0.2.10"], "mx1.example.org TXT": ["v=spf1 a -all"]})

    assert wrong({one.check.id: one for one in spf.audit("mx1.example.org", zone)}) == {}


def test_no_record_is_told_what_to_publish() -> None:
    found = spf.audit("example.org", Zone(HOSTS))[0]

    assert (found.check.id, found.outcome) == ("spf.record", Outcome.FAIL)
    assert '`example.org. TXT "v=spf1 mx -all"`' in found.remedy


def test_a_domain_without_mail_is_told_to_say_so() -> None:
    found = spf.audit("example.org", Zone({"example.org A": ["192.0.2.1"]}))[0]

    assert '"v=spf1 -all"' in found.remedy


def test_what_only_looks_like_a_record_is_shown() -> None:
    found = findings("v=spf1; mx -all")["spf.record"]

    assert found.outcome is Outcome.FAIL
    assert "does not begin with `v=spf1` and a space" in found.summary
    assert found.evidence == ('example.org TXT "v=spf1; mx -all"',)


TWO = ("v=spf1 mx ~all", "v=spf1 ip4:192.0.2.9 mx a:gone.example.org +all")


@pytest.mark.parametrize("order", [TWO, TWO[::-1]])
def test_of_two_records_neither_is_judged_and_the_fix_is_one_in_any_order(order: tuple[str, ...]) -> None:
    found = findings("", {"example.org TXT": order})

    assert set(found) == {"spf.record", "spf.size", "spf.type"}
    assert wrong(found) == {"spf.record": Outcome.FAIL}
    assert found["spf.record"].evidence == tuple(f'example.org TXT "{text}"' for text in sorted(TWO))
    assert '"v=spf1 ip4:192.0.2.9 mx a:gone.example.org ~all"' in found["spf.record"].remedy


@pytest.mark.parametrize("term", ["include:two.example.net -all", "redirect=two.example.net"])
@pytest.mark.parametrize("order", [TWO, TWO[::-1]])
def test_of_two_records_that_are_included_neither_is_judged(order: tuple[str, ...], term: str) -> None:
    found = findings(f"v=spf1 mx {term}", {"two.example.net TXT": order})

    assert wrong(found) == {"spf.includes": Outcome.FAIL}
    assert found["spf.lookups"].summary == "needs 2 of 10 look-ups for SPF"


def test_dns_that_is_silent_is_no_fault_of_the_domain() -> None:
    (found,) = spf.audit("example.org", Zone({"example.org TIMEOUT": []}))

    assert found.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("record", "check", "outcome", "words"),
    [
        ("v=spf1 192.0.2.1 -all", "spf.syntax", "fail", "an address needs ip4: or ip6: before it"),
        ("v=spf1 ip4:192.0.2 -all", "spf.syntax", "fail", "ip4:192.0.2 in example.org: not an IPv4 address"),
        ("v=spf1 ipv4:192.0.2.1 -all", "spf.syntax", "fail", "no such mechanism"),
        ("v=spf1 mx -all v=spf1 a", "spf.modifiers", "warn", "two records were pasted"),
        ("v=spf1 include:gone.example.net -all", "spf.includes", "fail", "gone.example.net has no SPF"),
        ("v=spf1 include:two.example.net -all", "spf.includes", "fail", "two.example.net has 2 SPF records"),
        ("v=spf1 include:loop.example.net -all", "spf.includes", "fail", "a loop"),
        ("v=spf1 redirect=gone.example.net", "spf.includes", "fail", "redirect=gone.example.net"),
        ("v=spf1 include:slip.example.net -all", "spf.syntax", "fail", "ip5:x in slip.example.net"),
        ("v=spf1 a:gone1.example.org a:gone2.example.org a:gone3.example.org -all", "spf.void-lookups",
         "fail", "gone3.example.org has no address"),
        ("v=spf1 a:gone1.example.org -all", "spf.void-lookups", "warn", "gone1.example.org has no address"),
        ("v=spf1 mx:nomx.example.org -all", "spf.void-lookups", "warn", "nomx.example.org has no MX"),
        ("v=spf1 mx", "spf.policy", "fail", "v=spf1 mx"),
        ("v=spf1 mx ?all", "spf.policy", "fail", "?all"),
        ("v=spf1 mx +all", "spf.everybody", "fail", "+all in example.org"),
        ("v=spf1 mx all", "spf.policy", "fail", "all"),
        ("v=spf1 ip4:0.0.0.0/0 -all", "spf.everybody", "fail", "ip4:0.0.0.0/0"),
        ("v=spf1 a/0 -all", "spf.everybody", "fail", "a/0"),
        ("v=spf1 include:open.example.net -all", "spf.everybody", "fail", "+all in open.example.net"),
        ("v=spf1 exists:mx1.example.org -all", "spf.everybody", "fail", "whoever sends"),
        ("v=spf1 ip4:192.0.0.0/8 -all", "spf.ranges", "warn", "16,777,216 addresses"),
        ("v=spf1 mx/8 -all", "spf.ranges", "warn", "mx/8"),
        ("v=spf1 ip6:2001::/16 -all", "spf.ranges", "warn", "a /16 of IPv6"),
        ("v=spf1 ip4:10.0.0.0/8 mx -all", "spf.private-addresses", "warn", "ip4:10.0.0.0/8"),
        ("v=spf1 ptr -all", "spf.ptr", "warn", "ptr in example.org"),
        ("v=spf1 -all mx", "spf.order", "warn", "mx in example.org: stands behind -all"),
        ("v=spf1 mx -all redirect=spf.example.net", "spf.order", "warn", "means nothing beside -all"),
        ("v=spf1 include=spf.example.net mx -all", "spf.modifiers", "warn", "write include: with a colon"),
    ],
)  # fmt: skip
def test_a_fault_is_found(record: str, check: str, outcome: str, words: str) -> None:
    others = {
        "two.example.net TXT": ["v=spf1 -all", "v=spf1 a -all"],
        "loop.example.net TXT": ["v=spf1 include:example.org -all"],
        "slip.example.net TXT": ["v=spf1 ip5:x -all"],
        "open.example.net TXT": ["v=spf1 +all"],
        "spf.example.net TXT": ["v=spf1 -all"],
        "nomx.example.org A": ["192.0.2.11"],
    }

    found = findings(record, others)[check]

    assert found.outcome == outcome
    assert any(words in line for line in found.evidence), found.evidence


def test_a_record_that_was_cut_within_a_word_is_told_so() -> None:
    zone = Zone({**HOSTS, "example.org TXT": [[b"v=spf1 mx include:spf.example.net", b"ip4:192.0.2.1 -all"]]})

    found = {one.check.id: one for one in spf.audit("example.org", zone)}["spf.syntax"]

    assert found.outcome is Outcome.FAIL
    assert "joined without a space" in found.evidence[0]


def test_the_look_ups_of_all_includes_add_up() -> None:
    records = {f"s{n}.example.net TXT": [f"v=spf1 include:s{n + 1}.example.net a -all"] for n in range(5)}
    records["s5.example.net TXT"] = ["v=spf1 -all"]
    records |= {f"s{n}.example.net A": ["192.0.2.20"] for n in range(5)}

    found = findings("v=spf1 include:s0.example.net -all", records)["spf.lookups"]

    assert (found.outcome, found.weight) == (Outcome.FAIL, Severity.HIGH)
    assert "needs 11 look-ups for SPF" in found.summary
    assert found.evidence[0] == "1. include:s0.example.net in example.org"


def test_ten_look_ups_are_allowed_and_warned_of() -> None:
    hosts = {f"h{n}.example.org A": ["192.0.2.1"] for n in range(10)}
    record = "v=spf1 " + " ".join(f"a:h{n}.example.org" for n in range(10)) + " -all"

    found = findings(record, hosts)["spf.lookups"]

    assert (found.outcome, found.weight) == (Outcome.WARN, Severity.LOW)


def test_more_than_ten_exchangers_are_a_permanent_error() -> None:
    exchangers = [f"10 m{n}.example.org." for n in range(11)]

    found = findings("v=spf1 mx:many.example.org -all", {"many.example.org MX": exchangers})["spf.lookups"]

    assert found.outcome is Outcome.FAIL
    assert any("11 MX records" in line for line in found.evidence)


def test_what_stands_behind_all_costs_no_look_ups() -> None:
    assert "needs 0 of 10" in findings("v=spf1 -all include:a.example.net mx a")["spf.lookups"].summary


def test_a_record_of_the_type_spf_is_found() -> None:
    found = findings("v=spf1 mx -all", {"example.org SPF": ["v=spf1 mx -all"]})["spf.type"]

    assert found.outcome is Outcome.WARN


def test_many_txt_records_may_not_fit() -> None:
    found = findings("", {"example.org TXT": ["v=spf1 mx -all", "x" * 500]})["spf.size"]

    assert found.outcome is Outcome.WARN


def test_an_include_that_forbids_does_not_let_everybody_pass() -> None:
    found = findings("v=spf1 -include:open.example.net mx -all", {"open.example.net TXT": ["v=spf1 +all"]})

    assert found["spf.everybody"].outcome is Outcome.PASS


def test_a_silent_include_is_not_judged() -> None:
    found = findings("v=spf1 include:slow.example.net -all", {"slow.example.net TIMEOUT": []})["spf.includes"]

    assert found.outcome is Outcome.ERROR


def test_a_domain_that_takes_mail_and_sends_none_is_asked_about() -> None:
    found = findings("v=spf1 -all")["spf.policy"]

    assert (found.outcome, found.weight) == (Outcome.WARN, Severity.LOW)


def test_a_parked_domain_has_no_fault() -> None:
    zone = Zone({"example.org MX": ["0 ."], "example.org TXT": ["v=spf1 -all"]})

    assert wrong({one.check.id: one for one in spf.audit("example.org", zone)}) == {}


def test_the_fix_is_a_record_to_paste() -> None:
    found = findings("v=spf1 ptr mx +all")

    assert '`example.org. TXT "v=spf1 ptr mx -all"`' in found["spf.policy"].remedy
    assert '`example.org. TXT "v=spf1 mx +all"`' in found["spf.ptr"].remedy


def test_a_hostile_record_of_thousands_of_terms_costs_few_questions() -> None:
    record = "v=spf1 " + " ".join(f"a:h{n}.example.net" for n in range(3000)) + " -all"
    zone = Zone({**HOSTS, "example.org TXT": [record]})

    found = {one.check.id: one for one in spf.audit("example.org", zone)}

    assert found["spf.lookups"].summary.startswith("needs at least 3000 look-ups")
    assert len(zone.asked) < 300


def test_a_hostile_tree_of_includes_ends() -> None:
    records = {
        f"t{n}.example.net TXT": [f"v=spf1 include:t{n + 1}.example.net include:t{n + 2}.example.net -all"]
        for n in range(40)
    }

    zone = Zone({**HOSTS, "example.org TXT": ["v=spf1 include:t0.example.net -all"], **records})
    found = {one.check.id: one for one in spf.audit("example.org", zone)}

    assert found["spf.lookups"].summary.startswith("needs at least")
    assert len(zone.asked) < 300
