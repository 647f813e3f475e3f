"""`provision adopt`: a running mail server, made by hand, becomes an inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provisioner.cli.options import (
    DEFAULT_TIMEOUT,
    Json,
    KnownHosts,
    SshKey,
    Timeout,
    TrustOnFirstUse,
    Verbose,
)


def adopt_command(
    server: Annotated[
        str,
        typer.Argument(
            metavar="USER@HOST",
            help="The server, as for ssh; USER@HOST:PORT for another port.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="The folder to write into; by default here.",
            show_default=False,
        ),
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an inventory that is there.")] = False,
    as_json: Json = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    verbose: Verbose = 0,
) -> None:
    """Read a running Postfix and Dovecot server and write the inventory that describes it.

    Nothing on the server is changed. ADOPTED.md says what was kept, what the first apply changes and why,
    what is lost, and where the mailboxes are.
    """
    from provisioner.adopt.adopting import adopt
    from provisioner.adopt.reading import read
    from provisioner.adopt.write import REPORT, put, refuse_to_overwrite
    from provisioner.cli.errors import shortest_name
    from provisioner.cli.target import connection_variables, settings_for
    from provisioner.hosts.connection import connect
    from provisioner.report.adopt import document, report_text, summary_lines
    from provisioner.report.terminal import standard

    refuse_to_overwrite(output, force=force)
    variables = connection_variables(server, ssh_key)
    output.mkdir(parents=True, exist_ok=True)
    screen = standard()
    screen.progress(f"Reading {server}. Nothing on it is changed.")
    with connect(
        settings_for(variables, output, timeout, ssh_key, known_hosts, trust_on_first_use)
    ) as connection:
        seen = read(connection)
    name = str(variables["ansible_host"])
    adopted = adopt(seen, output, variables, server, name, force=force)
    put(output / REPORT, report_text(adopted.described, adopted.announced, server))
    if as_json:
        screen.document(document(adopted.described, adopted.announced))
        return
    if adopted.secrets.notice:
        screen.progress(adopted.secrets.notice)
    folder = shortest_name(str(output.absolute())) if output != Path() else "."
    screen.result(*summary_lines(adopted.described, adopted.announced, folder, screen.width))
