"""The one way to a server's ports in an audit: few connections at once, not too fast, never without end.

However many checks and targets want the same server, it sees no more than `at_once` connections and
`a_second` new ones, and where it is silent (`silence`) none at all. A connection that is not closed gives
its place back when it is forgotten.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from provisioner.audit.silence import NotTried, Silence
from provisioner.mail.wire import Stream

AT_ONCE = 4
A_SECOND = 150.0
"""Over the internet a round trip allows less than this; a server nearby is asked in seconds all the same."""
LINGER = 0.25
"""Seconds that a server has to end a connection that we have ended."""
QUEUE_SECONDS = 60.0
"""Most that a check waits for its turn."""


@dataclass
class _Server:
    slots: threading.BoundedSemaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    next_start: float = 0.0


class Closable(Protocol):
    """A connection of any kind."""

    def close(self) -> None:
        """End it."""


class Gate:
    """Connections to all servers of a run; may be used from many threads."""

    def __init__(self, *, at_once: int = AT_ONCE, a_second: float = A_SECOND, timeout: float = 10.0) -> None:
        """`at_once` and `a_second` are per server; `timeout` (seconds) is for the connection itself."""
        self.timeout = timeout
        self._at_once = at_once
        self._pause = 1 / a_second
        self._silence = Silence()
        self._servers: dict[str, _Server] = {}
        self._open: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """End every connection and make no more: the person has had enough."""
        with self._lock:
            self._stopped = True
            passages = list(self._open)
        for passage in passages:
            passage.cut() if isinstance(passage, Passage) else passage.close()

    def closes(self, connection: Closable) -> None:
        """Also end this connection where the person has had enough."""
        with self._lock:
            self._open.add(connection)
        if self._stopped:
            connection.close()

    def opener(self, address: str, port: int, ends: float, *, host: str = "") -> Callable[[], Stream]:
        """A function that connects, once for each call, until `ends` (of `time.monotonic()`).

        It raises `OSError` where there is no connection, or no time left. `host` is the server's name:
        two addresses of one name are one server.
        """
        return lambda: self.connect(address, port, ends, host=host)

    def connect(
        self, address: str, port: int, ends: float, timeout: float | None = None, *, host: str = ""
    ) -> Stream:
        """A connection; `OSError` where there is none."""
        server = self._server(host or address)
        left = 0.0 if self._stopped else ends - time.monotonic()
        if left <= 0 or not server.slots.acquire(timeout=min(left, QUEUE_SECONDS)):
            raise NotTried("no time was left to connect")
        try:
            self._silence.refuse(address, port)
            self._wait_for_start(server)
            stream = self._connected(address, port, timeout or self.timeout, ends)
        except BaseException:
            server.slots.release()
            raise
        passage = Passage(stream, server.slots.release, ends, partial(self._came, address, port))
        with self._lock:
            self._open.add(passage)
        if self._stopped:
            passage.cut()
        return passage

    def _connected(self, address: str, port: int, timeout: float, ends: float) -> socket.socket:
        left = max(ends - time.monotonic(), 0.1)
        try:
            return socket.create_connection((address, port), min(left, timeout))
        except TimeoutError as error:
            if timeout <= left:  # else it was our time that was over
                self._silence.shut(address, port, error)
            raise

    def _came(self, address: str, port: int, something: bool) -> None:
        (self._silence.heard if something else self._silence.mute)(address, port)

    def _server(self, host: str) -> _Server:
        with self._lock:
            if host not in self._servers:
                self._servers[host] = _Server(threading.BoundedSemaphore(self._at_once))
            return self._servers[host]

    def _wait_for_start(self, server: _Server) -> None:
        with server.lock:
            start = max(server.next_start, time.monotonic())
            server.next_start = start + self._pause
        time.sleep(max(0.0, start - time.monotonic()))


class Passage:
    """A connection that holds one of its server's places, and waits no longer than the target's time."""

    def __init__(
        self,
        stream: socket.socket,
        release: Callable[[], None],
        ends: float,
        came: Callable[[bool], None] = lambda _something: None,
    ) -> None:
        """`release` is called once, when the connection is closed or forgotten; `came` when it is known
        whether the server says anything at all."""
        self._stream = stream
        self._release: Callable[[], None] | None = release
        self._ends = ends
        self._came: Callable[[bool], None] | None = came
        self._whole = True
        """Whether whoever waits has all the time that was asked for."""
        self._lock = threading.Lock()

    def recv(self, size: int, /) -> bytes:
        """As a socket's."""
        try:
            data = self._stream.recv(size)
        except TimeoutError:
            if self._whole:
                self._note(something=False)
            raise
        self._note(something=True)  # the end of the connection is an answer too
        return data

    def _note(self, *, something: bool) -> None:
        came, self._came = self._came, None
        if came is not None:
            came(something)

    def sendall(self, data: bytes, /) -> None:
        """As a socket's."""
        self._stream.sendall(data)

    def settimeout(self, seconds: float | None, /) -> None:
        """As a socket's, but not beyond the time that the target has."""
        left = max(self._ends - time.monotonic(), 0.05)
        self._whole = seconds is not None and seconds <= left
        self._stream.settimeout(left if seconds is None else min(seconds, left))

    def close(self) -> None:
        """End it, and make room for the next when the server has ended it too, or seems not to care."""
        self._end(self._until_closed)

    def cut(self) -> None:
        """End it now, whoever waits for an answer."""
        self._end(lambda: self._stream.shutdown(socket.SHUT_RDWR))

    def _end(self, finish: Callable[[], None]) -> None:
        with self._lock:
            release, self._release = self._release, None
        if release is not None:
            with contextlib.suppress(OSError):
                finish()
        self._stream.close()
        if release is not None:
            release()

    def _until_closed(self) -> None:
        """A server that starts a process for each connection has it for a while after we went."""
        self._stream.shutdown(socket.SHUT_WR)
        ends = time.monotonic() + LINGER
        while (left := ends - time.monotonic()) > 0:
            self._stream.settimeout(left)
            if not self._stream.recv(65536):
                break

    def __del__(self) -> None:
        """Somebody forgot it: an exception on the way, say."""
        with contextlib.suppress(OSError, AttributeError):
            self.cut()


class Once:
    """Work that several targets want and that is done once: a server that a hundred domains share."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._lock = threading.Lock()
        self._done: dict[object, _Work] = {}

    def get(self, key: object, make: Callable[[], object]) -> object:
        """What `make()` gave for `key`, now or before; whoever comes second waits for the first."""
        with self._lock:
            work = self._done.get(key)
            first = work is None
            if work is None:
                work = self._done[key] = _Work()
        if first:
            try:
                work.value = make()
            except BaseException as error:
                work.error = error
                raise
            finally:
                work.ready.set()
        work.ready.wait()
        if work.error is not None:
            raise work.error
        return work.value


@dataclass
class _Work:
    ready: threading.Event = field(default_factory=threading.Event)
    value: object = None
    error: BaseException | None = None
