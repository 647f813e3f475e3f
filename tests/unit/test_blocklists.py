"""What is asked of block lists, and what their answers mean. The lab server's tests ask over the network."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from provisioner.blocklists.ask import check, check_targets, warnings
from provisioner.blocklists.keys import read_keys
from provisioner.blocklists.lists import advice, chosen, ended_lists, known_lists
from provisioner.blocklists.reading import query_name
from provisioner.blocklists.result import Answer, Impact, Verdict
from provisioner.blocklists.targets import checked_name, found_target
from provisioner.dns.resolver import Resolver, Status
from provisioner.errors import InputError
from tests.unit.dns_zone import Value, Zone

ADDRESS = "192.0.2.25"
REVERSED = "25.2.0.192"
KEY = "abcdefgh23456789"


def zone_of_list(name: str, listed: dict[str, Value], keys: dict[str, str] | None = None) -> Zone:
    """A resolver that knows one list, alive, with these entries (`25.2.0.192` → answers)."""
    (found,) = chosen([name])
    zone = found.keyed_zone.format(key=KEY) if keys else found.zone
    records: dict[str, Value] = {f"{zone} SOA": [f"ns.{zone}. root.{zone}. 1 2 3 4 5"]}
    tests = {found.test_listed: "127.0.0.2", found.test_listed_ipv6: "127.0.0.2"}
    if found.bits:
        tests[found.test_listed] = "127.0.0.8"
    for test, code in tests.items():
        if test:
            records[f"{query_name(test, zone)} A"] = [code]
    for entry, value in listed.items():
        records[f"{entry}.{zone} A"] = value
    return Zone(records)


def asked(name: str, subject: str, value: Value, keys: dict[str, str] | None = None) -> Answer:
    """What one list's answer comes to."""
    entry = query_name(subject, "x").removesuffix(".x")
    resolver = zone_of_list(name, {entry: value} if value else {}, keys)
    addresses, names = ([subject], []) if subject[0].isdigit() else ([], [subject])
    (answer,) = check(addresses, names, chosen([name]), keys or {}, resolver)
    return answer


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("192.0.2.25", "25.2.0.192.zen.example"),
        ("2001:db8::25", "5.2" + ".0" * 22 + ".8.b.d.0.1.0.0.2.zen.example"),
        ("::ffff:127.0.0.2", "2.0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20 + ".zen.example"),
        ("example.org", "example.org.zen.example"),
    ],
)
def test_an_address_is_asked_for_reversed_and_a_name_as_it_is(subject: str, name: str) -> None:
    assert query_name(subject, "zen.example") == name


@pytest.mark.parametrize(
    ("name", "code", "verdict", "word"),
    [
        ("spamhaus-zen", "127.0.0.2", "listed", "SBL"),
        ("spamhaus-zen", "127.0.0.3", "listed", "CSS"),
        ("spamhaus-zen", "127.0.0.4", "listed", "XBL"),
        ("spamhaus-zen", "127.0.0.7", "listed", "XBL"),
        ("spamhaus-zen", "127.0.0.9", "listed", "DROP"),
        ("spamhaus-zen", "127.0.0.10", "listed", "PBL"),
        ("spamhaus-zen", "127.0.0.11", "listed", "PBL"),
        ("spamhaus-zen", "127.0.0.30", "listed", "BCL"),
        ("spamhaus-zen", "127.255.255.252", "unknown", "does not know the zone"),
        ("spamhaus-zen", "127.255.255.254", "unknown", "public resolvers"),
        ("spamhaus-zen", "127.255.255.255", "unknown", "too many questions"),
        ("spamcop", "127.0.0.2", "listed", "reported"),
        ("spamcop", "127.0.0.1", "unknown", "refuses"),
        ("barracuda", "127.0.0.2", "listed", "Barracuda"),
        ("barracuda", "127.255.255.254", "unknown", "refuses"),
        ("psbl", "127.0.0.2", "listed", "trap"),
        ("mailspike", "127.0.0.2", "listed", "wave"),
        ("mailspike", "127.0.0.10", "listed", "L5"),
        ("mailspike", "127.0.0.12", "listed", "L3"),
        ("mailspike", "127.0.0.13", "noted", "no reason"),
        ("mailspike", "127.0.0.20", "noted", "no reason"),
        ("mailspike-reputation", "127.0.0.10", "noted", "bad"),
        ("mailspike-reputation", "127.0.0.15", "not-listed", "neutral"),
        ("mailspike-reputation", "127.0.0.20", "trusted", "good"),
        ("dronebl", "127.0.0.3", "listed", "IRC"),
        ("dronebl", "127.0.0.13", "listed", "passwords"),
        ("blocklist-de", "127.0.0.9", "listed", "mail servers"),
        ("blocklist-de", "127.0.0.13", "listed", "SASL"),
        ("blocklist-de", "127.0.0.22", "listed", "attacks"),
        ("s5h", "127.0.0.2", "listed", "spam"),
        ("backscatterer", "127.0.0.2", "noted", "bounces"),
        ("uceprotect-1", "127.0.0.2", "listed", "trap"),
        ("uceprotect-2", "127.0.0.2", "noted", "network"),
        ("uceprotect-3", "127.0.0.2", "noted", "provider"),
        ("dnswl", "127.0.5.0", "trusted", "no trust"),
        ("dnswl", "127.0.10.3", "trusted", "high"),
        ("dnswl", "127.0.0.255", "unknown", "too many questions"),
        ("psbl", "127.0.0.77", "listed", "does not know"),
    ],
)
def test_each_code_of_a_list_of_addresses_has_its_meaning(
    name: str, code: str, verdict: str, word: str
) -> None:
    answer = asked(name, ADDRESS, [code])

    assert answer.verdict == verdict
    assert word in answer.meanings[0].means


