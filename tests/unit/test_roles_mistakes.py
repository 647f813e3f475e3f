"""JSON Schema's findings in words, also for values that JSON has no type for."""

from __future__ import annotations

# ruff: noqa: E501  # tables of cases read better with one case a line
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.roles.mistakes import SchemaMistake, schema_mistakes

SETTINGS = {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}


class Unsafe(str):
    """As the inventory marks text that is never a template."""


def said(value: object, schema: dict[str, object]) -> list[str]:
    return [
        f"{'.'.join(map(str, one.path))}: {one.message}" + (f" ({one.note})" if one.note else "")
        for one in schema_mistakes(value, schema)
    ]


@pytest.mark.parametrize(
    ("value", "schema", "expected"),
    [
        ("x", {"type": "integer"}, [": expected a whole number, got the text 'x'"]),
        ([], {"type": ["string", "null"]}, [": expected nothing (null) or text, got an empty list"]),
        ("b", {"enum": ["a", 1]}, [": expected `a` or 1, got the text 'b'"]),
        ("b", {"const": "a"}, [": expected `a`, got the text 'b'"]),
        (1, {"minimum": 3}, [": expected at least 3, got the number 1"]),
        (9, {"exclusiveMaximum": 9}, [": expected less than 9, got the number 9"]),
        ("a", {"minLength": 3}, [": expected at least 3 characters, got the text 'a'"]),
        ("b", {"pattern": "^a"}, [": expected text that matches ^a, got the text 'b'"]),
        ("b", {"pattern": "^a", "title": "a word with a"}, [": expected a word with a, got the text 'b'"]),
        ("b", {"format": "email"}, [": expected text in the form `email`, got the text 'b'"]),
        ([1, 1], {"uniqueItems": True}, [": expected each item once, got a list"]),
        ({}, {"required": ["a"]}, [": `a` is missing"]),
        ("x", {"type": "array", "title": "names"}, [": expected a list (names), got the text 'x'"]),
        ({"b": 1}, {"propertyNames": {"pattern": "^a"}}, ["b: `b` is not a key here: expected text that matches ^a"]),
        (3, {"anyOf": [{"type": "string"}, {"type": "object"}]}, [": expected text or a mapping, got the number 3"]),
        ({"naem": 1}, {"additionalProperties": False, "properties": {"name": {}}}, ["naem: unknown key `naem` (did you mean `name`?)"]),
        ({"x": 1}, {"additionalProperties": False, "properties": {"name": {}}}, ["x: unknown key `x` (known here: name)"]),
        ({"m": {"whne": 1}}, {"properties": {"m": {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": False, "properties": {"when": {}}}]}}}, ["m.whne: unknown key `whne` (did you mean `when`?)"]),
    ],
)  # fmt: skip
def test_each_finding_says_what_was_expected_and_what_is_there(
    value: object, schema: dict[str, object], expected: list[str]
) -> None:
    assert said(value, schema) == expected


def test_values_that_yaml_makes_of_plain_looking_text_are_told_how_to_write_them() -> None:
    assert said({"a": date(2026, 11, 24)}, SETTINGS) == [
        "a: 2026-11-24 is a date to YAML (write it in quotes to make it text)"
    ]
    assert said({25: "x"}, SETTINGS) == ['25: the key 25 is not text (write "25" in quotes)']


def test_half_a_character_is_told_and_not_passed_on() -> None:
    assert said({"a": "x\ud83d"}, {"additionalProperties": {"pattern": "x"}}) == [
        "a: holds half a character (a surrogate, as in JSON's \\ud83d)"
    ]


def test_text_of_a_special_kind_is_text() -> None:
    assert said({"a": Unsafe("{{ x }}")}, SETTINGS) == []
    assert said({"a": (Unsafe("x"),)}, {"properties": {"a": {"items": {"type": "string"}}}}) == []


def test_a_value_without_end_is_one_mistake() -> None:
    endless: dict[str, object] = {}
    endless["a"] = endless
    assert said(endless, SETTINGS) == ["a: is nested too deeply"]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters())
    | st.dates()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_no_value_makes_the_judging_itself_fail(value: object) -> None:
    schema = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array"}]}}
    assert all(isinstance(one, SchemaMistake) and one.message for one in schema_mistakes(value, schema))
