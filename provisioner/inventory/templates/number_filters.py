"""Filters on numbers and sizes, as Ansible has them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

_SIZES = {
    "Y": 1 << 80,
    "Z": 1 << 70,
    "E": 1 << 60,
    "P": 1 << 50,
    "T": 1 << 40,
    "G": 1 << 30,
    "M": 1 << 20,
    "K": 1 << 10,
}


def human_readable(size: Any, isbits: bool = False, unit: str | None = None) -> str:
    """`1048576` → `1.00 MB`"""
    base = "bits" if isbits else "Bytes"
    suffix, limit = "", 1
    for suffix, limit in [*_SIZES.items(), ("", 1)]:
        if (unit is None and size >= limit) or (
            unit is not None and unit.upper() == (suffix or base[0].upper())
        ):
            break
    name = (suffix + base[0] if isbits else suffix + base[0].upper()) if limit != 1 else base
    return f"{size / limit:.2f} {name}"


def human_to_bytes(size: Any, default_unit: str | None = None, isbits: bool = False) -> int:
    """`1 MB` → `1048576`"""
    found = re.match(r"^\s*(?P<number>\d*\.?\d*)\s*(?P<unit>[A-Za-z]+)?", str(size))
    if found is None or not found["number"]:
        raise ValueError(f"`{size}` is no size")
    number = float(found["number"])
    unit = found["unit"] or default_unit
    if not unit:
        return round(number)
    letter = unit[0].upper()
    if letter not in _SIZES and letter != "B":
        raise ValueError(f"`{unit}` is no unit of size: {', '.join(_SIZES)}")
    rest = "b" if isbits else "B"
    words = ("bit", "bits") if isbits else ("byte", "bytes")
    if len(unit) > 1 and unit[1:] not in (rest, "") and unit.lower() not in words:
        raise ValueError(f"`{unit}` is no unit of size in {words[1]}")
    return round(number * _SIZES.get(letter, 1))


def log(value: Any, base: Any = math.e) -> float:
    """The logarithm."""
    return math.log10(value) if base == 10 else math.log(value, base)


def root(value: Any, base: Any = 2) -> float:
    """The root."""
    return math.sqrt(value) if base == 2 else float(math.pow(value, 1.0 / float(base)))


FILTERS: dict[str, Callable[..., Any]] = {
    "human_readable": human_readable,
    "human_to_bytes": human_to_bytes,
    "log": log,
    "pow": math.pow,
    "root": root,
}
