"""The way to a host's sshd: straight, through a ProxyCommand, or through jump hosts.

A connection to a jump host is shared by all the hosts behind it: a thousand hosts behind one
bastion are one connection there, not a thousand.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Protocol

from provisioner.errors import HostError, NotTouched
from provisioner.hosts.direct import connect_tcp
from provisioner.hosts.settings import Settings

if TYPE_CHECKING:
    import paramiko


class JumpConnection(Protocol):
    """What is needed of a connection to a jump host."""

    def open_tcp(self, address: str, port: int, timeout: float) -> paramiko.Channel:
        """A channel to `address` from the jump host."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...

    def is_alive(self) -> bool:
        """Whether it still stands."""
        ...


Connect = Callable[[Settings], JumpConnection]


@dataclass
class Way:
    """An open way to sshd; `close` gives back everything it holds."""

    sock: socket.socket | paramiko.Channel
    close: Callable[[], None]
    said: Callable[[], tuple[str, ...]] = tuple
    """What the ProxyCommand wrote on stderr."""


def open_way(settings: Settings, connect: Connect, deadline: float) -> Way:
    """Reach the host's sshd. Raises `NotTouched` that says where on the way it ended.

    `deadline` is on the clock of `time.monotonic`, in seconds; `connect` makes the connections
    to jump hosts.
    """
    if settings.proxy_command:
        return _through_command(settings, settings.proxy_command)
    if settings.jumps:
        return _through_jumps(settings, connect, deadline)
    sock = connect_tcp(settings, deadline)
    return Way(sock, sock.close)


# --- through a command ------------------------------------------------------------------------


def _through_command(settings: Settings, command: str) -> Way:
    """Run the user's ProxyCommand by their shell, as ssh does, with a socket for stdin and stdout."""
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the way it belongs to)
    expanded = _expand(command, settings)
    try:
        process = subprocess.Popen(
            [os.environ.get("SHELL") or "/bin/sh", "-c", f"exec {expanded}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=errors,
            start_new_session=True,
        )
    except OSError as problem:
        ours.close()
        errors.close()
        raise NotTouched(
            f"the ProxyCommand of {settings.name} cannot be started: {problem.strerror}",
            where=settings.place,
            evidence=(expanded,),
        ) from None
    finally:
        theirs.close()
    return Way(ours, lambda: _end(process, ours, errors), lambda: (f"ran        {expanded}", *_tail(errors)))


def _expand(command: str, settings: Settings) -> str:
    """The tokens that an inventory's own ProxyCommand may hold; the configuration's are replaced already."""
    tokens = {"%h": settings.address, "%p": str(settings.port), "%r": settings.user, "%n": settings.name}
    for token, value in tokens.items():
        command = command.replace(token, value)
    return command


def _tail(errors: IO[bytes]) -> tuple[str, ...]:
    if errors.closed:
        return ()
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 2000))
    return tuple(errors.read().decode("utf-8", "replace").splitlines()[-5:])


def _end(process: subprocess.Popen[bytes], sock: socket.socket, errors: IO[bytes]) -> None:
    sock.close()
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    errors.close()


# --- through jump hosts -----------------------------------------------------------------------


class _Shared:
    """One connection to a jump host, and how many ways lead through it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: JumpConnection | None = None
        self.users = 0


_shared: dict[Settings, _Shared] = {}
_shared_lock = threading.Lock()


def _through_jumps(settings: Settings, connect: Connect, deadline: float) -> Way:
    """Open a channel from the last jump host; the jump host's own way may lead through others."""
    *before, last = settings.jumps
    jump = replace(last, jumps=(*before, *last.jumps))
    connection, release = _borrow(jump, connect, settings)
    try:
        channel = connection.open_tcp(settings.address, settings.port, max(0.1, deadline - time.monotonic()))
    except OSError as problem:
        release()
        raise NotTouched(
            f"the jump host {last.name} cannot reach {settings.address}:{settings.port}: {problem}",
            where=settings.place,
            hint=f"Try it by hand: ssh -J {last} {settings.user}@{settings.address} -p {settings.port}",
        ) from None
    except HostError as problem:
        release()
        raise _at_jump(problem, last, settings) from None

    def close() -> None:
        channel.close()
        release()

    return Way(channel, close)


def _borrow(jump: Settings, connect: Connect, target: Settings) -> tuple[JumpConnection, Callable[[], None]]:
    """The shared connection to `jump`, made by whoever needs it first, closed by whoever needs it last."""
    with _shared_lock:
        shared = _shared.setdefault(jump, _Shared())
        shared.users += 1

    def release() -> None:
        with _shared_lock:
            shared.users -= 1
            unused = shared.users == 0
            if unused:
                _shared.pop(jump, None)
        if unused and shared.connection is not None:
            shared.connection.close()

    with shared.lock:
        try:
            if shared.connection is None or not shared.connection.is_alive():
                shared.connection = connect(jump)
            return shared.connection, release
        except HostError as problem:
            release()
            raise _at_jump(problem, jump, target) from None
        except BaseException:
            release()
            raise


def _at_jump(problem: HostError, jump: Settings, target: Settings) -> HostError:
    """The same error, saying that it happened at the jump host."""
    return type(problem)(
        f"the jump host {jump.name} of {target.name}: {problem.message}",
        where=problem.where or target.place,
        hint=problem.hint,
        evidence=problem.evidence,
    )
