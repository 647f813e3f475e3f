from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.text import Text

from provisioner.report.layout import counted, folded, moment, names, seconds, two_ends


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "file", "1 file"), (0, "file", "0 files"), (2, "directory", "2 directories"), (3, "day", "3 days")],
)
def test_numbers_agree_with_their_nouns(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


def test_many_hosts_are_said_once() -> None:
    assert names(["a"]) == "a"
    assert names(["a", "b"]) == "a and b"
    assert names(["a", "b", "c", "d"]) == "a, b, c and d"
    assert names([f"mx{n}" for n in range(1, 17)]) == "mx1, mx2, mx3 and 13 more"


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "40 ms"), (0.3, "0.3 s"), (2.94, "2.9 s"), (12.3, "12 s"), (185, "3 min 5 s")]
)
def test_times_are_said_as_people_say_them(value: float, text: str) -> None:
    assert seconds(value) == text


def test_a_moment_of_another_year_has_its_year() -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert moment(datetime(2026, 3, 2, 9, 5).astimezone(), now) == "2 Mar 09:05"
    assert moment(datetime(2024, 3, 2, 9, 5).astimezone(), now) == "2 Mar 2024"


def test_two_ends_that_do_not_fit_stand_one_below_the_other() -> None:
    assert [line.plain for line in two_ends(Text("left"), "right", 20)] == ["left           right"]
    assert [line.plain for line in two_ends(Text("left"), "right", 10)] == ["left", "        right"]


def test_words_fold_and_a_word_that_is_too_long_stays_whole() -> None:
    assert folded(["alpha", "beta", "gamma"], width=14, indent=2) == ["alpha, beta,", "gamma"]
    assert folded(["x" * 30], width=14, indent=2) == ["x" * 30]
