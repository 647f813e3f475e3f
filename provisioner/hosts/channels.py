"""One exchange with a host: a script and its input go out, lines or bytes come back, within limits."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import NotTouched
from provisioner.hosts import become
from provisioner.hosts.settings import Settings

if TYPE_CHECKING:
    import paramiko

_CHUNK = 65536
_STDERR_LIMIT = 1024 * 1024
_LONGEST_LINE = 1024 * 1024
LONGEST_SECONDS = 600.0
"""How long an answer may take that never pauses for long; a read takes a fraction of a second."""


class ConnectionLost(NotTouched):
    """The connection ended, or fell silent, before the answer was whole.

    In a read that means the host was not touched. Whoever was changing something has to look
    at what the host did meanwhile before they say so.
    """


class TimedOut(ConnectionLost):
    """Nothing came from the host within the limit."""


class TooMuchOutput(NotTouched):
    """The host sent more than any honest answer needs."""


@dataclass(frozen=True)
class Result:
    """How a script ended. `stderr` is cut at 1 MiB."""

    status: int
    stdout: bytes
    stderr: bytes


class Exchange:
    """A script that is running on the host, with its stdin and stdout in our hands.

    Meant for one thread. Iterate `lines()`, answer with `send()`, end with `result()`; as a
    context manager it closes the channel whatever happens.
    """

    def __init__(self, settings: Settings, limit_bytes: int, timeout: float, needs_root: bool) -> None:
        """Made by `Connection.start`; `timeout` is the longest silence, in seconds."""
        self._settings = settings
        self._limit = limit_bytes
        self._timeout = timeout
        self._needs_root = needs_root
        self._channel: paramiko.Channel | None = None
        self._noise = bytearray()
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._received = 0
        self._writer: threading.Thread | None = None
        self.began = False
        """Whether the script itself has started."""

    def __enter__(self) -> Exchange:
        """The exchange itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel; the remote script reads end of file."""
        self.close()

    def attach(self, channel: paramiko.Channel) -> None:
        """Use `channel`, in which the command has been started."""
        self._channel = channel
        channel.settimeout(self._timeout)

    # --- what goes out -------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send `text` as it is. Raises `ConnectionLost`."""
        self.write(text.encode())

    def write(self, data: bytes) -> None:
        """Send bytes; blocks while the host does not read, up to the limit of silence."""
        if self._writer is not None:
            self._writer.join(self._timeout)
        try:
            self._open_channel().sendall(data)
        except (OSError, EOFError) as problem:
            raise self._not_taken(problem) from None

    def write_behind(self, data: bytes, *, close: bool) -> None:
        """Send a large input while the answer is being read; the host may stop reading it at any time."""

        def work() -> None:
            channel = self._open_channel()
            try:
                channel.sendall(data)
                if close:
                    channel.shutdown_write()
            except (OSError, EOFError):
                return  # The host ended first; its status says why.

        self._writer = threading.Thread(target=work, name="provision-stdin", daemon=True)
        self._writer.start()

    def close_stdin(self) -> None:
        """Let the script read end of file."""
        try:
            self._open_channel().shutdown_write()
        except (OSError, EOFError) as problem:
            raise self._not_taken(problem) from None

    # --- what comes in -------------------------------------------------------------------

    def await_begin(self, timeout: float | None = None) -> None:
        """Wait until the script has started: sudo has let us through and we are who we have to be.

        Raises `AuthenticationError` or `NotTouched` with what the host said instead.
        """
        deadline = time.monotonic() + (timeout or self._timeout)
        while not self.began:
            ended = not self._pump(deadline)
            self._look_for_mark()
            if ended and not self.began:
                raise become.refusal(
                    self._settings, bytes(self._stdout), bytes(self._stderr), self._status(deadline)
                )
            if not self.began and self._settings.become and b"Sorry, try again" in self._stderr:
                self.close()  # Before sudo takes anything else for a second try.
                raise become.refusal(self._settings, b"", bytes(self._stderr), None)

    def _look_for_mark(self) -> None:
        head, mark, tail = self._stdout.partition(become.MARK + b" ")
        uid, newline, rest = tail.partition(b"\n")
        if not mark or not newline:
            return
        self.began = True
        self._noise, self._stdout = bytearray(head), bytearray(rest)
        if self._needs_root and uid.strip() != b"0":
            self.close()
            raise become.not_root(self._settings, int(uid) if uid.strip().isdigit() else -1)

    def lines(self, timeout: float | None = None) -> Iterator[str]:
        """Each line of stdout as it comes, without its newline, until end of file.

        Bytes that are no UTF-8 come as U+FFFD: what a host says is data, not to be choked on.

        `timeout` is how long one line may take, in seconds; then `TimedOut` is raised.
        """
        while (line := self.read_line(timeout)) is not None:
            yield line.decode("utf-8", "replace")

    def read_line(self, timeout: float | None = None) -> bytes | None:
        """The next line without its newline, or `None` at the end of the output."""
        self.await_begin(timeout)
        deadline = time.monotonic() + (timeout or self._timeout)
        while b"\n" not in self._stdout:
            if len(self._stdout) > _LONGEST_LINE:
                raise self._too_much()
            if not self._pump(deadline):
                break
        if not self._stdout:
            return None
        line, _, rest = self._stdout.partition(b"\n")
        self._stdout = rest
        return bytes(line)

    def result(self, timeout: float | None = None) -> Result:
        """Read to the end and return the status with what has not been read as lines.

        `timeout` limits the whole wait, in seconds; by default each silence is limited, and the whole
        to `LONGEST_SECONDS`.
        """
        ends = time.monotonic() + (timeout or LONGEST_SECONDS)
        silence = timeout or self._timeout
        try:
            self.await_begin(timeout)
            while self._pump(min(time.monotonic() + silence, ends)):
                pass
            status = self._status(min(time.monotonic() + silence, ends))
            return Result(status, bytes(self._stdout), bytes(self._stderr))
        except TimedOut:
            if timeout or time.monotonic() < ends:
                raise
            raise TimedOut(
                f"the answer of {self._settings} had no end within {LONGEST_SECONDS:g} s",
                hint="The host is very slow, or something on it goes on and on.",
                evidence=self._evidence(),
            ) from None
        finally:
            self.close()

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            self._channel.close()

    @property
    def ended(self) -> bool:
        """Whether the host has closed its side."""
        channel = self._open_channel()
        return bool(channel.eof_received or channel.closed) and channel.exit_status >= 0

    @property
    def stderr(self) -> bytes:
        """What has come on stderr so far."""
        return bytes(self._stderr)

    # --- within ---------------------------------------------------------------------------

    def _open_channel(self) -> paramiko.Channel:
        if self._channel is None:
            raise RuntimeError("the exchange has no channel yet")
        return self._channel

    def _pump(self, deadline: float) -> bool:
        """Take in what has arrived, waiting for it until `deadline`; `False` at the end of the output."""
        channel = self._open_channel()
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        while True:
            if channel.recv_ready():
                self._take(channel.recv(_CHUNK), self._stdout)
                return True
            if channel.recv_stderr_ready():
                self._take(channel.recv_stderr(_CHUNK), self._stderr)
                return True
            if channel.eof_received or channel.closed:
                return channel.recv_ready() or channel.recv_stderr_ready()
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._silent()
            poll.poll(min(remaining, 5.0) * 1000)

    def _take(self, data: bytes, buffer: bytearray) -> None:
        self._received += len(data)
        if self._received > self._limit:
            raise self._too_much()
        if buffer is self._stderr:
            data = data[: max(0, _STDERR_LIMIT - len(buffer))]
        buffer += data

    def _status(self, deadline: float) -> int:
        """The exit status; a command that a signal ended has none, and counts as lost."""
        channel = self._open_channel()
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise self._silent()
        if channel.exit_status < 0:
            raise self._lost(EOFError("no exit status"))
        return int(channel.exit_status)

    def _evidence(self) -> tuple[str, ...]:
        return tuple(bytes(self._stderr[-4000:]).decode("utf-8", "replace").splitlines()[-10:])

    def _not_taken(self, problem: BaseException) -> ConnectionLost:
        """What was sent is not read any more: lost, unless the command ended before the script began.

        Raises `AuthenticationError` or `NotTouched` in that case: the host has said why.
        """
        if not self.began and self._open_channel().closed:
            self.await_begin()
        return self._lost(problem)

    def _lost(self, problem: BaseException) -> ConnectionLost:
        if isinstance(problem, TimeoutError):
            return self._silent()
        return ConnectionLost(
            f"the connection to {self._settings} ended before the answer was whole",
            hint="Is the host still up? Its console or provider's panel tells.",
            evidence=self._evidence(),
        )

    def _silent(self) -> TimedOut:
        return TimedOut(
            f"{self._settings} said nothing for {self._timeout:g} s",
            hint="The network or the host hangs; --timeout SECONDS waits longer.",
            evidence=self._evidence(),
        )

    def _too_much(self) -> TooMuchOutput:
        return TooMuchOutput(
            f"{self._settings} sent more than {self._limit // 1024} KiB where less was due",
            evidence=self._evidence(),
        )
