"""One host's failure: what happened, the evidence, where it comes from, what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.text import Text

from provisioner.errors import HostError, Location, NotPutBack, ProvisionError, PutBack
from provisioner.report.escape import escape, escape_lines
from provisioner.report.layout import folded

LOG_LINES = 5
_DEADLY = re.compile(r"\b(fatal|panic):", re.IGNORECASE)
_WRONG = re.compile(r"\b(error|warning):", re.IGNORECASE)
Name = Callable[[str], str]
"""The name to call a file by: as seen from the current folder."""


def headline(error: ProvisionError) -> str:
    """What became of the host, in a few words after its name."""
    if isinstance(error, NotPutBack):
        return "failed, and could not be put back"
    if isinstance(error, PutBack):
        return "put back as it was"
    return f"not touched: {first_line(error.message)}"


def first_line(message: str) -> str:
    """The first line of a message, escaped, without a full stop at its end."""
    return escape(message.split("\n", 1)[0]).rstrip(".")


def body(
    error: ProvisionError, width: int, name: Name = str, log: Sequence[str] = (), left: Sequence[str] = ()
) -> list[Text]:
    """The indented lines below the headline. `log` is the service's last words; `left` is left to do."""
    lines: list[Text] = []
    message = error.message.split("\n")
    message[0] = message[0][:1].upper() + message[0][1:]
    if isinstance(error, PutBack | NotPutBack):
        lines += _sentences(message[:1], width)
    lines += [Text(f"  {escape(line)}") for line in message[1:]]
    if isinstance(error, HostError):
        lines += [Text(f"    {line}") for item in error.evidence for line in escape_lines(item)]
    lines += [Text(f"  {line}", "dim") for line in _telling(log)]
    if error.where is not None or error.note:
        lines.append(_origin(error.note, error.where, name))
    lines += _labelled("try ", error.hint, width)
    lines += _labelled("left", "\n".join(left), width)
    return lines


def kin(error: ProvisionError) -> tuple[object, ...]:
    """What two hosts' errors have in common where one cause made both."""
    return (type(error), error.message, error.note, error.where, error.hint)


def _telling(log: Sequence[str]) -> tuple[str, ...]:
    """The lines of a service's log that say why it failed; its last ones where none does."""
    worst = [line for line in log if _DEADLY.search(line)] or [line for line in log if _WRONG.search(line)]
    return escape_lines("\n".join(dict.fromkeys(worst or log)), most=LOG_LINES) if log else ()


def _origin(note: str, where: Location | None, name: Name) -> Text:
    place = ""
    if where is not None:
        place = ":".join([name(where.file), *([str(where.line)] if where.line is not None else [])])
    parts = [escape(part) for part in (note, place) if part]
    return Text.assemble("  ", ("from", "bold"), f"   {'   '.join(parts)}")


def _labelled(label: str, text: str, width: int) -> list[Text]:
    """Lines of `text`, folded, the first one with `label` in front."""
    if not text:
        return []
    rows = [row for line in text.split("\n") for row in folded(escape(line).split(" "), width, 9, " ")]
    return [
        Text.assemble("  ", (label if number == 0 else " " * len(label), "bold"), f"   {row}")
        for number, row in enumerate(rows)
    ]


def _sentences(message: Sequence[str], width: int) -> list[Text]:
    return [Text(f"  {row}") for line in message for row in folded(escape(line).split(" "), width, 2, " ")]
