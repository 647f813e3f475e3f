"""How an engine (Docker, Podman) has to be asked here, so that systemd boots in its containers.

Engines differ in what they let systemd do, and one that answers proves nothing: the known ways are
tried one after the other, once per start of the machine, and the first that boots is remembered.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.sandbox.packages import missing, require
from provisioner.sandbox.state import SandboxError, State, write_whole

INIT = "/sbin/init"  # as a list of its own: `sh -c` in between, and systemd isn't PID 1
_LIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"]  # raising them may be forbidden
_TMPFS = ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--env", "container=docker"]
_FIREWALL = ["--cap-add", "NET_ADMIN"]  # what nftables asks for, even to check a file
_CGROUPS = ["--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro"]


@dataclass(frozen=True, slots=True)
class Way:
    """Options that let systemd boot: of the engine itself, and of a container."""

    engine: list[str]
    container: list[str]
    programs: Mapping[str, str] = field(default_factory=dict)
    """What the way needs besides the engine: program and package."""


WAYS = {
    "podman": [
        Way([], ["--systemd=always", *_FIREWALL]),
        Way([], ["--systemd=always", *_FIREWALL, *_LIMITS]),
        # crun refuses cgroups in hybrid mode; runc takes them.
        Way(["--runtime", "runc"], ["--systemd=always", *_FIREWALL, *_LIMITS], {"runc": "runc"}),
    ],
    "docker": [
        Way([], [*_TMPFS, "--cap-add", "SYS_ADMIN", *_FIREWALL, "--cgroupns=private"]),
        Way([], [*_TMPFS, *_FIREWALL, *_CGROUPS]),
        Way([], [*_TMPFS, *_FIREWALL, "--cgroupns=host", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]),
        Way([], ["--privileged", "--cgroupns=private", "--env", "container=docker"]),
        Way([], [*_TMPFS, *_CGROUPS]),  # no firewall on such a host
    ],
}


def ask_engine(
    name: str, options: Sequence[str], *argv: str, stdin: int | None = None, timeout: float = 60.0
) -> str:
    """What the engine's program `name` prints. Raises SandboxError when it fails, or takes `timeout` s."""
    source = subprocess.DEVNULL if stdin is None else stdin
    try:
        done = subprocess.run(
            [name, *options, *argv],
            stdin=source,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(f"`{name} {argv[0]}` gave no answer within {timeout:.0f} s") from None
    if done.returncode:
        raise SandboxError(f"`{name} {' '.join(argv[:2])}` failed", evidence=done.stderr.splitlines()[-4:])
    return done.stdout


def remembered_way(state: State, name: str) -> Way | None:
    """The way of the engine `name` that worked since the machine was started."""
    try:
        memory = json.loads(_memory(state, name).read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Way(memory["engine"], memory["container"]) if memory.get("boot") == _boot_id() else None


def find_way(state: State, name: str, image: str, container: str) -> str | None:
    """Boot `image` as `container` in each way until one works, and remember that; else what was met."""
    met = ""
    for way in WAYS[name]:
        if not _has_programs(way, met):
            continue
        try:
            _forget(way, name, container)  # a run killed while probing left it
            ask_engine(name, way.engine, "run", "-d", "--name", container, *way.container, image, INIT)
            met = _boots(way, name, container)
        except SandboxError as error:
            met = (error.evidence or (error.message,))[-1]
        finally:
            _forget(way, name, container)
        if not met:
            memory = {"boot": _boot_id(), "engine": way.engine, "container": way.container}
            write_whole(_memory(state, name), json.dumps(memory).encode())
            return None
    return f"its containers are of no use here: {met[:160]}"


def _has_programs(way: Way, met: str) -> bool:
    """Whether all that the way needs is there; fetched only where control groups stood in the way so far."""
    if missing(way.programs) and "cgroup" in met:
        try:
            require(way.programs)
        except SandboxError:
            return False
    return not missing(way.programs)


def _boots(way: Way, name: str, container: str) -> str:
    """Nothing once systemd in the container is up; else what it said after 15 s, or when it ended."""
    limit = time.monotonic() + 15
    argv = [name, *way.engine, "exec", container, "systemctl", "is-system-running"]
    while True:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
        said = done.stdout.strip()
        if said in ("running", "degraded"):
            return _unreachable(way, name, container)
        if time.monotonic() > limit or not is_running(way, name, container):
            return said or (done.stderr.strip().splitlines() or ["no answer"])[-1]
        time.sleep(0.2)


def _unreachable(way: Way, name: str, container: str) -> str:
    """Why this machine does not reach the container by its address, as with engines that run elsewhere."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = ask_engine(name, way.engine, "container", "inspect", "--format", form, container).strip()
    if not address:
        return "they have no address that this machine could reach"
    try:
        with socket.create_connection((address, 22), timeout=3.0):
            return ""
    except ConnectionRefusedError:  # sshd has no keys in a probe; but that it is refused came from there
        return ""
    except OSError as error:
        return f"this machine does not reach them at {address}: {error}"


def is_running(way: Way | None, name: str, container: str) -> bool:
    """Whether the engine says that the container runs."""
    argv = ("container", "inspect", "--format", "{{.State.Running}}", container)
    try:
        return ask_engine(name, way.engine if way else [], *argv).strip() == "true"
    except SandboxError:
        return False


def _forget(way: Way, name: str, container: str) -> None:
    subprocess.run([name, *way.engine, "rm", "--force", container], capture_output=True, check=False)


def _memory(state: State, name: str) -> Path:
    return state.folder / f"{name}.json"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
