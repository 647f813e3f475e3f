"""What the sandbox puts into a host before it boots: name, address, keys, resolver, fetched packages.

It lies in a folder of its own between the Debian image and what the host writes, so the host may
change or delete any of it as on a real machine, and we never write where a host could have put a link.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from provisioner.sandbox.cache import link_downloads
from provisioner.sandbox.keys import HOST_KEYS, HostKeys
from provisioner.sandbox.state import Record

_NETWORK = "etc/systemd/network/10-host0.network"


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One file of a seed: where (relative to the host's root), what, and who may read it."""

    path: str
    content: bytes
    mode: int = 0o644


def seed_files(record: Record, keys: HostKeys, nameservers: list[str]) -> list[SeedFile]:
    """The files that make `record` a host of its own, its network apart."""
    short = record.name.split(".")[0]
    names = record.name if short == record.name else f"{record.name} {short}"
    own = [record.address, record.address6] if not record.address.startswith("127.") else ["127.0.1.1"]
    hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    hosts += [f"{address} {names}" for address in own if address]
    files = [
        SeedFile("etc/hostname", f"{short}\n".encode()),
        SeedFile("etc/hosts", ("\n".join(hosts) + "\n").encode()),
        SeedFile("etc/machine-id", b""),  # systemd makes one at boot: machine-id(5)
        SeedFile("etc/resolv.conf", "".join(f"nameserver {a}\n" for a in nameservers).encode()),
        SeedFile("root/.ssh/authorized_keys", keys.login_public().encode(), 0o600),
    ]
    for kind in HOST_KEYS:
        name = f"ssh_host_{kind}_key"
        files.append(SeedFile(f"etc/ssh/{name}", (keys.folder / name).read_bytes(), 0o600))
        files.append(SeedFile(f"etc/ssh/{name}.pub", (keys.folder / f"{name}.pub").read_bytes()))
    return files


def network_file(record: Record, gateway: str) -> SeedFile:
    """The host's addresses on the bridge, for systemd-networkd."""
    lines = ["[Match]", "Name=host0", "", "[Network]", "IPv6AcceptRA=no", f"Gateway={gateway}"]
    for address, length in ((record.address, 24), (record.address6, 64)):
        if address:
            # Nobody else is on this bridge: asking first whether the address is taken costs a second.
            lines += ["", "[Address]", f"Address={address}/{length}", "DuplicateAddressDetection=none"]
    return SeedFile(_NETWORK, ("\n".join(lines) + "\n").encode())


def dhcp_file() -> SeedFile:
    """For systemd-networkd: ask the network, as behind qemu's user networking."""
    return SeedFile(_NETWORK, b"[Match]\nType=ether\n\n[Network]\nDHCP=yes\n")


def write_seed(folder: Path, files: list[SeedFile], cache: Path) -> None:
    """Write the seed into the empty `folder`, and the packages that earlier hosts fetched with it."""
    for file in files:
        path = folder / file.path
        for parent in reversed(path.relative_to(folder).parents):
            (folder / parent).mkdir(mode=0o700 if str(parent).startswith("root") else 0o755, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, file.mode)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, file.mode)
            stream.write(file.content)
    if any(file.path == _NETWORK for file in files):
        wants = folder / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "systemd-networkd.service").symlink_to("/usr/lib/systemd/system/systemd-networkd.service")
    link_downloads(cache, folder)


def machine_nameservers() -> list[str]:
    """Resolvers of this machine that a host can reach too: those that aren't loopback.

    With systemd-resolved /etc/resolv.conf says 127.0.0.53, which is dead inside a host; what it
    asks itself is in a file of its own (resolved.conf(5)).
    """
    for path in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        if path.exists() and (found := nameservers_in(path.read_text(errors="replace"))):
            return found
    return []


def nameservers_in(text: str) -> list[str]:
    """The reachable `nameserver` addresses of a resolv.conf, at most three: resolv.conf(5)."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                if not ip_address(words[1]).is_loopback:
                    found.append(words[1])
            except ValueError:
                continue
    return found[:3]
