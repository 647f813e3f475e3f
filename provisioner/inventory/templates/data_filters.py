"""Filters on lists and mappings, as Ansible has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import pass_environment
from jinja2.filters import do_unique, sync_do_groupby

from provisioner.inventory.templates.budget import Refused

_MAX_COMPARED = 5_000


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> Any:
    """Mappings merged, the later ones win."""
    mappings = [item for term in terms for item in (term if isinstance(term, list | tuple) else [term])]
    mappings = [item for item in mappings if item is not None and item != "None" and item != "null"]
    if any(not isinstance(item, Mapping) for item in mappings):
        raise ValueError("`combine` merges mappings only")
    if list_merge not in _LIST_MERGES:
        raise ValueError(f"`list_merge` is one of {', '.join(_LIST_MERGES)}")
    result: Any = mappings[0] if mappings else {}
    for mapping in mappings[1:]:
        result = _merge(result, mapping, recursive, list_merge)
    return result


def _merge(
    low: Mapping[Any, Any], high: Mapping[Any, Any], recursive: bool, list_merge: str
) -> dict[Any, Any]:
    result = {key: low[key] for key in low}
    for key in high:
        value, old = high[key], result.get(key)
        if recursive and isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = _merge(old, value, recursive, list_merge)
        elif key in result and isinstance(old, list) and isinstance(value, list):
            result[key] = _LIST_MERGES[list_merge](list(old), list(value))
        else:
            result[key] = value
    return result


_LIST_MERGES: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "replace": lambda old, new: new,
    "keep": lambda old, new: old,
    "append": lambda old, new: old + new,
    "prepend": lambda old, new: new + old,
    "append_rp": lambda old, new: [item for item in old if item not in new] + new,
    "prepend_rp": lambda old, new: new + [item for item in old if item not in new],
}


def flatten(items: Any, levels: int | None = None, skip_nulls: bool = True) -> list[Any]:
    """Lists inside a list laid open."""
    result: list[Any] = []
    for item in items:
        if skip_nulls and (item is None or (isinstance(item, str) and item in ("None", "null"))):
            continue
        if isinstance(item, list | tuple) and (levels is None or levels >= 1):
            result += flatten(item, None if levels is None else levels - 1, skip_nulls)
        else:
            result.append(item)
    return result


def dict2items(mapping: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    """`{a: 1}` → `[{key: a, value: 1}]`"""
    if not isinstance(mapping, Mapping):
        raise ValueError("`dict2items` needs a mapping")
    return [{key_name: key, value_name: mapping[key]} for key in mapping]


def items2dict(items: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    """`[{key: a, value: 1}]` → `{a: 1}`"""
    if isinstance(items, str | Mapping):
        raise ValueError("`items2dict` needs a list")
    try:
        return {item[key_name]: item[value_name] for item in items}
    except (KeyError, TypeError) as error:
        raise ValueError(f"`items2dict` needs mappings with `{key_name}` and `{value_name}`") from error


def subelements(obj: Any, path: Any, skip_missing: bool = False) -> list[tuple[Any, Any]]:
    """Each element with each item of the list that `path` leads to in it."""
    if not isinstance(obj, Mapping | list):
        raise ValueError("`subelements` needs a mapping or a list of mappings")
    elements = list(obj.values()) if isinstance(obj, Mapping) else list(obj)
    keys = list(path) if isinstance(path, list) else str(path).split(".")
    result = []
    for element in elements:
        found = element
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                if not skip_missing:
                    raise ValueError(f"`subelements` finds no `{key}` in an element")
                found = []
                break
            found = found[key]
        if not isinstance(found, list):
            raise ValueError(f"`{'.'.join(map(str, keys))}` must lead to a list")
        result += [(element, item) for item in found]
    return result


@pass_environment
def extract(environment: Any, item: Any, container: Any, morekeys: Any = None) -> Any:
    """What `container` has under a key, and under more keys in that."""
    keys = [item, *([] if morekeys is None else morekeys if isinstance(morekeys, list) else [morekeys])]
    for key in keys:
        container = environment.getitem(container, key)
    return container


@pass_environment
def unique(
    environment: Any, items: Any, case_sensitive: bool | None = None, attribute: Any = None
) -> list[Any]:
    """Each item once, in their order."""
    found = list(items)
    try:
        return list(do_unique(environment, found, bool(case_sensitive), attribute))
    except TypeError:
        if case_sensitive is False or attribute:
            raise
        return _distinct(found)


def _distinct(items: Iterable[Any]) -> list[Any]:
    found = list(items)
    try:
        return list(dict.fromkeys(found))
    except TypeError:
        _few(found)
    result: list[Any] = []
    for item in found:
        if item not in result:
            result.append(item)
    return result


def _few(items: list[Any]) -> None:
    """Each item of a list is compared with each of another: of long lists that has no end."""
    if len(items) > _MAX_COMPARED:
        raise Refused(f"more than {_MAX_COMPARED:,} lists or mappings are too many to compare")


def _split(left: Any, right: Any) -> tuple[list[Any], list[Any]]:
    """The items of `left` that are in `right`, and those that are not."""
    mine, others = list(left), list(right)
    known: Any = others
    try:
        known = set(others)
    except TypeError:
        _few(others)
        _few(mine)

    def inside(item: Any) -> bool:
        try:
            return item in known
        except TypeError:  # what cannot be hashed is in no set
            return False

    flags = [inside(item) for item in mine]
    shared = [item for item, flag in zip(mine, flags, strict=True) if flag]
    return shared, [item for item, flag in zip(mine, flags, strict=True) if not flag]


def union(left: Any, right: Any) -> list[Any]:
    """What is in either."""
    return _distinct([*left, *right])


def intersect(left: Any, right: Any) -> list[Any]:
    """What is in both."""
    return _distinct(_split(left, right)[0])


def difference(left: Any, right: Any) -> list[Any]:
    """What is in the first only."""
    return _distinct(_split(left, right)[1])


def symmetric_difference(left: Any, right: Any) -> list[Any]:
    """What is in one only."""
    return difference(left, right) + difference(right, left)


def rekey_on_member(data: Any, key: str, duplicates: str = "error") -> dict[Any, Any]:
    """Mappings by the value that each has under `key`."""
    result: dict[Any, Any] = {}
    for item in data.values() if isinstance(data, Mapping) else data:
        if not isinstance(item, Mapping) or key not in item:
            raise ValueError(f"`rekey_on_member` finds no `{key}` in an item")
        if item[key] in result and duplicates == "error":
            raise ValueError(f"`{item[key]}` is there twice")
        result[item[key]] = item
    return result


@pass_environment
def group_by(
    environment: Any, value: Any, attribute: Any, default: Any = None, case_sensitive: bool = False
) -> Any:
    """`[(grouper, list), …]`"""
    return sync_do_groupby(environment, value, attribute, default, case_sensitive)


FILTERS: dict[str, Callable[..., Any]] = {
    "combine": combine,
    "flatten": flatten,
    "dict2items": dict2items,
    "items2dict": items2dict,
    "subelements": subelements,
    "extract": extract,
    "unique": unique,
    "union": union,
    "intersect": intersect,
    "difference": difference,
    "symmetric_difference": symmetric_difference,
    "rekey_on_member": rekey_on_member,
    "groupby": group_by,
}