@pytest.mark.parametrize(
    ("name", "code", "verdict", "words"),
    [
        ("spamhaus-dbl", "127.0.1.2", "listed", ["low reputation"]),
        ("spamhaus-dbl", "127.0.1.4", "listed", ["phishing"]),
        ("spamhaus-dbl", "127.0.1.5", "listed", ["malware"]),
        ("spamhaus-dbl", "127.0.1.6", "listed", ["control server"]),
        ("spamhaus-dbl", "127.0.1.102", "listed", ["abused: spam"]),
        ("spamhaus-dbl", "127.0.1.106", "listed", ["abused: a botnet"]),
        ("spamhaus-dbl", "127.0.1.255", "unknown", ["an address was asked for"]),
        ("spamhaus-dbl", "127.255.255.254", "unknown", ["public resolvers"]),
        ("surbl", "127.0.0.8", "listed", ["phishing"]),
        ("surbl", "127.0.0.80", "listed", ["malware", "abuse"]),
        ("surbl", "127.0.0.128", "listed", ["cracked"]),
        ("surbl", "127.0.0.4", "noted", ["disposable"]),
        ("surbl", "127.0.0.40", "listed", ["phishing", "click tracker"]),
        ("surbl", "127.0.0.1", "unknown", ["refuses"]),
        ("uribl", "127.0.0.2", "listed", ["black"]),
        ("uribl", "127.0.0.12", "listed", ["grey", "red"]),
        ("uribl", "127.0.0.1", "unknown", ["refuses questions"]),
    ],
)
def test_each_code_of_a_list_of_names_has_its_meaning(
    name: str, code: str, verdict: str, words: list[str]
) -> None:
    answer = asked(name, "example.org", [code])

    assert answer.verdict == verdict
    assert len(answer.meanings) == len(words)
    assert all(word in meaning.means for word, meaning in zip(words, answer.meanings, strict=True))


@pytest.mark.parametrize(
    ("code", "verdict", "word"),
    [
        ("127.0.0.2", "listed", "never had genuine mail"),
        ("127.0.0.4", "listed", "infected"),
        ("127.0.0.12", "listed", "no name"),
        ("127.0.0.200", "listed", "by hand"),
    ],
)
def test_a_list_that_takes_a_key_is_asked_with_it(code: str, verdict: str, word: str) -> None:
    answer = asked("abusix", ADDRESS, [code], {"abusix": KEY})

    assert answer.verdict == verdict
    assert word in answer.meanings[0].means


def test_a_list_that_takes_a_key_is_not_asked_without() -> None:
    resolver = zone_of_list("psbl", {})

    (answer,) = check([ADDRESS], [], chosen(["abusix"]), {}, resolver)

    assert (answer.verdict, resolver.questions) == (Verdict.UNKNOWN, [])
    assert "PROVISION_ABUSIX_KEY" in answer.detail


