"""The built-in providers, read from `providers.yml`."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files

from provisioner.client_settings.result import Encryption, Kind, Protocol, Provider, Server, Source

OLD_AFTER_DAYS = 365


@cache
def providers() -> tuple[Provider, ...]:
    """Every provider, in the order of the file."""
    import yaml

    text = files("provisioner.client_settings").joinpath("providers.yml").read_text(encoding="utf-8")
    document: dict[str, dict[str, object]] = yaml.safe_load(text)
    return tuple(_provider(name, entry) for name, entry in document.items())


def by_domain(domain: str) -> Provider | None:
    """The provider whose own users have addresses in `domain`."""
    return next((provider for provider in providers() if domain.lower() in provider.domains), None)


def by_server(host: str) -> Provider | None:
    """The provider one of whose servers, for mail programs or for other servers, is called `host`."""
    name = host.rstrip(".").lower()
    if name.replace(".", "").isdigit() or ":" in name:
        return None  # An address such as 127.0.0.1, where Proton's Bridge is, may be anybody.
    for provider in providers():
        if any(server.host == name for server in provider.servers):
            return provider
    return by_mx([name])


def by_mx(hosts: list[str]) -> Provider | None:
    """The provider that takes mail at one of these names: the longest match wins."""
    found = [
        (len(end), provider)
        for provider in providers()
        for end in provider.mx
        for host in hosts
        if f".{host.rstrip('.').lower()}".endswith(f".{end}")
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def is_old(provider: Provider, today: date) -> bool:
    """Whether the entry was last gone over more than a year ago."""
    return (today - date.fromisoformat(provider.checked)).days > OLD_AFTER_DAYS


def source_of(provider: Provider, kind: Kind, where: str, address: str) -> Source:
    """What the preset says for one address."""
    local_part = address.rpartition("@")[0]
    servers = tuple(
        Server(
            server.protocol,
            server.host,
            server.port,
            server.encryption,
            {"address": address, "local part": local_part}.get(server.login, server.login),
            server.password,
        )
        for server in provider.servers
    )
    note = provider.note
    if provider.app_password:
        note = f"{note} Made at: {provider.app_password}".strip()
    return Source(kind, where, servers, "" if servers else "has no servers for mail programs", note=note)


def _provider(name: str, entry: dict[str, object]) -> Provider:
    def texts(key: str) -> tuple[str, ...]:
        value = entry.get(key, [])
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    listed = entry.get("servers", [])
    login, password = str(entry.get("login", "")), str(entry.get("password", ""))
    return Provider(
        name=name,
        title=str(entry["title"]),
        kind=str(entry["kind"]),
        domains=texts("domains"),
        mx=texts("mx"),
        servers=tuple(
            Server(Protocol(protocol), host, int(port), Encryption(encryption), login, password)
            for protocol, host, port, encryption in (listed if isinstance(listed, list) else [])
        ),
        note=str(entry.get("note", "")),
        app_password=str(entry.get("app_password", "")),
        limits=str(entry.get("limits", "")),
        dns=texts("dns"),
        source=str(entry["source"]),
        checked=str(entry["checked"]),
        compared=str(entry.get("compared", "")),
    )
