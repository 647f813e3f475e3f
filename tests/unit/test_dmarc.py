"""DMARC by RFC 9989: its examples (Appendix B), the walk up the tree, records, what a message comes to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zone_making import Records, Zone

from provisioner.authentication import dkim, dmarc, spf
from provisioner.authentication.dmarc.tree import targets
from provisioner.authentication.message import Field

POLICY = "v=DMARC1; p=reject"


def sent(domain: str, result: str = "pass") -> spf.SpfResult:
    return spf.SpfResult(spf.Result(result), domain, "mailfrom")


def signature(domain: str, result: str = "pass") -> dkim.SignatureResult:
    field = Field("dkim-signature", f"DKIM-Signature: d={domain}; s=s1\r\n".encode())
    return dkim.SignatureResult(dkim.DkimResult(result), dkim.parse_signature(field))


def records(*domains: str, **more: str) -> Records:
    return {f"_dmarc.{domain} TXT": [POLICY] for domain in domains} | {
        f"_dmarc.{domain.replace('_', '.')} TXT": [text] for domain, text in more.items()
    }


def test_a_walk_asks_at_most_eight_times() -> None:
    """RFC 9989 §4.10."""
    assert list(targets("a.b.c.d.e.f.g.h.i.j.mail.example.com")) == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]


@given(st.lists(st.sampled_from(["a", "bc", "d-e"]), min_size=1, max_size=20).map(".".join))
@settings(max_examples=80, deadline=None)
def test_a_walk_goes_up_from_any_domain(domain: str) -> None:
    found = list(targets(domain))

    assert len(found) <= 8
    assert found[0] == domain
    assert found[-1] == domain.rpartition(".")[2]
    assert all(domain == name or domain.endswith("." + name) for name in found)


@pytest.mark.parametrize(
    ("published", "domain", "organization"),
    [
        (records("mail.example.com", "example.com"), "a.mail.example.com", "example.com"),
        (records(mail_example_com="v=DMARC1; p=none; psd=n"), "a.mail.example.com", "mail.example.com"),
        (records(com="v=DMARC1; p=none; psd=y"), "a.mail.example.com", "example.com"),
        (records(), "a.mail.example.com", "a.mail.example.com"),
        (records("signing.example.com", "example.com"), "signing.example.com", "example.com"),
        (records("example.com"), "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com"),
        (records("giant.bank.example", bank_example="v=DMARC1; psd=y; p=none"), "giant.bank.example",
         "giant.bank.example"),
        (records("giant.bank.example", bank_example="v=DMARC1; psd=y; p=none"), "mail.mega.bank.example",
         "mega.bank.example"),
        (records(bank_example="v=DMARC1; psd=y; p=none"), "bank.example", "bank.example"),
    ],
)  # fmt: skip
def test_an_organisation_begins_where_rfc_9989_section_4_10_2_says(
    published: Records, domain: str, organization: str
) -> None:
    assert dmarc.organizational_domain(domain, Zone(published).ask) == organization


def test_appendix_b_1_1_spf_in_alignment_and_not() -> None:
    zone = Zone(records("example.com", "example.net"))

    strict = dmarc.evaluate("example.com", sent("example.com"), [], zone.ask)
    relaxed = dmarc.evaluate("example.com", sent("child.example.com"), [], zone.ask)
    neither = dmarc.evaluate("child.example.com", sent("example.net"), [], zone.ask)

    assert [one.outcome for one in (strict, relaxed, neither)] == ["pass", "pass", "fail"]
    assert "does not belong to child.example.com" in neither.problem


def test_appendix_b_1_2_dkim_in_alignment_and_not() -> None:
    zone = Zone(records("example.com", "example.net"))

    strict = dmarc.evaluate("example.com", None, [signature("example.com")], zone.ask)
    relaxed = dmarc.evaluate("child.example.com", None, [signature("example.com")], zone.ask)
    neither = dmarc.evaluate("child.example.com", None, [signature("example.net")], zone.ask)

    assert [one.outcome for one in (strict, relaxed, neither)] == ["pass", "pass", "fail"]


def test_appendix_b_4_3_a_public_suffix_divides_two_banks() -> None:
    zone = Zone(records("giant.bank.example", bank_example="v=DMARC1; p=reject; psd=y"))

    found = dmarc.evaluate(
        "giant.bank.example", sent("mail.giant.bank.example"), [signature("mail.mega.bank.example")], zone.ask
    )

    assert [(one.method, one.aligned) for one in found.alignments] == [("spf", True), ("dkim", False)]
    assert found.outcome == "pass"


def test_strict_alignment_wants_the_same_domain() -> None:
    zone = Zone({"_dmarc.example.com TXT": ["v=DMARC1; p=reject; adkim=s; aspf=s"]})

    found = dmarc.evaluate("example.com", sent("a.example.com"), [signature("b.example.com")], zone.ask)

    assert found.outcome == "fail"
    assert not any(one.aligned for one in found.alignments)


@pytest.mark.parametrize(
    ("record", "domain", "disposition"),
    [
        ("v=DMARC1; p=reject", "example.com", "reject"),
        ("v=DMARC1; p=reject; sp=none; np=quarantine", "there.example.com", "none"),
        ("v=DMARC1; p=reject; sp=none; np=quarantine", "absent.example.com", "quarantine"),
        ("v=DMARC1; p=reject; sp=none", "absent.example.com", "none"),
        ("v=DMARC1; p=reject", "there.example.com", "reject"),
        ("v=DMARC1; p=reject; t=y", "example.com", "quarantine"),
        ("v=DMARC1; p=quarantine; t=y", "example.com", "none"),
        ("v=DMARC1; p=wrong; rua=mailto:a@example.com", "example.com", "none"),
        ("v=DMARC1; p=reject; sp=wrong; rua=mailto:a@example.com", "example.com", "none"),
        ("v=DMARC1; rua=mailto:a@example.com", "example.com", "none"),
    ],
)
def test_a_message_that_fails_is_treated_as_the_domain_asks(
    record: str, domain: str, disposition: str
) -> None:
    zone = Zone({"_dmarc.example.com TXT": [record], "there.example.com A": ["192.0.2.1"]})

    found = dmarc.evaluate(domain, sent(domain, "fail"), [], zone.ask)

    assert (found.outcome, found.disposition) == ("fail", disposition)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=DMARC1"],
        ["v=dmarc1; p=reject"],
        ["p=reject; v=DMARC1"],
        ["v=DMARC1; p=wrong"],
        ["v=DMARC1; p=reject", "v=DMARC1; p=none"],
    ],
)
def test_what_is_no_record_applies_to_nothing(texts: list[str]) -> None:
    zone = Zone({"_dmarc.example.com TXT": texts} if texts else {})

    found = dmarc.evaluate("example.com", sent("example.com"), [], zone.ask)

    assert (found.outcome, found.disposition) == ("none", None)


def test_dns_that_is_silent_is_no_failure() -> None:
    silent = dmarc.evaluate("example.com", None, [], Zone({"_dmarc.example.com TIMEOUT": []}).ask)
    key = dmarc.evaluate("example.com", None, [signature("example.com", "temperror")],
                         Zone(records("example.com")).ask)  # fmt: skip

    walk = dmarc.evaluate("example.com", sent("a.b.com"), [],
                          Zone({**records("example.com"), "_dmarc.b.com TIMEOUT": []}).ask)  # fmt: skip

    assert [silent.outcome, key.outcome, walk.outcome] == ["temperror", "temperror", "temperror"]


@pytest.mark.parametrize(
    ("header", "outcome"),
    [
        (b"From: Alice <alice@example.com>\n", "pass"),
        (b"From: =?utf-8?q?Al=C3=ADce?= <alice@EXAMPLE.com>\n", "pass"),
        (b"From: alice@example.com, bob@example.net\n", "none"),
        (b"From: alice@example.com\nFrom: bob@example.net\n", "none"),
        (b"Subject: nobody\n", "none"),
    ],
)
def test_the_author_is_who_stands_in_from(header: bytes, outcome: str) -> None:
    zone = Zone(records("example.com"))

    found = dmarc.evaluate_message(header + b"\nHi.\n", sent("example.com"), [], zone.ask)

    assert found.outcome == outcome


def test_appendix_b_2_3_others_must_agree_to_get_reports() -> None:
    record = dmarc.parse(
        "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com;"
        " ruf=mailto:auth-reports@thirdparty.example.net"
    )
    name = "example.com._report._dmarc.thirdparty.example.net"

    agreed = dmarc.consents("example.com", record, Zone({f"{name} TXT": ["v=DMARC1;"]}).ask)
    not_agreed = dmarc.consents("example.com", record, Zone({}).ask)

    assert [(one.external, one.given, one.name) for one in agreed] == [(False, True, ""), (True, True, name)]
    assert [(one.external, one.given) for one in not_agreed] == [(False, True), (True, False)]


def test_a_subdomain_of_the_organisation_is_no_stranger() -> None:
    record = dmarc.parse("v=DMARC1; p=none; rua=mailto:a@reports.example.com")

    (found,) = dmarc.consents("example.com", record, Zone(records("example.com")).ask)

    assert not found.external


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("v=DMARC1; p=rejct", "p=rejct is none of none, quarantine, reject"),
        ("v=DMARC1; p=none; rua=dmarc@example.com", "write mailto: before it"),
        ("v=DMARC1; p=none; rua=mailto:dmarc", "is no mail address"),
        ("v=DMARC1; p=none; adkim=relaxed", "adkim=relaxed"),
        ("v=DMARC1; p=none; p=reject", "p= is there twice"),
        ("v=DMARC1; p=none rua=mailto:a@example.com", "p=none rua"),
        ("v=DMARC1; p=none; fo=2", "fo=2"),
        ("v=DMARC1; none", "'none' is no tag=value"),
    ],
)
def test_a_mistake_in_a_record_is_named(text: str, mistake: str) -> None:
    assert any(mistake in one for one in dmarc.parse(text).mistakes)


@pytest.mark.parametrize(
    "text",
    [
        "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com",
        "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,mailto:t@thirdparty.example.net; t=y",
        "v = DMARC1 ; p = Reject ; sp=quarantine; np=none; adkim=s; aspf=r; fo=0:d:s; ruf=mailto:a%2Bb@x.org",
    ],
)
def test_the_records_of_appendix_b_2_have_no_mistake(text: str) -> None:
    record = dmarc.parse(text)

    assert (record.mistakes, record.warnings) == ((), ())


def test_removed_and_unknown_tags_are_warned_of() -> None:
    record = dmarc.parse("v=DMARC1; p=none; pct=50; ri=86400; rf=afrf; x=1; rua=mailto:a@example.com!10m")

    assert record.mistakes == ()
    assert [one.partition(" ")[0] for one in record.warnings[:4]] == ["pct=", "ri=", "rf=", "x="]
    assert "obsolete" in record.warnings[4]
    assert record.rua[0].domain == "example.com"


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_no_record_makes_the_parser_fail(text: str) -> None:
    record = dmarc.parse(f"v=DMARC1; {text}")

    assert record.policy in (None, *dmarc.Policy)
    assert all("@" in uri.address for uri in record.rua if uri.scheme == "mailto")
