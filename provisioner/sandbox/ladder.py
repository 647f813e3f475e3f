"""Which way of running hosts works on this machine: found by trying each, best first."""

from __future__ import annotations

import os

from provisioner.errors import InputError
from provisioner.sandbox.driver import Driver
from provisioner.sandbox.engine import Engine
from provisioner.sandbox.nspawn import Nspawn
from provisioner.sandbox.qemu import Qemu
from provisioner.sandbox.state import SandboxError, State

DRIVERS: tuple[Driver, ...] = (Nspawn(), Engine("docker"), Engine("podman"), Qemu())
_HINT = """\
Any one of these helps: run as root; start the container with --privileged and a volume at
{folder}; install qemu-system-x86. Or use a Debian 12 or 13 machine that you can spare:
provision apply inventories/demo.yml --limit HOST"""


def named(name: str) -> Driver:
    """The driver of that name. Raises InputError when there is none."""
    for driver in DRIVERS:
        if driver.name == name:
            return driver
    raise InputError(f"there is no driver {name!r}", hint=f"Drivers: {', '.join(d.name for d in DRIVERS)}.")


def choose(state: State, name: str | None) -> Driver:
    """The first driver that works here, or `name` if that works (by default PROVISION_SANDBOX_DRIVER).

    Raises SandboxError that says of each what stands in its way.
    """
    name = name or os.environ.get("PROVISION_SANDBOX_DRIVER") or None
    refusals = []
    for driver in DRIVERS if name is None else (named(name),):
        refusal = driver.refusal(state)
        if refusal is None:
            return driver
        refusals.append(f"  {driver.name:<8} {refusal}")
    raise SandboxError(
        "No disposable host can be made on this machine. What was tried:",
        evidence=refusals,
        hint=_HINT.format(folder=state.folder),
    )
