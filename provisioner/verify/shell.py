"""A shell that stays open on a host: every command costs one round trip, and no new SSH session.

A session of its own takes sshd about 50 ms (PAM), which forty checks would pay a hundred times.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioner.errors import NotTouched

SCRIPT = (Path(__file__).with_name("shell.sh")).read_text(encoding="utf-8")
COMMAND_SECONDS = 60
"""How long one command may take."""
OUTPUT_BYTES = 16 * 1024 * 1024
"""Most that one command may write."""
ALL_BYTES = 256 * 1024 * 1024
LOST_STATUS = 255
"""The status of a command whose answer never came; ssh's own."""


class Exchange(Protocol):
    """A running script that we talk to; see `provisioner.hosts.channels.Exchange`."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def read_line(self, timeout: float | None = None) -> bytes | None:
        """The next line of stdout, None at its end."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Starter(Protocol):
    """What is needed of a connection: to start a script and talk with it."""

    def start(self, script: str, stdin: bytes = b"", *, argv0: str = ..., limit_bytes: int = ...) -> Exchange:
        """See `provisioner.hosts.connection.Connection.start`."""
        ...


@dataclass(frozen=True, slots=True)
class Output:
    """How a command ended."""

    status: int
    stdout: bytes
    stderr: bytes


class Shell:
    """The open shell. Commands run one at a time; threads may share it. As a context manager it ends."""

    def __init__(self, connection: Starter, seconds: int = COMMAND_SECONDS) -> None:
        """Begin it on `connection`. `seconds` is how long one command may take."""
        self._mark = secrets.token_hex(16).encode()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._lost: NotTouched | None = None
        self.commands = 0
        self._exchange = connection.start(
            SCRIPT, self._mark + b"\n", argv0="provision-verify", limit_bytes=ALL_BYTES
        )

    def __enter__(self) -> Shell:
        """The shell itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it; what still runs on the host reads end of file."""
        self.close()

    def close(self) -> None:
        """End it."""
        self._exchange.close()

    def run(self, command: bytes) -> Output:
        """Run `command` in `sh`. Raises `NotTouched` where the connection is gone, from then on always."""
        with self._lock:
            if self._lost is not None:
                raise self._lost
            try:
                return self._run(command)
            except NotTouched as error:
                self._lost = error
                raise

    def _run(self, command: bytes) -> Output:
        lines = command.split(b"\n")
        header = f"{self._seconds} {len(lines)}\n".encode()
        self._exchange.write(header + b"\n".join(lines) + b"\n")
        self.commands += 1
        stdout, ending = self._read_to(self._mark + b" ")
        stderr, _ = self._read_to(self._mark)
        status = ending.removeprefix(self._mark).strip()
        return Output(int(status) if status.isdigit() else LOST_STATUS, stdout, stderr)

    def _read_to(self, mark: bytes) -> tuple[bytes, bytes]:
        """What comes before the line that begins with `mark`, and that line."""
        lines: list[bytes] = []
        size = 0
        while True:
            line = self._exchange.read_line(self._seconds + 15)
            if line is None:
                raise NotTouched("the shell on the host ended in the middle of the checks")
            if line.startswith(mark):
                return b"\n".join(lines), line
            size += len(line) + 1
            if size > OUTPUT_BYTES:
                raise NotTouched(f"a check's command wrote more than {OUTPUT_BYTES // 1024**2} MiB")
            lines.append(line)
