"""`provision settings`: the servers, ports and encryption that a mail program needs for an address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import Json, ReachNetworks, Resolver, Verbose
from provisioner.errors import AnswerIsNo, InputError, NotTouched

if TYPE_CHECKING:
    from provisioner.client_settings.result import Server, Settings
    from provisioner.connection.result import Walk
    from provisioner.dns.https import Web

AuthoritiesFile = Annotated[
    Path | None,
    typer.Option(
        "--authorities",
        metavar="FILE",
        help="PEM file with the authorities to trust instead of the system's.",
        show_default=False,
    ),
]


def settings_command(
    address: Annotated[
        str | None,
        typer.Argument(metavar="[ADDRESS]", help="A mail address, or a domain.", show_default=False),
    ] = None,
    presets: Annotated[
        bool, typer.Option("--presets", help="List the built-in providers, and which entries are old.")
    ] = False,
    ispdb: Annotated[
        bool, typer.Option("--ispdb", help="Ask Mozilla's database of providers too; it learns the domain.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Try each server that was found, as far as without a login.")
    ] = False,
    resolver: Resolver = None,
    reach: ReachNetworks = None,
    authorities: AuthoritiesFile = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for each place.")
    ] = 5.0,
    as_json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Find the incoming and outgoing servers of an address, and say how they were found.

    The domain's own autoconfig and Autodiscover documents, its SRV records, the built-in providers and
    the usual names are asked side by side; what mail programs believe first is chosen. Nobody learns
    the address, only its domain. --check connects to each server that was chosen.
    """
    if presets:
        _list_presets(as_json)
        return
    if address is None:
        raise InputError("no address was given", hint="Such as: provision settings alice@example.org")
    from provisioner.client_settings.sources import find, in_order_of_choice
    from provisioner.report import settings as report
    from provisioner.report.terminal import standard

    screen = standard()
    web = _web(resolver, reach, authorities, timeout)
    found = find(_whole(address), web, ispdb=ispdb)
    ordered = in_order_of_choice(found.chosen.servers) if found.chosen else ()
    walks = _tried(found, ordered, web, authorities) if check else ()
    if as_json:
        screen.document({"format": 1, "command": "settings", **report.document(found, ordered, walks)})
    else:
        screen.result(*report.lines(found, ordered, screen.width, walks, verbose=bool(verbose)))
    if not found.dns_answers and found.chosen is None:
        raise typer.Exit(NotTouched.exit_code)
    if found.chosen is None or any(walk.failure for walk in walks):
        raise typer.Exit(AnswerIsNo.exit_code)


def _tried(
    found: Settings, ordered: tuple[Server, ...], web: Web, authorities: Path | None
) -> tuple[Walk, ...]:
    from provisioner.cli.connection_wish import own_name, read_authorities
    from provisioner.connection.servers import try_servers
    from provisioner.connection.walker import Wish

    if found.chosen is None:
        return ()
    wish = Wish(helo_name=own_name(), seconds=web.seconds, authorities=read_authorities(authorities))
    return try_servers(ordered, found.chosen.kind, wish, web.resolver, web.reach)


def _whole(address: str) -> str:
    """The address with its domain in ASCII form; a bare domain stands for any address in it."""
    from provisioner.mail.addresses import domain_fault

    local_part, _, domain = address.strip().rpartition("@")
    fault, instead = domain_fault(domain)
    if fault and instead:
        fault, _ = domain_fault(domain := instead)
    if not domain.isascii():
        raise InputError(
            f"{domain[:100]!r} can be written in more than one way in DNS",
            hint="Give the domain as DNS has it, with xn-- where a part has other letters.",
        )
    if not fault and ("@" in local_part or not local_part.isprintable() or " " in local_part):
        fault, domain = "is not a mail address", address
    if fault:
        hint = "Such as: provision settings alice@example.org"
        raise InputError(f"{domain[:100]!r} {fault}", hint=hint)
    return f"{local_part or 'you'}@{domain}"


def _web(resolver: str | None, reach: list[str] | None, authorities: Path | None, timeout: float) -> Web:
    from provisioner.cli.connection_wish import read_authorities
    from provisioner.dns.https import Web
    from provisioner.dns.reach import Reach
    from provisioner.dns.resolver import Resolver as Dns
    from provisioner.mail.tls_stream import tls_context

    context = tls_context(authorities=read_authorities(authorities))
    return Web(Dns(resolver, seconds=timeout), Reach(reach or ()), context, seconds=timeout)


def _list_presets(as_json: bool) -> None:
    from datetime import UTC, datetime

    from provisioner.client_settings.presets import is_old, providers
    from provisioner.report import settings as report
    from provisioner.report.terminal import standard

    screen = standard()
    today = datetime.now(UTC).date()
    old = frozenset(provider.name for provider in providers() if is_old(provider, today))
    if as_json:
        screen.document(report.preset_document(providers(), old))
    else:
        screen.result(*report.preset_lines(providers(), old, today, screen.width))
