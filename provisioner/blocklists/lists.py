"""The lists that we know, read from `lists.yml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from provisioner.blocklists.result import Asks, BlockList, Code, Ended, Impact, Verdict
from provisioner.errors import InputError


@cache
def _document() -> Mapping[str, Any]:
    import yaml

    text = (files("provisioner.blocklists") / "lists.yml").read_text(encoding="utf-8")
    document: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return document


@cache
def known_lists() -> tuple[BlockList, ...]:
    """Every list that is alive."""
    return tuple(_list(entry) for entry in _document()["lists"])


@cache
def ended_lists() -> tuple[Ended, ...]:
    """Lists that must not be asked any more."""
    return tuple(Ended(**entry) for entry in _document()["ended"])


@cache
def advice() -> tuple[str, ...]:
    """What to do about any listing, in order."""
    return tuple(" ".join(str(step).split()) for step in _document()["advice"])


def chosen(names: Sequence[str]) -> tuple[BlockList, ...]:
    """The lists of these names or zones, all without any. `InputError` for one that is none, or has ended."""
    lists = known_lists()
    if not names:
        return lists
    by_name = {**{one.zone: one for one in lists if one.zone}, **{one.name: one for one in lists}}
    found = []
    for name in names:
        plain = name.rstrip(".").lower()
        if plain not in by_name:
            raise _unknown(plain, [one.name for one in lists])
        found.append(by_name[plain])
    return tuple(dict.fromkeys(found))


def _unknown(name: str, known: Sequence[str]) -> InputError:
    for ended in ended_lists():
        if name in (ended.name, ended.zone):
            return InputError(f"--list {name}: {ended.means}", hint="It is never asked.")
    near = get_close_matches(name, known, n=1)
    note = f"did you mean `{near[0]}`?" if near else ""
    return InputError(f"no list `{name[:80]}`", note=note, hint="provision blocklist --lists shows them all.")


def _list(entry: Mapping[str, Any]) -> BlockList:
    test = entry.get("test", {})
    checked = entry["checked"]
    assert isinstance(checked, date)
    return BlockList(
        name=entry["name"],
        title=entry["title"],
        zone=entry.get("zone", ""),
        asks=Asks(entry["asks"]),
        impact=Impact(entry["impact"]),
        terms=entry["terms"],
        page=entry["page"],
        steps=tuple(entry["delisting"]),
        source=entry["source"],
        checked=checked,
        confirmed=entry.get("confirmed", True),
        codes=tuple(_code(code) for code in entry.get("codes", ())),
        bits=tuple(_bit(bit, entry) for bit, entry in entry.get("bits", {}).items()),
        keyed_zone=entry.get("keyed", ""),
        key=entry.get("key", ""),
        ipv6=entry.get("ipv6", False),
        white=entry.get("white", False),
        test_listed=test.get("listed", ""),
        test_not_listed=test.get("not_listed", ""),
        test_listed_ipv6=test.get("listed_ipv6", ""),
    )


def _bit(bit: int, entry: str | Mapping[str, str]) -> tuple[int, str, Verdict]:
    if isinstance(entry, str):
        return bit, entry, Verdict.LISTED
    return bit, entry["means"], Verdict(entry["verdict"])


def _code(entry: Mapping[str, Any]) -> Code:
    verdict = Verdict(entry.get("verdict", Verdict.LISTED))
    return Code(entry["code"], entry["means"], verdict, tuple(entry.get("do", ())))
