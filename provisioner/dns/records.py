"""The records of a whole inventory: those of every host, each once, in the zones they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provisioner.errors import InputError, Mistakes

if TYPE_CHECKING:
    from dns.name import Name
    from dns.rdata import Rdata

    from provisioner.roles.model import Record

ONE_ONLY = {
    "v=spf1": "SPF (RFC 7208 §4.5)",
    "v=dmarc1": "DMARC (RFC 9989)",
    "v=dkim1": "DKIM (RFC 6376 §3.6.2.2)",
    "v=stsv1": "MTA-STS (RFC 8461 §3.1)",
    "v=tlsrptv1": "TLS reporting (RFC 8460 §3)",
}
"""TXT records that a name may have one of; two make receivers ignore both."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in one spelling: `name` lower case, A-labels, without the last dot.

    `value` is presentation form with absolute names (`10 mx1.example.org.`); of TXT, the bare text.
    """

    name: str
    type: str
    value: str
    ttl: int
    role: str
    why: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """Entries by zone, in order; `elsewhere` are those whose name is in none of the zones."""

    zones: Mapping[str, tuple[Entry, ...]]
    elsewhere: tuple[Entry, ...] = field(default=())

    def __iter__(self) -> Iterator[Entry]:
        """Every entry."""
        for entries in self.zones.values():
            yield from entries
        yield from self.elsewhere


def merged(wanted: Iterable[tuple[str, Record]]) -> tuple[Entry, ...]:
    """What the hosts (by name) want, each record once, sorted; one TTL for all of a name and type.

    Raises `Mistakes` with every record that can't be written, and every contradiction.
    """
    mistakes: list[InputError] = []
    found: dict[tuple[str, str, str], Entry] = {}
    for host, record in wanted:
        try:
            one = _entry(host, record)
        except InputError as error:
            mistakes.append(error)
            continue
        key = (one.name, one.type, one.value)
        before = found.get(key)
        found[key] = one if before is None else _also(before, one)
    by_name: dict[str, list[Entry]] = {}
    for entry in found.values():
        by_name.setdefault(entry.name, []).append(entry)
    for entries in by_name.values():
        mistakes += _contradictions(entries)
    if mistakes:
        raise Mistakes(mistakes)
    return tuple(sorted(_with_one_ttl(found.values()), key=_order))


def in_zones(entries: Iterable[Entry], zones: Sequence[str]) -> Records:
    """Each entry in the nearest of the zones above it."""
    origins = {zone: name_of(zone) for zone in zones}
    found: dict[str, list[Entry]] = {_plain(origin): [] for origin in origins.values()}
    elsewhere = []
    for entry in entries:
        name = name_of(entry.name)
        above = [origin for origin in origins.values() if name.is_subdomain(origin)]
        if above:
            found[_plain(max(above, key=len))].append(entry)
        else:
            elsewhere.append(entry)
    return Records({zone: tuple(found[zone]) for zone in found}, tuple(elsewhere))


def outermost(domains: Iterable[str]) -> tuple[str, ...]:
    """The domains that lie in no other of them, sorted: not mail.example.org where example.org is one."""
    names = sorted({name_of(domain) for domain in domains})
    return tuple(_plain(name) for name in names if sum(name.is_subdomain(other) for other in names) == 1)


def name_of(text: str) -> Name:
    """The absolute name (`InputError` where it is none)."""
    import dns.exception
    import dns.name

    try:
        name = dns.name.from_text(text, dns.name.root)
        return dns.name.Name(tuple(label.lower() for label in name.labels))
    except (dns.exception.DNSException, UnicodeError) as error:
        raise InputError(f"{text[:120]!r} is not a domain name: {error}") from None


def rdata(entry: Entry) -> Rdata:
    """The value as DNS knows it."""
    return _rdata(entry.type, entry.value)


def _rdata(type_: str, value: str) -> Rdata:
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    from dns.rdtypes.ANY.TXT import TXT

    if type_ == "TXT":
        raw = value.encode()
        strings = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    try:
        return dns.rdata.from_text("IN", type_, value, dns.name.root, relativize=False)
    except (dns.exception.DNSException, ValueError, UnicodeError) as error:
        raise InputError(f"{value[:120]!r} is no value for {type_}: {error}") from None


def text_tag(value: str) -> str:
    """The key of `ONE_ONLY` that a TXT value begins with, else `""`."""
    first = value.replace(" ", "").lower()
    return next((tag for tag in ONE_ONLY if first.startswith(tag)), "")


def _entry(host: str, record: Record) -> Entry:
    try:
        name, value = name_of(record.name), _rdata(record.type, record.value)
    except InputError as error:
        raise InputError(
            f"the role {record.role} gives {host} a DNS record that can't be: {error.message}",
            hint=f"Its entry in `dns` of roles/{record.role}/role.yml, or a variable used there, is wrong.",
        ) from None
    text = record.value if record.type == "TXT" else value.to_text(origin=None, relativize=False)
    return Entry(_plain(name), record.type, text, record.ttl, record.role, record.why, (host,))


def _also(before: Entry, one: Entry) -> Entry:
    hosts = before.hosts if one.hosts[0] in before.hosts else before.hosts + one.hosts
    return replace(before, ttl=min(before.ttl, one.ttl), why=before.why or one.why, hosts=hosts)


def _contradictions(entries: Sequence[Entry]) -> list[InputError]:
    """What may not stand together at one name."""
    found = []
    aliases = [entry for entry in entries if entry.type == "CNAME"]
    if aliases and len(entries) > 1:
        found.append(_contradiction(entries, "a CNAME stands alone (RFC 2181 §10.1)"))
    for tag, title in ONE_ONLY.items():
        same = [entry for entry in entries if entry.type == "TXT" and text_tag(entry.value) == tag]
        if len(same) > 1:
            found.append(_contradiction(same, f"a name has one record for {title}"))
    return found


def _contradiction(entries: Sequence[Entry], rule: str) -> InputError:
    wanted = "; ".join(
        f"{entry.type} {entry.value[:80]} (role {entry.role}, {', '.join(entry.hosts[:3])})"
        for entry in entries
    )
    return InputError(
        f"the records for {entries[0].name} contradict each other: {rule}",
        hint=f"Wanted are: {wanted}. Give the hosts the same variables, or take the domain from one of them.",
    )


def _with_one_ttl(entries: Iterable[Entry]) -> Iterable[Entry]:
    """RFC 2181 §5.2: a name's records of one type have one TTL; the lowest."""
    entries = list(entries)
    lowest: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = (entry.name, entry.type)
        lowest[key] = min(entry.ttl, lowest.get(key, entry.ttl))
    for entry in entries:
        yield replace(entry, ttl=lowest[entry.name, entry.type])


def _order(entry: Entry) -> tuple[object, ...]:
    """Zone apex first, then by name as DNSSEC orders names (RFC 4034 §6.1), type and value."""
    return (tuple(reversed(entry.name.split("."))), entry.type, entry.value)


def _plain(name: Name) -> str:
    return name.to_text(omit_final_dot=True)
