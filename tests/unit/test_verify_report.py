"""What people and programs read of a verification."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

from provisioner.errors import NotTouched
from provisioner.mail.certificate import Certificate
from provisioner.report.junit import junit_document
from provisioner.report.verify import detail_lines, report_document, report_lines, totals
from provisioner.roles.model import Port
from provisioner.verify.outside import judge_ways, port_checks
from provisioner.verify.result import Check, HostReport, PortResult

NOW = datetime.now(UTC)
CERTIFICATE = Certificate(
    subject="mx1.example.org",
    issuer="Let's Encrypt R11",
    names=("mx1.example.org",),
    not_before=NOW - timedelta(days=27),
    not_after=NOW + timedelta(days=63, hours=1),
    fingerprint="ab" * 32,
    key="ECDSA secp256r1",
    self_signed=False,
)
SMTP = PortResult(
    Port(25, "smtp", "postfix", "starttls"), True, "ok", "takes mail for 2 domains, refuses to relay",
    tls_version="TLSv1.3", certificate=CERTIFICATE, address="192.0.2.10", milliseconds=60,
    transcript=("< 220 mx1", "> QUIT"),
)  # fmt: skip
IMAPS = replace(
    SMTP, port=Port(993, "imaps", "dovecot", "implicit"), outcome="", mechanisms_after=("PLAIN", "LOGIN")
)
SILENT = replace(
    IMAPS, ok=False, kind="silent", outcome="no answer within 8 s, before its greeting", hint="See the log.",
    tls_version="", certificate=None, mechanisms_after=(),
)  # fmt: skip
RELAY = replace(
    SMTP, ok=False, kind="open-relay", outcome="relays mail for strangers", evidence=("250 2.1.5 Ok",)
)


def report(*ports: PortResult, checks: tuple[Check, ...] = ()) -> HostReport:
    return HostReport("mx1.example.org", (*port_checks(ports), *checks), ports, seconds=1.9)


def text(*reports: HostReport, width: int = 100) -> str:
    return "\n".join(line.plain.rstrip() for line in report_lines(reports, width))


def test_a_host_that_is_well_is_a_table_of_its_ports_and_a_count_for_each_role() -> None:
    assert text(report(SMTP, IMAPS, checks=(Check("postfix.test_a", "postfix", "pass"),))) == (
        "mx1.example.org   certificate mx1.example.org, Let's Encrypt R11, 63 days left\n"
        "   25  smtp         STARTTLS 1.3  no login offered  ✓ takes mail for 2 domains, refuses to relay\n"
        "  993  imaps        TLS 1.3       PLAIN LOGIN       ✓\n"
        "  postfix 2 ✓   dovecot 1 ✓   tls 1 ✓"
    )


def test_eighty_columns_are_enough() -> None:
    lines = text(report(RELAY, SILENT, SMTP, IMAPS), width=80).splitlines()
    assert max(map(len, lines)) <= 80


def test_the_gravest_failure_comes_first_with_its_evidence() -> None:
    lines = text(report(SILENT, RELAY)).splitlines()
    first = next(i for i, line in enumerate(lines) if "relays mail for strangers" in line and "✗" in line)
    assert lines[first + 1].strip() == "250 2.1.5 Ok"
    assert first < next(i for i, line in enumerate(lines) if "no answer" in line)


def test_one_failure_of_many_ports_is_said_once_and_its_family_where_only_one_has_it() -> None:
    six = {"address": "2001:db8::7"}
    both = text(report(SILENT, replace(SILENT, **six), replace(SILENT, port=Port(143, "imap", "dovecot"))))
    assert "✗ 143 over IPv4, 993: no answer within 8 s" in both
    one = text(report(IMAPS, replace(SILENT, **six)))
    assert "✗ over IPv6" in one
    assert "✗ 993 over IPv6: no answer" in one


def test_what_a_server_said_can_not_act_on_the_terminal() -> None:
    evil = "250 \x1b[2J\u202eok"
    shown = text(report(replace(RELAY, evidence=(evil,), outcome=f"said {evil}")))
    shown += "\n".join(line.plain for line in detail_lines([report(replace(RELAY, transcript=(evil,)))]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[2J\\u202e" in shown


def test_what_was_skipped_says_why_where_more_is_asked_for() -> None:
    skipped = Check("tls.test_renewal", "tls", "skipped", "not by ACME")
    details = [line.plain for line in detail_lines([report(SMTP, checks=(skipped,))])]
    assert details[-1] == "mx1.example.org: tls.test_renewal skipped: not by ACME"
    assert details[:3] == ["mx1.example.org:25 at 192.0.2.10", "  < 220 mx1", "  > QUIT"]


def test_a_host_that_could_not_be_reached_says_why() -> None:
    away = HostReport(
        "mx2.example.org", error=NotTouched("192.0.2.11:22 refuses connections", hint="Is it up?")
    )
    assert "mx2.example.org   ✗ not verified: 192.0.2.11:22 refuses connections" in text(away)
    assert totals([report(SMTP), away], 1.9).plain == (
        "2 checks passed on 1 host; 1 host could not be verified in 1.9 s."
    )
    assert (away.exit_code, report(SMTP).exit_code, report(RELAY).exit_code) == (5, 0, 3)


def test_the_json_has_every_check_passed_ones_too() -> None:
    document = report_document([report(SMTP, RELAY)], 1.9)
    hosts = document["hosts"]
    assert isinstance(hosts, dict)
    assert hosts["mx1.example.org"]["checks"] == [
        {"id": "postfix.port_25", "role": "postfix", "outcome": "pass", "message": SMTP.outcome},
        {
            "id": "postfix.port_25", "role": "postfix", "outcome": "fail",
            "message": "25 smtp at 192.0.2.10 relays mail for strangers\n250 2.1.5 Ok",
        },
        {
            "id": "tls.certificate", "role": "tls", "outcome": "pass",
            "message": "mx1.example.org, Let's Encrypt R11, 63 days left",
        },
    ]  # fmt: skip


def test_junit_counts_and_names_every_check_and_holds_any_text() -> None:
    odd = Check("postfix.test_a", "postfix", "fail", "a <b> & \x00\x1b\ud800", ("]]>",), hint="do this")
    skipped = Check("postfix.test_b", "postfix", "skipped", "not here")
    away = HostReport("mx2.example.org", error=NotTouched("no route"))
    root = ElementTree.fromstring(junit_document([report(SMTP, checks=(odd, skipped)), away]))
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
        "5",
        "1",
        "1",
        "1",
    )
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == "a <b> & \\x00\\x1b\\xd800"
    assert "]]>" in (failure.text or "")
    assert [case.get("name") for case in root.iter("testcase")] == [
        "postfix.port_25", "tls.certificate", "postfix.test_a", "postfix.test_b", "connection"
    ]  # fmt: skip


def test_a_certificate_that_ends_within_a_week_fails_before_it_does() -> None:
    late = replace(SMTP, certificate=replace(CERTIFICATE, not_after=NOW + timedelta(days=3)))
    (certificate,) = [check for check in port_checks([late]) if check.id == "tls.certificate"]
    assert certificate.outcome == "fail"


def test_a_port_only_the_host_reaches_is_blocked_unless_it_is_25_or_all_are() -> None:
    inner = {"forwarded": True}
    judged = judge_ways(
        [replace(SMTP, **inner), replace(IMAPS, **inner), replace(IMAPS, port=Port(143, "imap", "d"))]
    )
    assert [(r.ok, r.kind) for r in judged] == [(True, "ok"), (False, "blocked"), (True, "ok")]
    behind_a_jump_host = [replace(SMTP, **inner), replace(IMAPS, **inner)]
    assert judge_ways(behind_a_jump_host) == behind_a_jump_host
