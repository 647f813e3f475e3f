"""A mail server of each release, applied once in a session from an inventory on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import yaml

from provisioner.apply import HostOutcome, Planned, Run, apply_hosts, close, plan_hosts
from provisioner.hosts.connection import ConnectionOptions
from provisioner.prepare import prepare
from provisioner.sandbox import SandboxHost
from tests.conftest import RELEASES, booted, mail_layer, succeed

ALICE = "correct horse battery staple"
VARIABLES: dict[str, object] = {
    "roles": ["mail_server"],
    "tls_provider": "self_signed",
    "mail_domains": {
        "example.test": {
            "users": {
                "alice": {"password": ALICE, "aliases": ["a.smith"], "quota": "2G"},
                "bob": {"password": "another horse battery staple"},
            },
            "aliases": {"postmaster": ["alice"], "info": ["alice", "bob"]},
        }
    },
}


@dataclass
class MailServer:
    """A host, the inventory that describes it, and the two things one does with them."""

    sandbox: SandboxHost
    folder: Path
    name: str = "mx1.example.test"
    steps: list[str] = field(default_factory=list)

    @property
    def inventory(self) -> Path:
        """The inventory's file."""
        return self.folder / "inventory.yml"

    def write(self, **changes: object) -> None:
        """Write the inventory, with other or further variables."""
        host = {
            "ansible_host": self.sandbox.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.sandbox.key),
        }
        document = {"all": {"hosts": {self.name: host}, "vars": {**VARIABLES, **changes}}}
        self.inventory.write_text(yaml.safe_dump(document, sort_keys=False))
        (self.folder / "known_hosts").write_text(self.sandbox.known_hosts)

    def run(self) -> Run:
        """What is the same for every call."""
        return Run(
            self.folder,
            ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False),
            report=lambda event: self.steps.append(f"{event.step} {event.detail}".strip()),
        )

    def plan(self) -> Planned:
        """Plan what the inventory says now; the connection is closed."""
        (planned,) = plan_hosts(prepare(self.inventory).candidates, self.run())
        close([planned])
        return planned

    def changes(self) -> list[str]:
        """What a plan would change."""
        planned = self.plan()
        assert planned.plan is not None, planned.error
        return [f"{change.action} {change.resource}" for change in planned.plan.changes]

    def apply(self, **changes: object) -> HostOutcome:
        """Write the inventory with these variables and apply it."""
        self.write(**changes)
        self.steps.clear()
        prepared = prepare(self.inventory, persist=True)
        (outcome,) = apply_hosts(plan_hosts(prepared.candidates, self.run(), mend=True), self.run())
        return outcome

    def sh(self, command: str) -> str:
        """What a command prints on the host; it must succeed."""
        return succeed(self.sandbox, command)


@pytest.fixture(scope="session")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], MailServer]]:
    """The server of a release: set up when it is first asked for, there until the end."""
    with ExitStack() as hosts:

        @cache
        def server(release: str) -> MailServer:
            host = hosts.enter_context(booted(release, mail_layer(release)))
            made = MailServer(host, tmp_path_factory.mktemp("inventory"))
            outcome = made.apply()
            assert outcome.status == "changed", (outcome.error, outcome.log)
            return made

        yield server


@pytest.fixture(scope="module", params=RELEASES)
def applied_server(request: pytest.FixtureRequest, server_of: Callable[[str], MailServer]) -> MailServer:
    """A host of each release with `mail_server` applied; tests that change it use `mail_server`."""
    return server_of(request.param)


@pytest.fixture
def mail_server(applied_server: MailServer) -> Iterator[MailServer]:
    """The same, as applied again after the test."""
    yield applied_server
    outcome = applied_server.apply()
    assert outcome.status in ("changed", "unchanged"), (outcome.error, outcome.log)
