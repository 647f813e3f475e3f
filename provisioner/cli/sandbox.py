"""`provision sandbox up|list|ssh|down`: disposable Debian hosts on this machine to try things on."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import Json
from provisioner.errors import InputError

if TYPE_CHECKING:
    from provisioner.sandbox import SandboxHost

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Disposable Debian hosts on this machine: real systemd and sshd, ready in seconds.",
)


def _complete_names(incomplete: str) -> list[str]:
    from provisioner import sandbox

    return [host.name for host in sandbox.list_hosts() if host.name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(metavar="NAME", help="The host.", autocompletion=_complete_names)]


@app.command()
def up(
    name: Name = "demo",
    release: Annotated[
        str | None,
        typer.Option(
            metavar="RELEASE", help="bookworm (Debian 12, the default) or trixie (13).", show_default=False
        ),
    ] = None,
    driver: Annotated[
        str | None,
        typer.Option(
            metavar="DRIVER",
            help="nspawn, docker, podman or qemu; by default the first that works here.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="The host's IPv4 address; a free one by default.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Boot a host; returns when root can log in."""
    from provisioner import sandbox
    from provisioner.report.terminal import standard

    host = sandbox.up(name, release=release, address=address, driver=driver)
    if as_json:
        standard().document(_document("sandbox up", [host]))
    else:
        standard().result(_line(host), f"  log in: provision sandbox ssh {host.name}")


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """Every sandbox host of this machine, and how to reach it."""
    from provisioner import sandbox
    from provisioner.report.terminal import standard

    hosts = sandbox.list_hosts()
    screen = standard()
    if as_json:
        screen.document(_document("sandbox list", hosts))
    elif hosts:
        screen.result(*(_line(host) for host in hosts))
    else:
        screen.progress("No sandbox hosts. `provision sandbox up` makes one.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def ssh(context: typer.Context, name: Name = "demo") -> None:
    """Log in as root, or run the command that follows NAME, as ssh does."""
    import shutil

    from provisioner import sandbox

    host = sandbox.find_host(name)
    if not host.running:
        raise InputError(f"sandbox host {name} isn't running", hint=f"provision sandbox up {name}")
    program = shutil.which("ssh")
    if program is None:
        raise InputError("the program ssh isn't installed", hint="apt-get install openssh-client")
    known_hosts = host.key.with_name("known_hosts")
    known_hosts.write_text(host.known_hosts)
    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known_hosts}"]
    options += ["GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR"]
    argv = [program, "-F", "none", "-i", str(host.key), "-p", str(host.port)]
    argv += [word for option in options for word in ("-o", option)]
    os.execv(program, [*argv, f"root@{host.address}", *context.args])  # noqa: S606  there is no shell between


@app.command()
def down(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="The hosts.", autocompletion=_complete_names, show_default=False
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """End hosts and delete them. Images and downloaded packages are kept for the next ones."""
    from provisioner import sandbox
    from provisioner.report.terminal import standard

    if every == bool(names):
        raise InputError("down takes the names of hosts, or --all", hint="provision sandbox list")
    screen = standard()
    gone = sandbox.down_all() if every else sandbox.down_several(names or [])
    if gone:
        screen.result(*(f"{name} is gone" for name in gone))
    for name in names or []:
        if name not in gone:
            screen.progress(f"There was no host {name}.")
    if every and not gone:
        screen.progress("There were no hosts.")


def _line(host: SandboxHost) -> str:
    at = host.address if host.port == 22 else f"{host.address}:{host.port}"
    state = "up" if host.running else "not running"
    layer = f" on {host.layer}" if host.layer else ""
    return f"{host.name:<16} {at:<15} {host.release}{layer} ({host.driver}) {state}"


def _document(command: str, hosts: list[SandboxHost]) -> dict[str, object]:
    shown = {host.name: {**asdict(host), "key": str(host.key)} for host in hosts}
    return {"format": 1, "command": command, "hosts": shown}
