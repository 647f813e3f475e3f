"""Hosts as virtual machines: for machines where neither namespaces nor an engine can be had.

Needs no privilege to run. Without a /dev/kvm that works the processor is emulated: a minute until
root can log in, and installing packages is slow, so that the mail packages are in the image.
The network is qemu's own: the host's ports are forwarded from a loopback address of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import paramiko

from provisioner.errors import InputError
from provisioner.sandbox import layers, processes
from provisioner.sandbox.driver import Place
from provisioner.sandbox.image import ensure_disk, remove_tree
from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.login import ask
from provisioner.sandbox.packages import require
from provisioner.sandbox.seed import SeedFile, seed_files, write_seed
from provisioner.sandbox.state import Record, SandboxError, State, write_whole

PROGRAM = "qemu-system-x86_64"
PORTS = (22, 25, 80, 110, 143, 443, 465, 587, 993, 995, 4190)
"""What is forwarded: SSH, and everything that a mail server may serve."""
SHIFT = 10_000
"""Where ports below 1024 are not ours to open, port 25 of the host is 10025 of its address."""
# Without SSSE3: where a processor has it, Rspamd compiles its tables at start, emulated for many minutes.
_EMULATED_CPU = "qemu64"
RESOLVER = "10.0.2.3"  # qemu's own, which asks the machine's
MEMORY_MB = 1536
DISK_MB = 2500
# Without host keys, whoever boots from the disk next takes its name and keys from its own seed.
_POWER_OFF = ": >/etc/machine-id; rm /etc/ssh/ssh_host_*; systemctl poweroff"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Qemu:
    """The driver `qemu`."""

    name: str = "qemu"
    boot_seconds: float = 600.0  # emulated, on a busy machine; a quiet one needs one to four minutes
    image_kind: str = "mail"

    def refusal(self, state: State) -> str | None:
        """Whether the program is there and runs, and memory and disk suffice."""
        if platform.machine() != "x86_64":
            return f"the images are for x86_64, this machine is {platform.machine()}"
        if (free := _available_mb()) < MEMORY_MB + 500:
            return f"needs {MEMORY_MB + 500} MB of free memory, there are {free}"
        if (free := shutil.disk_usage(state.folder).free // 1_000_000) < DISK_MB:
            return f"needs {DISK_MB} MB of free disk at {state.folder}, there are {free}"
        try:
            require({PROGRAM: "qemu-system-x86", "qemu-img": "qemu-utils"})
            _call(PROGRAM, "-version")
        except SandboxError as error:
            return error.message
        return None

    def prepare(self, state: State, release: str) -> None:
        """Build the disk that all hosts of the release start from, mail packages and kernel included."""
        ensure_disk(state, release)

    def lock(self, state: State) -> AbstractContextManager[None]:
        """Held while an address is chosen."""
        return state.lock("qemu")

    def place(self, state: State, wanted: IPv4Address | None) -> Place:
        """A loopback address of its own, and ports as low as this user may open them."""
        if wanted is not None:
            raise InputError("the driver qemu forwards from 127.77.0.x: --address can't be had with it")
        taken = {record.address for record in state.records()}
        for last in range(11, 255):
            address = f"127.77.0.{last}"
            if address in taken:
                continue
            for shift in (0, SHIFT):
                if all(_can_listen(address, port + shift) for port in PORTS):
                    return Place(address, 22 + shift)
        raise SandboxError("no free address for a host in 127.77.0.0/24", hint="provision sandbox down --all")

    def start(self, state: State, record: Record, keys: HostKeys) -> None:
        """Start the machine, with KVM if that gets as far as the kernel's first line."""
        folder = state.host(record.name)
        disk = folder / "disk.qcow2"
        _write_seed(folder, seed_files(record, keys, [RESOLVER]))
        if not disk.exists():
            _make_disk(disk, self._below(state, record))
        for accelerator in _accelerators(state):
            _launch(state, record, accelerator)
            if accelerator != "kvm" or _kernel_speaks(folder / "console.log", 5.0):
                return
            self.stop(state, record)
            _remember_no_kvm(state)

    def running(self, state: State, record: Record) -> bool:
        """Whether its process lives."""
        return bool(processes.processes_of(_mark(state, record)))

    def stop(self, state: State, record: Record) -> None:
        """Kill it, as by pulling the plug."""
        if not processes.end(_mark(state, record)):
            raise SandboxError(f"{record.name} can't be ended")

    def power_off(self, state: State, record: Record) -> None:
        """Ask its systemd to; the process ends with the machine. The disk is nobody's then."""
        keys = HostKeys(state.host(record.name) / "keys")
        # The connection may end before the answer comes.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            ask(record, keys, _POWER_OFF, timeout=60)
        processes.wait_until_gone(_mark(state, record), 120.0)
        self.stop(state, record)

    def clear(self, state: State, record: Record) -> None:
        """Remove its disk: what it wrote lies there, over the image's."""
        (state.host(record.name) / "disk.qcow2").unlink(missing_ok=True)

    def save(self, state: State, record: Record, layer: str) -> None:
        """Its disk becomes the layer."""
        layers.save_tree(state, self.name, record, layer, state.host(record.name) / "disk.qcow2")

    def has_layer(self, state: State, release: str, layer: str) -> bool:
        """Whether its disk is there."""
        return layers.tree(state, self.name, release, layer).exists()

    def drop_layer(self, state: State, release: str, layer: str) -> None:
        """Remove its disk."""
        remove_tree(layers.tree(state, self.name, release, layer).parent)

    def tidy(self, state: State) -> None:
        """Nothing is shared."""

    def _below(self, state: State, record: Record) -> tuple[Path, str]:
        if record.layer:
            return layers.tree(state, self.name, record.release, record.layer), "qcow2"
        return ensure_disk(state, record.release) / "disk.raw", "raw"


