"""The hosts that are measured on: disposable ones of this machine, all alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioner import sandbox
from provisioner.sandbox import SandboxHost

RELEASE = "bookworm"
PACKAGES = (
    *("postfix", "dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd"),
    *("rspamd", "redis-server", "nftables", "openssl", "python3"),
)
"""On the hosts before anything is measured; Python is what Ansible and Mitogen need there."""

SETTLE = "until ss -Hltn 'sport = :11332' | grep -q .; do sleep 0.2; done"
"""At its first start Rspamd compiles the list of top level domains, which takes both cores a while."""


def succeed(name: str, command: str, timeout: float = 900.0) -> str:
    """What a command prints on a host; raises `SandboxError` when it fails."""
    status, said = sandbox.execute(name, command, timeout)
    if status:
        raise sandbox.SandboxError(f"on {name} `{command}` ended with {status}:\n{said[-2000:]}")
    return said


INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
UNSTARTED = "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
"""Debian then starts nothing that it installs."""


def prepared_layer(more: Sequence[str] = ()) -> str:
    """The layer of the hosts that are measured on, with more packages, made once and kept."""
    return _layer([f"{INSTALL} {' '.join((*PACKAGES, *more))} 2>&1", SETTLE])


def layer_with(*packages: str) -> str:
    """A layer with packages of which nothing runs, not after a boot either."""
    units = "systemctl list-unit-files --state=enabled --no-legend | sed 's/ .*//' | sort"
    return _layer(
        [
            f"{UNSTARTED}; {units} > /root/before; {INSTALL} {' '.join(packages)} 2>&1",
            f"systemctl disable $({units} | comm -13 /root/before -) 2>&1; rm /root/before",
        ]
    )


def _layer(commands: Sequence[str]) -> str:
    name = f"bench-{hashlib.sha256(' '.join(commands).encode()).hexdigest()[:8]}"
    if not sandbox.has_layer(RELEASE, name):
        with up("bench-layer", None) as host:
            for command in ("apt-get update -q 2>&1", *commands):
                succeed(host.name, command)
            sandbox.save_layer(host.name, name)
    return name


@contextmanager
def up(name: str, layer: str | None) -> Iterator[SandboxHost]:
    """One host for the time of a `with` block, as new."""
    sandbox.down(name)
    try:
        yield sandbox.up(name, release=RELEASE, layer=layer)
    finally:
        sandbox.down(name)


@contextmanager
def fleet(count: int, more: Sequence[str] = ()) -> Iterator[list[SandboxHost]]:
    """Several hosts with the packages installed, and these too."""
    layer = prepared_layer(more)
    names = [f"bench-{number}" for number in range(1, count + 1)]
    for name in names:
        sandbox.down(name)
    try:
        yield [sandbox.up(name, release=RELEASE, layer=layer) for name in names]
    finally:
        for name in names:
            sandbox.down(name)


def write_known_hosts(path: Path, hosts: Sequence[SandboxHost], links: Sequence[tuple[str, int]]) -> None:
    """Put the hosts' keys on record, under their own addresses and under those of the slow links to them."""
    lines = []
    for host, (address, port) in zip(hosts, links, strict=True):
        for line in host.known_hosts.splitlines():
            _, _, key = line.partition(" ")
            lines += [line, f"[{address}]:{port} {key}"]
    path.write_text("\n".join(lines) + "\n")
