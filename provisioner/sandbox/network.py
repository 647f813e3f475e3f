"""The bridge that hosts hang on, and the way out to the package archive. For the nspawn driver.

Every part is looked at and put right by itself, so that a run killed between two parts leaves
nothing that the next run doesn't mend, and all of it goes when the last host goes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from provisioner.errors import InputError
from provisioner.sandbox.state import SandboxError, State, write_whole

MACHINE_LOCK = Path("/run/lock/provision-sandbox")  # two sandboxes must not choose one subnet
# 10.88 and 10.89 are podman's, 172.16/12 Docker's: stay clear of both.
CANDIDATES = tuple(IPv4Network((0x0A570000 + (third << 8), 24)) for third in range(256))
FIRST_HOST = 11
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True, slots=True)
class Network:
    """One sandbox's bridge and subnet."""

    bridge: str
    subnet: IPv4Network
    turned_forwarding_on: bool = False

    @property
    def gateway(self) -> IPv4Address:
        """The machine's own address on the bridge."""
        return self.subnet[1]

    @property
    def subnet6(self) -> IPv6Network:
        """A unique local /64 (RFC 4193) with the IPv4 subnet in it, so that each has one of the other."""
        return IPv6Network(((0xFD << 120) | (0x70726F76 << 88) | (int(self.subnet[0]) << 64), 64))

    def address6(self, address: IPv4Address) -> IPv6Address:
        """The IPv6 address of the host that has `address`."""
        return self.subnet6[int(address) - int(self.subnet[0])]

    def rules(self) -> list[tuple[str, list[str]]]:
        """Table and rule of each thing that iptables must do for the hosts."""
        inside = str(self.subnet)
        return [
            ("nat", ["POSTROUTING", "-s", inside, "!", "-d", inside, "-j", "MASQUERADE"]),
            # Docker and most firewalls let nothing be forwarded that they don't know; with
            # bridge-nf-call-iptables that would part hosts from each other too.
            ("filter", ["FORWARD", "-i", self.bridge, "-j", "ACCEPT"]),
            ("filter", ["FORWARD", "-o", self.bridge, "-j", "ACCEPT"]),
        ]


def ensure_network(state: State, wanted: IPv4Address | None = None) -> Network:
    """The sandbox's network, made or mended. Hold MACHINE_LOCK.

    `wanted` is an address that a first host asked for: its /24 is taken then.
    """
    network = _choose(state, wanted)
    if _FORWARD.read_text().strip() != "1":
        network = Network(network.bridge, network.subnet, turned_forwarding_on=True)
    write_whole(state.folder / "network.json", _text(network))
    links = _addresses()
    if network.bridge not in links:
        _run("ip", "link", "add", network.bridge, "type", "bridge")
    has = links.get(network.bridge, set())
    if str(network.gateway) not in has:
        _run("ip", "address", "add", f"{network.gateway}/{network.subnet.prefixlen}", "dev", network.bridge)
    if Path("/proc/sys/net/ipv6").exists() and str(network.subnet6[1]) not in has:
        # A machine with IPv6 switched off refuses; its hosts have IPv4 alone then.
        _run(
            "ip", "address", "add", f"{network.subnet6[1]}/64", "dev", network.bridge, "nodad", may_fail=True
        )
    _run("ip", "link", "set", network.bridge, "up")
    if network.turned_forwarding_on:
        _FORWARD.write_text("1\n")
    for table, rule in network.rules():
        if not _has_rule(table, rule):
            _run("iptables", "-w", "-t", table, "-I", *rule)
    return network


def remove_network(state: State) -> None:
    """Take bridge and rules away. Hold MACHINE_LOCK; no host may be left."""
    network = _stored(state)
    if network is None:
        return
    for table, rule in network.rules():
        while _has_rule(table, rule):
            _run("iptables", "-w", "-t", table, "-D", *rule)
    if network.bridge in _addresses():
        _run("ip", "link", "delete", network.bridge)
    if network.turned_forwarding_on and not _bridges():
        _FORWARD.write_text("0\n")  # somebody else's bridge may have come to rely on it
    (state.folder / "network.json").unlink(missing_ok=True)


