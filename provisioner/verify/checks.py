"""Run the roles' checks and the user's own tests on hosts, in worker processes.

A worker holds pytest; the connections stay here. Each command a test runs comes through a socket
pair, is run on the host's open shell, and its answer goes back.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from provisioner.errors import NotTouched
from provisioner.verify.job import Job
from provisioner.verify.result import Check
from provisioner.verify.shell import Shell

MESSAGE_BYTES = 64 * 1024 * 1024
MOST_WORKERS = min(8, 2 * (os.cpu_count() or 1))
"""Most processes at a time; each takes 45 MB."""
HOST_SECONDS = 600.0
"""How long the checks of one host may take."""

OnCheck = Callable[[Check], None]


class Worker:
    """One process that runs checks. Start it early: it takes 0.4 s to be ready."""

    def __init__(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "provisioner.verify.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us: we end the worker.
            )
        self.channel = Connection(ours.detach())
        self.broken = False
        self._overdue = False

    def run(self, job: Job, shell: Shell, on_check: OnCheck, seconds: float = HOST_SECONDS) -> str:
        """Run `job`, ended after `seconds`; returns why it ended early, or an empty text."""
        timer = threading.Timer(seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            self.channel.send_bytes(pickle.dumps(job))
            while "done" not in (message := json.loads(self.channel.recv_bytes(MESSAGE_BYTES))):
                if "check" in message:
                    on_check(_check_from(message["check"]))
                else:
                    self.channel.send_bytes(_answer(shell, message["run"]))
        except (EOFError, OSError):
            self.broken = True
            return f"the checks took longer than {seconds:.0f} s" if self._overdue else self._last_words()
        finally:
            timer.cancel()
        # 2 interrupted, 3 internal error, 4 usage error; 0, 1 and 5 (no tests) are ordinary ends.
        return "" if message["done"] in (0, 1, 5) else self._last_words()

    def _end(self) -> None:
        self._overdue = True
        self.process.kill()

    def _last_words(self) -> str:
        if self.broken:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        self._errors.seek(0)
        said = self._errors.read()[-4000:].decode("utf-8", "backslashreplace").strip().splitlines()
        return f"the process that runs the checks ended: {said[-1] if said else 'without a word'}"

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        self.channel.close()
        self._errors.close()


class Workers:
    """So many processes, each lent to one host at a time. As a context manager it ends them all."""

    def __init__(self, number: int) -> None:
        """Start `number` of them, at most `MOST_WORKERS`."""
        self._all = [Worker() for _ in range(min(number, MOST_WORKERS))]
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False
        for worker in self._all:
            self._free.put(worker)

    def __enter__(self) -> Workers:
        """The crew itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every process; what still runs ends with it."""
        with self._lock:
            self._ended = True
            for worker in self._all:
                worker.close()

    def run(self, job: Job, shell: Shell, on_check: OnCheck, seconds: float = HOST_SECONDS) -> None:
        """Run every check of one host, as soon as a process is free; any thread may call."""
        worker = self._free.get()
        try:
            if trouble := worker.run(job, shell, on_check, seconds):
                on_check(Check("checks", "", "fail", trouble))
        finally:
            self._free.put(self._replaced(worker) if worker.broken else worker)

    def _replaced(self, worker: Worker) -> Worker:
        with self._lock:
            if self._ended:
                return worker
            worker.close()
            self._all.remove(worker)
            self._all.append(Worker())
            return self._all[-1]


def _environment() -> dict[str, str]:
    """Ours, without what would steer pytest; and nothing is written beside the user's files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _answer(shell: Shell, command: str) -> bytes:
    try:
        output = shell.run(command.encode("utf-8", "surrogateescape"))
    except NotTouched as error:
        return json.dumps({"lost": error.message}).encode()
    answer = {
        "status": output.status,
        "stdout": output.stdout.decode("latin-1"),
        "stderr": output.stderr.decode("latin-1"),
    }
    return json.dumps(answer).encode()


def _check_from(fields: dict[str, object]) -> Check:
    evidence = fields["evidence"]
    seconds = fields["seconds"]
    return Check(
        id=str(fields["id"]),
        role=str(fields["role"]),
        outcome=str(fields["outcome"]),
        message=str(fields["message"]),
        evidence=tuple(map(str, evidence)) if isinstance(evidence, list) else (),
        hint=str(fields["hint"]),
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
    )
