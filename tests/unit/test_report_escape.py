from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.report.escape import escape, escape_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Grüße, 日本", "plain text, Grüße, 日本"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("admin\u202eexe.txt", "admin\\u202eexe.txt"),
        ("a\u2066b\u200bc", "a\\u2066b\\u200bc"),
        ("one\ntwo\r", "one\\ntwo\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("a\tb", "a\tb"),
    ],
)
def test_what_could_act_on_a_terminal_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text())
def test_escaped_text_holds_only_printable_characters_and_tabs(text: str) -> None:
    assert escape(text).replace("\t", "").isprintable()


def test_of_a_long_output_the_last_lines_are_kept_and_the_rest_is_counted() -> None:
    shown = escape_lines("\n".join(f"line {n}" for n in range(100)), most=2)
    assert shown == ("… 98 lines before", "line 98", "line 99")


def test_a_line_without_end_is_cut() -> None:
    assert escape_lines("x" * 10_000, width=20) == ("x" * 19 + "…",)
