"""What is done to a host while it is being changed, and the order in which it is done."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import Popen

from provisioner import sandbox
from provisioner.sandbox.processes import end
from provisioner.sandbox.state import State

PAUSE = "/var/lib/provision/pause"
HISTORY = "/var/lib/provision/history"
LONGEST = 1.8
"""Seconds after its start within which a transaction is hit: most are through by then, on an idle machine."""

_NEXT = (
    f'old="$(ls -1 {HISTORY} | tail -n 1)"; for i in $(seq 600); do '
    f'id="$(ls -1 {HISTORY} | tail -n 1)"; [ "$id" = "$old" ] || break; sleep 0.05; done; '
)
"""Waits for the transaction that begins next; its id is `$id` then."""
_KILL = "systemctl kill -s KILL --kill-whom={} provision-$id.service 2>/dev/null; "


@dataclass(frozen=True)
class Fault:
    """One thing to do. `point` is where the runner has to stand then; else it is done after `seconds`."""

    kind: str
    seconds: float = 0.0
    point: str = ""

    def __str__(self) -> str:
        """As the summary counts it."""
        return f"{self.kind} at {self.point}" if self.point else f"{self.kind} at a random time"


def schedule(points: Sequence[str], kills: int) -> list[Fault]:
    """Every point once, each kind at random times in between; the same for the same points and number."""
    dice = random.Random(kills)
    at_points = [Fault("runner killed", point=point) for point in points]
    at_random = [Fault(kind, seconds=dice.uniform(0, LONGEST)) for kind in KINDS for _ in range(kills)]
    dice.shuffle(at_random)
    mixed = at_points[: max(1, kills // 2)]
    mixed += at_random[: kills - len(mixed)]
    dice.shuffle(mixed)
    return mixed


def strike(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    """Start an apply and do to it what `fault` says; the apply's process, which may still run."""
    return KINDS[fault.kind](fault, host, start)


def _on_host(host: str, script: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    """Run `script` on the host, which waits for what `start` begins."""
    worker = threading.Thread(target=lambda: sandbox.execute(host, script, 120.0))
    worker.start()
    time.sleep(0.8)  # it has to look at the history before the next transaction is in it
    process = start()
    worker.join()
    return process


def _kill_runner(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    if not fault.point:
        return _on_host(host, _NEXT + f"sleep {fault.seconds:.2f}; " + _KILL.format("main"), start)
    steps = f'"{HISTORY}/$id/steps"'
    reached = (
        f"for i in $(seq 600); do grep -q '^{fault.point}\\|^outcome ' {steps} && break; sleep 0.05; done; "
    )
    pause = f"printf '%s\\n' '{fault.point}' >{PAUSE}; "
    return _on_host(host, pause + _NEXT + reached + _KILL.format("main") + f"rm -f {PAUSE}", start)


def _kill_whole_unit(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    """The runner, and what systemd would put its transaction back with, again and again."""
    again = f"for i in 1 2 3 4 5 6; do {_KILL.format('all')} sleep 0.2; done"
    return _on_host(host, _NEXT + f"sleep {fault.seconds:.2f}; " + again, start)


def _kill_control(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    process = _on_host(host, _NEXT + f"sleep {fault.seconds:.2f}", start)
    process.kill()
    return process


def _silence(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    """No packet of SSH comes through any more, for as long as the control machine needs to give up."""
    rules = (
        "add table inet silence; add chain inet silence in { type filter hook input priority -300; }; "
        "add rule inet silence in tcp dport 22 drop"
    )
    silent = f"sleep {fault.seconds:.2f}; nft '{rules}'; sleep 35; nft delete table inet silence"
    return _on_host(host, _NEXT + f'systemd-run -q --collect sh -c "{silent}"', start)


def _cut_power(fault: Fault, host: str, start: Callable[[], Popen[bytes]]) -> Popen[bytes]:
    process = _on_host(host, _NEXT + f"sleep {fault.seconds:.2f}", start)
    end(State.open().host(host) / "root")
    for pause in (2.0, 5.0, 10.0):
        time.sleep(pause)  # the kernel takes the old network interface away in its own time
        with contextlib.suppress(sandbox.SandboxError):
            sandbox.up(host)
            break
    return process


KINDS: dict[str, Callable[[Fault, str, Callable[[], Popen[bytes]]], Popen[bytes]]] = {
    "runner killed": _kill_runner,
    "runner and its rescue killed": _kill_whole_unit,
    "control process killed": _kill_control,
    "power cut": _cut_power,
    "network silent": _silence,
}
