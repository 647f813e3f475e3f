"""A mail domain from outside: its records, then every server they lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from provisioner.audit import (
    bimi,
    blocklists,
    dkim,
    dmarc,
    dnssec,
    mta_sts,
    mx,
    name_servers,
    services,
    spf,
    tls_rpt,
)
from provisioner.audit.case import Case, no_way
from provisioner.audit.finding import Finding
from provisioner.audit.servers import Server, labels, server_jobs
from provisioner.audit.services import Promise, Service
from provisioner.audit.work import Done, Job
from provisioner.dns.exchangers import Exchangers, exchangers

MOST_ADDRESSES = 12
"""Addresses of servers that are connected to for one domain: a hostile one may name thousands."""


def domain_jobs(domain: str, case: Case) -> tuple[Job, ...]:
    """What to begin with. The servers follow once their names are known."""
    resolver = case.run.resolver
    records: list[tuple[str, str, Callable[[], Iterable[Finding]]]] = [
        ("tls-rpt", "TLS-RPT", partial(tls_rpt.audit, domain, resolver)),
        ("dns", "the name servers", partial(name_servers.audit, domain, resolver)),
        *_senders(domain, case),
    ]
    jobs = [
        Job(f"{what} of {domain}", partial(_records, look))
        for area, what, look in records
        if case.asked.wants(area)
    ]
    return (*jobs, Job(f"the servers of {domain}", partial(_servers, domain, case)))


def _records(look: Callable[[], Iterable[Finding]]) -> Done:
    return Done(tuple(look()))


def _senders(domain: str, case: Case) -> list[tuple[str, str, Callable[[], Iterable[Finding]]]]:
    """Who may send as the domain."""
    resolver, asked = case.run.resolver, case.asked
    signed = partial(dkim.audit, domain, resolver, selectors=asked.selectors, message=asked.message)
    return [
        ("spf", "SPF", partial(spf.audit, domain, resolver)),
        ("dkim", "DKIM", signed),
        ("dmarc", "DMARC", partial(dmarc.audit, domain, resolver)),
        ("bimi", "BIMI", partial(bimi.audit, domain, resolver)),
    ]


def _servers(domain: str, case: Case) -> Done:
    """MX and SRV records looked up; what follows from them."""
    resolver, reach = case.run.resolver, case.run.reach
    found = exchangers(domain, resolver)
    promised, findings = services.promises(domain, resolver)
    servers, notes = servers_of(domain, found, promised, case)
    hosts = [host.name for host in found.hosts]
    jobs: list[Job] = [job for server in servers for job in server_jobs(server, case)]
    if case.asked.wants("dnssec"):
        look = partial(dnssec.audit, domain, resolver, hosts)
        jobs.append(Job(f"DNSSEC of {domain}", partial(_records, look)))
    if case.asked.wants("mta-sts"):
        jobs.append(Job(f"MTA-STS of {domain}", partial(_mta_sts, domain, case, hosts)))
    if case.asked.wants("blocklist"):
        addresses = list(dict.fromkeys(server.address for server in servers if server.exchanger))
        names = list(dict.fromkeys([domain, *hosts]))
        ask = partial(blocklists.audit, addresses, names, resolver, case.asked.blocklist_keys)
        jobs.append(Job(f"block lists about {domain}", partial(_records, ask)))
    return Done((*mx.audit(found, reach), *findings), tuple(jobs), tuple(notes))


def _mta_sts(domain: str, case: Case, hosts: Sequence[str]) -> Done:
    return Done(tuple(mta_sts.audit(domain, case.run.web, hosts)))


@dataclass
class _Found:
    """A host under collection: what takes mail, what is promised."""

    exchanger: bool = False
    services: tuple[Service, ...] = ()


def servers_of(
    domain: str, found: Exchangers, promised: Sequence[Promise], case: Case
) -> tuple[list[Server], list[str]]:
    """Every address that a record leads to and may lead to, and notes on those that were not followed.

    A host that takes mail is asked at every port of mail, one that is only promised to programs at
    the promised ports.
    """
    hosts: dict[str, _Found] = {host.name: _Found(True, services.SERVICES) for host in found.hosts}
    for promise in promised:
        known = hosts.setdefault(promise.host, _Found())
        if promise.service not in known.services:
            known.services = (*known.services, promise.service)
    servers: list[Server] = []
    notes: list[str] = []
    for name, host in hosts.items():
        numbers = frozenset(promise.service.number for promise in promised if promise.host == name)
        server = Server(name, "", domain, host.exchanger, services=host.services, promised=numbers)
        addresses, refused = addresses_of(name, case)
        notes += refused
        servers += [replace(server, address=one, label=label) for one, label in labels(addresses).items()]
    if len(servers) > MOST_ADDRESSES:
        notes.append(f"Only the first {MOST_ADDRESSES} of {len(servers)} addresses were connected to.")
    return servers[:MOST_ADDRESSES], notes


def addresses_of(name: str, case: Case) -> tuple[list[str], list[str]]:
    """The addresses of a host that a record named, and notes on those that were not followed."""
    addresses, notes = [], []
    for address in case.run.resolver.addresses(name):
        refusal = case.run.reach.refusal(address) or no_way(address)
        if refusal:
            notes.append(f"{name} has the address {address}, which was not followed: {refusal}.")
        else:
            addresses.append(address)
    return addresses, notes