def test_with_a_key_the_zone_for_those_who_have_one_is_asked_and_the_key_is_shown_nowhere() -> None:
    zone = f"{KEY}.zen.dq.spamhaus.net"
    resolver = zone_of_list("spamhaus-zen", {REVERSED: ["127.0.0.4"]}, {"spamhaus": KEY})
    resolver.table[f"{REVERSED}.{zone}", "txt"] = [f'"see {REVERSED}.{zone.upper()}"']
    resolver.table[f"26.2.0.192.{zone}", "a"] = Status.UNREACHABLE

    first, second = check([ADDRESS, "192.0.2.26"], [], chosen(["spamhaus-zen"]), {"spamhaus": KEY}, resolver)

    assert (first.verdict, second.verdict) == (Verdict.LISTED, Verdict.UNKNOWN)
    assert all(name.endswith(zone) for name, _ in resolver.questions)
    assert KEY.lower() not in repr((first, second)).lower()


def test_several_codes_are_all_explained_with_the_steps_of_each() -> None:
    answer = asked("spamhaus-zen", ADDRESS, ["127.0.0.10", "127.0.0.2"])

    assert [meaning.code for meaning in answer.meanings] == ["127.0.0.10", "127.0.0.2"]
    assert any("PBL" in step for step in answer.steps)
    assert any("abuse desk" in step for step in answer.steps)


def test_what_the_list_says_in_its_own_words_is_kept_and_bounded() -> None:
    resolver = zone_of_list("psbl", {REVERSED: ["127.0.0.2"]})
    resolver.table[f"{REVERSED}.psbl.surriel.com", "txt"] = ['"' + "a" * 200 + '" "' + "b" * 200 + '"']

    (answer,) = check([ADDRESS], [], chosen(["psbl"]), {}, resolver)

    assert answer.reason == "a" * 200 + "b" * 100


def test_no_such_name_is_not_listed() -> None:
    assert asked("psbl", ADDRESS, []).verdict is Verdict.NOT_LISTED


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (Status.TIMEOUT, "in time"),
        (Status.SERVFAIL, "name servers fail"),
        (Status.REFUSED, "refused"),
        (Status.MALFORMED, "malformed"),
        (Status.OVER_BUDGET, "over-budget"),
        (["203.0.113.1"], "which no block list does"),
        (["127.0.0.2", "203.0.113.1"], "which no block list does"),
    ],
)
def test_what_is_no_answer_of_a_list_is_unknown_and_never_not_listed(value: Value, word: str) -> None:
    answer = asked("psbl", ADDRESS, value)

    assert answer.verdict is Verdict.UNKNOWN
    assert word in answer.detail


@pytest.mark.parametrize(
    ("test", "value", "word"),
    [
        ("2.0.0.127", None, "does not list its own test entry 127.0.0.2"),
        ("2.0.0.127", Status.TIMEOUT, "in time"),
        ("2.0.0.127", Status.REFUSED, "refused"),
        ("2.0.0.127", ["127.255.255.254"], "public resolvers"),
        ("2.0.0.127", ["203.0.113.1"], "which no block list does"),
        ("1.0.0.127", ["127.0.0.2"], "lists the world"),
        ("1.0.0.127", ["203.0.113.1"], "which no block list does"),
        ("1.0.0.127", Status.TIMEOUT, "in time"),
    ],
)
def test_a_list_that_fails_its_own_test_is_unknown_and_learns_nothing_of_us(
    test: str, value: Value | None, word: str
) -> None:
    resolver = zone_of_list("spamhaus-zen", {REVERSED: ["127.0.0.4"]})
    resolver.table[f"{test}.zen.spamhaus.org", "a"] = value or ()

    (answer,) = check([ADDRESS], [], chosen(["spamhaus-zen"]), {}, resolver)

    assert answer.verdict is Verdict.UNKNOWN
    assert word in answer.detail
    assert not any(REVERSED in name for name, _ in resolver.questions)


def test_a_list_without_ipv6_is_not_asked_about_it() -> None:
    resolver = zone_of_list("spamcop", {})

    assert check(["2001:db8::25"], [], chosen(["spamcop"]), {}, resolver) == ()