def free_address(state: State, subnet: IPv4Network, wanted: IPv4Address | None) -> IPv4Address:
    """`wanted` if it can be had, else the lowest free one. Raises InputError when it can't."""
    taken = {record.address: record.name for record in state.records()}
    if wanted is None:
        usable = (subnet[n] for n in range(FIRST_HOST, subnet.num_addresses - 1))
        free = next((address for address in usable if str(address) not in taken), None)
        if free is None:
            raise SandboxError(f"every address of {subnet} is taken", hint="provision sandbox down --all")
        return free
    if str(wanted) in taken:
        raise InputError(f"{wanted} is the address of sandbox host {taken[str(wanted)]}")
    if wanted not in subnet or wanted in (subnet[0], subnet[1], subnet[-1]):
        raise InputError(
            f"{wanted} isn't a host's address in this sandbox's subnet, {subnet}",
            hint="Take all hosts down first to move to another subnet, or leave --address out.",
        )
    return wanted


def forget_neighbour(network: Network, address: IPv4Address) -> None:
    """Forget who had `address` before: for some seconds the kernel would go on writing to that host."""
    for one in (address, network.address6(address)):
        _run("ip", "neigh", "flush", "to", str(one), "dev", network.bridge, may_fail=True)


def remove_link(name: str) -> None:
    """Remove a host's end of its cable, if a killed runtime left it."""
    if name in _addresses():
        _run("ip", "link", "delete", name, may_fail=True)


def _choose(state: State, wanted: IPv4Address | None) -> Network:
    stored = _stored(state)
    bridge = bridge_name(state)
    others = _subnets_in_use(besides=bridge)
    if stored and (state.records() or wanted is None or wanted in stored.subnet):
        if not any(stored.subnet.overlaps(other) for other in others):
            return stored
        if bridge in _addresses():
            return stored  # hosts run on it; whoever took the subnet later has the more specific problem
    candidates = CANDIDATES if wanted is None else (IPv4Network((int(wanted) & ~0xFF, 24)),)
    for subnet in candidates:
        if not any(subnet.overlaps(other) for other in others):
            return Network(bridge, subnet, stored.turned_forwarding_on if stored else False)
    raise SandboxError(
        f"no free subnet for sandbox hosts: {candidates[0]} is in use on this machine",
        hint="Name an address of a free private network: provision sandbox up --address 10.99.0.11",
    )


def bridge_name(state: State) -> str:
    """The bridge of this sandbox: each has its own, named after its folder."""
    return "prov-" + hashlib.sha256(str(state.folder).encode()).hexdigest()[:8]


def _stored(state: State) -> Network | None:
    try:
        data = json.loads((state.folder / "network.json").read_text())
        return Network(data["bridge"], IPv4Network(data["subnet"]), bool(data["turned_forwarding_on"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _text(network: Network) -> bytes:
    return (json.dumps({**asdict(network), "subnet": str(network.subnet)}) + "\n").encode()


def _subnets_in_use(besides: str) -> list[IPv4Network]:
    routes = json.loads(_run("ip", "-json", "-4", "route", "show", "table", "all"))
    found = []
    for route in routes:
        if route.get("dst") in (None, "default", "0.0.0.0/0") or route.get("dev") == besides:
            continue
        network = ip_network(route["dst"], strict=False)
        if isinstance(network, IPv4Network):
            found.append(network)
    return found


def _addresses() -> dict[str, set[str]]:
    links = json.loads(_run("ip", "-json", "address", "show"))
    return {
        link["ifname"]: {address["local"] for address in link.get("addr_info", []) if "local" in address}
        for link in links
        if "ifname" in link
    }


def _bridges() -> list[str]:
    return [path.parent.name for path in Path("/sys/class/net").glob("*/bridge")]


def _has_rule(table: str, rule: list[str]) -> bool:
    done = subprocess.run(["iptables", "-w", "-t", table, "-C", *rule], capture_output=True, check=False)
    return done.returncode == 0


def _run(*argv: str, may_fail: bool = False) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    if done.returncode and not may_fail:
        raise SandboxError(f"`{' '.join(argv)}` failed", evidence=done.stderr.splitlines())
    return done.stdout
