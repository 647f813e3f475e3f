"""`provision inventory`: what an inventory says once groups, variables and templates are resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import INVENTORY_HELP, Json, Limit, VaultId, VaultPasswordFile
from provisioner.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from provisioner.inventory.model import Host, Inventory
    from provisioner.report.terminal import Terminal


def inventory_command(
    inventory: Annotated[
        Path | None,
        typer.Argument(metavar="INVENTORY", help=INVENTORY_HELP, show_default=False, allow_dash=True),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="Only this host.", show_default=False)
    ] = None,
    graph: Annotated[bool, typer.Option("--graph", help="Groups and hosts as a tree.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Values as written, before templates are evaluated.")
    ] = False,
    as_json: Json = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="JSON Schema of inventories and role variables, for editors.")
    ] = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Show vault values and secrets in clear.")
    ] = False,
    limit: Limit = None,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Show what an inventory says, host by host, and where each value was written.

    Nothing is contacted. `--json` prints the form of `ansible-inventory --list`.
    """
    from provisioner.report.terminal import standard

    terminal = standard()
    if schema:
        terminal.document(_schema(inventory))
        return
    if inventory is None:
        raise InputError("name an inventory: a file, a folder, or - for standard input")
    read = _read(inventory, host or limit, vault_password_file, vault_id)
    chosen = _only(read, host) if host else None
    if graph:
        from provisioner.inventory.listing import graph_lines

        terminal.result(*graph_lines(read))
    elif as_json:
        terminal.document(_document(read, chosen, raw, show_secrets))
    else:
        for one in (chosen,) if chosen else read.hosts:
            terminal.result(*_lines(one, raw, show_secrets))
    _warn(read, terminal)
    if not raw and not graph and _report_unresolved(read, terminal):
        raise typer.Exit(InputError.exit_code)


def _read(source: Path, limit: str | None, password_file: Path | None, ids: list[str] | None) -> Inventory:
    from provisioner.cli.asking import vault_passwords
    from provisioner.inventory import load_inventory
    from provisioner.prepare import folder_of
    from provisioner.secrets import Secrets

    secrets = Secrets.open(folder_of(source), persist=False)
    return load_inventory(source, limit=limit, vault=vault_passwords(password_file, ids), secrets=secrets)


def _only(inventory: Inventory, name: str) -> Host:
    found = [host for host in inventory.hosts if host.name == name]
    if len(found) != 1:
        raise InputError(f"`{name}` is no host of this inventory", hint="--limit takes patterns and groups.")
    return found[0]


def _document(inventory: Inventory, host: Host | None, raw: bool, show_secrets: bool) -> dict[str, object]:
    from provisioner.inventory.listing import host_document, list_document

    if host is not None:
        return host_document(host, raw=raw, show_secrets=show_secrets)
    document = list_document(inventory, raw=raw, show_secrets=show_secrets)
    errors = {} if raw else _errors(inventory)
    meta = document["_meta"]
    if errors and isinstance(meta, dict):
        meta["errors"] = errors
    return document


def _errors(inventory: Inventory) -> dict[str, object]:
    from provisioner.report.errors import error_document

    return {
        host.name: {name: error_document(error) for name, error in host.unresolved.items()}
        for host in inventory.hosts
        if host.unresolved
    }


def _lines(host: Host, raw: bool, show_secrets: bool) -> Iterator[str]:
    """One host as YAML that can be read back, with the place of each variable beside it."""
    import yaml

    from provisioner.inventory.listing import host_document
    from provisioner.report.escape import escape

    roles = f" · roles {', '.join(host.roles)}" if host.roles else ""
    groups = ", ".join(group for group in host.groups if group != "all")
    yield escape(f"{host.name}:  # in {groups or 'all'}{roles}")
    for name, value in host_document(host, raw=raw, show_secrets=show_secrets).items():
        text = yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=100)
        where = host.origins.find((name,))
        first, *rest = text.rstrip("\n").split("\n")
        if where is None:
            yield escape(f"  {first}")
        elif not rest or first.endswith(":"):
            yield escape(f"  {first}  # {where}")
        else:
            yield escape(f"  # {where}")
            yield escape(f"  {first}")
        yield from (escape(f"  {line}") for line in rest)
    if not raw:
        for name, error in host.unresolved.items():
            yield escape(f"  # {name}: {error.message}")


def _warn(inventory: Inventory, terminal: Terminal) -> None:
    for warning in inventory.warnings:
        where = f"{warning.where}: " if warning.where else ""
        terminal.progress(f"warning: {where}{warning.message}")


def _report_unresolved(inventory: Inventory, terminal: Terminal) -> bool:
    """Print what could not be resolved to stderr, each mistake once; whether there was any."""
    from provisioner.cli.errors import shortest_name, source_line
    from provisioner.errors import Mistakes
    from provisioner.report.errors import Sources, error_lines

    mistakes = _distinct(inventory)
    if not mistakes:
        return False
    lines: list[Text] = error_lines(
        Mistakes(mistakes), Sources(shortest_name, source_line), terminal.err.width
    )
    terminal.progress(*lines)
    return True


def _distinct(inventory: Inventory) -> list[InputError]:
    """What could not be resolved: what several hosts share is said once, and how many they are."""
    shared: dict[tuple[object, str], tuple[InputError, str, int]] = {}
    for host in inventory.hosts:
        for error in host.unresolved.values():
            key = (error.where, error.message.replace(f" for {host.name}:", ":", 1))
            first, name, count = shared.get(key, (error, host.name, 0))
            shared[key] = (first, name, count + 1)
    return [_for_hosts(*found) for found in shared.values()]


def _for_hosts(error: InputError, name: str, count: int) -> InputError:
    if count == 1:
        return error
    message = error.message.replace(f" for {name}:", f" for {name} and {count - 1} more:", 1)
    return InputError(message, where=error.where, note=error.note, hint=error.hint)


def _schema(inventory: Path | None) -> dict[str, object]:
    from provisioner.prepare import folder_of
    from provisioner.roles import load_roles
    from provisioner.roles.schema import inventory_schema

    return inventory_schema(load_roles(folder_of(inventory) if inventory is not None else Path()))
