"""Mappings and lists whose items are resolved when they are looked at.

`d: {a: 1, b: "{{ d.a }}"}` works so, and an item that cannot be resolved does no harm to the others.
They are `dict` and `list`, since Jinja2's filters and tests ask for those.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, SupportsIndex

from provisioner.inventory.templates.budget import Budget
from provisioner.inventory.templates.markers import Marker
from provisioner.inventory.values import EncryptedText

Resolve = Callable[[object, object], object]
"""(value as written, key) → value: templates evaluated, containers lazy in turn."""


class _Omit:
    """What `omit` is in a template: the item that holds it is left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT = _Omit()


class LazyDict(dict[Any, Any]):
    """A mapping as written, each value resolved on first use."""

    __slots__ = ("_known", "_resolve")

    def __init__(self, raw: Mapping[Any, object], resolve: Resolve) -> None:
        """`raw` is copied, one level."""
        super().__init__(raw)
        self._resolve = resolve
        self._known: set[object] = set()

    def __getitem__(self, key: Any) -> Any:
        """The resolved value."""
        value = super().__getitem__(key)
        if key in self._known:
            return value
        value = self._resolve(value, key)
        if not isinstance(value, Marker):
            super().__setitem__(key, value)
            self._known.add(key)
        return value

    def __iter__(self) -> Iterator[Any]:
        """Overridden so that `dict(lazy)` asks for each value instead of copying what is written."""
        return super().__iter__()

    def get(self, key: Any, default: Any = None) -> Any:
        """As `dict.get`."""
        return self[key] if key in self else default  # noqa: SIM401  # it is `get` itself

    def items(self) -> Any:
        """As `dict.items`, resolved."""
        return {key: self[key] for key in self}.items()

    def values(self) -> Any:
        """As `dict.values`, resolved."""
        return {key: self[key] for key in self}.values()

    def copy(self) -> dict[Any, Any]:
        """A plain mapping."""
        return {key: self[key] for key in self}

    def __eq__(self, other: object) -> bool:
        """Compared by resolved values."""
        return bool(plain(self) == (plain(other) if isinstance(other, LazyDict) else other))

    def __ne__(self, other: object) -> bool:
        """Compared by resolved values."""
        return not self == other

    __hash__ = None  # as a dict

    def __or__(self, other: Any) -> Any:
        """As for `dict`."""
        return self.copy() | dict(other)

    def __repr__(self) -> str:
        """As the plain mapping."""
        return repr(plain(self))


class LazyList(list[Any]):
    """A list as written, each item resolved on first use."""

    __slots__ = ("_known", "_resolve")

    def __init__(self, raw: list[object], resolve: Resolve) -> None:
        """`raw` is copied, one level."""
        super().__init__(raw)
        self._resolve = resolve
        self._known: set[int] = set()

    def _item(self, index: int) -> Any:
        value = super().__getitem__(index)
        if index in self._known:
            return value
        value = self._resolve(value, index)
        if not isinstance(value, Marker):
            super().__setitem__(index, value)
            self._known.add(index)
        return value

    def __getitem__(self, index: Any) -> Any:
        """The resolved item, or a plain list of them."""
        if isinstance(index, slice):
            return [self._item(n) for n in range(*index.indices(len(self)))]
        number = index.__index__()
        if not -len(self) <= number < len(self):
            raise IndexError(index)
        return self._item(number % len(self))

    def __iter__(self) -> Iterator[Any]:
        """The resolved items."""
        return (self._item(n) for n in range(len(self)))

    def __reversed__(self) -> Iterator[Any]:
        """The resolved items, last first."""
        return (self._item(n) for n in reversed(range(len(self))))

    def __contains__(self, value: object) -> bool:
        """Compared by resolved values."""
        return any(item == value for item in self)

    def __eq__(self, other: object) -> bool:
        """Compared by resolved values."""
        return bool(plain(self) == (plain(other) if isinstance(other, LazyList) else other))

    def __ne__(self, other: object) -> bool:
        """Compared by resolved values."""
        return not self == other

    __hash__ = None  # as a list

    def __add__(self, other: Any) -> list[Any]:
        """A plain list."""
        return [*self, *_items(other)]

    def __radd__(self, other: Any) -> list[Any]:
        """A plain list."""
        return [*_items(other), *self]

    def __mul__(self, times: SupportsIndex) -> list[Any]:
        """A plain list."""
        return list(self) * times

    __rmul__ = __mul__

    def index(self, value: Any, *bounds: Any) -> int:
        """As `list.index`."""
        return list(self).index(value, *bounds)

    def count(self, value: Any) -> int:
        """As `list.count`."""
        return list(self).count(value)

    def copy(self) -> list[Any]:
        """A plain list."""
        return list(self)

    def __repr__(self) -> str:
        """As the plain list."""
        return repr(plain(self))


def _items(other: Any) -> list[Any]:
    """The other summand, which must be a list too."""
    if not isinstance(other, list):
        raise TypeError(f"a list and {type(other).__name__} cannot be added")
    return other


_SCALARS = (bool, int, float, type(None), datetime.datetime, datetime.date, datetime.time, datetime.timedelta)
_MAX_DEPTH = 60


def plain(value: object, budget: Budget | None = None, depth: int = 0) -> Any:
    """`value` as plain data, everything in it resolved. Raises Trip, and TypeError for what is no data."""
    if budget is not None:
        budget.charge()
    kind = type(value)
    if kind is str or kind in _SCALARS:
        return value
    if depth > _MAX_DEPTH:
        raise TypeError("the value is nested too deeply")
    if isinstance(value, Marker):
        value.trip()
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        pairs = ((key, value[key]) for key in value)
        return {_key(k): plain(v, budget, depth + 1) for k, v in pairs if v is not OMIT}
    if isinstance(value, list | tuple | set | frozenset) or is_iterator(value):
        return [plain(item, budget, depth + 1) for item in value if item is not OMIT]  # type: ignore[attr-defined]
    if isinstance(value, EncryptedText):
        return value
    for scalar in (int, float):
        if isinstance(value, scalar):
            return scalar(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    raise TypeError(f"a value of type {kind.__name__} is no data")


def _key(key: object) -> Any:
    return str.__str__(key) if isinstance(key, str) else plain(key) if isinstance(key, Marker) else key


def is_iterator(value: object) -> bool:
    """What a template must see as a list: it can be gone through only once, or is a view."""
    return isinstance(value, Iterator | KeysView | ValuesView | ItemsView)
