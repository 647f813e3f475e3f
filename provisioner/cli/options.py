"""The options and arguments that commands share: one name, one meaning, one help text.

Each is a type to annotate a command's parameter with: `limit: Limit = None`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INVENTORY_HELP = "The inventory: a YAML, INI or JSON file, a folder of them, or - for standard input."


def complete_pattern(context: typer.Context, arguments: list[str], incomplete: str) -> list[str]:
    """Names of hosts and groups that go on from what was typed, from the inventory named before."""
    from provisioner.cli.completion import patterns

    return patterns(context.params.get("inventory"), incomplete)


def _set_verbosity(level: int) -> int:
    if level:
        from provisioner.cli.logs import show_log

        show_log(level)
    return level


InventoryPath = Annotated[
    Path, typer.Argument(metavar="INVENTORY", help=INVENTORY_HELP, show_default=False, allow_dash=True)
]

Limit = Annotated[
    str | None,
    typer.Option(
        "--limit",
        "-l",
        metavar="PATTERN",
        help="Only hosts that match, as Ansible's: web*, group, a:b, a:&b, a:!b, ~regex.",
        autocompletion=complete_pattern,
        show_default=False,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]

Timeout = Annotated[
    float,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0.1, help="How long to wait for a connection or an answer."
    ),
]

SshKey = Annotated[
    Path | None,
    typer.Option("--ssh-key", metavar="FILE", help="Private key to log in with.", show_default=False),
]

KnownHosts = Annotated[
    Path | None,
    typer.Option(
        "--known-hosts",
        metavar="FILE",
        help="Host keys to trust; by default known_hosts beside the inventory.",
        show_default=False,
    ),
]

TrustOnFirstUse = Annotated[
    bool,
    typer.Option(
        "--trust-on-first-use",
        help="Take the key of a host that is not in known_hosts as its own, and write it there.",
    ),
]

VaultPasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--vault-password-file",
        metavar="FILE",
        help="File with the password of Ansible Vault values; also ANSIBLE_VAULT_PASSWORD_FILE.",
        show_default=False,
    ),
]

VaultId = Annotated[
    list[str] | None,
    typer.Option(
        "--vault-id",
        metavar="LABEL@FILE",
        help="Vault password for one label; may be given several times. `prompt` asks.",
        show_default=False,
    ),
]

Forks = Annotated[
    int,
    typer.Option("--forks", "-f", metavar="N", min=1, help="How many hosts to work on at the same time."),
]

Resolver = Annotated[
    str | None,
    typer.Option(
        "--resolver",
        metavar="ADDRESS[:PORT]",
        help="Ask this name server and nobody else; by default the system's.",
        show_default=False,
    ),
]

ReachNetworks = Annotated[
    list[str] | None,
    typer.Option(
        "--reach",
        metavar="NETWORK",
        help="A private network that records may lead to, such as 10.0.0.0/8; may be given several times.",
        show_default=False,
    ),
]

Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        callback=_set_verbosity,
        help="Say what is sent and received, without secrets; -vv says more.",
        show_default=False,
    ),
]

DEFAULT_TIMEOUT = 10.0
"""Seconds."""
DEFAULT_FORKS = 50
