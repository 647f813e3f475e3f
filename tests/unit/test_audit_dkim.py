"""What an audit says of DKIM keys and of a message that a domain has sent."""

from __future__ import annotations

import pytest
from test_dkim_verification import LETTER, RFC8463_KEYS, RFC8463_SIGNATURES, SHORT_PUBLIC, published
from zone_making import Records, Zone

from provisioner.audit import dkim
from provisioner.audit.dkim_keys import common_selectors
from provisioner.audit.finding import Finding, Outcome, Severity

HOSTS = {"example.org MX": ["10 mx1.example.org."], "example.org TXT": ["v=spf1 mx -all"]}
WRONG = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)


def good() -> str:
    return published().ask("s1._domainkey.example.org", "TXT").texts()[0]


def findings(records: Records, **more: object) -> list[Finding]:
    return dkim.audit("example.org", Zone({**HOSTS, **records}), **more)


def wrong(found: list[Finding]) -> list[str]:
    return [one.check.id for one in found if one.outcome in WRONG]


@pytest.mark.parametrize("selector", ["mail", "google", "selector1"])
def test_a_key_at_a_common_selector_is_found_without_a_fault(selector: str) -> None:
    found = findings({f"{selector}._domainkey.example.org TXT": [good()]})

    assert wrong(found) == []
    assert found[0].summary == "has 1 key"
    assert common_selectors()[selector] in found[0].evidence[0]


def test_a_key_at_a_selector_that_the_user_names_is_found() -> None:
    found = findings({"xyz._domainkey.example.org TXT": [good()]}, selectors=["xyz"])

    assert wrong(found) == []


def test_no_name_under_domainkey_means_no_key_at_all() -> None:
    found = findings({})

    assert [(one.check.id, one.outcome) for one in found] == [("dkim.present", Outcome.FAIL)]
    assert "NXDOMAIN" in found[0].evidence[0]


def test_keys_under_the_domain_s_name_twice_are_found_there() -> None:
    (found,) = findings({"mail._domainkey.example.org.example.org TXT": [good()]})

    assert found.outcome is Outcome.FAIL
    assert "under _domainkey.example.org.example.org, where nobody looks" in found.summary


def test_keys_at_unknown_selectors_are_not_called_missing() -> None:
    (found,) = findings({"xyz._domainkey.example.org TXT": [good()]})

    assert found.outcome is Outcome.SKIPPED
    assert "--selector" in found.remedy and "--message" in found.remedy


def test_a_wildcard_is_not_taken_for_every_key() -> None:
    class Wild(Zone):
        def ask(self, name: str, rdtype: str):  # type: ignore[no-untyped-def]
            below = name.endswith("._domainkey.example.org")
            return super().ask("any._domainkey.example.org" if below else name, rdtype)

    zone = Wild({**HOSTS, "any._domainkey.example.org TXT": ["v=DKIM1; p="]})

    (found,) = dkim.audit("example.org", zone)

    assert (found.check.id, found.outcome) == ("dkim.present", Outcome.SKIPPED)
    assert "every selector" in found.summary


def test_a_wildcard_of_another_kind_is_no_key() -> None:
    class Wild(Zone):
        def ask(self, name: str, rdtype: str):  # type: ignore[no-untyped-def]
            return super().ask("any.example.org" if "._domainkey." in name else name, rdtype)

    zone = Wild({**HOSTS, "any.example.org TXT": ["v=spf1 -all"], "x._domainkey.example.org TXT": [""]})

    (found,) = dkim.audit("example.org", zone)

    assert found.outcome is Outcome.SKIPPED
    assert "at none of the" in found.summary


def test_a_parked_domain_needs_no_key() -> None:
    (found,) = dkim.audit(
        "example.org", Zone({"example.org MX": ["0 ."], "example.org TXT": ["v=spf1 -all"]})
    )

    assert found.outcome is Outcome.PASS


def test_dns_that_is_silent_is_no_fault_of_the_domain() -> None:
    zone = Zone({**HOSTS, "_domainkey.example.org TIMEOUT": []})

    (found,) = dkim.audit("example.org", zone)

    assert found.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("record", "check", "outcome", "words"),
    [
        (f"v=DKIM1; p={SHORT_PUBLIC}", "dkim.strength", "fail", "has 512 bits"),
        (
            RFC8463_KEYS["test._domainkey.football.example.com TXT"][0],
            "dkim.strength",
            "warn",
            "has 1024 bits",
        ),
        ("v=DKIM1; p=MIGfMA0", "dkim.key", "fail", "not base64"),
        ("v=DKIM1; p=MIGf", "dkim.key", "fail", "cut off"),
        ("v=DKIM2; p=MIGf", "dkim.key", "fail", "v=DKIM2"),
        ("v=DKIM1; k=ed25519; p=MIGf", "dkim.key", "fail", "an Ed25519 key has 32"),
        ("v=DKIM1; k=rsa;", "dkim.key", "fail", "there is no p="),
        ("v=DKIM1; p=", "dkim.withdrawn", "fail", "in use"),
        ("t=y; GOOD", "dkim.testing", "fail", "t=y"),
        ("s=tlsrpt; GOOD", "dkim.service", "fail", "s=tlsrpt"),
        ("h=sha1; GOOD", "dkim.strength", "fail", "sha1"),
        ("g=*; GOOD", "dkim.tags", "warn", "g="),
    ],
)
def test_a_fault_of_a_key_is_found(record: str, check: str, outcome: str, words: str) -> None:
    text = (
        good().replace("v=DKIM1;", f"v=DKIM1; {record.removesuffix('GOOD')}") if "GOOD" in record else record
    )

    found = {
        one.check.id: one
        for one in findings({"xyz._domainkey.example.org TXT": [text]}, selectors=["xyz"])
        if one.subject.startswith("xyz.")
    }[check]

    assert found.outcome == outcome
    assert words in found.summary


