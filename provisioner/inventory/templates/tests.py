"""What can stand after `is`: Jinja2's tests, and those of Ansible's that need no task result."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from jinja2.tests import TESTS as JINJA_TESTS

from provisioner.inventory.templates.regex import guarded
from provisioner.inventory.values import is_template

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "=": operator.eq, "eq": operator.eq,
    "!=": operator.ne, "<>": operator.ne, "ne": operator.ne,
    "<": operator.lt, "lt": operator.lt, "<=": operator.le, "le": operator.le,
    ">": operator.gt, "gt": operator.gt, ">=": operator.ge, "ge": operator.ge,
}  # fmt: skip


def version(
    value: object, other: object, operator: str = "eq", strict: object = None, version_type: object = None
) -> bool:
    """`value is version('3.7', '>=')`: numbers in it compare as numbers."""
    if not str(value) or not str(other):
        raise ValueError("a version to compare must not be empty")
    if operator not in _OPERATORS:
        raise ValueError(f"`{operator}` is no comparison of versions")
    left, right = _loose(str(value)), _loose(str(other))
    try:
        return _OPERATORS[operator](left, right)
    except TypeError as error:
        raise ValueError(f"the versions {value} and {other} cannot be compared") from error


def _loose(text: str) -> list[int | str]:
    parts = re.findall(r"\d+|[a-z]+|[^\d.a-z]+", text)
    return [int(part) if part.isdigit() else part for part in parts]


def match(value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    """The pattern matches at the beginning."""
    return regex(value, pattern, ignorecase, multiline, "match")


def search(value: object, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
    """The pattern matches somewhere."""
    return regex(value, pattern, ignorecase, multiline, "search")


def regex(
    value: object,
    pattern: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    """The pattern matches, `match_type` says how."""
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    method = getattr(
        re.compile(pattern, flags), match_type if match_type in ("match", "fullmatch") else "search"
    )
    return bool(guarded(lambda: method(str(value))))


_TRUE = {"y", "yes", "on", "1", "true", "t"}
_FALSE = {"n", "no", "off", "0", "false", "f"}


def truthy(value: object, convert_bool: bool = False) -> bool:
    """As Python sees it; `convert_bool` reads yes and no first."""
    if convert_bool:
        word = str(value).lower().strip() if isinstance(value, str) else value
        if word in _TRUE or word in (1, 1.0):
            return True
        if word in _FALSE or word in (0, 0.0):
            return False
    return bool(value)


def falsy(value: object, convert_bool: bool = False) -> bool:
    """The opposite of truthy."""
    return not truthy(value, convert_bool)


def subset(value: Iterable[Any], other: Iterable[Any]) -> bool:
    """All of `value` is in `other`."""
    return set(value) <= set(other)


def superset(value: Iterable[Any], other: Iterable[Any]) -> bool:
    """All of `other` is in `value`."""
    return set(value) >= set(other)


def is_nan(value: object) -> bool:
    """Not a number."""
    return isinstance(value, float) and math.isnan(value)


def uri(value: Any, schemes: Iterable[str] | None = None) -> bool:
    """A URI, of one of `schemes` where they are named. Nearly every text is one."""
    try:
        parts = urlsplit(value)
    except (ValueError, TypeError, AttributeError):  # a number or list is no URI
        return False
    return not schemes or parts.scheme in schemes


def url(value: Any, schemes: Iterable[str] | None = None) -> bool:
    """A URI with a host, or of a file."""
    return uri(value, schemes) and bool(urlsplit(value).netloc or urlsplit(value).scheme == "file")


TESTS: dict[str, Callable[..., Any]] = {
    **cast("dict[str, Callable[..., Any]]", JINJA_TESTS),
    "match": match,
    "search": search,
    "regex": regex,
    "version": version,
    "version_compare": version,
    "truthy": truthy,
    "falsy": falsy,
    "subset": subset,
    "issubset": subset,
    "superset": superset,
    "issuperset": superset,
    "contains": lambda value, item: item in value,
    "all": lambda value: all(value),
    "any": lambda value: any(value),
    "nan": is_nan,
    "isnan": is_nan,
    "abs": lambda value: value.startswith("/"),
    "uri": uri,
    "url": url,
    "template": lambda value: isinstance(value, str) and is_template(value),
}
