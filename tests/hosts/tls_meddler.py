"""In front of a server of TLS: changes one thing in its handshakes, for what no library does wrong any more.

    tls_meddler.py PORT BEHIND FLAW

The flaws:

compresses    where a client offers DEFLATE (RFC 3749) the ServerHello takes it
no-fallback   TLS_FALLBACK_SCSV (RFC 7507) is put out of the ClientHello, so that nobody notices it

A handshake that was changed does not come to its end, since both sides sign what they have seen; up to there
all of it is the server's own. Other handshakes go through as they are.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

DEFLATE = 1
FALLBACK_SCSV = b"\x56\x00"
UNKNOWN_SUITE = b"\x0a\x0a"
"""What every server passes over (RFC 8701)."""
RANDOM_ENDS = 5 + 4 + 2 + 32
"""Where the session's id begins in a record with a hello (RFC 5246 §7.4.1.2, §7.4.1.3)."""
CLIENT_HELLO, SERVER_HELLO = 1, 2


def take(stream: socket.socket, size: int) -> bytes:
    """`size` bytes, or what came before the end."""
    data = b""
    while len(data) < size and (more := stream.recv(size - len(data))):
        data += more
    return data


def first_record(stream: socket.socket) -> bytes:
    """The record that a handshake begins with, or an alert."""
    header = take(stream, 5)
    return header + take(stream, int.from_bytes(header[3:], "big"))


def is_hello(record: bytes, kind: int) -> bool:
    """Whether the record begins with this message of a handshake of SSL 3 or later."""
    return record[:2] == b"\x16\x03" and record[5:6] == bytes([kind])


def suites_at(hello: bytes) -> tuple[int, int]:
    """Where the suites of a ClientHello begin and end."""
    begins = RANDOM_ENDS + 1 + hello[RANDOM_ENDS] + 2
    return begins, begins + int.from_bytes(hello[begins - 2 : begins], "big")


def offers_deflate(hello: bytes) -> bool:
    """Whether the ClientHello has it among its ways to compress."""
    ends = suites_at(hello)[1]
    return DEFLATE in hello[ends + 1 : ends + 1 + hello[ends]]


def without_fallback(hello: bytes) -> bytes:
    """The ClientHello with a suite that nobody has in the place of TLS_FALLBACK_SCSV."""
    begins, ends = suites_at(hello)
    suites = [hello[at : at + 2] for at in range(begins, ends, 2)]
    changed = b"".join(UNKNOWN_SUITE if suite == FALLBACK_SCSV else suite for suite in suites)
    return hello[:begins] + changed + hello[ends:]


def compressing(hello: bytes) -> bytes:
    """The ServerHello with DEFLATE."""
    at = RANDOM_ENDS + 1 + hello[RANDOM_ENDS] + 2
    return hello[:at] + bytes([DEFLATE]) + hello[at + 1 :]


def meddle(client: socket.socket, server: socket.socket, flaw: str) -> None:
    """Pass the first record of each side on, changed."""
    asked = first_record(client)
    readable = is_hello(asked, CLIENT_HELLO)
    server.sendall(without_fallback(asked) if readable and flaw == "no-fallback" else asked)
    if readable and flaw == "compresses" and offers_deflate(asked):
        said = first_record(server)
        client.sendall(compressing(said) if is_hello(said, SERVER_HELLO) else said)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, and its end."""
    with suppress(OSError):
        while data := source.recv(16384):
            sink.sendall(data)
    for stream in (source, sink):
        with suppress(OSError):
            stream.shutdown(socket.SHUT_RDWR)


def converse(client: socket.socket, behind: int, flaw: str) -> None:
    """One connection, to its end."""
    with client, socket.create_connection(("127.0.0.1", behind)) as server:
        with suppress(OSError):
            meddle(client, server, flaw)
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


def main(port: int, behind: int, flaw: str) -> None:
    """Take connections for ever."""
    with socket.create_server(("", port), backlog=64) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=converse, args=(client, behind, flaw), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