def test_a_list_that_fails_its_test_on_ipv6_alone_is_unknown_there_and_known_elsewhere() -> None:
    resolver = zone_of_list("abusix", {}, {"abusix": KEY})
    name = query_name("::ffff:127.0.0.2", f"{KEY}.combined.mail.abusix.zone")
    resolver.table[name, "a"] = ()

    first, second = check([ADDRESS, "2001:db8::25"], [], chosen(["abusix"]), {"abusix": KEY}, resolver)

    assert (first.verdict, second.verdict) == (Verdict.NOT_LISTED, Verdict.UNKNOWN)
    assert "::ffff:127.0.0.2" in second.detail


MAIL = {
    "example.org SOA": ["ns.example.org. root.example.org. 1 2 3 4 5"],
    "example.org MX": ["10 mx1.example.org.", "20 mx2.example.net."],
    "mx1.example.org A": ["192.0.2.25"],
    "mx1.example.org AAAA": ["2001:db8::25"],
    "mx2.example.net A": ["192.0.2.26"],
    "example.net SOA": ["ns.example.net. root.example.net. 1 2 3 4 5"],
}


def test_a_domain_stands_for_its_name_its_mail_servers_and_their_addresses() -> None:
    target = found_target("example.org", Zone(MAIL))

    assert target.addresses == (
        ("192.0.2.25", "mx1.example.org"),
        ("2001:db8::25", "mx1.example.org"),
        ("192.0.2.26", "mx2.example.net"),
    )
    assert target.names == ("example.org", "mx1.example.org", "mx2.example.net")


def test_a_server_without_mx_stands_for_its_own_addresses() -> None:
    target = found_target("mx1.example.org", Zone(MAIL))

    assert [address for address, _ in target.addresses] == ["192.0.2.25", "2001:db8::25"]


def test_a_list_of_registered_domains_is_asked_about_those_and_each_target_gets_its_own() -> None:
    list_zone = zone_of_list("uribl", {"example.net": ["127.0.0.2"]})
    resolver = Zone({**MAIL, **{" ".join(key): value for key, value in list_zone.table.items()}})

    first, second = check_targets(["example.org", "mx1.example.org"], chosen(["uribl"]), {}, resolver)

    assert [(one.subject, one.verdict) for one in first.answers] == [
        ("example.org", "not-listed"),
        ("example.net", "listed"),
    ]
    assert [one.subject for one in second.answers] == ["example.org"]
    assert (first.listed, second.listed) == (True, False)


@pytest.mark.parametrize(
    ("records", "note", "complete"),
    [
        ({"example.org MX": ["0 ."]}, "takes no mail", True),
        ({"example.org MX": Status.SERVFAIL}, "MX records could not be asked for", False),
        ({**MAIL, "mx1.example.org A": Status.TIMEOUT}, "addresses of mx1.example.org could not", False),
        ({}, "does not exist", True),
        ({"example.org TXT": ['"x"']}, "has no mail server", True),
        ({**MAIL, "mx1.example.org A": ["10.0.0.1"]}, "private or reserved", True),
    ],
)
def test_what_is_strange_about_a_target_is_said(records: dict[str, Value], note: str, complete: bool) -> None:
    target = found_target("example.org", Zone(records))

    assert note in target.notes[0]
    assert target.complete is complete


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("192.0.2.25", "192.0.2.25"),
        ("[2001:DB8::25]", "2001:db8::25"),
        ("Example.ORG.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_target_is_an_address_or_a_name(text: str, name: str) -> None:
    assert checked_name(text) == name


@pytest.mark.parametrize("text", ["", "alice@example.org", "https://example.org", "a b", "localhost", "-.x"])
def test_anything_else_is_no_target(text: str) -> None:
    with pytest.raises(InputError, match="neither an address nor a domain"):
        checked_name(text)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "9.9.9.9", "2606:4700:4700::1111"])
def test_a_resolver_for_everybody_is_warned_about(address: str) -> None:
    assert address in warnings(Resolver(address))[0]


def test_a_resolver_of_ones_own_is_not_warned_about() -> None:
    assert warnings(Resolver("192.0.2.53")) == ()


