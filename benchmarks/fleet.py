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


def prepared_layer() -> str:
    """The layer with the packages, made once and kept."""
    name = f"bench-{hashlib.sha256(' '.join([*PACKAGES, SETTLE]).encode()).hexdigest()[:8]}"
    if not sandbox.has_layer(RELEASE, name):
        with up("bench-layer", None) as host:
            succeed(host.name, "apt-get update -q 2>&1")
            install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
            succeed(host.name, f"{install} {' '.join(PACKAGES)} 2>&1")
            succeed(host.name, SETTLE)
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
def fleet(count: int) -> Iterator[list[SandboxHost]]:
    """Several hosts with the packages installed."""
    layer = prepared_layer()
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
