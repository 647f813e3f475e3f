"""An authenticated connection: scripts run as root over it, and ports are reached through it."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from provisioner.errors import NotTouched
from provisioner.hosts import become
from provisioner.hosts.channels import ConnectionLost, Exchange, Result, TimedOut
from provisioner.hosts.jump import Way
from provisioner.hosts.settings import Settings

if TYPE_CHECKING:
    import paramiko

    from provisioner.hosts.transport import Transport

_LIMIT_BYTES = 64 * 1024 * 1024
_INLINE_BYTES = 64 * 1024
"""Input up to this size is written at once; more goes out while the answer is read."""

_log = logging.getLogger(__name__)


class ForwardingForbidden(NotTouched):
    """The host's sshd allows no forwarding (`AllowTcpForwarding no`, `DisableForwarding yes`)."""


class Connection:
    """An authenticated connection. Exchanges may run side by side, each in a thread of its own."""

    def __init__(self, settings: Settings, transport: Transport, way: Way) -> None:
        """Made by `connect`."""
        self.settings = settings
        self.round_trips = 0
        """Exchanges so far."""
        self._transport = transport
        self._way = way
        self._lock = threading.Lock()
        self._password_proven = False

    def __enter__(self) -> Connection:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def run(
        self,
        script: str,
        stdin: bytes = b"",
        *,
        argv0: str = "provision",
        timeout: float | None = None,
        limit_bytes: int = _LIMIT_BYTES,
        needs_root: bool = True,
    ) -> Result:
        """Run a POSIX shell script in one exchange; whatever its status, it is in the result.

        `stdin` is what the script finds on its standard input. `argv0` names it in the host's
        process list. `timeout` limits the whole, in seconds; without it silence is limited, to the
        settings' `timeout`, and the whole to ten minutes. Raises `AuthenticationError` (sudo refused,
        not root), `ConnectionLost`, `TimedOut`, `TooMuchOutput`.
        """
        exchange = self._begin(script, argv0, timeout, limit_bytes, needs_root)
        begun = time.monotonic()
        try:
            if len(stdin) > _INLINE_BYTES:
                exchange.write_behind(stdin, close=True)
            else:
                exchange.write(stdin)
                exchange.close_stdin()
        except ConnectionLost:
            if not exchange.ended:
                raise  # A script that ended without reading its input is no lost connection.
        result = exchange.result(timeout)
        _log.info(
            "%s: %s took %d + %d bytes, gave %d + %d and status %d in %.3f s",
            *(self.settings, argv0, len(script), len(stdin), len(result.stdout), len(result.stderr)),
            *(result.status, time.monotonic() - begun),
        )
        return result

    def start(
        self,
        script: str,
        stdin: bytes = b"",
        *,
        argv0: str = "provision",
        timeout: float | None = None,
        limit_bytes: int = _LIMIT_BYTES,
        needs_root: bool = True,
    ) -> Exchange:
        """Start a script and talk with it: `stdin` goes out first, and stdin stays open."""
        exchange = self._begin(script, argv0, timeout, limit_bytes, needs_root)
        if len(stdin) > _INLINE_BYTES:
            exchange.write_behind(stdin, close=False)
        else:
            exchange.write(stdin)
        return exchange

    def _begin(
        self, script: str, argv0: str, timeout: float | None, limit_bytes: int, needs_root: bool
    ) -> Exchange:
        """Start a script; ask for sudo's password where it turns out to be wanted."""
        try:
            return self._begin_once(script, argv0, timeout, limit_bytes, needs_root)
        except become.PasswordWanted:
            settings = become.with_password_asked_for(self.settings)
            if settings is None:
                raise
            self.settings = settings
            return self._begin_once(script, argv0, timeout, limit_bytes, needs_root)

    def _begin_once(
        self, script: str, argv0: str, timeout: float | None, limit_bytes: int, needs_root: bool
    ) -> Exchange:
        """Open a channel, send the command, sudo's password and the script."""
        settings = self.settings
        data = script.encode()
        wait = timeout or settings.timeout
        exchange = Exchange(settings, limit_bytes, wait, needs_root)
        command = become.command_line(settings, data, argv0)
        with self._lock:
            first = self.round_trips == 0 and self._transport.runs_openssh()
            self.round_trips += 1
            exchange.attach(self._open(command, wait, first))
        password = become.password_line(settings)
        if password and not self._password_proven:
            # Nothing but the password goes out until sudo has taken it: what follows would be
            # read as further attempts, and three of them lock some accounts.
            exchange.write(password + become.MARK + b"\n")
            exchange.await_begin()
            self._password_proven = True
            exchange.write(data)
        else:
            exchange.write(password + become.script_input(data))
            if settings.become and not password and settings.ask_password and not self._password_proven:
                exchange.await_begin()  # Else there would be no second try with a password.
                self._password_proven = True
        return exchange

    def _open(self, command: str, wait: float, first: bool) -> paramiko.Channel:
        import paramiko

        deadline = time.monotonic() + wait
        try:
            pending = self._transport.begin_channel("session")
            if first:
                self._transport.begin_exec(pending.channel, command, first=True)
                return pending.wait(deadline)
            channel = pending.wait(deadline)
            self._transport.begin_exec(channel, command)
            return channel
        except TimeoutError:
            raise TimedOut(
                f"{self.settings} opened no session within {wait:g} s", hint="--timeout SECONDS waits longer."
            ) from None
        except paramiko.ChannelException as refusal:
            raise NotTouched(
                f"{self.settings} opens no session: {refusal.text}",
                hint="sshd's MaxSessions, or its log on the host, may say why.",
            ) from None
        except (paramiko.SSHException, EOFError, OSError) as problem:
            raise ConnectionLost(
                f"the connection to {self.settings} has ended", evidence=(str(problem),)
            ) from None

    def open_tcp(self, address: str, port: int, timeout: float = 10.0) -> paramiko.Channel:
        """A socket-like channel to `address`:`port`, connected from the host itself.

        Raises `ConnectionRefusedError` where nothing takes the connection, `TimeoutError`, and
        `ForwardingForbidden` where sshd allows none.
        """
        return self._forward("direct-tcpip", (address, port, "127.0.0.1", 0), f"{address}:{port}", timeout)

    def open_unix(self, path: str, timeout: float = 10.0) -> paramiko.Channel:
        """The same for a Unix socket on the host, opened with the rights of the login user (not sudo's).

        `direct-streamlocal@openssh.com`, OpenSSH's PROTOCOL section 2.4.
        """
        return self._forward("direct-streamlocal@openssh.com", (path, "", 0), path, timeout)

    def _forward(
        self, kind: str, address: tuple[str | int, ...], name: str, timeout: float
    ) -> paramiko.Channel:
        import paramiko

        try:
            with self._lock:
                pending = self._transport.begin_channel(kind, address)
                if self.round_trips == 0:
                    self.round_trips = 1  # The next session is no longer the first channel.
            channel = pending.wait(time.monotonic() + timeout)
        except paramiko.ChannelException as refusal:
            if refusal.code == 1:
                raise ForwardingForbidden(
                    f"{self.settings} forwards no connections",
                    hint="Set AllowTcpForwarding yes in its sshd_config.",
                ) from None
            raise ConnectionRefusedError(f"{name} refuses connections from the host") from None
        except (paramiko.SSHException, EOFError) as problem:
            raise ConnectionLost(
                f"the connection to {self.settings} has ended", evidence=(str(problem),)
            ) from None
        channel.settimeout(timeout)
        return channel

    def is_alive(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        return self._transport.is_active()

    def close(self) -> None:
        """End the connection; scripts still running read end of file."""
        close(self._transport, self._way)


def close(transport: Transport | None, way: Way) -> None:
    """End the transport's thread at once: it would notice its end only at the next tick of 0.1 s."""
    if isinstance(way.sock, socket.socket):
        with suppress(OSError):
            way.sock.shutdown(socket.SHUT_RDWR)
    else:
        way.sock.close()
    if transport is not None:
        transport.close()
    way.close()
