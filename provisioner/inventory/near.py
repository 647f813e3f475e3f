"""The nearest right name: `did you mean …`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """A note naming what of `names` is nearest to `name`, or an empty one."""
    near = get_close_matches(name, list(names), n=1, cutoff=cutoff)
    return f"did you mean `{near[0]}`?" if near else ""
