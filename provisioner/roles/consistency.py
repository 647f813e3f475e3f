"""What contradicts itself in a role, or between roles: names that nothing has, defaults that do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import jsonschema_rs

from provisioner.errors import InputError
from provisioner.inventory.model import VariablePath
from provisioner.roles.format import has_template
from provisioner.roles.mistakes import schema_mistakes
from provisioner.roles.model import RELEASES, Role
from provisioner.roles.names import nearest


def variable_mistakes(role: Role) -> Iterator[InputError]:
    """Variables with another role's name, with a schema that is none, or with a default that does not fit."""
    for name, variable in role.variables.items():
        where = role.locate(("variables", name))
        if not name.startswith(f"{role.name}_"):
            hint = f"A role's variables begin with its name: `{role.name}_…`."
            yield InputError(
                f"variable `{name}` of role {role.name} has another role's name", where=where, hint=hint
            )
        try:
            jsonschema_rs.Draft202012Validator(dict(variable.schema))
        except (jsonschema_rs.ValidationError, ValueError) as error:
            reason = str(error).splitlines()[0]
            yield InputError(
                f"schema of `{name}` is not JSON Schema: {reason}",
                where=role.locate(("variables", name, "schema")),
            )
            continue
        for key, value in (("default", variable.default), ("example", variable.example)):
            if value is None or has_template(value):
                continue
            for mistake in schema_mistakes(value, variable.schema):
                yield InputError(
                    f"{key} of `{name}`: {mistake.message}",
                    note=mistake.note,
                    where=role.locate(("variables", name, key, *mistake.path)),
                )


def inner_mistakes(role: Role) -> Iterator[InputError]:
    """References inside one role: commands that `runs` names, variables that `names` is about."""
    for release in RELEASES:
        spec = role.declared[release]
        commands = spec.get("commands", {})
        for path, file in cast("Mapping[str, Any]", spec.get("files", {})).items():
            for index, name in enumerate((file or {}).get("runs", ())):
                if name not in cast("Mapping[str, Any]", commands):
                    yield _unknown(role, ("files", path, "runs", index), "command", name, commands)
    for variable in role.names:
        if variable.removesuffix(".*") not in role.variables:
            yield _unknown(role, ("names", variable), "variable", variable, role.variables)


def wrong_references(roles: Mapping[str, Role], names: set[str]) -> Iterator[InputError]:
    """References between roles: required roles, and services that a file makes reload or restart."""
    services = {
        name
        for role in roles.values()
        for spec in role.declared.values()
        for name in cast("Mapping[str, Any]", spec.get("services", {}))
    }
    for role in roles.values():
        for index, name in enumerate(role.requires):
            if name not in names:
                yield _unknown(role, ("requires", index), "role", name, names)
            elif role.name in _all_required(name, roles):
                yield InputError(
                    f"roles {role.name} and {name} require each other", where=role.locate(("requires", index))
                )
        yield from _unknown_services(role, services)


def _unknown_services(role: Role, services: set[str]) -> Iterator[InputError]:
    seen: set[VariablePath] = set()
    for spec in role.declared.values():
        for section in ("files", "links", "commands"):
            for key, item in cast("Mapping[str, Any]", spec.get(section, {})).items():
                for verb in ("reload", "restart"):
                    for index, name in enumerate((item or {}).get(verb, ())):
                        path = (section, key, verb, index)
                        if name not in services and path not in seen:
                            seen.add(path)
                            yield _unknown(role, path, "service", name, services)


def _all_required(name: str, roles: Mapping[str, Role]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found and current in roles:
            found.add(current)
            waiting.extend(roles[current].requires)
    return found


def _unknown(role: Role, path: VariablePath, kind: str, name: str, known: Any) -> InputError:
    near = nearest(name, known)
    note = f"did you mean `{near}`?" if near else ""
    return InputError(f"role {role.name}: there is no {kind} `{name}`", where=role.locate(path), note=note)
