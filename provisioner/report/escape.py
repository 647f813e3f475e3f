"""Text that others wrote, made safe to show.

What a host, a certificate or a name server says may hold escape sequences that rewrite a
terminal's screen, or bidirectional overrides that make one thing read as another (CVE-2021-42574).
Every character that is not plainly printable is shown as its escape instead.
"""

from __future__ import annotations


def escape(text: str, keep: str = "\t") -> str:
    """`text` with control, format, separator and unassigned characters as `\\x1b` or `\\u202e`.

    Characters in `keep` stay as they are. A line break is escaped too unless it is kept, so that
    one line in stays one line out.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escaped(c) for c in text)


def escape_lines(text: str, most: int = 40, width: int = 500) -> tuple[str, ...]:
    """The last `most` lines of `text`, each escaped and cut at `width` characters.

    The last ones, since a program that fails says why at the end. What was left out is said.
    """
    lines = text.removesuffix("\n").split("\n")
    shown = tuple(escape(_cut(line, width)) for line in lines[-most:])
    if len(lines) > most:
        return (f"… {len(lines) - most} lines before", *shown)
    return shown


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
