"""A resolver that answers from a table: what DNS says in a test, without a socket.

    Zone({"example.org MX": ["10 mx1.example.org."], "example.org TXT": ['"v=spf1 -all"']})

A value may be a `Status` such as `Status.TIMEOUT` instead of records. A name without records of the
type is NODATA, one without any is NXDOMAIN; a CNAME is followed. `secure` names zones whose answers
are authenticated (AD), absence included; `bogus` names those that SERVFAIL unless CD is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dns.rdata

from provisioner.dns.resolver import Reply, Resolver, Status

Value = Sequence[str] | Status


class Zone(Resolver):
    def __init__(
        self, records: Mapping[str, Value], secure: Iterable[str] = (), bogus: Iterable[str] = ()
    ) -> None:
        super().__init__("127.0.0.1:9")
        self.table = {tuple(key.lower().split()): value for key, value in records.items()}
        self.secure = tuple(secure)
        self.bogus = tuple(bogus)
        self.questions: list[tuple[str, str]] = []

    def _ask(self, name: str, rdtype: str, checking_disabled: bool) -> Reply:
        self.questions.append((name, rdtype))
        if any(_inside(name, zone) for zone in self.bogus) and not checking_disabled:
            return Reply(name, rdtype, Status.SERVFAIL, detail="127.0.0.1 answered SERVFAIL (dnssec bogus)")
        if name.startswith(".") or ".." in name or any(len(label) > 63 for label in name.split(".")):
            return Reply(name, rdtype, Status.MALFORMED, detail=f"{name!r} is no name")
        aliases: list[str] = []
        canonical = name
        while (target := self.table.get((canonical, "cname"))) and rdtype != "CNAME":
            assert not isinstance(target, Status)
            aliases.append(canonical)
            canonical = target[0].rstrip(".").lower()
            if canonical in aliases:
                return Reply(name, rdtype, Status.MALFORMED, detail=f"the aliases of {name} lead nowhere")
        value = self.table.get((canonical, rdtype.lower()))
        if isinstance(value, Status):
            return Reply(name, rdtype, value, detail=f"127.0.0.1: {value}")
        signed = any(_inside(canonical, zone) for zone in self.secure)
        if not value:
            exists = any(_inside(other[0], canonical) for other in self.table)
            status = Status.NODATA if exists else Status.NXDOMAIN
            return Reply(
                name,
                rdtype,
                status,
                (),
                canonical,
                tuple(aliases),
                authenticated=signed and not checking_disabled,
                zone=self._zone_of(canonical),
            )
        records = tuple(dns.rdata.from_text("IN", rdtype, text) for text in value)
        signatures = self.table.get((canonical, f"rrsig:{rdtype.lower()}"), ())
        assert not isinstance(signatures, Status)
        return Reply(
            name,
            rdtype,
            Status.FOUND,
            records,
            canonical,
            tuple(aliases),
            300,
            signed and not checking_disabled,
            signatures=tuple(dns.rdata.from_text("IN", "RRSIG", text) for text in signatures),
        )

    def _zone_of(self, name: str) -> str:
        apexes = [key[0] for key in self.table if key[1] == "soa" and _inside(name, key[0])]
        return max(apexes, key=len, default="")


def _inside(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}") or zone == ""
