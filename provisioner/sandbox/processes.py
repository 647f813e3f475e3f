"""The processes of a host, found by what they are, never by a remembered number.

A pid file outlives a reboot and a crash, and then names a stranger. Instead every host's container
is started with its own folder in the command line and, for the host's PID 1, in the environment;
reading /proc for that finds exactly its processes, whoever started them and whatever was killed since.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "PROVISION_SANDBOX"
_RUNTIMES = (b"systemd-nspawn", b"qemu-system-x86_64")


def processes_of(root: Path) -> list[int]:
    """The container runtime of the host at `root`, and the host's PID 1; empty when it is down."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _belongs(pid, root)]  # noqa: PTH208


def first_process(root: Path) -> int | None:
    """The machine's number for the host's PID 1, once it runs."""
    return next((pid for pid in processes_of(root) if _is_first(str(pid))), None)


def end(root: Path, seconds: float = 10.0) -> bool:
    """Kill the host at `root` at once; True when nothing of it is left.

    With its PID 1 the kernel kills everything in the host's PID namespace.
    """
    return _until_gone(root, seconds, signal.SIGKILL)


def power_off(root: Path, seconds: float = 30.0) -> bool:
    """Let the host at `root` shut down in order, so that what it wrote is whole; True when it is off."""
    leader = first_process(root)
    if leader is not None:
        _send(leader, root, signal.SIGRTMIN + 4)  # systemd(1): start poweroff.target
    return wait_until_gone(root, seconds)


def wait_until_gone(root: Path, seconds: float) -> bool:
    """Wait for the host at `root` to end by itself; True when it did."""
    return _until_gone(root, seconds, None)


def _until_gone(root: Path, seconds: float, kill: signal.Signals | None) -> bool:
    limit = time.monotonic() + seconds
    while pids := processes_of(root):
        if time.monotonic() > limit:
            return False
        if kill is not None:
            for pid in pids:
                _send(pid, root, kill)
        time.sleep(0.02 if kill else 0.1)
    return True


def _send(pid: int, root: Path, number: int) -> None:
    """Signal `pid`, sure that it is still the process we mean: the descriptor pins it first."""
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if _belongs(str(pid), root):
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _belongs(pid: str, root: Path) -> bool:
    command = _read(f"/proc/{pid}/cmdline").split(b"\0")
    marks = {f"--directory={root}".encode(), f"guest={root}".encode()}
    if marks.intersection(command) and any(part.endswith(_RUNTIMES) for part in command):
        return _alive(pid)
    mark = f"{MARK}={root}".encode()
    return mark in _read(f"/proc/{pid}/environ").split(b"\0") and _is_first(pid) and _alive(pid)


def _is_first(pid: str) -> bool:
    numbers = _field(pid, b"NSpid:").split()
    return len(numbers) > 1 and numbers[-1] == b"1"


def _alive(pid: str) -> bool:
    return _field(pid, b"State:")[:1] not in (b"Z", b"X", b"")


def _field(pid: str, name: bytes) -> bytes:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(name):
            return line[len(name) :].strip()
    return b""


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
