"""Hosts as systemd-nspawn containers: an overlay over the image, a cable to the bridge, real systemd.

The overlay is mounted in a mount namespace that only the container has: when its processes end,
however they end, the mount is gone with them. Nothing is registered, so the machine itself needs
no systemd.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from provisioner.sandbox import cgroups, layers, network, processes
from provisioner.sandbox.cache import keep_downloads
from provisioner.sandbox.driver import Place
from provisioner.sandbox.image import ensure_image, remove_tree
from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.packages import require
from provisioner.sandbox.seed import machine_nameservers, network_file, seed_files, write_seed
from provisioner.sandbox.state import Record, SandboxError, State, hold

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "iptables": "iptables",
    "unshare": "util-linux",
}
# $1 mount options, $2 mount point, $3 a machine id, then the command: data, never part of the text.
# nspawn makes the cable's hardware address from the machine's id, which a container may not have.
_MOUNT_AND_RUN = (
    'mount -t overlay overlay -o "$1" "$2"'
    ' && { [ -s /etc/machine-id ] || mount --bind "$3" /etc/machine-id; }'
    ' && { [ -z "$4" ] || echo $$ >"$4/cgroup.procs"; }'
    ' && shift 4 && exec "$@"'
)
# What booting a host needs, tried in namespaces that vanish with the command.
# $1 lower, $2 upper, $3 work, $4 root
_MOUNT_PROBE = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"'
_NETWORK_PROBE = (
    "ip link add provprobe0 type bridge"
    " && ip link add provprobe1 type veth peer name provprobe2"
    " && iptables -w -t nat -A POSTROUTING -s 10.87.0.0/24 -j MASQUERADE"
)


def machine_name(root: Path) -> str:
    """The container's name: a host's may be too long for a link's name, and two sandboxes may share one."""
    return "pv" + hashlib.sha256(str(root).encode()).hexdigest()[:9]


@dataclass(frozen=True)
class Nspawn:
    """The driver `nspawn`."""

    name: str = "nspawn"
    boot_seconds: float = 60.0
    image_kind: str = "minimal"

    def refusal(self, state: State) -> str | None:
        """What is missing here, tried in 0.2 s."""
        if os.geteuid() != 0:
            return "needs root"
        if refusal := _try(state, _MOUNT_PROBE):
            return refusal
        try:
            require(PROGRAMS)  # only now: where mounting is refused they would be installed in vain
        except SandboxError as error:
            return error.message
        forward = Path("/proc/sys/net/ipv4/ip_forward")
        if forward.read_text().strip() != "1" and not os.access(forward, os.W_OK):
            return "/proc/sys is read-only, so hosts could reach nothing"
        return _try(state, _NETWORK_PROBE)

    def prepare(self, state: State, release: str) -> None:
        """Build the tree."""
        ensure_image(state, release)

    def lock(self, state: State) -> AbstractContextManager[None]:
        """One lock for the machine: two sandboxes must not choose one subnet."""
        return hold(network.MACHINE_LOCK)

    def place(self, state: State, wanted: IPv4Address | None) -> Place:
        """An address on the bridge, for IPv4 and IPv6."""
        net = network.ensure_network(state, wanted)
        address = network.free_address(state, net.subnet, wanted)
        network.forget_neighbour(net, address)
        has_ipv6 = Path("/proc/sys/net/ipv6").exists()
        return Place(str(address), 22, str(net.address6(address)) if has_ipv6 else None)

    def start(self, state: State, record: Record, keys: HostKeys) -> None:
        """Start the container; it lives on when this process ends."""
        folder = state.host(record.name)
        with self.lock(state):
            net = network.ensure_network(state)
        remove_tree(folder / "seed")
        (folder / "seed").mkdir(mode=0o755)
        files = seed_files(record, keys, machine_nameservers())
        files.append(network_file(record, str(net.gateway)))
        write_seed(folder / "seed", files, state.cache(record.release))
        below = [layers.tree(state, self.name, record.release, layer) for layer in self._stack(state, record)]
        _run(folder, record.name, [folder / "seed", *below, ensure_image(state, record.release)], net.bridge)

    def running(self, state: State, record: Record) -> bool:
        """Whether any process of the container lives."""
        return bool(processes.processes_of(_root(state, record)))

    def stop(self, state: State, record: Record) -> None:
        """Kill it; with its PID 1 the kernel ends all of it."""
        root = _root(state, record)
        if not processes.end(root):
            raise SandboxError(
                f"{record.name} can't be ended: processes {processes.processes_of(root)} don't die"
            )
        network.remove_link(f"vb-{machine_name(root)}")
        cgroups.remove_group(machine_name(root))

    def power_off(self, state: State, record: Record) -> None:
        """Ask its systemd to."""
        processes.power_off(_root(state, record))
        self.stop(state, record)

    def clear(self, state: State, record: Record) -> None:
        """Remove the overlay's upper folder, its packages kept."""
        folder = state.host(record.name)
        keep_downloads(folder / "upper", state.cache(record.release))
        for part in ("upper", "work"):
            remove_tree(folder / part)

    def save(self, state: State, record: Record, layer: str) -> None:
        """The overlay's upper folder becomes the layer."""
        folder = state.host(record.name)
        keep_downloads(folder / "upper", state.cache(record.release))
        remove_tree(folder / "upper/var/cache/apt/archives")
        layers.save_tree(state, self.name, record, layer, folder / "upper")
        remove_tree(folder / "work")

    def has_layer(self, state: State, release: str, layer: str) -> bool:
        """Whether its tree is there."""
        return layers.tree(state, self.name, release, layer).exists()

    def drop_layer(self, state: State, release: str, layer: str) -> None:
        """Remove its tree."""
        remove_tree(layers.tree(state, self.name, release, layer).parent)

    def tidy(self, state: State) -> None:
        """Remove bridge and rules."""
        network.remove_network(state)

    def _stack(self, state: State, record: Record) -> list[str]:
        return layers.stack(state, self.name, record.release, record.layer)


