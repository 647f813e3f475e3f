"""A TCP proxy that delays: each byte arrives half a round trip after it was sent, in either direction.

    with SlowLink(("10.0.0.5", 22), round_trip=0.05) as link:
        …connect to link.address…

The bandwidth is not limited, and the connection itself takes a round trip, as on a real link.
By hand: python -m benchmarks.slowlink 10.0.0.5:22 0.05
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType

_CHUNK = 65536
Address = tuple[str, int]


class SlowLink:
    """The proxy for one target, in a thread of its own; `address` is where it listens."""

    def __init__(self, target: Address, round_trip: float, listen: str = "127.0.0.1") -> None:
        """`round_trip` is in seconds."""
        self._target = target
        self._half = round_trip / 2
        self._listen = listen
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._serve(),), daemon=True
        )
        self.address: Address = (listen, 0)

    def __enter__(self) -> SlowLink:
        """Listening."""
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the proxy with every connection through it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, self._listen, 0)
        self.address = server.sockets[0].getsockname()[:2]
        self._ready.set()
        await self._stop.wait()
        server.close()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # To the client the connection stands already; on a real link that takes a round trip.
            await asyncio.sleep(self._half * 2)
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        ways: tuple[Coroutine[None, None, None], ...] = (
            self._delay(reader, back),
            self._delay(there, writer),
        )
        with suppress(asyncio.CancelledError):  # The proxy ends.
            await asyncio.gather(*ways)

    async def _delay(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Carry one direction: read at once, write when half a round trip has passed."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(waiting, target))
        try:
            while data := await source.read(_CHUNK):
                waiting.put_nowait((self._loop.time() + self._half, data))
        except OSError:
            pass  # The other side is told below, as by a connection that ends.
        waiting.put_nowait((self._loop.time() + self._half, b""))
        await writing

    async def _write(self, waiting: asyncio.Queue[tuple[float, bytes]], target: asyncio.StreamWriter) -> None:
        try:
            while True:
                due, data = await waiting.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    break
                target.write(data)
                await target.drain()
        except OSError:
            pass
        target.close()


def main(arguments: list[str]) -> None:
    """Serve until interrupted."""
    host, _, port = arguments[0].rpartition(":")
    with SlowLink((host, int(port)), float(arguments[1])) as link:
        print(f"{link.address[0]}:{link.address[1]}")
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
