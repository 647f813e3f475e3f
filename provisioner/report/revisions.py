"""What changes between two revisions, for a terminal, for a proposal (Markdown), and as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.report.diff import Trace, diff_lines
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded, names, two_ends

if TYPE_CHECKING:
    from provisioner.difference import Difference
    from provisioner.revisions import Comparison

SIGNS = {"create": "+", "update": "~", "delete": "-"}
MARKDOWN_LIMIT = 60_000
"""Characters; GitHub takes 65,536 in a comment. What is cut off is said."""

TraceOn = Callable[[str], Trace]
"""For a host of the second state: says where in the inventory a line of a file comes from."""


def comparison_lines(comparison: Comparison, width: int, trace: TraceOn) -> list[Text]:
    """The comparison as text: each change once, with the hosts it is for."""
    lines: list[Text] = []
    known = [one for one in comparison.differences if not _is_whole_host(one, comparison)]
    for hosts in dict.fromkeys(one.hosts for one in known):
        if lines:
            lines.append(Text(""))
        lines.append(Text(f"on {names(hosts)}", "bold"))
        for one in known:
            if one.hosts == hosts:
                lines += _difference_lines(one, width, trace(one.hosts[0]))
    for host, sign, word in _whole_hosts(comparison):
        count = sum(host in one.hosts for one in comparison.differences)
        lines.append(Text(f"{sign} {escape(host)}   {word}, {counted(count, 'resource')}", "bold"))
    if lines:
        lines.append(Text(""))
    return [*lines, *(Text(line) for line in folded(summary(comparison).split(" "), width, 0, " "))]


def _difference_lines(one: Difference, width: int, trace: Trace) -> list[Text]:
    title = Text.assemble("  ", f"{SIGNS[one.action]} {_shown_name(one)}", (_on_releases(one), "dim"))
    lines = two_ends(title, Text(", ".join(one.effects), "dim"), width)
    lines += [Text(f"        {escape(detail)}") for detail in one.details]
    if one.diff:
        lines += diff_lines(one.diff, width, trace=trace)
    elif one.sensitive and one.action != "update":
        lines.append(Text("        its content is secret and not shown", "dim"))
    return lines


def _shown_name(one: Difference) -> str:
    kind, _, name = one.resource.partition(":")
    return escape(name if kind == "file" else f"{kind} {name}")


def _on_releases(one: Difference) -> str:
    return f"   on Debian {' and '.join(one.releases)}" if one.releases else ""


def _is_whole_host(one: Difference, comparison: Comparison) -> bool:
    return set(one.hosts) <= {*comparison.added_hosts, *comparison.removed_hosts}


def _whole_hosts(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(host, "+", "new") for host in comparison.added_hosts] + [
        (host, "-", "gone from the inventory, nothing on it is removed") for host in comparison.removed_hosts
    ]


def summary(comparison: Comparison) -> str:
    """One sentence: how much changes between what and what."""
    between = f"between {comparison.before} and {comparison.after}"
    if not comparison.differences:
        return f"Nothing changes on {counted(len(comparison.hosts), 'host')} {between}."
    files = {one.resource for one in comparison.differences if one.resource.startswith("file:")}
    others = {one.resource for one in comparison.differences} - files
    parts = [counted(len(files), "file")] if files else []
    parts += [counted(len(others), "other resource")] if others else []
    effects = list(dict.fromkeys(effect for one in comparison.differences for effect in one.effects))
    verb = "changes" if len(files) + len(others) == 1 else "change"
    hosts = f"{len(comparison.changed_hosts)} of {counted(len(comparison.hosts), 'host')}"
    taken_up = f" Takes: {', '.join(effects)}." if effects else ""
    return f"{' and '.join(parts)} {verb} on {hosts} {between}.{taken_up}"


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison for a comment on a proposal: a summary, and each change folded up."""
    parts = [f"### provision diff\n\n{_plain(summary(comparison))}\n"]
    for host, sign, word in _whole_hosts(comparison):
        count = sum(host in one.hosts for one in comparison.differences)
        parts.append(f"- `{sign} {_plain(host)}` {word}, {counted(count, 'resource')}\n")
    shown = [one for one in comparison.differences if not _is_whole_host(one, comparison)]
    room = MARKDOWN_LIMIT - sum(map(len, parts))
    for number, one in enumerate(shown):
        text = _markdown_of(one)
        if len(text) > room:
            parts.append(f"\n{counted(len(shown) - number, 'change')} more: `provision diff` shows all.\n")
            break
        parts.append(text)
        room -= len(text)
    return "\n".join(parts)


def _markdown_of(one: Difference) -> str:
    title = f"<code>{SIGNS[one.action]} {_html(_shown_name(one))}</code> on {_html(names(one.hosts))}"
    extra = [_on_releases(one).strip().removeprefix("on "), *one.effects]
    title += "".join(f" · {_html(word)}" for word in extra if word)
    body = [f"- {_plain(escape(detail))}" for detail in one.details]
    if one.diff:
        text = escape(one.diff, keep="\t\n").rstrip("\n")
        fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 3)
        body.append(f"{fence}diff\n{text}\n{fence}")
    elif one.sensitive and one.action != "update":
        body.append("Its content is secret and not shown.")
    inner = "\n".join(body)
    return f"<details><summary>{title}</summary>\n\n{inner}\n\n</details>\n" if body else f"- {title}\n"


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)


def comparison_document(comparison: Comparison) -> dict[str, object]:
    """The comparison as JSON."""
    return {
        "format": 1,
        "command": "diff",
        "before": comparison.before,
        "after": comparison.after,
        "hosts": list(comparison.hosts),
        "added_hosts": list(comparison.added_hosts),
        "removed_hosts": list(comparison.removed_hosts),
        "changes": [_document_of(one) for one in comparison.differences],
    }


def _document_of(one: Difference) -> dict[str, object]:
    return {
        "resource": one.resource,
        "action": one.action,
        "role": one.role,
        "hosts": list(one.hosts),
        "releases": list(one.releases),
        "diff": one.diff,
        "details": list(one.details),
        "effects": list(one.effects),
        "sensitive": one.sensitive,
    }
