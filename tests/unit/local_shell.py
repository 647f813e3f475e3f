"""A connection that leads no further than this machine's own sh: for what runs over an open shell."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress


class LocalExchange:
    """The script runs here; what it says is read line by line."""

    def __init__(self, script: str, stdin: bytes, shell: Sequence[str]) -> None:
        """`shell` is the program that reads the script."""
        self.process = subprocess.Popen(
            [*shell, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.write(stdin)

    def write(self, data: bytes) -> None:
        """Send bytes; what nobody reads any more is lost, as over a network."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def read_line(self, timeout: float | None = None) -> bytes | None:
        """The next line, None at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return line.removesuffix(b"\n") if line else None

    def close(self) -> None:
        """Let the script read end of file, and wait for its end."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        self.process.wait(5)


class LocalConnection:
    """Starts scripts on this machine."""

    def __init__(self, *shell: str) -> None:
        """`sh` unless told."""
        self.shell = shell or ("sh",)
        self.started = 0

    def start(
        self, script: str, stdin: bytes = b"", *, argv0: str = "", limit_bytes: int = 0
    ) -> LocalExchange:
        """Start one."""
        self.started += 1
        return LocalExchange(script, stdin, self.shell)
