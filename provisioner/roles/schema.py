"""JSON Schema of a whole inventory, for editors: completion, docs and red lines while typing.

An inventory may hold more than a schema can say (templates in values, variables of the user's own),
so every value may also be a template, and no unknown name is refused here; `check_hosts` judges those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.roles.format import has_template
from provisioner.roles.model import Role, Variable

_TEMPLATE = {"type": "string", "pattern": r"\{\{|\{%", "description": "A template over other variables."}
_CONNECTION = {
    "ansible_host": ("string", "The address or name to connect to, where it is not the host's name."),
    "ansible_port": ("integer", "The port of sshd; 22 where it is not set."),
    "ansible_user": ("string", "Who to log in as."),
    "ansible_ssh_private_key_file": ("string", "The private key to log in with."),
    "ansible_ssh_common_args": ("string", "Options of OpenSSH: `-J jump.example.org`, `-o ProxyCommand=…`."),
    "ansible_become": ("boolean", "Become root by sudo after logging in."),
    "ansible_become_password": ("string", "The password that sudo asks for; keep it encrypted."),
}


def inventory_schema(roles: Mapping[str, Role]) -> dict[str, object]:
    """The JSON Schema (2020-12) of an inventory in YAML, with the variables of `roles`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An inventory of provision (Ansible's YAML format)",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "properties": {"all": {"$ref": "#/$defs/group"}},
        "$defs": {
            "group": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": {
                    "hosts": {
                        "description": "Hosts by name; ranges such as mx[01:10] are several.",
                        "type": ["object", "null"],
                        "additionalProperties": {"$ref": "#/$defs/variables"},
                    },
                    "children": {
                        "description": "Groups inside this one.",
                        "type": ["object", "null"],
                        "additionalProperties": {"$ref": "#/$defs/group"},
                    },
                    "vars": {"$ref": "#/$defs/variables"},
                },
            },
            "variables": {"type": ["object", "null"], "properties": _variables(roles)},
        },
    }


def _variables(roles: Mapping[str, Role]) -> dict[str, object]:
    names = {
        "enum": list(roles),
    }
    described = [{"const": name, "description": role.description} for name, role in roles.items()]
    found: dict[str, object] = {
        "roles": {
            "description": "What these hosts are for; the lists of a host's groups add up.",
            "type": "array",
            "items": names | {"anyOf": described} if described else names,
        }
    }
    for name, (kind, doc) in _CONNECTION.items():
        found[name] = {"anyOf": [{"type": kind}, _TEMPLATE], "description": doc}
    for role in roles.values():
        for variable in role.variables.values():
            found[variable.name] = _variable(role, variable)
    return found


def _variable(role: Role, variable: Variable) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": f"{variable.doc}\n\nA variable of role {role.name}.",
        "anyOf": [with_templates(variable.schema), _TEMPLATE],
    }
    if variable.default is not None and not has_template(variable.default):
        schema["default"] = variable.default
    if variable.example is not None:
        schema["examples"] = [variable.example]
    return schema


def with_templates(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` for values before templates are evaluated: wherever a value stands, a template may too."""
    changed: dict[str, Any] = dict(schema)
    for key in ("properties", "patternProperties"):
        if isinstance(inner := schema.get(key), Mapping):
            changed[key] = {name: _or_template(value) for name, value in inner.items()}
    for key in ("additionalProperties", "items"):
        if isinstance(inner := schema.get(key), Mapping):
            changed[key] = _or_template(inner)
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(inner := schema.get(key), list):
            changed[key] = [with_templates(value) for value in inner]
    return changed


def _or_template(schema: object) -> object:
    if not isinstance(schema, Mapping):
        return schema
    return {"anyOf": [with_templates(schema), _TEMPLATE]}