def _root(state: State, record: Record) -> Path:
    return state.host(record.name) / "root"


def _run(folder: Path, hostname: str, lowers: list[Path], bridge: str) -> None:
    """Start the container; `lowers` come topmost first."""
    root = folder / "root"
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lowers))},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    argv = [
        "unshare",
        "--mount",
        "--propagation=private",
        "sh",
        "-c",
        _MOUNT_AND_RUN,
        "sh",
        options,
        str(root),
        str(_machine_id(folder)),
        cgroups.make_group(machine_name(root)),
    ]
    argv += ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe"]
    argv += [f"--directory={root}", f"--machine={machine_name(root)}", f"--hostname={hostname.split('.')[0]}"]
    argv += [f"--network-bridge={bridge}", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]
    argv += [f"--setenv={processes.MARK}={root}"]
    # Debian 13's systemd wants unified cgroups, whatever the machine has.
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "LC_ALL": "C"}
    environment.pop("NOTIFY_SOCKET", None)
    with (folder / "console.log").open("wb") as log:
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment
        )


def _machine_id(folder: Path) -> Path:
    """A file with an id that can stand in for the machine's (machine-id(5))."""
    path = folder / "machine-id"
    path.write_text(hashlib.sha256(str(folder).encode()).hexdigest()[:32] + "\n")
    Path("/etc/machine-id").touch()  # for mounting over; nothing is written to it
    return path


def _try(state: State, probe: str) -> str | None:
    """Run a probe in namespaces of its own; why it failed, in words."""
    folder = Path(tempfile.mkdtemp(prefix="probe-", dir=state.folder))  # others may probe at the same time
    parts = [folder / part for part in ("lower", "upper", "work", "root")]
    argv = ["unshare", "--mount", "--net", "--propagation=private", "sh", "-c", probe, "sh"]
    try:
        for part in parts:
            part.mkdir()
        done = subprocess.run(
            [*argv, *map(str, parts)], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=False)
    return _explain(done.stderr) if done.returncode else None


def _explain(said: str) -> str:
    last = (said.strip().splitlines() or ["no reason given"])[-1]
    if "unshare" in said:
        return f"no namespaces of its own: this is a container without CAP_SYS_ADMIN ({last})"
    if "mount" in said:
        return f"overlay mount refused: a container's own file system, or no CAP_SYS_ADMIN ({last})"
    return f"no bridge or address translation of its own ({last})"
