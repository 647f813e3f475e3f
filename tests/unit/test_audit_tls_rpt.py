"""TLS-RPT records: RFC 8460's examples, and each fault."""

from __future__ import annotations

import pytest

from provisioner.audit import tls_rpt
from provisioner.audit.finding import Finding
from provisioner.dns.resolver import Status
from tests.unit.dns_zone import Value, Zone


def found(value: Value) -> dict[str, Finding]:
    zone = Zone({"_smtp._tls.example.org TXT": value, "example.org A": ["192.0.2.1"]})
    return {one.check.id: one for one in tls_rpt.audit("example.org", zone)}


@pytest.mark.parametrize(
    ("text", "rua"),
    [
        ("v=TLSRPTv1;rua=mailto:reports@example.com", ("mailto:reports@example.com",)),  # RFC 8460 §3.1.1
        ("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", ("https://reporting.example.com/v1/tlsrpt",)),
        ("v=TLSRPTv1; rua=mailto:a@example.com, https://example.com/r ;", ("mailto:a@example.com", "https://example.com/r")),
        ("v=TLSRPTv1;rua=mailto:a@example.com;x1=y", ("mailto:a@example.com",)),
    ],
)  # fmt: skip
def test_a_record_is_read_as_the_rfc_writes_it(text: str, rua: tuple[str, ...]) -> None:
    assert tls_rpt.parse(text).rua == rua


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("v=TLSRPTv1;", "no rua"),
        ("v=TLSRPTv1; rua=", "NAME=VALUE"),
        ("v=TLSRPTv1; rua=reports@example.org", "neither mailto:"),
        ("v=TLSRPTv1; rua=http://example.org/", "neither mailto:"),
        ("v=TLSRPTv1; rua=mailto:a@example.org; rua=mailto:b@example.org", "twice"),
        ("v=TLSRPTv1; reports", "NAME=VALUE"),
        ("v=tlsrptv1; rua=mailto:a@example.org", "does not begin"),
        ("v=TLSRPTv1", "no rua"),
    ],
)
def test_a_record_with_a_mistake_is_none(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        tls_rpt.parse(text)


def test_a_good_record_passes_and_says_where_reports_go() -> None:
    findings = found(['"v=TLSRPTv1; " "rua=mailto:tls@example.org"', '"something else"'])

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert "mailto:tls@example.org" in findings["tls-rpt.syntax"].summary


@pytest.mark.parametrize(
    ("value", "check", "outcome", "words"),
    [
        ([], "tls-rpt.present", "fail", "no TLS-RPT record"),
        (['"v=spf1 -all"'], "tls-rpt.present", "fail", "no TLS-RPT record"),
        (Status.SERVFAIL, "tls-rpt.present", "error", "could not be asked"),
        (['"v=TLSRPTv1; rua=tls@example.org"'], "tls-rpt.syntax", "fail", "neither mailto:"),
        (['"v=TLSRPT1; rua=mailto:tls@example.org"'], "tls-rpt.syntax", "fail", "does not begin"),
        (['"v=TLSRPTv1; rua=mailto:a@b.example"', '"v=TLSRPTv1; rua=mailto:b@b.example"'],
         "tls-rpt.syntax", "fail", "2 TLS-RPT records"),
    ],
)  # fmt: skip
def test_a_fault_is_found_and_named(value: Value, check: str, outcome: str, words: str) -> None:
    finding = found(value)[check]

    assert (finding.outcome, finding.subject) == (outcome, "example.org")
    assert words in finding.summary


def test_the_fix_for_none_is_the_record_to_publish() -> None:
    fix = found([])["tls-rpt.present"].fix

    assert '_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:tls-reports@example.org"' in fix


@pytest.mark.parametrize(
    ("exchangers", "outcome"), [(["0 ."], "skipped"), (["0 .", "10 mx.example.org."], "fail")]
)
def test_a_domain_that_takes_no_mail_needs_no_record(exchangers: list[str], outcome: str) -> None:
    zone = Zone({"example.org MX": exchangers})

    (finding,) = tls_rpt.audit("example.org", zone)

    assert (finding.check.id, finding.outcome) == ("tls-rpt.present", outcome)
