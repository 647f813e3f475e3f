"""Roles as `provision role list` and `provision role show` print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich.text import Text

from provisioner.report.escape import escape

if TYPE_CHECKING:
    from provisioner.roles.model import Role


def list_lines(roles: Mapping[str, Role], width: int) -> list[Text]:
    """One role a line: its name, where it is from if it is not built in, and what it is."""
    widest = max((len(name) for name in roles), default=0)
    lines: list[Text] = []
    for name, role in roles.items():
        text = role.description if role.built_in else f"{role.description} (beside the inventory)"
        first, *rest = _wrapped(text, width - widest - 3) or [""]
        lines.append(Text.assemble((name.ljust(widest), "bold"), "   ", first))
        lines += [Text(" " * (widest + 3) + line) for line in rest]
    return lines


def role_lines(role: Mapping[str, Any], width: int) -> list[Text]:
    """A role in full, from the document that `--json` prints."""
    lines = [Text.assemble((role["name"], "bold"), "   ", escape(role["description"]))]
    if role["requires"]:
        lines.append(Text(f"    brings with it {', '.join(role['requires'])}"))
    if role["doc"]:
        lines += [Text(""), *_paragraphs(role["doc"], width, 2)]
    for title, section in (
        ("Variables", _variables(role["variables"], width)),
        ("Ports", _ports(role["ports"])),
        ("DNS records", _records(role["dns"], width)),
        ("On the host", _on_host(role, width)),
    ):
        shown = list(section)
        if shown:
            lines += [Text(""), Text(title, "bold"), *shown]
    return lines


def _variables(variables: Mapping[str, Any], width: int) -> Iterator[Text]:
    for name, variable in variables.items():
        kind = variable["type"] + ("; required" if variable["required"] else "")
        yield Text.assemble("  ", (name, "cyan"), f"   {escape(kind)}")
        if not variable["required"]:
            yield Text(f"      default {_short(variable['default'])}")
        yield from _paragraphs(variable["doc"], width, 6)


def _ports(ports: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    for port in ports:
        tls = {"starttls": "STARTTLS", "implicit": "TLS"}.get(port.get("tls", "none"), "")
        text = (
            f"  {port['number']!s:<5} {port['protocol']:<12} {tls:<9} {port.get('doc', '')}{_condition(port)}"
        )
        yield Text(escape(text).rstrip())


def _records(records: Sequence[Mapping[str, Any]], width: int) -> Iterator[Text]:
    for record in records:
        yield Text(escape(f"  {record['name']} {record['type']} {record['value']}{_condition(record)}"))
        yield from _paragraphs(str(record.get("why", "")), width, 6)


def _condition(entry: Mapping[str, Any]) -> str:
    each = f", for each of {entry['for_each']}" if "for_each" in entry else ""
    when = f", when {entry['when']}" if "when" in entry else ""
    return each + when


def _on_host(role: Mapping[str, Any], width: int) -> Iterator[Text]:
    packages = role["packages"]
    alike = len({tuple(names) for names in packages.values()}) == 1
    rows = {"packages": next(iter(packages.values()))} if alike else dict(packages.items())
    rows |= {key: role[key] for key in ("files", "services", "secrets", "checks")}
    for title, names in rows.items():
        if names:
            first, *rest = _wrapped(", ".join(names), width - 14) or [""]
            yield Text(f"  {title:<10}  {first}")
            for line in rest:
                yield Text(" " * 14 + line)


def _short(value: object) -> str:
    import json

    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= 200 else text[:199] + "…")


def _paragraphs(text: str, width: int, indent: int) -> list[Text]:
    """Paragraphs and list items of a doc, folded to the width."""
    lines: list[Text] = []
    for number, paragraph in enumerate(text.strip().split("\n\n") if text.strip() else []):
        if number:
            lines.append(Text(""))
        for item in _items(paragraph):
            hanging = "  " if item.startswith("- ") else ""
            folded = wrap(
                escape(item), max(20, width - indent), subsequent_indent=hanging, break_long_words=False
            )
            lines += [Text(" " * indent + line) for line in folded]
    return lines


def _items(paragraph: str) -> list[str]:
    items: list[str] = []
    for line in paragraph.split("\n"):
        if items and not line.startswith("- "):
            items[-1] += f" {line.strip()}"
        else:
            items.append(line.strip())
    return items


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(escape(text), max(20, width), break_long_words=False, break_on_hyphens=False)
