"""How each tool is called to do its work on the same hosts."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.measuring import Taken, run

PEERS = Path(__file__).parent / "peers"
BIN = Path(sys.executable).parent
TOOLS = ("provision", "Ansible", "Mitogen", "pyinfra")


@dataclass(frozen=True)
class Target:
    """A host as a tool reaches it."""

    name: str
    address: str
    port: int
    key: Path
    through: tuple[str, int] | None = None
    """The slow link to it, if any."""


class Tools:
    """The four tools, working in one folder, on one set of targets.

    Each call is a run of its own as a person would start it: no connection is left over from the
    call before.
    """

    def __init__(self, folder: Path, targets: Sequence[Target], label: str) -> None:
        """`folder` holds `known_hosts`; the inventories are written there, named after `label`."""
        self._folder = folder
        self._inventory = folder / f"{label}.yml"
        self._peers = folder / f"{label}.peers.yml"
        self._pyinfra = folder / f"{label}_pyinfra.py"
        self._targets = targets
        self._limit = 52428800
        self._greeting = "ready"
        self._write()

    def change(self, number: int) -> None:
        """Have one template come out differently: for `provision` main.cf, for the peers dovecot.conf."""
        self._limit = 52428800 + number
        self._greeting = f"ready {number}"
        self._write()

    def run(self, tool: str) -> Taken:
        """One run of a tool over all targets, from the shell's point of view."""
        match tool:
            case "provision":
                return self.provision()
            case "Ansible":
                return self._ansible({})
            case "Mitogen":
                return self._ansible(_mitogen())
            case _:
                command: list[str | Path] = [
                    BIN / "pyinfra",
                    "-y",
                    self._pyinfra,
                    PEERS / "pyinfra" / "deploy.py",
                ]
                return run(command, {"HOME": str(self._folder)})

    def provision(self, *options: str) -> Taken:
        """`provision apply`, without the verification that follows a change (the peers have none)."""
        return run([BIN / "provision", "apply", self._inventory, "--yes", "--no-verify", *options], {})

    def _ansible(self, environment: dict[str, str]) -> Taken:
        command: list[str | Path] = [
            BIN / "ansible-playbook",
            "-i",
            self._peers,
            PEERS / "ansible" / "small.yml",
        ]
        with tempfile.TemporaryDirectory(prefix="bench-") as sockets:
            settings = {
                "HOME": str(self._folder),
                "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
                "ANSIBLE_DEPRECATION_WARNINGS": "0",
                **environment,
            }
            return run([*command, "-e", json.dumps({"greeting": self._greeting})], settings)

    def _write(self) -> None:
        self._inventory.write_text(yaml.safe_dump(self._own_inventory()))
        arguments = f"-o UserKnownHostsFile={self._folder}/known_hosts"
        peers = {
            t.name: {**_peers_connection(t), "ansible_ssh_common_args": arguments} for t in self._targets
        }
        self._peers.write_text(yaml.safe_dump({"all": {"hosts": peers}}))
        hosts = [
            (
                target.name,
                {
                    "ssh_hostname": (target.through or (target.address, target.port))[0],
                    "ssh_port": (target.through or (target.address, target.port))[1],
                    "ssh_user": "root",
                    "ssh_key": str(target.key),
                    "ssh_known_hosts_file": f"{self._folder}/known_hosts",
                    "greeting": self._greeting,
                },
            )
            for target in self._targets
        ]
        self._pyinfra.write_text(f"hosts = {hosts!r}\n")

    def _own_inventory(self) -> dict[str, object]:
        hosts = {
            target.name: {
                **_connection(target),
                "mail_domains": {
                    f"d{number}.test": {
                        "users": {user: {"password": _HASH} for user in ("alice", "bob", "carol")},
                        "aliases": {"postmaster": ["alice"], "info": ["alice", "bob"]},
                    }
                },
            }
            for number, target in enumerate(self._targets)
        }
        variables = {
            "roles": ["mail_server"],
            "tls_provider": "self_signed",
            "postfix_parameters": {"message_size_limit": self._limit},
        }
        return {"all": {"hosts": hosts, "vars": variables}}


_HASH = "{SHA512-CRYPT}$6$rounds=5000$benchbench$" + "x" * 86
"""A password nobody has: nothing logs in here."""


def _connection(target: Target) -> dict[str, object]:
    """For `provision` the address stays the host's own: it is part of what is deployed."""
    connection: dict[str, object] = {
        "ansible_host": target.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(target.key),
    }
    if target.through is None:
        return {**connection, "ansible_port": target.port}
    address, port = target.through
    return {**connection, "ansible_ssh_common_args": f"-o HostName={address} -o Port={port}"}


def _peers_connection(target: Target) -> dict[str, object]:
    address, port = target.through or (target.address, target.port)
    return {
        "ansible_host": address,
        "ansible_port": port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(target.key),
    }


def _mitogen() -> dict[str, str]:
    """Ansible's own way to turn Mitogen on."""
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or found.origin is None:
        raise SystemExit("Mitogen is not installed: pip install '.[bench]'")
    plugins = Path(found.origin).parent / "plugins" / "strategy"
    return {"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"}
