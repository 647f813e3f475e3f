"""A JSON Schema in the words of a reference: `text`, `fast or safe`, `list of whole numbers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
    "null": "null",
}


_PLURALS = {"whole number": "whole numbers", "number": "numbers", "mapping": "mappings", "list": "lists"}


def type_words(schema: Mapping[str, Any]) -> str:
    """What values a schema takes, in a few words."""
    if "enum" in schema:
        return _either([f"`{_value(option)}`" for option in schema["enum"]])
    if "const" in schema:
        return f"`{_value(schema['const'])}`"
    for key in ("anyOf", "oneOf"):
        if key in schema and "type" not in schema:
            return str(schema.get("title") or _either([type_words(option) for option in schema[key]]))
    kinds = schema.get("type", [])
    words = [_of_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return _either(words) + _bounds(schema) if words else "anything"


def _of_kind(kind: str, schema: Mapping[str, Any]) -> str:
    word = _TYPES.get(kind, kind)
    title = schema.get("title")
    if kind == "array" and isinstance(items := schema.get("items"), Mapping) and not title:
        return f"list of {_PLURALS.get(words := type_words(items), words)}"
    if title and kind != "null":
        return f"{word}: {title}" if kind in ("array", "object") else str(title)
    return word


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f", at least {least}"
    return f", at most {most}" if most is not None else ""


def _either(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))
    return " or ".join(filter(None, [", ".join(unique[:-1]), unique[-1]])) if unique else "anything"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def yaml_words(value: object) -> str:
    """A value as it stands in an inventory, on one line where it is short."""
    import yaml

    flow = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return flow.removesuffix("\n").removesuffix("\n...").strip()
