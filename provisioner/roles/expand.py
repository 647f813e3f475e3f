"""The logic that role.yml has: `for_each`, `when`, and templates in its strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from provisioner.errors import InputError, Location
from provisioner.inventory.model import VariablePath
from provisioner.roles.model import Role
from provisioner.roles.templates import Templates

UNRENDERED = ("content", "template", "for_each", "when")
"""Keys of an item that are not rendered here: conditions, and the content of files."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a section, expanded: its key and values rendered for one host."""

    role: Role
    key: str
    spec: Mapping[str, Any]
    context: Mapping[str, object]
    """What templates of this item see: with `for_each`, `item` and `value` too."""
    path: VariablePath
    release: str

    def where(self, *inner: str | int) -> Location:
        """The place in role.yml of this item, or of a key in it."""
        return self.role.locate((*self.path, *inner), self.release)

    def wrong(self, message: str, *inner: str | int, note: str = "", hint: str = "") -> InputError:
        """A mistake at this item or at a key in it."""
        return InputError(f"role {self.role.name}: {message}", where=self.where(*inner), note=note, hint=hint)


def items(
    role: Role, section: str, context: Mapping[str, object], release: str, templates: Templates
) -> Iterator[Item]:
    """The entries of one section of a role, for one host. Raises InputError for the first mistake."""
    declared = role.declared[release].get(section)
    for step, key, spec in _entries(declared):
        path = (section, step)
        where = role.locate(path, release)
        for inner in _each(spec, context, templates, where):
            when = spec.get("when", True)
            if isinstance(when, str):
                when = templates.evaluate(when, inner, role.locate((*path, "when"), release))
            if not when:
                continue
            rendered = {
                name: value if name in UNRENDERED else _rendered(value, inner, templates, where)
                for name, value in spec.items()
            }
            name = str(_rendered(key, inner, templates, where))
            yield Item(role, name, rendered, inner, path, release)


def _entries(declared: object) -> Iterable[tuple[str | int, str, Mapping[str, Any]]]:
    """Step in the document, key and values of each entry, whether they are a mapping or a list."""
    if isinstance(declared, Mapping):
        return [(key, key, spec or {}) for key, spec in declared.items()]
    if isinstance(declared, list):
        return [
            (
                index,
                str(spec.get("name", "")) if isinstance(spec, Mapping) else str(spec),
                spec if isinstance(spec, Mapping) else {},
            )
            for index, spec in enumerate(declared)
        ]
    return []


def _each(
    spec: Mapping[str, Any], context: Mapping[str, object], templates: Templates, where: Location
) -> Iterator[Mapping[str, object]]:
    expression = spec.get("for_each")
    if expression is None:
        yield context
        return
    many = templates.evaluate(expression, context, where)
    if isinstance(many, Mapping):
        for item, value in many.items():
            yield {**context, "item": item, "value": value}
    elif isinstance(many, Iterable) and not isinstance(many, str):
        for item in many:
            yield {**context, "item": item}
    else:
        raise InputError(f"`for_each: {expression}` needs a list or a mapping", where=where)


def _rendered(value: Any, context: Mapping[str, object], templates: Templates, where: Location) -> Any:
    if isinstance(value, str):
        return templates.value(value, context, where)
    if isinstance(value, list):
        return [_rendered(item, context, templates, where) for item in value]
    if isinstance(value, Mapping):
        return {key: _rendered(item, context, templates, where) for key, item in value.items()}
    return value


def texts(item: Item, key: str) -> tuple[str, ...]:
    """A list of texts in an item; a template that made a list of one entry is taken apart."""
    found: list[str] = []
    for value in cast("list[object]", item.spec.get(key, ())):
        found += [str(inner) for inner in value] if isinstance(value, list | tuple) else [str(value)]
    return tuple(found)


def number(item: Item, key: str, default: int | None = None) -> int | None:
    """A whole number in an item, which a template may have made as text."""
    value = item.spec.get(key, default)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    raise item.wrong(f"expected a whole number for `{key}`, got {value!r}", key)


def flag(item: Item, key: str, default: bool) -> bool:
    """A boolean in an item."""
    value = item.spec.get(key, default)
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "yes", "false", "no"):
        return str(value).lower() in ("true", "yes")
    raise item.wrong(f"expected true or false for `{key}`, got {value!r}", key)
