"""The table of seeded faults: no check without a fault, no fault of a check unknown, and the page current."""

from __future__ import annotations

from tests.hosts.audit_faults_page import PAGE, faults, outside, page, passing


def test_every_check_from_outside_has_a_fault_that_it_is_tried_on() -> None:
    assert {check.id for check in outside()} - set(faults()) == set()


def test_every_fault_and_every_sound_case_is_of_a_check_that_exists() -> None:
    assert {*faults(), *passing()} <= {check.id for check in outside()}


def test_the_page_of_faults_is_current() -> None:
    assert PAGE.read_text() == page()
