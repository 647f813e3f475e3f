"""Many hosts' histories, read side by side, one exchange each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import ProvisionError
from provisioner.hosts.connection import ConnectionOptions, connect, connection_settings
from provisioner.hosts.history import Transaction, read, transactions_question
from provisioner.inventory.model import Host

KINDS = {"package": "install", "command": "run", "user": "create", "group": "create"}
"""Verbs of a manifest that name a kind of resource, and what is done with it."""


@dataclass(frozen=True)
class HostHistory:
    """One host's transactions, the newest first, or why they could not be read."""

    host: str
    transactions: tuple[Transaction, ...] = ()
    error: ProvisionError | None = None
    seconds: float = 0.0


def read_histories(
    hosts: Sequence[Host],
    folder: Path,
    options: ConnectionOptions,
    *,
    forks: int = 50,
    report: Callable[[str, str], None] = lambda _host, _step: None,
) -> list[HostHistory]:
    """Connect to every host and read its history; the results are in the order of `hosts`.

    `report` gets a host's name and the step it is at, from several threads.
    """

    def one(host: Host) -> HostHistory:
        started = time.monotonic()
        try:
            report(host.name, "connecting")
            with connect(connection_settings(host, options, folder)) as connection:
                report(host.name, "reading")
                found = read(connection, transactions_question()).transactions
            result = HostHistory(host.name, tuple(reversed(found)), None, time.monotonic() - started)
        except ProvisionError as error:
            result = HostHistory(host.name, (), error, time.monotonic() - started)
        report(host.name, "done")
        return result

    if not hosts:
        return []
    with ThreadPoolExecutor(min(forks, len(hosts)), thread_name_prefix="host") as pool:
        return list(pool.map(one, hosts))


def touched(transaction: Transaction) -> Iterator[tuple[str, str]]:
    """(resource, action) of all that a transaction set out to do, as its manifest says it."""
    for verb, *words in transaction.lines("manifest"):
        match verb, words:
            case (("file" | "link" | "directory"), [name, *_]):
                yield f"{verb}:{name}", "write"
            case (("delete" | "rmdir"), [name, *_]):
                yield f"{'file' if verb == 'delete' else 'directory'}:{name}", "delete"
            case (("package" | "user" | "group" | "command"), [name, *_]):
                yield f"{verb}:{name}", KINDS[verb]
            case "service", [unit, action, *_]:
                yield f"service:{unit}", action
