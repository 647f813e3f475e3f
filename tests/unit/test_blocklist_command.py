"""What `provision blocklist` says and how it ends, with a resolver that answers from a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provisioner.blocklists.lists import chosen
from provisioner.blocklists.reading import query_name
from provisioner.cli.app import run
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone

RECORDS: dict[str, Value] = {
    "example.org SOA": ["ns.example.org. root.example.org. 1 2 3 4 5"],
    "example.org MX": ["10 mx1.example.org."],
    "mx1.example.org A": ["192.0.2.25"],
    "mx1.example.org AAAA": ["2001:db8::25"],
    "25.2.0.192.zen.spamhaus.org A": ["127.0.0.4"],
    "25.2.0.192.zen.spamhaus.org TXT": ['"https://check.example/192.0.2.25 \x1b[2J"'],
    "25.2.0.192.dnsbl-2.uceprotect.net A": ["127.0.0.2"],
    "25.2.0.192.list.dnswl.org A": ["127.0.5.2"],
    "example.org.dbl.spamhaus.org A": Status.TIMEOUT,
}
ALIVE = ("spamhaus-zen", "spamhaus-dbl", "spamcop", "uceprotect-2", "dnswl")


def alive() -> dict[str, Value]:
    return {
        f"{query_name(found.test_listed, found.zone)} A": ["127.0.0.2"]
        for found in chosen(ALIVE)
    }  # fmt: skip


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Zone:
    """What DNS says; lists not in `ALIVE` have no test entries and so are dead."""
    zone = Zone({**RECORDS, **alive()})
    monkeypatch.setattr("provisioner.dns.resolver.Resolver", lambda *_, **__: zone)
    for name in ("PROVISION_SPAMHAUS_KEY", "PROVISION_ABUSIX_KEY"):
        monkeypatch.delenv(name, raising=False)
    return zone


def test_a_listing_is_shown_with_its_meaning_and_the_way_off_and_ends_with_3(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", "example.org"]) == 3

    said = capsys.readouterr().out
    assert "example.org   ✗ listed on 1 of 4 lists" in said
    assert "with  192.0.2.25 (mx1.example.org), 2001:db8::25 (mx1.example.org)" in said
    assert "✗ listed   Spamhaus ZEN   192.0.2.25" in said
    assert "127.0.0.4     XBL: an infected machine" in said
    assert "get off" in said
    assert "Spamhaus DBL (example.org): did not answer in time" in said
    assert said.index("✗ listed  ") < said.index("· noted") < said.index("✓ trusted")
    assert "Before you ask to be removed:" in said
    assert "1 of 1 target is listed." in said
    assert "\x1b[2J" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_json_has_every_answer_with_its_verdict(zone: Zone, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["blocklist", "example.org", "--json"]) == 3

    document = json.loads(capsys.readouterr().out)
    target = document["targets"]["example.org"]
    verdicts = {(one["list"], one["subject"]): one["verdict"] for one in target["results"]}
    assert (document["format"], document["command"]) == (1, "blocklist")
    assert document["summary"] == {"listed": 1, "not-listed": 0, "unknown": 0}
    assert verdicts["spamhaus-zen", "192.0.2.25"] == "listed"
    assert verdicts["spamhaus-zen", "2001:db8::25"] == "not-listed"
    assert verdicts["spamhaus-dbl", "example.org"] == "unknown"
    assert verdicts["spamhaus-dbl", "mx1.example.org"] == "not-listed"
    assert verdicts["psbl", "192.0.2.25"] == "unknown"
    (listed,) = [one for one in target["results"] if one["verdict"] == "listed"]
    assert listed["codes"][0]["code"] == "127.0.0.4"
    assert listed["delisting"]


def test_what_is_on_no_list_ends_with_0(zone: Zone, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["blocklist", "192.0.2.26", "--list", "spamhaus-zen", "--list", "spamcop"]) == 0

    said = capsys.readouterr().out
    assert "192.0.2.26   ✓ on none of 2 lists" in said
    assert "Nothing is listed." in said
    assert "Before you ask" not in said


def test_where_no_list_can_be_asked_nothing_is_called_clean_and_it_ends_with_5(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", "192.0.2.26", "--list", "psbl"]) == 5

    said = capsys.readouterr().out
    assert "192.0.2.26   … no list could be asked" in said
    assert "does not list its own test entry" in said
    assert "1 of 1 target could not be asked about." in said
    assert "✓" not in said


def test_a_domain_whose_addresses_are_not_known_is_not_called_clean(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    zone.table["example.org", "mx"] = Status.SERVFAIL

    assert run(["blocklist", "example.org", "--list", "spamhaus-dbl"]) == 5
    assert "MX records could not be asked for" in capsys.readouterr().out


def test_one_target_that_is_listed_decides_beside_others_that_are_not(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", "192.0.2.26", "192.0.2.25", "--list", "spamhaus-zen"]) == 3
    assert "1 of 2 targets is listed." in capsys.readouterr().out


def test_names_of_lists_are_shown_with_v(zone: Zone, capsys: pytest.CaptureFixture[str]) -> None:
    run(["blocklist", "192.0.2.26", "-v"])

    said = capsys.readouterr().out
    assert "Spamhaus ZEN, SpamCop" in said
    assert "Passive Spam Block List" in said


def test_the_lists_are_shown_with_terms_and_source_and_none_is_asked(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", "--lists"]) == 0
    said = capsys.readouterr().out
    assert run(["blocklist", "--lists", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert "spamhaus-zen   Spamhaus ZEN, zen.spamhaus.org" in said
    assert "dnsbl.sorbs.net" in said
    assert "2026-11-25; codes not confirmed" in said
    assert {one["name"] for one in document["lists"]} >= set(ALIVE)
    assert zone.questions == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "no target"),
        (["alice@example.org"], "Name the domain: example.org"),
        (["192.0.2.25", "--list", "sorbs"], "SORBS ended"),
        (["192.0.2.25", "--list", "nothing"], "--lists shows them all"),
        (["192.0.2.25", "--keys", "/does/not/exist"], "can't be read"),
    ],
)
def test_a_mistake_is_named_and_nobody_is_asked(
    zone: Zone, arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", *arguments]) == 2
    assert word in capsys.readouterr().err
    assert zone.questions == []


def test_a_key_from_a_file_opens_the_list_that_takes_one(
    zone: Zone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").write_text("abusix: secretsecret1\n")
    for entry in ("127.0.0.2", "::ffff:127.0.0.2", "192.0.2.25"):
        name = query_name(entry, "secretsecret1.combined.mail.abusix.zone")
        zone.table[name, "a"] = ["127.0.0.2"]

    assert run(["blocklist", "192.0.2.25", "--list", "abusix", "--keys", str(tmp_path / "keys")]) == 3

    said = capsys.readouterr()
    assert "Abusix Mail Intelligence   192.0.2.25" in said.out
    assert "secretsecret1" not in said.out + said.err
