"""DNS from a dictionary: what a test publishes, asked as a resolver is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

from provisioner.dns.resolver import Reply, Status

Records = Mapping[str, Sequence[str | Sequence[bytes]]]
"""Name and type in one key, `example.org MX`; values in presentation form, of TXT the bare text or strings.

`example.org TIMEOUT` makes every question for the name go unanswered."""


class Zone:
    """Answers questions from `records`, follows CNAMEs, and keeps what was asked."""

    def __init__(self, records: Records) -> None:
        self.asked: list[tuple[str, str]] = []
        self._records: dict[tuple[str, str], tuple[Rdata, ...]] = {}
        self._silent: set[str] = set()
        for key, values in records.items():
            name, _, rdtype = key.lower().rpartition(" ")
            if rdtype == "timeout":
                self._silent.add(name)
            else:
                self._records[name, rdtype.upper()] = tuple(_rdata(rdtype.upper(), value) for value in values)

    def ask(self, name: str, rdtype: str) -> Reply:
        """As `Resolver.ask`."""
        asked = name.rstrip(".").lower()
        self.asked.append((asked, rdtype))
        return self._reply(asked, rdtype, asked, ())

    def _reply(self, asked: str, rdtype: str, name: str, aliases: tuple[str, ...]) -> Reply:
        if name in self._silent:
            return Reply(asked, rdtype, Status.TIMEOUT, detail="no answer within 5 s")
        found = self._records.get((name, rdtype))
        if found:
            return Reply(asked, rdtype, Status.FOUND, found, name, aliases, 300)
        alias = self._records.get((name, "CNAME"))
        if alias and len(aliases) < 8:
            target = str(getattr(alias[0], "target", "")).rstrip(".").lower()
            return self._reply(asked, rdtype, target, (*aliases, name))
        exists = any(known == name or known.endswith("." + name) for known, _ in self._records)
        return Reply(asked, rdtype, Status.NODATA if exists else Status.NXDOMAIN, (), name, aliases)


def _rdata(rdtype: str, value: str | Sequence[bytes]) -> Rdata:
    if rdtype in ("TXT", "SPF"):
        if isinstance(value, str):
            raw = value.encode()
            value = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, list(value))
    assert isinstance(value, str)
    return dns.rdata.from_text("IN", rdtype, value, dns.name.root, relativize=False)
