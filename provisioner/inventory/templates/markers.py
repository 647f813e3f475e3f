"""Values that stand for a name that is not there, or for a template that failed.

They travel through a template unnoticed until something needs the value, so that
`{{ x | default('y') }}` works however deep inside `x` something is undefined.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from jinja2 import Undefined
from jinja2.utils import missing

from provisioner.errors import InputError, Location


class Trip(Exception):
    """Something needed the value that a marker stands for."""

    def __init__(self, marker: Marker) -> None:
        """`marker` is the value that was needed."""
        super().__init__(marker.reason())
        self.marker = marker


class Marker(Undefined):
    """Either kind. `_where` is the place of the template that it came up in, once that is known."""

    __slots__ = ("_where",)

    _where: Location

    def locate(self, where: Location) -> None:
        """Remember the first, innermost place."""
        if not hasattr(self, "_where"):
            object.__setattr__(self, "_where", where)

    def reason(self) -> str:
        """Why there is no value."""
        return "undefined"

    def trip(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise Trip, whatever was asked of the value."""
        raise Trip(self)

    def __getattr__(self, name: str) -> Any:
        """What is in a missing value is as missing."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Marker:  # type: ignore[override]  # it never fails here
        """What is in a missing value is as missing."""
        return self


_OPERATIONS = (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow pos neg call "
    "lt le gt ge eq ne hash int float complex iter str len bool contains repr format"
)
for _name in _OPERATIONS.split():
    setattr(Marker, f"__{_name}__", Marker.trip)


class Missing(Marker):
    """A name, key or attribute that is not there."""

    __slots__ = ()

    def reason(self) -> str:
        """Which one, and of what."""
        if self._undefined_hint:
            return self._undefined_hint
        name = self._undefined_name
        if self._undefined_obj is missing:
            return f"`{name}` is not defined"
        obj = self._undefined_obj
        if isinstance(obj, dict):
            return f"there is no `{name}` in that mapping"
        if isinstance(obj, list | tuple):
            return f"there is no item {name} in that list of {len(obj)}"
        return f"{_kind(obj)} has no `{name}`"

    @property
    def name(self) -> str | None:
        """The name of the variable that is missing; None for what is missing inside a value."""
        return self._undefined_name if self._undefined_obj is missing else None

    @property
    def siblings(self) -> Iterable[str]:
        """The names that are there instead."""
        return map(str, self._undefined_obj) if isinstance(self._undefined_obj, dict) else ()

    @property
    def key(self) -> str:
        """The key or attribute that is missing."""
        return str(self._undefined_name or "")


class Broken(Marker):
    """A template, a secret or a vault value that failed; `default` does not hide it."""

    __slots__ = ("error",)

    error: InputError

    def __init__(self, error: InputError | None = None, **rest: Any) -> None:
        """`error` is what to tell the person."""
        super().__init__(**rest)
        object.__setattr__(self, "error", error or InputError("undefined"))

    def reason(self) -> str:
        """The error's own words."""
        return self.error.message


def first_marker(args: Iterable[object]) -> Marker | None:
    """The first argument that has no value."""
    return next((arg for arg in args if isinstance(arg, Marker)), None)


def _kind(value: object) -> str:
    names = {str: "text", int: "a number", float: "a number", bool: "yes or no", type(None): "an empty value"}
    return names.get(type(value), f"a value of type {type(value).__name__}")
