"""Filters on text: regular expressions and comments, as Ansible has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from provisioner.inventory.templates.budget import MAX_TEXT, Refused
from provisioner.inventory.templates.regex import guarded


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    """Every match replaced; `\\1` and `\\g<name>` in the replacement stand for groups."""
    expression = re.compile(pattern, _flags(ignorecase, multiline))
    made = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal made
        # `expand` reads the replacement anew for every match.
        new = match.expand(replacement) if "\\" in replacement else replacement
        made += len(new)
        if made > MAX_TEXT:
            raise Refused(f"the template makes a text of more than {MAX_TEXT:,} characters")
        return new

    output, found = guarded(lambda: expression.subn(replace, str(value), count=count))
    if mandatory_count and mandatory_count != found:
        raise ValueError(f"`{pattern}` should match {mandatory_count} times, and matches {found} times")
    return output


def regex_search(
    value: Any, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    """The first match, or the groups of it that are named; null where there is none."""
    wanted: list[str | int] = []
    for group in groups:
        if named := re.match(r"\\g<(\S+)>", group):
            wanted.append(named[1])
        elif numbered := re.match(r"\\(\d+)", group):
            wanted.append(int(numbered[1]))
        else:
            raise ValueError(f"`{group}` names no group of the match; it is written \\\\1 or \\\\g<name>")
    found = guarded(lambda: re.search(regex, str(value), _flags(ignorecase, multiline)))
    if found is None:
        return None
    return [found.group(group) for group in wanted] if wanted else found.group()


def regex_findall(value: Any, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    """Every match."""
    return guarded(lambda: re.findall(regex, str(value), _flags(ignorecase, multiline)))


def regex_escape(value: Any, re_type: str = "python") -> str:
    """The text as a regular expression that matches just it."""
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise ValueError(f"`{re_type}` is no kind of regular expression known here: python or posix_basic")


_STYLES = {
    "plain": {"decoration": "# "},
    "erlang": {"decoration": "% "},
    "c": {"decoration": "// "},
    "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
    "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
}


def comment(text: str, style: str = "plain", **options: Any) -> str:
    """The text as a comment of a configuration language."""
    if style not in _STYLES:
        raise ValueError(f"there is no comment style `{style}`: {', '.join(_STYLES)}")
    decoration = options.get("decoration", _STYLES[style]["decoration"])
    edge = decoration.rstrip()
    choice: dict[str, Any] = {
        "newline": "\n", "beginning": "", "prefix": edge, "prefix_count": 1, "decoration": "",
        "postfix": edge, "postfix_count": 1, "end": "", **_STYLES[style], **options,
    }  # fmt: skip
    newline = choice["newline"]
    prefix = choice["prefix"]
    before = f"{choice['beginning']}{newline}" if choice["beginning"] else ""
    if prefix:
        before += (newline if prefix == newline else f"{prefix}{newline}") * int(choice["prefix_count"])
    body = choice["decoration"] + text.replace(newline, newline + choice["decoration"])
    body = body.replace(choice["decoration"] + newline, choice["decoration"].rstrip() + newline)
    after = "".join(newline + choice["postfix"] for _ in range(int(choice["postfix_count"])))
    return str(before + body + after) + (f"{newline}{choice['end']}" if choice["end"] else "")


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_replace": regex_replace,
    "regex_search": regex_search,
    "regex_findall": regex_findall,
    "regex_escape": regex_escape,
    "comment": comment,
}
