"""The lines of a unified diff as people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.text import Text

from provisioner.report.escape import escape
from provisioner.report.layout import beside

Trace = Callable[[str], str]
"""Says where in the inventory a line of a file comes from: `inventory.yml:14 postfix_parameters`, or `""`."""

CONTEXT = 1
"""Unchanged lines shown on each side of a change."""
STYLES = {"+": "green", "-": "red"}


def untraced(_line: str) -> str:
    """A trace that knows nothing."""
    return ""


def diff_lines(
    diff: str, width: int, indent: int = 8, trace: Trace = untraced, remark: Trace = untraced
) -> list[Text]:
    """The changed lines with their context, without the file names and line numbers in front.

    Hunks are set apart by `…`. Added lines carry the place in the inventory that they come from, lines
    that go what `remark` says of them.
    """
    if not diff:
        return []
    lines: list[Text] = []
    for line in _near(list(body(diff))):
        if line.startswith("@@"):
            if lines:
                lines.append(Text(" " * indent + "…", "dim"))
            continue
        sign, text = line[:1], escape(line[1:])
        shown = Text.assemble(" " * indent, (f"{sign}{text}", STYLES.get(sign, "dim")))
        source = trace(line[1:]) if sign == "+" else remark(line[1:]) if sign == "-" else ""
        lines += beside(shown, Text(escape(source), "cyan"), width, gap=4, indent=indent + 4)
    return lines


def _near(lines: list[str]) -> list[str]:
    """`lines` without those further from a change than `CONTEXT`."""
    changed = [number for number, line in enumerate(lines) if line[:1] in STYLES]
    near = {number + step for number in changed for step in range(-CONTEXT, CONTEXT + 1)}
    shown: list[str] = []
    for number, line in enumerate(lines):
        if number in near and not line.startswith("@@"):
            shown.append(line)
        elif shown and shown[-1] != "@@":
            shown.append("@@")
    return shown[:-1] if shown and shown[-1] == "@@" else shown


def added(diff: str) -> int:
    """How many lines a diff adds."""
    return sum(line.startswith("+") for line in body(diff))


def body(diff: str) -> Iterable[str]:
    """The lines of a diff from its first hunk on; all of them, where it has no hunk headers."""
    lines = diff.removesuffix("\n").split("\n")
    start = next((n for n, line in enumerate(lines) if line.startswith("@@")), None)
    if start is not None:
        return lines[start:]
    named = len(lines) > 1 and lines[0].startswith("---") and lines[1].startswith("+++")
    return lines[2:] if named else lines
