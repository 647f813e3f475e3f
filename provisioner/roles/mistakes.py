"""JSON Schema's findings as sentences for people: what was expected, what is there, the nearest key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from provisioner.inventory.model import VariablePath
from provisioner.roles.names import nearest

_TYPE_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing (null)",
}
_DEEPEST = 100
_SECRET_WORDS = ("password", "secret", "token", "passphrase", "private")


@dataclass(frozen=True, slots=True)
class SchemaMistake:
    """One value that does not fit its schema; `path` leads to it from the value that was checked."""

    path: VariablePath
    message: str
    note: str = ""


Conceal = Callable[[object], bool]
"""Says whether a value must not be shown."""


def show_all(value: object) -> bool:
    """A `Conceal` for values that hold no secrets."""
    return False


@lru_cache(maxsize=512)
def _compiled(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads(schema), validate_formats=True)


def schema_mistakes(
    value: object, schema: Mapping[str, object], conceal: Conceal = show_all
) -> list[SchemaMistake]:
    """Everything in `value` that does not fit `schema` (JSON Schema 2020-12), in the value's order.

    Values that YAML knows and JSON does not (dates, keys that are numbers) are reported as such.
    """
    validator = _compiled(json.dumps(schema))
    try:
        errors = list(validator.iter_errors(value))
    except (ValueError, TypeError):
        unusual: list[SchemaMistake] = []
        value = _plain_data(value, (), unusual)
        errors = [] if unusual else list(validator.iter_errors(value))
        if unusual:
            return unusual
    return [mistake for error in errors for mistake in _sentences(error, schema, conceal)]


def _plain_data(value: object, path: VariablePath, unusual: list[SchemaMistake]) -> object:
    """`value` in the types that JSON has; what has no such type is noted in `unusual`."""
    if len(path) > _DEEPEST:
        unusual.append(SchemaMistake(path[:1], "is nested too deeply"))
        return None
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                note = f'write "{key}" in quotes'
                unusual.append(SchemaMistake((*path, str(key)), f"the key {key} is not text", note))
        return {str(key): _plain_data(inner, (*path, str(key)), unusual) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_data(inner, (*path, index), unusual) for index, inner in enumerate(value)]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            unusual.append(SchemaMistake(path, "holds half a character (a surrogate, as in JSON's \\ud83d)"))
        return str(value)
    kind = type(value).__name__
    unusual.append(SchemaMistake(path, f"{value} is a {kind} to YAML", "write it in quotes to make it text"))
    return None


def _sentences(error: Any, schema: Mapping[str, object], conceal: Conceal) -> Iterator[SchemaMistake]:
    kind, path = error.kind, tuple(error.instance_path)
    detail = kind.as_dict()
    if kind.name == "additionalProperties":
        known = _known_keys(schema, error.schema_path)
        for key in detail["unexpected"]:
            yield _unknown_key(path, key, known)
    elif kind.name in ("anyOf", "oneOf") and (branch := _best_branch(detail["context"], path)):
        for inner in branch:
            yield from _sentences(inner, schema, conceal)
    elif kind.name == "propertyNames":
        inner = detail["error"]
        what = _expected(inner.kind.name, inner.kind.as_dict(), _title(schema, inner))
        yield SchemaMistake((*path, inner.instance), f"`{inner.instance}` is not a key here: expected {what}")
    elif kind.name == "required":
        yield SchemaMistake(path, f"`{detail['property']}` is missing")
    else:
        expected = _expected_of(kind.name, detail, path, _title(schema, error))
        got = describe(error.instance, hide=conceal(error.instance) or _is_secret(path))
        yield SchemaMistake(path, f"expected {expected}, got {got}")


def _unknown_key(path: VariablePath, key: str, known: Sequence[str]) -> SchemaMistake:
    near = nearest(key, known)
    if near:
        return SchemaMistake((*path, key), f"unknown key `{key}`", f"did you mean `{near}`?")
    note = f"known here: {', '.join(sorted(known))}" if 0 < len(known) <= 12 else "not known here"
    return SchemaMistake((*path, key), f"unknown key `{key}`", note)


def _expected_of(name: str, detail: Mapping[str, Any], path: VariablePath, title: str) -> str:
    if name in ("anyOf", "oneOf") and not title:
        types = [
            error.kind.as_dict()["types"]
            for branch in detail["context"]
            for error in branch[:1]
            if error.kind.name == "type" and tuple(error.instance_path) == path
        ]
        if types:
            return _either([_TYPE_WORDS.get(word, word) for group in types for word in group])
    return _expected(name, detail, title)


def _expected(name: str, detail: Mapping[str, Any], title: str) -> str:
    """What a keyword of JSON Schema asks for, in words; `title` of the schema says it best."""
    if title:
        return title
    limit = detail.get("limit")
    match name:
        case "type":
            return _either([_TYPE_WORDS.get(word, word) for word in detail["types"]])
        case "enum":
            return _either([_plain(option) for option in detail["options"]])
        case "const":
            return _plain(detail["expected_value"])
        case "pattern":
            return f"text that matches {detail['pattern']}"
        case "format":
            return f"text in the form `{detail['format']}`"
        case "uniqueItems":
            return "each item once"
        case "multipleOf":
            return f"a multiple of {detail['multiple_of']}"
        case "falseSchema":
            return "nothing here"
    words = {
        "minimum": f"at least {limit}",
        "maximum": f"at most {limit}",
        "exclusiveMinimum": f"more than {limit}",
        "exclusiveMaximum": f"less than {limit}",
        "minLength": f"at least {limit} characters",
        "maxLength": f"at most {limit} characters",
        "minItems": f"at least {limit} items",
        "maxItems": f"at most {limit} items",
        "minProperties": f"at least {limit} entries",
        "maxProperties": f"at most {limit} entries",
    }
    return words.get(name, f"a value that fits `{name}` of the schema")


def describe(value: object, *, hide: bool = False) -> str:
    """A value as an error message names it: its kind, and the value itself where it is short."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if hide:
        return "another value (not shown)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    text = str(value)
    return f"the text {text!r}" if len(text) <= 60 else f"the text {text[:50]!r}…"


