"""`provision verify`: run every role's checks on the hosts, and reach their ports from outside."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import (
    DEFAULT_FORKS,
    DEFAULT_TIMEOUT,
    Forks,
    InventoryPath,
    Json,
    KnownHosts,
    Limit,
    SshKey,
    Timeout,
    TrustOnFirstUse,
    VaultId,
    VaultPasswordFile,
    Verbose,
)
from provisioner.errors import AnswerIsNo, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.hosts.settings import ConnectionOptions
    from provisioner.prepare import Prepared
    from provisioner.report.live import Live
    from provisioner.report.terminal import Terminal
    from provisioner.verify.result import HostReport

Junit = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML too.", show_default=False),
]


def verify_command(
    inventory: InventoryPath,
    limit: Limit = None,
    as_json: Json = False,
    junit: Junit = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
    forks: Forks = DEFAULT_FORKS,
    verbose: Verbose = 0,
) -> None:
    """Run every role's checks on the hosts, and reach every deployed port from outside.

    Your own testinfra tests, in `tests/` beside the inventory, run with them. Changes nothing.
    Exits 3 where a check failed, 5 where a host could not be reached.
    """
    from provisioner.cli.asking import vault_passwords
    from provisioner.hosts.settings import ConnectionOptions
    from provisioner.prepare import prepare
    from provisioner.report.live import Live
    from provisioner.report.terminal import standard

    started = time.monotonic()
    if junit is not None and not os.access(junit.absolute().parent, os.W_OK | os.X_OK):
        raise InputError(f"no file can be made in {junit.absolute().parent}, where {junit.name} is to go")
    prepared = prepare(inventory, limit=limit, vault=vault_passwords(vault_password_file, vault_id))
    screen = standard()
    if not prepared.candidates:
        screen.progress("No host has a role, so there is nothing to verify. `roles` says what a host is for.")
    live = Live(screen, [one.host.name for one in prepared.candidates], quiet=verbose > 0)
    options = ConnectionOptions(
        timeout=timeout, ssh_key=ssh_key, known_hosts=known_hosts, trust_on_first_use=trust_on_first_use
    )
    reports = run_verification(prepared, options, forks, screen, live)
    show(reports, screen, time.monotonic() - started, as_json=as_json, verbose=verbose > 0)
    if junit is not None:
        _write_junit(junit, reports)
    raise typer.Exit(max((report.exit_code for report in reports), default=0))


def _write_junit(path: Path, reports: Sequence[HostReport]) -> None:
    from provisioner.report.junit import junit_document

    try:
        path.write_bytes(junit_document(reports))
    except OSError as error:
        raise AnswerIsNo(f"{path} can't be written: {error.strerror}") from None


def run_verification(
    prepared: Prepared, options: ConnectionOptions, forks: int, screen: Terminal, live: Live
) -> list[HostReport]:
    """Verify every host of `prepared` that has roles."""
    from dataclasses import replace

    from provisioner.apply import Progress
    from provisioner.cli.asking import Asking
    from provisioner.verify.run import Verifying, verify_hosts

    if screen.interactive:
        asking = Asking(screen, live.paused)
        options = replace(options, ask_password=asking.password, confirm_host_key=asking.confirm)
    hosts = [one.host for one in prepared.candidates]

    def report(host: str, step: str, detail: str) -> None:
        if step == "done" or not detail:
            live(Progress(host, step, detail))
        elif screen.err.is_terminal:  # in a file, a line for each check would be too many
            live(Progress(host, step, f"{detail} checks"))

    run = Verifying(
        prepared.inventory.folder,
        options,
        forks=forks,
        report=report,
        secrets=prepared.secrets.texts().union(*(host.secret_texts for host in hosts)),
    )
    with live:
        return verify_hosts(prepared.candidates, run)


def show(
    reports: Sequence[HostReport], screen: Terminal, elapsed: float, *, as_json: bool, verbose: bool = False
) -> None:
    """Print what verifying came to; with `verbose`, every conversation and why checks were skipped."""
    from provisioner.cli.errors import shortest_name
    from provisioner.report.verify import detail_lines, report_document, report_lines, totals

    if as_json:
        screen.document(report_document(reports, elapsed))
        return
    if verbose:
        screen.progress(*detail_lines(reports))
    screen.result(*report_lines(reports, screen.width, shortest_name))
    screen.result(totals(reports, elapsed))
