"""Name servers of a mail domain: enough of them, reachable over both families, under names that exist.

When a domain's name servers are away, its mail waits at the senders', and SPF and DKIM of what it sends
can't be checked.
"""

from __future__ import annotations

import ipaddress

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.resolver import Reply, Resolver, Status
from provisioner.dns.zones import zone_of

COUNT = Check(
    "dns.name-servers",
    Severity.MEDIUM,
    "The domain has at least two name servers, in different networks",
    "While the only name server is away, nobody can send mail to the domain or check its signatures.",
    "Add a second name server in another network, at the registrar and in the zone (`@ NS ns2…`).",
    "RFC 1034 §4.1, RFC 2182 §3.1",
)
IPV6 = Check(
    "dns.ipv6",
    Severity.LOW,
    "At least two name servers can be reached over IPv6",
    "A resolver that has IPv6 only finds no record of the domain otherwise.",
    "Give two name servers AAAA records, or choose a DNS provider that has IPv6.",
    "RFC 3901 §3, Internet.nl mail test: IPv6 of name servers",
)
RESOLVES = Check(
    "dns.name-servers-resolve",
    Severity.MEDIUM,
    "Every name server has an address",
    "A name server without an address is asked in vain, and each such try delays mail.",
    "Publish an address for the name, or remove the NS record at the registrar and in the zone.",
    "RFC 1912 §2.8",
)
CHECKS = (COUNT, IPV6, RESOLVES)
MOST = 13


def audit(domain: str, resolver: Resolver) -> list[Finding]:
    """Judge the name servers of the zone that holds a mail domain. Subject of each finding: the zone.

    Only the resolver is asked; the name servers themselves are not contacted.
    """
    zone = zone_of(domain, resolver) or domain
    reply = resolver.ask(zone, "NS")
    if reply.status is not Status.FOUND:
        why = reply.detail or f"{reply.name} NS: {reply.status}"
        return [Finding(COUNT, Outcome.ERROR, domain, "its name servers could not be found", (why,))]
    names = sorted(text.rstrip(".").lower() for text in reply.texts())[:MOST]
    replies = resolver.ask_all([(name, rdtype) for name in names for rdtype in ("A", "AAAA")])
    ipv4, ipv6 = dict(zip(names, replies[::2], strict=True)), dict(zip(names, replies[1::2], strict=True))
    return [_count(zone, names, ipv4, ipv6), _ipv6(zone, ipv6), _resolves(zone, names, ipv4, ipv6)]


def _count(zone: str, names: list[str], ipv4: dict[str, Reply], ipv6: dict[str, Reply]) -> Finding:
    evidence = tuple(
        f"{zone} NS {name} ({', '.join((*ipv4[name].texts(), *ipv6[name].texts())) or 'no address'})"
        for name in names
    )
    if len(names) < 2:
        return Finding(COUNT, Outcome.FAIL, zone, "has a single name server", evidence)
    networks = {_network(address) for reply in (*ipv4.values(), *ipv6.values()) for address in reply.texts()}
    if len({network for network in networks if network.version == 4}) == 1:
        wrong = f"has {len(names)} name servers, all in one network"
        return Finding(COUNT, Outcome.WARN, zone, wrong, evidence, severity=Severity.LOW)
    return Finding(COUNT, Outcome.PASS, zone, f"has {len(names)} name servers", evidence)


def _network(address: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(f"{address}/{48 if ':' in address else 24}", strict=False)


def _ipv6(zone: str, ipv6: dict[str, Reply]) -> Finding:
    having = [name for name, reply in ipv6.items() if reply.records]
    silent = [reply for reply in ipv6.values() if not reply.answered]
    if len(having) >= 2:
        return Finding(IPV6, Outcome.PASS, zone, f"{len(having)} of {len(ipv6)} name servers have IPv6")
    if silent:
        return Finding(IPV6, Outcome.ERROR, zone, "the addresses of its name servers are not known",
                       (silent[0].detail,))  # fmt: skip
    said = "no name server has" if not having else f"only {having[0]} has"
    return Finding(IPV6, Outcome.FAIL, zone, f"{said} an IPv6 address")


def _resolves(zone: str, names: list[str], ipv4: dict[str, Reply], ipv6: dict[str, Reply]) -> Finding:
    empty = [n for n in names if all(one.answered and not one.records for one in (ipv4[n], ipv6[n]))]
    if empty:
        wrong = f"has a name server without an address: {', '.join(empty)}"
        return Finding(RESOLVES, Outcome.FAIL, zone, wrong)
    return Finding(RESOLVES, Outcome.PASS, zone, "every name server has an address")
