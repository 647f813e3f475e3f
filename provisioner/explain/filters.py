"""What spam filters wrote into a message's headers, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from functools import cache
from importlib.resources import files

from provisioner.explain.result import FilterNote

_SYMBOL = re.compile(r"([A-Z][A-Z0-9_]{2,})\(([-\d.]+)\)")
_MOST_SYMBOLS = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to read one header."""

    filter: str
    header: str
    pattern: re.Pattern[str]
    says: str


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of `filters.yml`."""
    import yaml

    text = files("provisioner.explain").joinpath("filters.yml").read_text(encoding="utf-8")
    document: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = yaml.safe_load(text)
    return tuple(
        Rule(name, header, re.compile(entry["match"], re.IGNORECASE), entry["says"])
        for name, group in document.items()
        for header, entries in group["headers"].items()
        for entry in entries
    )


def read(message: Message) -> tuple[FilterNote, ...]:
    """A note for each header of a filter that can be read, in the order of the data."""
    found: dict[str, FilterNote] = {}
    for rule in rules():
        if rule.header in found:
            continue
        for value in message.get_all(rule.header, []):
            flat = " ".join(str(value).split())
            match = rule.pattern.search(flat)
            if match is not None:
                says = _filled(rule.says, match, flat)
                found[rule.header] = FilterNote(rule.header, rule.filter, says)
                break
    return tuple(found.values())


def _filled(says: str, match: re.Match[str], value: str) -> str:
    values = {**match.groupdict(), "symbols": _symbols(value)}
    for name, text in values.items():
        says = says.replace(f"{{{name}}}", text or "")
    return says.rstrip("; ")


def _symbols(value: str) -> str:
    """The rules of Rspamd that counted most, on either side."""
    scored = [(name, float(score)) for name, score in _SYMBOL.findall(value) if _is_number(score)]
    counted = sorted((one for one in scored if one[1]), key=lambda one: -abs(one[1]))[:_MOST_SYMBOLS]
    return ", ".join(f"{name} {score:+g}" for name, score in counted)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
