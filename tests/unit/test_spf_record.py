"""SPF records taken apart, checked and written anew; the macros of RFC 7208 §7.4."""

from __future__ import annotations

import ipaddress

import dns.name
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zone_making import Zone

from provisioner.authentication import spf
from provisioner.authentication.spf.macros import Values, expand
from provisioner.dns.resolver import Reply


def test_a_record_is_taken_apart() -> None:
    record = spf.parse(
        "v=spf1 a:mx.example.org/28//64 ~INCLUDE:spf.example.net ip4:192.0.2.0/24 -all exp=why.%{d}"
    )

    first, second, third, last = record.directives
    assert (first.mechanism, first.domain, first.prefix4, first.prefix6) == ("a", "mx.example.org", 28, 64)
    assert (second.qualifier, second.mechanism, second.domain) == ("~", "include", "spf.example.net")
    assert third.network == ipaddress.ip_network("192.0.2.0/24")
    assert record.all is last
    assert record.modifier("exp") == "why.%{d}"
    assert record.mistakes == ()


def test_every_mistake_is_found_and_the_rest_is_kept() -> None:
    record = spf.parse("v=spf1 mx ip4:300.1.1.1 foo a:bar exp=a.example exp=b.example -all")

    assert [mistake.term for mistake in record.mistakes] == ["ip4:300.1.1.1", "foo", "a:bar", "exp=b.example"]
    assert spf.rewritten(record) == "v=spf1 mx -all exp=a.example"


@pytest.mark.parametrize("text", ["v=spf1", "V=SPF1 -all", "v=spf1 "])
def test_a_record_is_known_by_its_version(text: str) -> None:
    assert spf.is_spf(text)


@pytest.mark.parametrize("text", ["", "v=spf10 -all", "v=spf1;-all", " v=spf1", "v=spf2.0/pra -all"])
def test_other_texts_are_no_records(text: str) -> None:
    assert not spf.is_spf(text)


@pytest.mark.parametrize(
    ("macro", "expected"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{S}", "strong-bad%40email.example.com"),
    ],
)
def test_macros_are_expanded_as_rfc_7208_section_7_4_shows(macro: str, expected: str) -> None:
    values = Values(
        ipaddress.ip_address("192.0.2.3"), "strong-bad@email.example.com", "mx", "here", 0, lambda: "unknown"
    )

    assert expand(macro, values, "email.example.com") == expected


MECHANISMS = ["a", "mx", "ptr", "include", "exists", "ip4", "ip6", "all", "redirect", "exp", "xyz"]
TERM = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "+", "-", "~", "?"]),
        st.sampled_from(MECHANISMS),
        st.sampled_from(["", ":", "=", "/"]),
        st.sampled_from(["", "example.org", "192.0.2.1", "2001:db8::/32", "%{i}.x.org", "%{d9}", "%"]),
        st.sampled_from(["", "/0", "/24", "//64", "/33", "."]),
    ),
)  # fmt: skip
RECORDS = st.lists(st.one_of(TERM, st.text(max_size=12)), max_size=8).map(
    lambda terms: " ".join(("v=spf1", *(term.replace(" ", "") for term in terms)))
)


@given(RECORDS)
@settings(max_examples=150, deadline=None)
def test_every_word_of_a_record_is_a_term_or_a_mistake(text: str) -> None:
    record = spf.parse(text)

    words = sorted(filter(None, text.split(" ")[1:]))
    assert (
        sorted([term.text for term in record.terms] + [mistake.term for mistake in record.mistakes]) == words
    )


@given(RECORDS)
@settings(max_examples=80, deadline=None)
def test_a_rewritten_record_is_a_good_one_and_stays_as_it_is(text: str) -> None:
    again = spf.rewritten(spf.parse(text))

    assert spf.parse(again).mistakes == ()
    assert spf.rewritten(spf.parse(again)) == again