def _best_branch(branches: Sequence[Sequence[Any]], path: VariablePath) -> Sequence[Any] | None:
    """Of several alternatives, the one the value was meant to be: right type, and fewest mistakes."""

    def of_right_type(branch: Sequence[Any]) -> bool:
        return bool(branch) and not any(
            error.kind.name in ("type", "const", "enum", "pattern") and tuple(error.instance_path) == path
            for error in branch
        )

    right = [branch for branch in branches if of_right_type(branch)]
    return min(right, key=len) if right else None


def _subschema(schema: object, way: Sequence[str | int]) -> object:
    for step in way:
        if isinstance(schema, Mapping) and "$ref" in schema and step not in schema:
            return None
        try:
            schema = schema[step]  # type: ignore[index]  # a wrong step is caught right here
        except (KeyError, IndexError, TypeError):
            return None
    return schema


def _title(schema: Mapping[str, object], error: Any) -> str:
    around = _subschema(schema, error.schema_path[:-1])
    title = around.get("title") if isinstance(around, Mapping) else None
    if not isinstance(title, str):
        return ""
    kinds = error.kind.as_dict()["types"] if error.kind.name == "type" else []
    if set(kinds) & {"array", "object"}:
        return f"{_either([_TYPE_WORDS.get(word, word) for word in kinds])} ({title})"
    return title


def _known_keys(schema: Mapping[str, object], way: Sequence[str | int]) -> list[str]:
    around = _subschema(schema, way[:-1])
    known = around.get("properties") if isinstance(around, Mapping) else None
    return [str(key) for key in known] if isinstance(known, Mapping) else []


def _is_secret(path: VariablePath) -> bool:
    return any(word in str(step).lower() for step in path[-1:] for word in _SECRET_WORDS)


def _plain(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else json.dumps(value)


def _either(words: Sequence[str]) -> str:
    unique = list(dict.fromkeys(words))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} or {unique[-1]}"
