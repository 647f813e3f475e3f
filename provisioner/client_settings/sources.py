"""The places where an address's servers may be written, asked side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from provisioner.client_settings import autoconfig, autodiscover, presets, srv
from provisioner.client_settings.result import Encryption, Kind, Protocol, Server, Settings, Source
from provisioner.client_settings.xml_form import NotReadable
from provisioner.dns.https import FetchError, Web
from provisioner.dns.resolver import Resolver, Status

ISPDB = "https://autoconfig.thunderbird.net/v1.1/"
"""Mozilla's database of providers; asked only on request, since it is a third party."""
_REDIRECTS = 3
_NO_SERVER = "it names no IMAP, POP3 or SMTP server that can be used"
_GUESSES = (
    (Protocol.IMAP, ("imap", "mail"), 993, Encryption.TLS),
    (Protocol.POP3, ("pop", "pop3", "mail"), 995, Encryption.TLS),
    (Protocol.SMTP, ("smtp", "mail"), 465, Encryption.TLS),
    (Protocol.SMTP, ("smtp", "mail"), 587, Encryption.STARTTLS),
)


def find(address: str, web: Web, *, ispdb: bool = False) -> Settings:
    """Ask everywhere and say what to use for `address` (`local@domain`, the domain in ASCII form)."""
    domain = address.rpartition("@")[2].lower()
    resolver = web.resolver
    asks: list[Callable[[], Source]] = [
        *(lambda url=url: _autoconfig(url, address, web) for url in autoconfig.urls(domain)),
        lambda: srv.read(domain, address, resolver.ask),
        *(lambda url=url: _autodiscover(url, address, web) for url in autodiscover.urls(domain)),
        lambda: _autodiscover_by_srv(domain, address, web),
        lambda: _preset(domain, address, resolver),
    ]
    if ispdb:
        asks.insert(2, lambda: _autoconfig(ISPDB + domain, address, web, Kind.ISPDB))
    with ThreadPoolExecutor(len(asks)) as pool:
        tried = [future.result() for future in [pool.submit(ask) for ask in asks]]
    chosen = next((source for source in tried if source.servers), None)
    if chosen is None:
        tried.append(_guess(domain, address, resolver))
        chosen = tried[-1] if tried[-1].servers else None
    if chosen is not None:
        chosen = _with_note(chosen)
    answered = resolver.ask(domain, "MX").answered
    return Settings(address, chosen, tuple(tried), _warnings(domain, tried, resolver), answered)


def in_order_of_choice(servers: tuple[Server, ...]) -> tuple[Server, ...]:
    """The best first: IMAP before POP3, TLS from the start before STARTTLS (RFC 8314 §3)."""
    protocols = [Protocol.IMAP, Protocol.POP3, Protocol.SMTP]
    encryptions = [Encryption.TLS, Encryption.STARTTLS, Encryption.NONE]
    return tuple(
        sorted(servers, key=lambda s: (protocols.index(s.protocol), encryptions.index(s.encryption)))
    )


def _autoconfig(url: str, address: str, web: Web, kind: Kind = Kind.AUTOCONFIG) -> Source:
    try:
        response = web.fetch(url, redirects=_REDIRECTS)
        if response.status != 200:
            return Source(kind, url, problem=f"the web server answered {response.status}")
        servers = autoconfig.parse(response.body, address)
    except (FetchError, NotReadable) as problem:
        return Source(kind, url, problem=str(problem))
    return Source(kind, response.url, servers, "" if servers else _NO_SERVER)


def _autodiscover(url: str, address: str, web: Web, left: int = _REDIRECTS) -> Source:
    """One place; where its answer sends us on, at most `left` times, that place instead."""
    domain = address.rpartition("@")[2]
    try:
        body = autodiscover.request(domain)
        response = web.fetch(url, body=body, content_type="text/xml", redirects=_REDIRECTS)
        if response.status == 401:
            return Source(Kind.AUTODISCOVER, url, problem="it wants a login first (401), as Exchange does")
        if response.status != 200:
            return Source(Kind.AUTODISCOVER, url, problem=f"the web server answered {response.status}")
        servers = autodiscover.parse(response.body, address)
        further = autodiscover.onward(response.body, address) if left and not servers else ()
    except (FetchError, NotReadable) as problem:
        return Source(Kind.AUTODISCOVER, url, problem=str(problem))
    tried = [_autodiscover(*place, web, left - 1) for place in further]
    if tried:
        return next((source for source in tried if source.servers), tried[0])
    return Source(Kind.AUTODISCOVER, response.url, servers, "" if servers else _NO_SERVER)


