"""Records as the JSON document of `provision dns --format json`."""

from __future__ import annotations

from provisioner.dns.records import Entry, Records


def document(records: Records) -> dict[str, object]:
    """`{"format": 1, "command": "dns", "zones": {ZONE: [record …]}, "elsewhere": [record …]}`.

    A record is `{"name", "type", "ttl", "value", "role", "why", "hosts"}`; names without the last dot,
    values in presentation form, those of TXT whole and unquoted.
    """
    return {
        "format": 1,
        "command": "dns",
        "zones": {zone: [_record(entry) for entry in entries] for zone, entries in records.zones.items()},
        "elsewhere": [_record(entry) for entry in records.elsewhere],
    }


def _record(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "type": entry.type,
        "ttl": entry.ttl,
        "value": entry.value,
        "role": entry.role,
        "why": entry.why,
        "hosts": list(entry.hosts),
    }