@given(RECORDS, RECORDS, st.sampled_from(["192.0.2.1", "2001:db8::1"]))
@settings(max_examples=80, deadline=None)
def test_no_record_makes_an_evaluation_fail_or_run_on(own: str, other: str, ip: str) -> None:
    zone = Zone({"x.org TXT": [own], "example.org TXT": [other], "example.org A": ["192.0.2.1"]})

    found = spf.evaluate(ip, "alice@x.org", "mx.x.org", zone.ask)
    spf.survey("x.org", zone.ask)

    assert found.result in list(spf.Result)
    assert (found.result == "permerror") or (found.lookups <= 10 and found.void_lookups <= 2)


@pytest.mark.parametrize(
    "word",
    [
        "a:" + "a" * 60000 + "_",
        "a:x." + "a" * 60000 + "_",
        "exists:" + "%{d" * 20000,
        "a" + "/1" * 30000,
        "x=" * 30000,
    ],
)
def test_a_huge_term_is_read_at_once(word: str) -> None:
    record = spf.parse(f"v=spf1 {word} -all")

    assert len(record.mistakes) + len(record.modifiers) == 1


def test_a_domain_in_letters_of_its_own_is_asked_for_as_dns_has_it() -> None:
    zone = Zone({"xn--bcher-kva.example TXT": ["v=spf1 ip4:192.0.2.1 -all"]})

    found = spf.evaluate("192.0.2.1", "alice@bücher.example", "mx", zone.ask)

    assert (found.result, found.domain) == ("pass", "xn--bcher-kva.example")


@pytest.mark.parametrize("local", ["a\\300", "a\\.b", "ü", "x" * 300, "..", '"a b"'])
def test_a_local_part_of_any_kind_is_asked_for_or_does_not_match(local: str) -> None:
    asked = []

    def ask(name: str, rdtype: str) -> Reply:
        asked.append(dns.name.from_text(name))
        return Zone({"x.org TXT": ["v=spf1 exists:%{l}._spf.x.org -all"]}).ask(name, rdtype)

    found = spf.evaluate("192.0.2.1", f"{local}@x.org", "mx.x.org", ask)

    assert found.result is spf.Result.FAIL
    assert all(name.is_subdomain(dns.name.from_text("x.org")) for name in asked)


def test_a_check_that_takes_too_long_is_a_temporary_error() -> None:
    times = iter([0.0, 1.0, 21.0])
    zone = Zone({"x.org TXT": ["v=spf1 a mx -all"], "x.org A": ["192.0.2.9"]})

    found = spf.evaluate("192.0.2.1", "alice@x.org", "mx.x.org", zone.ask, clock=lambda: next(times))

    assert found.result is spf.Result.TEMPERROR
    assert "20 s" in found.problem


def test_a_result_tells_what_matched_where_and_what_was_asked() -> None:
    zone = Zone(
        {
            "x.org TXT": ["v=spf1 include:spf.example.net -all"],
            "spf.example.net TXT": ["v=spf1 ip4:192.0.2.0/24 -all"],
        }
    )

    found = spf.evaluate("192.0.2.1", "alice@x.org", "mx.x.org", zone.ask)

    assert (found.result, found.matched, found.matched_in) == ("pass", "include:spf.example.net", "x.org")
    assert (found.identity, found.domain, found.lookups, found.void_lookups) == ("mailfrom", "x.org", 1, 0)
    assert [(one.name, one.rdtype) for one in found.questions] == [
        ("x.org", "TXT"),
        ("spf.example.net", "TXT"),
    ]


def test_a_bounce_is_judged_by_the_name_in_helo() -> None:
    found = spf.evaluate(
        "192.0.2.1", "", "mx.x.org", Zone({"mx.x.org TXT": ["v=spf1 ip4:192.0.2.1 -all"]}).ask
    )

    assert (found.result, found.identity, found.domain) == ("pass", "helo", "mx.x.org")
