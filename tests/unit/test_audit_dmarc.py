"""What an audit says of DMARC and BIMI records."""

from __future__ import annotations

import pytest
from zone_making import Records, Zone

from provisioner.audit import bimi, dmarc
from provisioner.audit.finding import Finding, Outcome, Severity

HOSTS = {"example.org MX": ["10 mx1.example.org."], "example.org TXT": ["v=spf1 mx -all"]}
WRONG = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)


def findings(record: str, more: Records | None = None, domain: str = "example.org") -> dict[str, Finding]:
    zone = Zone({**HOSTS, "_dmarc.example.org TXT": [record], **(more or {})})
    return {one.check.id: one for one in dmarc.audit(domain, zone)}


def wrong(found: dict[str, Finding]) -> dict[str, Outcome]:
    return {name: one.outcome for name, one in found.items() if one.outcome in WRONG}


@pytest.mark.parametrize(
    "record",
    [
        "v=DMARC1; p=reject; rua=mailto:dmarc@example.org",
        "v=DMARC1; p=quarantine; sp=reject; np=reject; adkim=s; rua=mailto:a@example.org;"
        " ruf=mailto:b@example.org; fo=1",
    ],
)  # fmt: skip
def test_a_good_record_has_no_fault(record: str) -> None:
    assert wrong(findings(record)) == {}


def test_every_check_is_made() -> None:
    found = findings("v=DMARC1; p=reject; rua=mailto:dmarc@example.org")

    assert set(found) == {check.id for check in dmarc.CHECKS}


def test_a_subdomain_is_under_the_record_above_it() -> None:
    record = "v=DMARC1; p=reject; rua=mailto:dmarc@example.org"
    found = findings(record, {"sub.example.org MX": ["10 mx1.example.org."]}, "sub.example.org")

    assert wrong(found) == {}
    assert found["dmarc.record"].summary == "is under the record of example.org"


def test_no_record_is_told_what_to_publish() -> None:
    (found,) = dmarc.audit("example.org", Zone(HOSTS))

    assert (found.check.id, found.outcome) == ("dmarc.record", Outcome.FAIL)
    assert (
        '`_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:dmarc-reports@example.org"`' in found.remedy
    )
    assert found.evidence == ("_dmarc.example.org TXT: no DMARC record", "_dmarc.org TXT: no DMARC record")


def test_what_only_looks_like_a_record_is_shown() -> None:
    found = findings("v=dmarc1; p=reject")["dmarc.record"]

    assert "does not begin with `v=DMARC1;`" in found.summary


@pytest.mark.parametrize("name", ["_dmarc.example.org.example.org", "example.org"])
def test_a_record_at_the_wrong_name_is_found_there(name: str) -> None:
    (found,) = dmarc.audit("example.org", Zone({**HOSTS, f"{name} TXT": ["v=DMARC1; p=reject"]}))

    assert found.summary == f"has its DMARC record at {name}, where nobody looks"
    assert "`_dmarc.example.org.`" in found.remedy


