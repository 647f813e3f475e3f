"""Hosts that are containers: some of their files are mounts, and there are things they have no right to."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from provisioner import sandbox
from provisioner.apply import HostOutcome, Run, apply_hosts, plan_hosts
from provisioner.hosts.connection import ConnectionOptions
from provisioner.prepare import prepare
from provisioner.resources import Command
from provisioner.sandbox import SandboxHost
from provisioner.sandbox.engine import Engine
from provisioner.sandbox.state import State
from tests.conftest import new_name, succeed


@pytest.fixture(params=["docker", "podman"])
def container(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    """A host in a container of each engine that runs systemd here."""
    refusal = Engine(request.param).refusal(State.open())
    if refusal:
        pytest.skip(f"{request.param}: {refusal}")
    name = new_name()
    try:
        yield sandbox.up(name, driver=request.param)
    finally:
        sandbox.down(name)


def inventory(host: SandboxHost, folder: Path, **variables: object) -> Path:
    """An inventory in `folder` with this host, and the roles that touch the machine itself."""
    where = {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.key),
    }
    document = {
        "all": {"hosts": {"mx1.example.test": where}, "vars": {"roles": ["base", "firewall"], **variables}}
    }
    (folder / "inventory.yml").write_text(yaml.safe_dump(document))
    (folder / "known_hosts").write_text(host.known_hosts)
    return folder / "inventory.yml"


def apply(file: Path) -> HostOutcome:
    """What becomes of the host."""
    run = Run(file.parent, ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False))
    (outcome,) = apply_hosts(plan_hosts(prepare(file).candidates, run, mend=True), run)
    return outcome


def test_a_container_takes_the_roles_that_touch_the_machine_itself(
    container: SandboxHost, tmp_path: Path
) -> None:
    outcome = apply(inventory(container, tmp_path))

    assert outcome.status == "changed", (outcome.error, outcome.log)
    assert succeed(container, "mountpoint -q /etc/hostname; cat /etc/hostname") == "mx1.example.test\n"
    assert "policy drop" in succeed(container, "nft list table inet provision")
    assert apply(tmp_path / "inventory.yml").status == "unchanged"


def test_a_container_is_put_back_with_the_files_that_are_mounts(
    container: SandboxHost, tmp_path: Path
) -> None:
    picture = "stat -c '%i %u %g %a %y' /etc/hostname; cat /etc/hostname"
    before = succeed(container, picture)

    outcome = apply(inventory(container, tmp_path, firewall_open=[{"port": "5000-80"}]))

    assert (outcome.status, outcome.left) == ("rolled-back", ()), (outcome.error, outcome.log)
    assert succeed(container, picture) == before


def test_only_a_host_that_may_not_take_another_name_keeps_the_one_it_has(
    debian_host: SandboxHost, tmp_path: Path
) -> None:
    desired = prepare(inventory(debian_host, tmp_path)).candidates[0].by_release[debian_host.release]
    (take,) = (r for r in desired.resources if isinstance(r, Command) and r.name == "take-hostname")
    assert take.guard is not None
    unneeded = shlex.join(take.guard.unless)

    assert sandbox.execute(debian_host.name, unneeded)[0] != 0
    assert sandbox.execute(debian_host.name, f"setpriv --bounding-set=-sys_admin -- {unneeded}")[0] == 0
    succeed(debian_host, shlex.join(take.argv))
    assert sandbox.execute(debian_host.name, unneeded)[0] == 0
