"""The format of role.yml as JSON Schema (2020-12), once its values are chosen for one release.

Editors get this schema; the engine checks every role against it. What a mapping with exactly
the keys `bookworm` and `trixie` stands for is decided before (see `choose`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.roles.model import RELEASES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
ARGV: Schema = {
    "type": "array",
    "items": {"type": ["string", "integer"]},
    "minItems": 1,
    "title": "a program and its arguments as a list",
}
CONDITION: Schema = {"type": ["string", "boolean"], "title": "an expression over variables"}
FOR_EACH: Schema = {"type": "string", "title": "the name of a variable, or an expression"}
FLAG: Schema = {
    "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": r"\{\{.*\}\}"}],
    "title": "true, false or a template",
}
NUMBER: Schema = {
    "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"\{\{.*\}\}"}],
    "title": "a whole number or a template",
}
MODE: Schema = {
    "type": "string",
    "pattern": r"^([0-7]{3,4}|.*\{\{.*)$",
    "title": 'a mode in quotes, such as "0644"',
}
PATH: Schema = {"type": "string", "pattern": r"^(/|\{\{)", "title": "an absolute path"}
EACH: Schema = {"for_each": FOR_EACH, "when": CONDITION}


def _record(properties: Schema, required: list[str] | None = None) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _named(item: Schema) -> Schema:
    """A mapping from a name to what `item` describes; the item may be empty."""
    return {"type": "object", "additionalProperties": {"anyOf": [item, {"type": "null"}]}}


def _at_paths(item: Schema) -> Schema:
    return _named(item) | {"propertyNames": PATH}


TAKEN_UP: Schema = {"reload": TEXTS, "restart": TEXTS}
OWNED: Schema = {"owner": TEXT, "group": TEXT, "mode": MODE}

ITEMS: dict[str, Schema] = {
    "secret": _record({"name": TEXT, "make": {"type": "object"}, **EACH}, ["name", "make"]),
    "package": {"anyOf": [TEXT, _record({"name": TEXT, "warm_up": ARGV, **EACH}, ["name"])]},
    "user": _record({"uid": NUMBER, "group": TEXT, "groups": TEXTS, "home": TEXT, "shell": TEXT, **EACH}),
    "group": _record({"gid": NUMBER, **EACH}),
    "directory": _record({**OWNED, **EACH}),
    "file": _record(
        {"template": TEXT, "content": TEXT, **OWNED, **TAKEN_UP, "runs": TEXTS, "sensitive": FLAG, **EACH}
    )
    | {
        "oneOf": [{"required": ["template"]}, {"required": ["content"]}],
        "title": "either `template` or `content`",
    },
    "link": _record({"target": TEXT, **TAKEN_UP, **EACH}, ["target"]),
    "service": _record(
        {
            "unit": TEXT,
            "enable": TEXT,
            "running": FLAG,
            "enabled": FLAG,
            "reloadable": FLAG,
            "reload_holds": NUMBER,
            **EACH,
        }
    ),
    "timer": _record({"unit": TEXT, **EACH}),
    "command": _record(
        {"argv": ARGV, "creates": TEXT, "unless": ARGV, **TAKEN_UP, "timeout": NUMBER, **EACH}, ["argv"]
    ),
    "validator": _record(
        {"argv": ARGV, "paths": TEXTS, "allow": TEXTS, "timeout": NUMBER, **EACH}, ["argv", "paths"]
    ),
    "proof": _record({"argv": ARGV, "timeout": NUMBER, **EACH}, ["argv"]),
    "port": _record(
        {
            "number": NUMBER,
            "protocol": {
                "enum": [
                    "smtp",
                    "submission",
                    "submissions",
                    "imap",
                    "imaps",
                    "pop3",
                    "pop3s",
                    "lmtp",
                    "sieve",
                    "http",
                    "https",
                    "ssh",
                ]
            },
            "tls": {"enum": ["none", "starttls", "implicit"]},
            "public": FLAG,
            "doc": TEXT,
            **EACH,
        },
        ["number", "protocol"],
    ),
    "record": _record(
        {"name": TEXT, "type": TEXT, "value": TEXT, "why": TEXT, "ttl": NUMBER, **EACH},
        ["name", "type", "value"],
    ),
    "variable": _record(
        {
            "schema": {"type": "object"},
            "default": {},
            "required": {"type": "boolean"},
            "doc": TEXT,
            "example": {},
        },
        ["schema", "doc"],
    ),
}
"""What one entry of each section looks like."""

ROLE: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "a role",
    **_record(
        {
            "description": TEXT,
            "doc": TEXT,
            "requires": TEXTS,
            "variables": _named(ITEMS["variable"]),
            "names": {"type": "object", "additionalProperties": TEXT},
            "secrets": {"type": "array", "items": ITEMS["secret"]},
            "packages": {"type": "array", "items": ITEMS["package"]},
            "users": _named(ITEMS["user"]),
            "groups": _named(ITEMS["group"]),
            "directories": _at_paths(ITEMS["directory"]),
            "files": _at_paths(ITEMS["file"]),
            "links": _at_paths(ITEMS["link"]),
            "services": _named(ITEMS["service"]),
            "timers": _named(ITEMS["timer"]),
            "commands": _named(ITEMS["command"]),
            "validators": _named(ITEMS["validator"]),
            "prove": _named(ITEMS["proof"]),
            "ports": {"type": "array", "items": ITEMS["port"]},
            "dns": {"type": "array", "items": ITEMS["record"]},
        },
        ["description"],
    ),
}
"""A whole role.yml."""


def editor_schema() -> Schema:
    """The schema of role.yml for editors: wherever a value stands, one for each release may stand instead."""
    properties = {
        name: _or_per_release(_with_releases(schema)) for name, schema in ROLE["properties"].items()
    }
    return ROLE | {"properties": properties}


def _with_releases(schema: Schema) -> Schema:
    changed = dict(schema)
    if isinstance(inner := schema.get("properties"), Mapping):
        changed["properties"] = {name: _or_per_release(_with_releases(one)) for name, one in inner.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(key), Mapping):
            changed[key] = _or_per_release(_with_releases(dict(inner)))
    for key in ("anyOf", "oneOf"):
        if isinstance(options := schema.get(key), list):
            changed[key] = [_with_releases(option) for option in options]
    return changed


def _or_per_release(schema: Schema) -> Schema:
    if not schema:
        return schema
    per_release = {
        "type": "object",
        "properties": dict.fromkeys(RELEASES, schema),
        "required": list(RELEASES),
        "additionalProperties": False,
    }
    return {"anyOf": [schema, per_release]}


def choose(value: object, release: str) -> object:
    """`value` with every mapping of exactly the releases' names replaced by what it has for `release`."""
    if isinstance(value, Mapping):
        if set(value) == set(RELEASES):
            return choose(value[release], release)
        return {key: choose(item, release) for key, item in value.items()}
    if isinstance(value, list):
        return [choose(item, release) for item in value]
    return value


def has_template(value: object) -> bool:
    """Whether any text in `value` holds Jinja2."""
    if isinstance(value, str):
        return any(mark in value for mark in ("{{", "{%"))
    if isinstance(value, Mapping):
        return any(has_template(item) for item in value.values())
    return isinstance(value, list) and any(has_template(item) for item in value)