def test_two_records_count_as_none() -> None:
    found = findings("", {"_dmarc.example.org TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]})

    assert list(found) == ["dmarc.record"]
    assert found["dmarc.record"].outcome is Outcome.FAIL
    assert "2 DMARC records" in found["dmarc.record"].summary


def test_dns_that_is_silent_is_no_fault_of_the_domain() -> None:
    (found,) = dmarc.audit("example.org", Zone({**HOSTS, "_dmarc.example.org TIMEOUT": []}))

    assert found.outcome is Outcome.ERROR


RUA = "rua=mailto:dmarc@example.org"


@pytest.mark.parametrize(
    ("record", "check", "outcome", "words"),
    [
        (f"v=DMARC1; p=rejct; {RUA}", "dmarc.syntax", "fail", "p=rejct"),
        (f"v=DMARC1; p=rejct; {RUA}", "dmarc.policy", "warn", "watches only"),
        ("v=DMARC1; p=reject; rua=dmarc@example.org", "dmarc.syntax", "fail", "write mailto:"),
        ("v=DMARC1;", "dmarc.syntax", "fail", "receivers ignore it"),
        (f"v=DMARC1; p=none; {RUA}", "dmarc.policy", "warn", "watches only"),
        ("v=DMARC1; p=none", "dmarc.policy", "fail", "gets no reports"),
        (f"v=DMARC1; p=reject; sp=none; {RUA}", "dmarc.subdomains", "fail", "existing subdomains by none"),
        (f"v=DMARC1; p=reject; np=none; {RUA}", "dmarc.subdomains", "fail", "others by none"),
        (f"v=DMARC1; p=reject; sp=quarantine; {RUA}", "dmarc.subdomains", "warn", "quarantine"),
        (f"v=DMARC1; p=reject; t=y; {RUA}", "dmarc.testing", "warn", "apply quarantine instead of reject"),
        ("v=DMARC1; p=reject", "dmarc.reports", "fail", "gets no reports"),
        ("v=DMARC1; p=reject; rua=mailto:x@elsewhere.test", "dmarc.report-consent", "fail", "elsewhere.test"),
        (
            "v=DMARC1; p=reject; rua=mailto:x@nomail.example.org",
            "dmarc.report-receivers",
            "fail",
            "takes no mail",
        ),
        (
            "v=DMARC1; p=reject; rua=mailto:x@null.example.org",
            "dmarc.report-receivers",
            "fail",
            "takes no mail",
        ),
        (f"v=DMARC1; p=reject; pct=50; {RUA}", "dmarc.removed-tags", "warn", "pct="),
        (f"v=DMARC1; p=reject; foo=1; {RUA}", "dmarc.removed-tags", "warn", "foo="),
        (f"v=DMARC1; p=reject; psd=y; {RUA}", "dmarc.public-suffix", "fail", "public suffix"),
    ],
)
def test_a_fault_is_found(record: str, check: str, outcome: str, words: str) -> None:
    found = findings(record, {"null.example.org MX": ["0 ."]})[check]

    assert found.outcome == outcome
    assert words in found.summary


def test_a_receiver_that_agreed_is_no_fault() -> None:
    more = {
        "example.org._report._dmarc.elsewhere.test TXT": ["v=DMARC1;"],
        "elsewhere.test MX": ["10 mx.elsewhere.test."],
    }

    assert wrong(findings("v=DMARC1; p=reject; rua=mailto:x@elsewhere.test", more)) == {}


def test_only_watching_weighs_little() -> None:
    assert findings(f"v=DMARC1; p=none; {RUA}")["dmarc.policy"].weight is Severity.LOW


def test_the_fix_is_a_record_to_paste() -> None:
    found = findings(f"v=DMARC1; p=none; pct=100; {RUA}")

    assert f'_dmarc.example.org. TXT "v=DMARC1; p=quarantine; pct=100; {RUA}"' in found["dmarc.policy"].remedy
    assert f'_dmarc.example.org. TXT "v=DMARC1; p=none; {RUA}"' in found["dmarc.removed-tags"].remedy


PARKED = {"example.org MX": ["0 ."], "example.org TXT": ["v=spf1 -all"]}


def test_a_parked_domain_must_reject_and_needs_no_reports() -> None:
    good = findings("v=DMARC1; p=reject", PARKED)
    weak = findings("v=DMARC1; p=quarantine", PARKED)

    assert wrong(good) == {}
    assert wrong(weak) == {"dmarc.policy": Outcome.FAIL}
    assert 'TXT "v=DMARC1; p=reject"' in weak["dmarc.policy"].remedy


def test_a_domain_without_a_logo_lacks_nothing() -> None:
    (found,) = bimi.audit("example.org", Zone(HOSTS))

    assert found.outcome is Outcome.SKIPPED


LOGO = "v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem"


@pytest.mark.parametrize(
    ("record", "policy", "expected"),
    [
        (LOGO, "p=reject", {}),
        ("v=BIMI1; l=https://example.org/logo.svg; a=", "p=reject", {"bimi.evidence": "warn"}),
        ("v=BIMI1; l=; a=", "p=none", {}),
        (LOGO, "p=none", {"bimi.policy": "fail"}),
        (LOGO, "p=reject; sp=none", {"bimi.policy": "fail"}),
        (LOGO, "p=reject; pct=50", {"bimi.policy": "fail"}),
        ("v=BIMI1; l=http://example.org/logo.svg", "p=reject", {"bimi.record": "fail"}),
        ("v=BIMI1; l=https://example.org/logo.png", "p=reject", {"bimi.record": "fail"}),
        ("v=BIMI1; a=https://example.org/vmc.pem", "p=reject", {"bimi.record": "fail"}),
    ],
)
def test_a_logo_needs_a_record_that_can_be_read_and_a_policy(
    record: str, policy: str, expected: dict[str, str]
) -> None:
    zone = Zone(
        {
            **HOSTS,
            "default._bimi.example.org TXT": [record],
            "_dmarc.example.org TXT": [f"v=DMARC1; {policy}; {RUA}"],
        }
    )

    assert wrong({one.check.id: one for one in bimi.audit("example.org", zone)}) == expected
