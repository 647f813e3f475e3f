"""The first steps of a walk: which server takes a domain's mail, and at which addresses it is."""

from __future__ import annotations

import time
from difflib import get_close_matches
from typing import TYPE_CHECKING

from provisioner.client_settings.presets import by_server, providers
from provisioner.connection.result import Stage
from provisioner.dns.resolver import Reply, Status
from provisioner.explain.result import Kind

if TYPE_CHECKING:
    from provisioner.connection.walker import Walker


def find(walker: Walker) -> tuple[str, ...]:
    """The addresses to connect to; ends the walk where there are none."""
    walker.server_name = walker.target.host
    if walker.target.address:
        given = walker.target.address
        refused = _refused(walker, [given]) if walker.target.from_record else {}
        return _next_or_end(walker, *_inside(walker, refused), None) if refused else (given,)
    if walker.target.follow_mx:
        _route(walker)
    return _addresses(walker)


def _route(walker: Walker) -> None:
    """RFC 5321 §5.1: the MX with the lowest preference; without any, the name itself."""
    domain = walker.target.host
    begun = time.monotonic()
    reply = walker.resolver.ask(domain, "MX")
    if reply.status in (Status.NODATA, Status.NXDOMAIN):
        if not walker.resolver.addresses(domain):
            name = "name-unknown" if reply.status is Status.NXDOMAIN else "no-mx"
            raise walker.fail(Stage.ROUTE, f"{domain} has no MX", _unknown(walker, name), begun)
        walker.ok(Stage.ROUTE, "no MX: the name itself takes its mail", begun)
        return
    if not reply.answered:
        raise walker.fail(Stage.ROUTE, reply.detail, _unanswered(walker, reply), begun)
    records = sorted(reply.records, key=lambda record: int(getattr(record, "preference", 0)))
    hosts = [str(getattr(record, "exchange", "")).rstrip(".").lower() for record in records]
    if not hosts[0]:
        raise walker.fail(Stage.ROUTE, "MX 0 .", walker.kind("null-mx"), begun)
    rest = f", then {', '.join(hosts[1:4])}" if len(hosts) > 1 else ""
    walker.ok(Stage.ROUTE, f"{hosts[0]} takes the mail of {domain}{rest}", begun)
    walker.server_name, walker.backups = hosts[0], hosts[1:4]


def next_server(walker: Walker) -> tuple[str, ...]:
    """The addresses of the next MX, which senders turn to where one can't be reached (RFC 5321 §5.1)."""
    walker.server_name = walker.backups.pop(0)
    return _addresses(walker)


def _next_or_end(walker: Walker, detail: str, meaning: Kind, begun: float | None) -> tuple[str, ...]:
    if not walker.backups:
        raise walker.fail(Stage.NAME, detail, meaning, begun)
    walker.warn(Stage.NAME, detail, meaning, begun)
    return next_server(walker)


def _addresses(walker: Walker) -> tuple[str, ...]:
    name = walker.server_name
    begun = time.monotonic()
    replies = [walker.resolver.ask(name, "A"), walker.resolver.ask(name, "AAAA")]
    found = [address for reply in replies for address in reply.texts()]
    if not found:
        reply = next((one for one in replies if not one.answered), replies[0])
        meaning = _absent(walker, reply)
        missing = "does not exist" if reply.status is Status.NXDOMAIN else "has no address"
        return _next_or_end(walker, reply.detail or f"{name} {missing}", meaning, begun)
    named_by_user = name == walker.target.host and not walker.target.from_record
    refused = {} if named_by_user else _refused(walker, found)
    if len(refused) == len(found):
        return _next_or_end(walker, *_inside(walker, refused), begun)
    walker.ok(Stage.NAME, ", ".join(found), begun)
    return tuple(address for address in found if address not in refused)


def _refused(walker: Walker, found: list[str]) -> dict[str, str]:
    """The addresses to which a stranger's record must not lead, each with the reason."""
    reasons = {address: walker.reach.refusal(address) for address in found}
    return {address: why for address, why in reasons.items() if why}


def _inside(walker: Walker, refused: dict[str, str]) -> tuple[str, Kind]:
    told = ", ".join(f"{address} ({why})" for address, why in refused.items())
    literal = bool(walker.target.address)
    who = "the settings that were found" if literal else f"the records of {walker.server_name}"
    return told, walker.kind("leads-inside", name=who, detail=told)


def _absent(walker: Walker, reply: Reply) -> Kind:
    if not reply.answered:
        return _unanswered(walker, reply)
    if walker.server_name != walker.target.host:
        return walker.kind("mx-broken", host=walker.target.host, name=walker.server_name,
                           detail="it has no address")  # fmt: skip
    if reply.status is Status.NODATA:
        return walker.kind("name-without-address")
    return _unknown(walker, "name-unknown")


def _unanswered(walker: Walker, reply: Reply) -> Kind:
    """No answer: silent, unwilling, or withheld because the signatures are wrong (RFC 4035 §5.5)."""
    if reply.status in (Status.TIMEOUT, Status.UNREACHABLE):
        return walker.kind("resolver-silent", detail=reply.detail)
    if reply.status is Status.SERVFAIL:
        unchecked = walker.resolver.ask(reply.name, reply.rdtype, checking_disabled=True)
        if unchecked.answered:
            return walker.kind("dnssec-bogus")
    return walker.kind("resolver-refuses", detail=reply.detail)


def _unknown(walker: Walker, otherwise: str) -> Kind:
    """A name that does not exist and is a slip away from a provider's."""
    known = {server.host for provider in providers() for server in provider.servers}
    known |= {domain for provider in providers() for domain in provider.domains}
    near = get_close_matches(walker.target.host, sorted(known), n=1, cutoff=0.85)
    if not near:
        return walker.kind(otherwise)
    provider = by_server(near[0]) or next((p for p in providers() if near[0] in p.domains), None)
    return walker.kind("name-mistyped", name=near[0], provider=provider.title if provider else "a provider")
