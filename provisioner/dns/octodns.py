"""Records as octoDNS's YamlProvider reads them: one file per zone, keys in its order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provisioner.dns.records import Entry, Records, name_of, rdata
from provisioner.errors import InputError

if TYPE_CHECKING:
    from typing import Any


def zone_files(records: Records) -> dict[str, str]:
    """The text of `ZONE.yaml` for each zone that has records (`InputError`: a type octoDNS lacks)."""
    import yaml

    found = {}
    for zone, entries in records.zones.items():
        if entries:
            text = yaml.safe_dump(_names(zone, entries), sort_keys=False, allow_unicode=True, width=10_000)
            found[zone] = "---\n" + text
    return found


def _names(zone: str, entries: tuple[Entry, ...]) -> dict[str, object]:
    """Records by relative name (`""` for the zone itself), as octoDNS sorts: numbers by their value."""
    sets: dict[str, dict[str, list[Entry]]] = {}
    origin = name_of(zone)
    for entry in entries:
        name = name_of(entry.name).relativize(origin).to_text()
        sets.setdefault("" if name == "@" else name, {}).setdefault(entry.type, []).append(entry)
    return {
        name: [_record(type_, same) for type_, same in sorted(sets[name].items())]
        for name in sorted(sets, key=_natural)
    }


def _record(type_: str, entries: list[Entry]) -> dict[str, object]:
    convert = _VALUES.get(type_)
    if convert is None:
        raise InputError(
            f"octoDNS can't be given the {type_} record of {entries[0].name}",
            hint="Take --format zone, or publish this record by hand.",
        )
    if not all(entry.value.isascii() and "\\" not in entry.value for entry in entries):
        raise InputError(
            f"octoDNS can't be given the {type_} record of {entries[0].name}: it is not plain ASCII",
            hint="Take --format zone, or publish this record by hand.",
        )
    values = [convert(rdata(entry), entry.value) for entry in entries]
    what = {"value": values[0]} if len(values) == 1 else {"values": values}
    return {"ttl": entries[0].ttl, "type": type_, **what}


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


_VALUES: Mapping[str, Callable[[Any, str], object]] = {
    "A": lambda data, _: data.address,
    "AAAA": lambda data, _: data.address,
    "CNAME": lambda data, _: data.target.to_text(),
    "PTR": lambda data, _: data.target.to_text(),
    "TXT": lambda _, text: text.replace(";", "\\;"),
    "MX": lambda data, _: {"exchange": data.exchange.to_text(), "preference": data.preference},
    "SRV": lambda data, _: {
        "port": data.port,
        "priority": data.priority,
        "target": data.target.to_text(),
        "weight": data.weight,
    },
    "CAA": lambda data, _: {
        "flags": data.flags,
        "tag": data.tag.decode("ascii"),
        "value": data.value.decode("utf-8"),
    },
    "TLSA": lambda data, _: {
        "certificate_association_data": data.cert.hex(),
        "certificate_usage": data.usage,
        "matching_type": data.mtype,
        "selector": data.selector,
    },
}
"""octoDNS's own names for the parts of each type; `;` has a backslash in its TXT."""
