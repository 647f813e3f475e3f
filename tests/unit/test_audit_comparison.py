"""`audit diff`: what got better and worse between two reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from audit_making import BANNER, LOGIN, OPEN_RELAY, POLICY, RELAY, SPF, finding, judgement
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.audit.comparison import compared, parse_report, read_report
from provisioner.audit.difference import Comparison, Turn
from provisioner.audit.finding import Outcome, Severity
from provisioner.audit.judgement import Judgement
from provisioner.errors import InputError
from provisioner.report.audit_diff import diff_lines, document
from provisioner.report.audit_json import document as report_document

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CLOSED = finding(RELAY, Outcome.PASS, summary="refuses strangers")


def compare(before: list[Judgement], after: list[Judgement]) -> Comparison:
    reports = [parse_report(json.loads(json.dumps(report_document(one, 1, NOW)))) for one in (before, after)]
    return compared(*reports)


def turns(comparison: Comparison) -> list[tuple[str, str]]:
    return [(one.turn.value, one.id) for one in comparison.differences]


def test_a_report_does_not_differ_from_itself() -> None:
    same = [judgement(OPEN_RELAY, finding(LOGIN, Outcome.ERROR), CLOSED)]
    assert compare(same, same).differences == ()


@pytest.mark.parametrize(
    ("before", "after", "turn"),
    [
        (CLOSED, OPEN_RELAY, Turn.WORSE),
        (OPEN_RELAY, CLOSED, Turn.BETTER),
        (finding(POLICY, Outcome.WARN), finding(POLICY), Turn.WORSE),
        (finding(POLICY), finding(POLICY, severity=Severity.LOW), Turn.BETTER),
        (finding(RELAY, Outcome.ERROR), OPEN_RELAY, Turn.NEW),
        (OPEN_RELAY, finding(RELAY, Outcome.SKIPPED), Turn.UNKNOWN),
    ],
)
def test_what_became_of_a_finding(before: object, after: object, turn: Turn) -> None:
    found = compare([judgement(before)], [judgement(after)])  # type: ignore[arg-type]
    assert [one.turn for one in found.differences] == [turn]
    assert found.worse is (turn in (Turn.WORSE, Turn.NEW))


def test_what_is_there_once_only_is_new_or_gone_if_it_is_wrong() -> None:
    before = [judgement(OPEN_RELAY, finding(SPF, Outcome.PASS))]
    after = [judgement(finding(LOGIN), finding(BANNER, Outcome.PASS))]
    assert turns(compare(before, after)) == [("new", "imap.login-before-tls"), ("gone", "smtp.open-relay")]


def test_other_words_and_evidence_are_no_difference() -> None:
    before = [judgement(finding(LOGIN, summary="offers PLAIN", evidence=("a",)))]
    after = [judgement(finding(LOGIN, summary="offers LOGIN", evidence=("b",)))]
    assert compare(before, after).differences == ()


def test_the_screen_shows_scores_and_what_is_worse_first() -> None:
    before = [judgement(CLOSED, finding(POLICY, Outcome.WARN, "example.org", "has p=none"))]
    after = [judgement(OPEN_RELAY, finding(POLICY, Outcome.PASS, "example.org", "has p=reject"))]
    assert [line.plain for line in diff_lines(compare(before, after), 80)] == [
        "example.org   97 of 100 → 50 of 100",
        "",
        "Worse",
        "  ✗ mx1.example.org:25 relays mail for strangers                 smtp.open-relay",
        "      passed → critical",
        "",
        "Better",
        "  ✓ example.org has p=reject                                        dmarc.policy",
        "      medium, doubtful → passed",
        "",
        "1 worse, 1 better.",
    ]


def test_the_json_of_a_comparison_counts_every_turn() -> None:
    found = document(compare([judgement(CLOSED)], [judgement(OPEN_RELAY)]))
    assert found["summary"] == {"worse": 1, "new": 0, "unknown": 0, "better": 0, "gone": 0}
    assert found["scores"] == {"example.org": {"before": 100, "after": 50}}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 2, "command": "audit", "targets": {}}',
     '{"format": 1, "command": "audit", "targets": {"a": {"score": "x", "findings": []}}}',
     '{"format": 1, "command": "audit", "targets": {"a": {"score": 1, "findings": [{"id": "a.b"}]}}}',
     '{"format": 1, "command": "plan", "targets": {}}', "\ud800", "[" * 100_000],
)  # fmt: skip
def test_a_file_that_is_no_report_is_a_mistake_of_the_person(tmp_path: Path, text: str) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="no report of an audit"):
        read_report(file)


KEYS = st.sampled_from(["format", "command", "targets", "findings", "score", "a"])
WILD = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@settings(max_examples=50)
@given(WILD)
def test_no_document_whatever_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "wild.json"
    file.write_text(json.dumps(value))
    with pytest.raises(InputError):
        read_report(file)
