"""Which line of the inventory made a line of a file: said only where it is certain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provisioner.cli.errors import shortest_name

if TYPE_CHECKING:
    from provisioner.inventory.model import VariablePath
    from provisioner.plan import Plan
    from provisioner.report.diff import Trace

SHORTEST = 3
"""Letters; a shorter name stands in too many lines by chance."""
COMMENTS = ("#", ";", "//")


def origin_of(plan: Plan) -> Trace:
    """For a line of a file on the plan's host: `inventory.yml:14 postfix_parameters`, or nothing."""
    from provisioner.roles import trace

    def origin(line: str) -> str:
        if line.lstrip().startswith(COMMENTS) or (found := trace(line, plan.host)) is None:
            return ""
        path, place = found
        return f"{shortest_name(place.file)}:{place.line} {path[0]}" if _is_named(path, line) else ""

    return origin


def _is_named(path: VariablePath, line: str) -> bool:
    """Whether the line also holds the name of the value: a value alone may have come from elsewhere."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    return len(name) >= SHORTEST and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", line) is not None
