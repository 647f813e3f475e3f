"""Mistyped names: the nearest right one, and what counts as one slip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.roles.names import distance, is_one_slip, nearest

WORDS = st.text(alphabet="abc_", max_size=8)


@pytest.mark.parametrize(
    ("word", "slip"),
    [
        ("posfix_parameters", True),
        ("posttfix_parameters", True),
        ("psotfix_parameters", True),
        ("poszfix_parameters", True),
        ("postfix_parameters", False),
        ("postfix_parameters2", False),
        ("my_postfix_parameters", False),
        ("psofix_parameters", False),
    ],
)
def test_one_slip_is_a_letter_missing_doubled_swapped_or_wrong(word: str, slip: bool) -> None:
    assert is_one_slip(word, "postfix_parameters") is slip


@given(WORDS, WORDS)
def test_distance_is_symmetric_and_zero_only_for_the_same(left: str, right: str) -> None:
    assert distance(left, right) == distance(right, left)
    assert (distance(left, right) == 0) == (left == right)
    assert distance(left, right) <= max(len(left), len(right))


def test_the_nearest_name_is_found_and_far_ones_are_not_suggested() -> None:
    known = ["permit_mynetworks", "reject_unauth_destination", "encrypt"]
    assert nearest("permit_mynetwroks", known) == "permit_mynetworks"
    assert nearest("encrpyt", known) == "encrypt"
    assert nearest("ENCRYPTT", known) == "encrypt"
    assert nearest("something_else", known) is None
    assert nearest("encrypt", known) is None
    assert nearest("", []) is None
