"""The score of an audit, and the order that findings are told in."""

from __future__ import annotations

import pytest
from audit_making import BANNER, LOGIN, OPEN_RELAY, POLICY, RELAY, SPF, finding, judgement
from hypothesis import given
from hypothesis import strategies as st

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.judgement import Topic, score, worst_first

CHECKS = [Check(f"area.{severity}", severity, "", "", "", "") for severity in Severity]
WORSE = [Outcome.PASS, Outcome.ERROR, Outcome.WARN, Outcome.FAIL]
"""Each no better than the one before."""

some_findings = st.lists(
    st.builds(
        lambda check, outcome, port: finding(check, outcome, f"mx:{port}"),
        st.sampled_from(CHECKS),
        st.sampled_from(list(Outcome)),
        st.integers(1, 3),
    ),
    max_size=12,
)


def test_only_a_server_with_nothing_wrong_has_100() -> None:
    assert score([finding(SPF, Outcome.PASS)]) == 100
    assert score([finding(SPF, Outcome.PASS), finding(BANNER)]) == 98


def test_an_open_relay_takes_half_and_a_second_port_with_the_same_fault_nothing_more() -> None:
    assert score([OPEN_RELAY]) == 50
    assert score([OPEN_RELAY, finding(RELAY, subject="mx2.example.org:25")]) == 50


def test_what_could_not_be_run_is_not_worth_as_much_as_a_pass() -> None:
    passed, unknown, failed = (
        score([finding(SPF, Outcome.PASS), finding(RELAY, outcome)])
        for outcome in (Outcome.PASS, Outcome.ERROR, Outcome.FAIL)
    )
    assert passed is not None and unknown is not None and failed is not None
    assert passed > unknown > failed


def test_there_is_no_score_where_no_check_was_answered() -> None:
    assert score([finding(RELAY, Outcome.ERROR), finding(SPF, Outcome.SKIPPED)]) is None


def test_a_case_that_is_less_severe_than_its_check_costs_less() -> None:
    assert score([finding(RELAY, severity=Severity.LOW)]) == 98


@given(some_findings, st.data())
def test_the_score_never_rises_when_a_finding_gets_worse(
    findings: list[Finding], data: st.DataObject
) -> None:
    answered = [one for one in findings if one.outcome in WORSE]
    if not answered:
        return
    chosen = data.draw(st.sampled_from(answered))
    worse = data.draw(st.sampled_from(WORSE[WORSE.index(chosen.outcome) :]))
    changed = [finding(one.check, worse, one.subject) if one is chosen else one for one in findings]

    before, after = score(findings), score(changed)
    assert after is None or before is None or after <= before


@given(some_findings, st.sampled_from(CHECKS))
def test_the_score_never_rises_when_one_more_thing_is_wrong(findings: list[Finding], check: Check) -> None:
    before, after = score(findings), score([*findings, finding(check, subject="mx:9")])
    assert before is None or (after is not None and after <= before)


def test_findings_come_worst_first_and_what_passed_last() -> None:
    findings = [
        finding(SPF, Outcome.PASS),
        finding(BANNER),
        finding(LOGIN, Outcome.ERROR),
        finding(POLICY, Outcome.WARN),
        OPEN_RELAY,
    ]
    assert [one.check.id for one in worst_first(findings)] == [
        "smtp.open-relay", "dmarc.policy", "smtp.banner", "imap.login-before-tls", "spf.record",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("threshold", "reached"), [(Severity.CRITICAL, False), (Severity.MEDIUM, True), (None, False)]
)
def test_a_threshold_is_reached_by_what_is_as_severe_or_more(
    threshold: Severity | None, reached: bool
) -> None:
    assert (
        judgement(finding(POLICY, Outcome.WARN), finding(RELAY, Outcome.PASS)).reaches(threshold) is reached
    )


def test_every_finding_has_a_topic() -> None:
    topics = judgement(OPEN_RELAY, finding(SPF, Outcome.PASS), finding(LOGIN)).topics()
    assert list(topics) == [Topic.SENDERS, Topic.RECEIVING, Topic.MAILBOXES]