def test_keys_come_from_the_environment_and_a_file_which_goes_first(tmp_path: Path) -> None:
    file = tmp_path / "keys.yml"
    file.write_text("# ours\nspamhaus: fromthefile234\n")
    environ = {"PROVISION_SPAMHAUS_KEY": "fromoutside12", "PROVISION_ABUSIX_KEY": "another12345"}

    assert read_keys({"spamhaus", "abusix"}, environ, file) == {
        "spamhaus": "fromthefile234",
        "abusix": "another12345",
    }
    assert read_keys({"spamhaus"}, {}, None) == {}


@pytest.mark.parametrize("text", ["spamhaus: with.dots.in.it", "spamhaus: short", "other: abcdefgh1234", "x"])
def test_a_key_that_can_be_none_is_refused_and_not_shown(text: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(text)

    with pytest.raises(InputError) as raised:
        read_keys({"spamhaus"}, {}, file)

    assert "dots" not in str(raised.value)


def test_a_list_is_found_by_its_name_or_its_zone_and_one_that_has_ended_is_refused() -> None:
    assert [one.name for one in chosen(["psbl", "zen.spamhaus.org", "PSBL"])] == ["psbl", "spamhaus-zen"]
    assert chosen([]) == known_lists()
    with pytest.raises(InputError, match="SORBS ended on 2024-06-05"):
        chosen(["dnsbl.sorbs.net"])
    with pytest.raises(InputError) as raised:
        chosen(["spamhaus-zem"])
    assert raised.value.note == "did you mean `spamhaus-zen`?"


@pytest.mark.parametrize("found", known_lists(), ids=lambda found: found.name)
def test_every_list_says_how_to_get_off_and_where_it_was_read(found: object) -> None:
    from provisioner.blocklists.result import BlockList

    assert isinstance(found, BlockList)
    assert found.steps and found.terms and found.page.startswith("https://")
    assert found.source.startswith(("https://", "http://"))
    assert date(2026, 1, 1) < found.checked
    assert found.codes or found.bits
    assert bool(found.key) == ("{key}" in found.keyed_zone)
    assert found.zone or found.key
    assert found.impact in Impact


def test_no_list_that_has_ended_is_asked_and_names_are_unique() -> None:
    zones = {one.zone for one in known_lists()}
    names = [one.name for one in known_lists()]

    assert not zones & {one.zone for one in ended_lists()}
    assert len(names) == len(set(names))
    assert len(advice()) >= 4


def test_a_whole_run_asks_each_list_three_questions_at_most_for_one_clean_address() -> None:
    records: dict[str, Value] = {}
    for found in known_lists():
        if found.zone:
            records.update(
                {" ".join(key): value for key, value in zone_of_list(found.name, {}).table.items()}
            )
    resolver = Zone(records)

    (target,) = check_targets([ADDRESS], known_lists(), {}, resolver)

    assert {one.verdict for one in target.answers if one.list.zone} == {Verdict.NOT_LISTED}
    assert target.known and not target.listed
    assert len(resolver.questions) <= 3 * len(known_lists())


@pytest.mark.parametrize(
    ("soa", "words"),
    [
        (Status.NXDOMAIN, "has no zone in DNS"),
        (Status.TIMEOUT, "did not answer in time"),
        (Status.REFUSED, "refused to answer"),
    ],
)
def test_a_list_without_test_entries_counts_only_where_its_zone_is_there(soa: Status, words: str) -> None:
    """A resolver that knows nothing of the list says of every address that it is not on it."""
    (dronebl,) = chosen(["dronebl"])
    assert not dronebl.test_listed

    (answer,) = check([ADDRESS], [], [dronebl], {}, Zone({f"{dronebl.zone} SOA": soa}))

    assert answer.verdict is Verdict.UNKNOWN
    assert words in answer.detail


def test_a_list_without_test_entries_whose_zone_is_there_is_believed() -> None:
    (dronebl,) = chosen(["dronebl"])

    for soa in (["ns.x.test. root.x.test. 1 2 3 4 5"], Status.NODATA):
        (answer,) = check([ADDRESS], [], [dronebl], {}, Zone({f"{dronebl.zone} SOA": soa}))
        assert answer.verdict is Verdict.NOT_LISTED