def test_an_ed25519_key_alone_is_too_new_for_many() -> None:
    new = RFC8463_KEYS["brisbane._domainkey.football.example.com TXT"]

    alone = findings({"mail._domainkey.example.org TXT": new})
    beside = findings({"mail._domainkey.example.org TXT": new, "dkim._domainkey.example.org TXT": [good()]})

    assert (wrong(alone), wrong(beside)) == (["dkim.rsa"], [])


@pytest.mark.parametrize(
    "other",
    ["v=DKIM1; p=", f"v=DKIM1; p={SHORT_PUBLIC}", "v=DKIM1; p=MIIB"],
    ids=["withdrawn", "short", "cut off"],
)
def test_two_keys_at_one_selector_are_one_too_many_and_both_judged_in_any_order(other: str) -> None:
    one = findings({"mail._domainkey.example.org TXT": [good(), other]}, selectors=["mail"])
    another = findings({"mail._domainkey.example.org TXT": [other, good()]}, selectors=["mail"])

    assert one == another
    alone = findings({"mail._domainkey.example.org TXT": [other]}, selectors=["mail"])
    assert set(wrong(one)) == {*wrong(alone), "dkim.one-record"} - {"dkim.present"}


def test_an_old_key_that_was_withdrawn_is_no_fault() -> None:
    found = findings(
        {"mail._domainkey.example.org TXT": [good()], "dkim._domainkey.example.org TXT": ["v=DKIM1; p="]}
    )

    assert wrong(found) == []


def test_an_alias_that_leads_nowhere_is_found() -> None:
    found = findings({"selector1._domainkey.example.org CNAME": ["selector1.gone.example.net."]})

    assert "dkim.alias" in wrong(found)


def test_an_alias_that_leads_to_a_key_is_no_fault() -> None:
    found = findings(
        {"s1._domainkey.example.org CNAME": ["key.example.net."], "key.example.net TXT": [good()]}
    )

    assert wrong(found) == []


def test_a_named_selector_without_a_key_is_a_fault() -> None:
    found = findings({"mail._domainkey.example.org TXT": [good()]}, selectors=["2024"])

    assert [(one.subject, one.outcome) for one in found if one.outcome in WRONG] == [
        ("2024._domainkey.example.org", Outcome.FAIL)
    ]


def test_a_message_tells_its_selectors_and_is_verified() -> None:
    zone = Zone({**RFC8463_KEYS, "football.example.com MX": ["10 mx.example.com."]})

    found = dkim.audit("football.example.com", zone, message=RFC8463_SIGNATURES + LETTER)

    signatures = [one for one in found if one.check.id == "dkim.signature"]
    assert [one.outcome for one in signatures] == [Outcome.PASS, Outcome.PASS]
    assert {"brisbane._domainkey.football.example.com", "test._domainkey.football.example.com"} <= {
        one.subject for one in found
    }


def test_a_message_that_was_changed_is_told_so() -> None:
    found = dkim.audit(
        "football.example.com", Zone(RFC8463_KEYS), message=RFC8463_SIGNATURES + LETTER + b"x\n"
    )

    assert all("body was changed" in one.summary for one in found if one.check.id == "dkim.signature")


def test_a_message_without_a_signature_of_the_domain_is_a_fault() -> None:
    found = findings({"mail._domainkey.example.org TXT": [good()]}, message=RFC8463_SIGNATURES + LETTER)

    (signature,) = [one for one in found if one.check.id == "dkim.signature"]
    assert signature.outcome is Outcome.FAIL
    assert "2 times by others" in signature.summary


def test_a_key_of_1024_bits_weighs_less_than_one_of_512() -> None:
    text = RFC8463_KEYS["test._domainkey.football.example.com TXT"]
    found = findings({"mail._domainkey.example.org TXT": text})

    assert [one.weight for one in found if one.check.id == "dkim.strength"] == [Severity.MEDIUM]


def test_common_selectors_are_names_with_a_user() -> None:
    assert len(common_selectors()) > 50
    assert all(used_by for used_by in common_selectors().values())