def _mark(state: State, record: Record) -> Path:
    return state.host(record.name) / "root"


def _make_disk(disk: Path, below: tuple[Path, str]) -> None:
    new = disk.with_name("disk.new")
    backing, form = below
    _call("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing), "-F", form, str(new))
    new.rename(disk)


def _write_seed(folder: Path, files: list[SeedFile]) -> None:
    """The seed as a tar file that the host reads from its second disk when it has no keys yet."""
    seed = folder / "seed"
    remove_tree(seed)
    seed.mkdir(mode=0o755)
    write_seed(seed, [file for file in files if file.path != "etc/machine-id"], folder / "no-cache")
    tar = [
        "tar",
        "--create",
        "--owner=0",
        "--group=0",
        f"--file={folder / 'seed.tar'}",
        f"--directory={seed}",
    ]
    _call(*tar, ".")


def _launch(state: State, record: Record, accelerator: str) -> None:
    folder = state.host(record.name)
    image = ensure_disk(state, record.release)
    shift = record.port - 22
    forwards = "".join(f",hostfwd=tcp:{record.address}:{port + shift}-:{port}" for port in PORTS)
    line = f"root=/dev/vda rw console=ttyS0 systemd.hostname={record.name.split('.')[0]}"
    argv = [PROGRAM, "-name", f"guest={_mark(state, record)}", "-accel", accelerator]
    argv += ["-cpu", "max" if accelerator == "kvm" else _EMULATED_CPU, "-device", "virtio-rng-pci"]
    argv += [
        "-m",
        str(MEMORY_MB),
        "-smp",
        "2",
        "-kernel",
        str(image / "vmlinuz"),
        "-initrd",
        str(image / "initrd"),
    ]
    argv += ["-append", line]
    argv += ["-drive", f"file={folder / 'disk.qcow2'},format=qcow2,if=virtio,cache=unsafe"]
    argv += ["-drive", f"file={folder / 'seed.tar'},format=raw,if=virtio,readonly=on"]
    argv += ["-nic", f"user,model=virtio-net-pci{forwards}"]
    argv += ["-display", "none", "-monitor", "none", "-serial", f"file:{folder / 'console.log'}"]
    (folder / "console.log").unlink(missing_ok=True)
    with (folder / "qemu.log").open("wb") as log:
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def _accelerators(state: State) -> list[str]:
    """KVM first where it can be opened (that proves little) and has not failed since the machine started."""
    emulated = "tcg,thread=multi"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or _kvm_failed(state):
        return [emulated]
    return ["kvm", emulated]


def _kvm_failed(state: State) -> bool:
    try:
        return bool(json.loads((state.folder / "qemu.json").read_text())["no_kvm"] == _BOOT_ID.read_text())
    except (OSError, ValueError, KeyError):
        return False


def _remember_no_kvm(state: State) -> None:
    write_whole(state.folder / "qemu.json", json.dumps({"no_kvm": _BOOT_ID.read_text()}).encode())


def _kernel_speaks(console: Path, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if console.exists() and b"Linux version" in console.read_bytes():
            return True
        time.sleep(0.1)
    return False


def _can_listen(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _available_mb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def _call(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise SandboxError(f"`{' '.join(argv[:2])}` failed", evidence=done.stderr.splitlines()[-4:])
    return done.stdout
