"""Records as a zone file (RFC 1035 §5), to be taken into a zone with `$INCLUDE` or pasted."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.dns.records import Entry, Records, name_of, rdata

LONG = 100
"""Columns past which a TXT value goes onto lines of its own."""


def zone_files(records: Records) -> dict[str, str]:
    """The text of each zone that has records."""
    return {zone: _zone(zone, entries) for zone, entries in records.zones.items() if entries}


def elsewhere(records: Records) -> str:
    """What lies in none of the zones (`""` where nothing does), with absolute names."""
    if not records.elsewhere:
        return ""
    head = (
        "; Names outside the domains above. They go into the zones that hold them; PTR records are set by\n"
        "; whoever gave you the address.\n"
    )
    return head + "$ORIGIN .\n" + _lines(".", records.elsewhere)


def _zone(zone: str, entries: Sequence[Entry]) -> str:
    head = (
        f"; {zone}: what its mail needs. SOA, NS and all other records of the zone stay yours: take this\n"
        "; in with $INCLUDE, or paste it.\n"
    )
    return f"{head}$ORIGIN {zone}.\n{_lines(zone, entries)}"


def _lines(zone: str, entries: Sequence[Entry]) -> str:
    origin = name_of(zone)
    names = [name_of(entry.name).relativize(origin).to_text() for entry in entries]
    width = min(max((len(name) for name in names), default=1), 40)
    lines, said = [], ""
    for name, entry in zip(names, entries, strict=True):
        why = " ".join(f"{entry.role}: {entry.why}".split()) if entry.why else ""
        if why and why != said:
            lines.append(f"; {''.join(c if c.isprintable() else '?' for c in why)}")
        said = why
        lines.append(f"{name:<{width}} {entry.ttl} IN {entry.type:<5} {_value(entry)}")
    return "\n".join(lines) + "\n"


def _value(entry: Entry) -> str:
    """The value with absolute names; a long TXT in strings of 255 bytes (RFC 1035 §3.3), one a line."""
    value = rdata(entry)
    text = value.to_text(origin=None, relativize=False)
    if entry.type != "TXT" or len(text) <= LONG:
        return text
    from dns.rdtypes.ANY.TXT import TXT

    assert isinstance(value, TXT)
    strings = [TXT(value.rdclass, value.rdtype, [piece]).to_text() for piece in value.strings]
    return "(\n    " + "\n    ".join(strings) + " )"