def _autodiscover_by_srv(domain: str, address: str, web: Web) -> Source:
    """[MS-OXDISCO] §3.1.5.1: `_autodiscover._tcp` names the web server."""
    name = f"_autodiscover._tcp.{domain}"
    reply = web.resolver.ask(name, "SRV")
    hosts = [str(getattr(record, "target", "")).rstrip(".") for record in reply.records]
    ports = [int(getattr(record, "port", 443)) for record in reply.records]
    if not hosts or not hosts[0]:
        return Source(Kind.AUTODISCOVER, name, problem=reply.detail or "there is no such record")
    port = "" if ports[0] == 443 else f":{ports[0]}"
    return _autodiscover(f"https://{hosts[0].lower()}{port}/autodiscover/autodiscover.xml", address, web)


def _preset(domain: str, address: str, resolver: Resolver) -> Source:
    own = presets.by_domain(domain)
    if own is not None:
        return presets.source_of(own, Kind.PRESET, own.title, address)
    hosts = _exchangers(domain, resolver)
    provider = presets.by_mx(hosts)
    if provider is None:
        problem = resolver.ask(domain, "MX").detail or f"none of them takes mail for {domain}"
        return Source(Kind.PRESET, "built-in providers", problem=problem)
    where = f"{provider.title}, since {hosts[0]} takes the mail of {domain}"
    return presets.source_of(provider, Kind.PRESET, where, address)


def _exchangers(domain: str, resolver: Resolver) -> list[str]:
    records = sorted(resolver.ask(domain, "MX").records, key=lambda r: int(getattr(r, "preference", 0)))
    hosts = [str(getattr(record, "exchange", "")).rstrip(".").lower() for record in records]
    return [host for host in hosts if host]


def _guess(domain: str, address: str, resolver: Resolver) -> Source:
    """Names that people try by hand; only those that exist, and nothing has been connected to."""
    servers = []
    exchangers = _exchangers(domain, resolver)
    for protocol, prefixes, port, encryption in _GUESSES:
        names = [*(f"{prefix}.{domain}" for prefix in prefixes), *exchangers[:1]]
        host = next((name for name in names if resolver.addresses(name)), None)
        if host is not None:
            servers.append(Server(protocol, host, port, encryption, address, "account"))
    if not servers:
        fault = resolver.ask(domain, "MX").detail  # Where nobody could be asked, nothing is known of names.
        problem = fault or f"no mail., imap. or smtp.{domain}, and no MX"
        return Source(Kind.GUESS, "usual names", problem=problem)
    only_mx = all(server.host in exchangers for server in servers)
    kind = Kind.MX if only_mx else Kind.GUESS
    warning = "guessed from names that exist; nothing says that mail programs are served there"
    return Source(kind, f"names of {domain}", tuple(servers), "", warning)


def _with_note(source: Source) -> Source:
    """What a person has to know about the provider, whoever named its servers."""
    if source.note:
        return source
    provider = next(filter(None, (presets.by_server(server.host) for server in source.servers)), None)
    if provider is None:
        return source
    note = presets.source_of(provider, Kind.PRESET, provider.title, "").note
    return replace(source, note=f"{provider.title}: {note}" if note else "")


def _is_local(domain: str) -> bool:
    return domain.endswith(".local")


def _warnings(domain: str, tried: list[Source], resolver: Resolver) -> tuple[str, ...]:
    """Where sources disagree, and what the domain lacks."""
    found = []
    named = [source for source in tried if source.servers and source.kind is not Kind.PRESET]
    for protocol in Protocol:
        by_source = {
            source.where: sorted({server.host for server in source.servers if server.protocol is protocol})
            for source in named
        }
        by_source = {where: hosts for where, hosts in by_source.items() if hosts}
        if len({tuple(hosts) for hosts in by_source.values()}) > 1:
            says = "; ".join(f"{where}: {', '.join(hosts)}" for where, hosts in by_source.items())
            found.append(f"the sources differ about {protocol.value}: {says}")
    exchangers = resolver.ask(domain, "MX")
    if exchangers.status is Status.NXDOMAIN:
        local = ": names in .local are for the network at hand (mDNS, RFC 6762)" if _is_local(domain) else ""
        found.append(f"the domain {domain} does not exist in DNS{local}")
    elif not exchangers.answered:
        found.append(
            f"the resolver can't be asked about {domain} ({exchangers.detail}): try --resolver ADDRESS"
        )
    return tuple(found)
