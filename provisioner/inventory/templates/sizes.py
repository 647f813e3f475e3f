"""Jinja2's own filters that make long texts of short ones, each looked at before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provisioner.inventory.templates.budget import Budget


def _replace(budget: Budget, value: Any, old: Any = "", new: Any = "", *rest: Any) -> None:
    text = str(value)
    budget.text(len(text) + text.count(str(old)) * len(str(new)))


def _join(budget: Budget, value: Any, d: Any = "", *rest: Any) -> None:
    if isinstance(value, list | tuple):
        budget.charge(len(value))
        budget.text(len(str(d)) * len(value) + sum(len(item) for item in value if isinstance(item, str)))


def _format(budget: Budget, value: Any, *args: Any, **kwargs: Any) -> None:
    budget.percent(str(value), args or kwargs)


def _lines(budget: Budget, value: Any, *args: Any, **kwargs: Any) -> None:
    text = str(value)
    longest = max((len(a) for a in (*args, *kwargs.values()) if isinstance(a, str)), default=0)
    budget.text(len(text) + (text.count("\n") + text.count(" ") + 1) * longest)


CHECKS: dict[str, Callable[..., None]] = {
    "replace": _replace,
    "join": _join,
    "format": _format,
    "indent": _lines,
    "wordwrap": _lines,
    "comment": _lines,
}
"""Filter → what to look at: the purse, the value and the filter's arguments. Raises Refused."""
