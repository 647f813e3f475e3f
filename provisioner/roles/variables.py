"""The variables of a host's roles: the host's own values, and defaults where it has none.

A default may hold templates over other variables; they are resolved in whatever order that needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2

from provisioner.errors import InputError
from provisioner.inventory.model import VariablePath
from provisioner.roles.model import Role
from provisioner.roles.templates import Templates


def filled_in(
    given: Mapping[str, object], roles: tuple[Role, ...], around: Mapping[str, object], templates: Templates
) -> dict[str, object]:
    """Every variable of `roles` with its value; `around` is what templates see besides variables.

    Raises InputError at the default that cannot be resolved.
    """
    return _Defaults(given, roles, around, templates).all()


class _Defaults:
    def __init__(
        self,
        given: Mapping[str, object],
        roles: tuple[Role, ...],
        around: Mapping[str, object],
        templates: Templates,
    ) -> None:
        self._declared = {name: role for role in roles for name in role.variables}
        self._known: dict[str, object] = {**given, **around}
        self._done: dict[str, object] = {}
        self._templates = templates
        self._under_way: list[str] = []

    def all(self) -> dict[str, object]:
        for name in self._declared:
            self._resolve(name)
        return self._done

    def _resolve(self, name: str) -> None:
        role = self._declared.get(name)
        if role is None or name in self._done:
            return
        if name not in self._known:
            where = role.locate(("variables", name, "default"))
            if name in self._under_way:
                circle = " → ".join([*self._under_way[self._under_way.index(name) :], name])
                raise InputError(f"defaults refer to each other: {circle}", where=where)
            self._under_way.append(name)
            self._known[name] = self._value(
                role.variables[name].default, role, ("variables", name, "default")
            )
            self._under_way.pop()
        self._done[name] = self._known[name]

    def _value(self, value: Any, role: Role, path: VariablePath) -> Any:
        if isinstance(value, str) and ("{{" in value or "{%" in value):
            where = role.locate(path)
            try:
                needed = self._templates.names_in(value)
            except jinja2.TemplateSyntaxError as error:
                raise InputError(f"not a template: {error.message}", where=where) from None
            for other in sorted(needed):
                self._resolve(other)
            return self._templates.value(value, self._known, where)
        if isinstance(value, list):
            return [self._value(item, role, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, Mapping):
            return {key: self._value(item, role, (*path, key)) for key, item in value.items()}
        return value
