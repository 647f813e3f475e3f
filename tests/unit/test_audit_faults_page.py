"""The table of seeded faults: no check without a fault, and the page current."""

from __future__ import annotations

from pathlib import Path

from tests.hosts.audit_faults_page import ELSEWHERE, PAGE, SHARED, faults, outside, page


def test_every_check_from_outside_has_a_fault_that_it_is_tried_on() -> None:
    missing = [
        check.id
        for check in outside()
        if check.id not in faults() and check.id not in {**ELSEWHERE, **SHARED}
    ]
    assert missing == []


def test_a_check_that_is_named_elsewhere_exists_and_is_seeded_nowhere() -> None:
    known = {check.id for check in outside()}
    assert set(ELSEWHERE) | set(SHARED) <= known
    assert not (set(ELSEWHERE) | set(SHARED)) & set(faults())
    assert {file for file in ELSEWHERE.values() if not (Path(__file__).parent / file).exists()} == set()


def test_the_page_of_faults_is_current() -> None:
    assert PAGE.read_text() == page()
