"""A host that answers whatever it likes over a real SSH connection: bounded, refused, and said so."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from provisioner.errors import NotTouched
from provisioner.hosts import probe
from provisioner.hosts.connection import Connection, ConnectionOptions, connect, connection_settings
from provisioner.inventory.model import Host
from provisioner.report.escape import escape
from provisioner.resources import File
from provisioner.roles.model import Desired

HOST = Host("evil", {}, {})
REQUEST = probe.Request([Desired(HOST, "bookworm", (File("/etc/x", b"wanted\n", "x"),))])
BEGIN = b"provision-begins-here 0\n"
Say = Callable[[paramiko.Channel], None]


class Evil(paramiko.ServerInterface):
    """Lets anybody in, and says what it was told to, whatever it is asked."""

    def __init__(self, say: Say) -> None:
        self.say = say

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Everybody is welcome."""
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        """By key."""
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Any channel."""
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Any command."""
        threading.Thread(target=self._answer, args=(channel,), daemon=True).start()
        return True

    def _answer(self, channel: paramiko.Channel) -> None:
        try:
            self.say(channel)
            channel.send_exit_status(0)
            channel.close()
        except (OSError, EOFError):
            return  # we hung up on it


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Callable[..., Connection]]:
    """A function that connects to a host which says what the function given to it sends."""
    listener = socket.create_server(("127.0.0.1", 0))
    host_key, user_key = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    user_key.write_private_key_file(str(tmp_path / "id"))
    port = listener.getsockname()[1]
    (tmp_path / "known_hosts").write_text(
        f"[127.0.0.1]:{port} {host_key.get_name()} {host_key.get_base64()}\n"
    )
    ends: list[object] = [listener]

    def serve(say: Say) -> None:
        transport = paramiko.Transport(listener.accept()[0])
        ends.append(transport)
        transport.add_server_key(host_key)
        transport.start_server(server=Evil(say))

    def start(say: Say, timeout: float = 5.0, **variables: object) -> Connection:
        threading.Thread(target=serve, args=(say,), daemon=True).start()
        place = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_user": "root"}
        key = {"ansible_ssh_private_key_file": str(tmp_path / "id")}
        host = Host("evil", {**place, **key, **variables}, {})
        options = ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False, timeout=timeout)
        ends.append(connection := connect(connection_settings(host, options, tmp_path)))
        return connection

    yield start
    for one in reversed(ends):
        one.close()  # type: ignore[attr-defined]


def read(connection: Connection, limit: int = probe.ANSWER_LIMIT) -> object:
    """What apply reads of a host."""
    said = connection.run(probe.SCRIPT, REQUEST.encode(), argv0="provision-read", limit_bytes=limit)
    return probe.parse(said.stdout, REQUEST)


def whole(*lines: bytes) -> Say:
    return lambda channel: channel.sendall(BEGIN + b"provision-probe 1\n" + b"\n".join(lines) + b"\nend\n")


def a_gigabyte(channel: paramiko.Channel) -> None:
    channel.sendall(BEGIN)
    for _ in range(1024):
        channel.sendall(b"x" * 1024 * 1024)


def for_ever(channel: paramiko.Channel) -> None:
    channel.sendall(BEGIN)
    while True:
        channel.sendall(b"fact uid 0\n")
        time.sleep(0.01)


def nothing(channel: paramiko.Channel) -> None:
    channel.sendall(BEGIN)
    time.sleep(60)


def test_a_gigabyte_is_cut_off_early(reach: Callable[..., Connection]) -> None:
    with pytest.raises(NotTouched, match="more than 1024 KiB"):
        read(reach(a_gigabyte), limit=1024 * 1024)


def test_a_gigabyte_on_the_other_stream_counts_too(reach: Callable[..., Connection]) -> None:
    def noisy(channel: paramiko.Channel) -> None:
        channel.sendall(BEGIN)
        for _ in range(1024):
            channel.sendall_stderr(b"x" * 1024 * 1024)

    with pytest.raises(NotTouched, match="more than 1024 KiB"):
        read(reach(noisy), limit=1024 * 1024)


def test_an_answer_that_never_ends_is_bounded_by_its_size(reach: Callable[..., Connection]) -> None:
    with pytest.raises(NotTouched, match="more than 2 KiB"):
        read(reach(for_ever), limit=2048)


def test_silence_has_an_end(reach: Callable[..., Connection]) -> None:
    began = time.monotonic()
    with pytest.raises(NotTouched, match="said nothing"):
        read(reach(nothing, timeout=1.0))
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "say",
    [
        lambda channel: channel.sendall(BEGIN + bytes(range(256)) * 40),
        lambda channel: channel.sendall(BEGIN + b"provision-probe 1\nfact uid 0\n"),
        whole(b"provision-probe 1", b"end", b"provision-probe 1"),
        whole(b"existing 1:x", b"stat 81a4 0 0 root root 7 1.0", b"content 1 " + b"A" * 5),
        whole(b"record state !!!"),
        whole(b"unfinished ../../../etc/shadow dead"),
        whole(b"\x1b]0;owned\x07"),
    ],
    ids=["binary", "no end", "forged markers", "content that is none", "a record that is none",
         "a path for an id", "control sequences"],
)  # fmt: skip
def test_what_the_probe_does_not_write_is_refused(say: Say, reach: Callable[..., Connection]) -> None:
    with pytest.raises(NotTouched) as caught:
        read(reach(say))
    assert "makes no sense" in str(caught.value)
    assert "\x1b" not in escape(str(caught.value))


def test_content_that_does_not_match_its_hash_is_refused(reach: Callable[..., Connection]) -> None:
    say = whole(
        b"existing 1:x", b"stat 81a4 0 0 root root 7 1.0", b"hash 1 " + b"ab" * 32, b"content 1 b3RoZXIK"
    )
    with pytest.raises(NotTouched, match="does not match"):
        read(reach(say))


def test_a_template_in_a_fact_stays_what_it_is(reach: Callable[..., Connection]) -> None:
    seen = read(reach(whole(b"fact hostname {{ lookup('pipe', 'id') }}", b"fact release {% for %}")))
    assert seen.facts.hostname == "{{ lookup('pipe', 'id') }}"  # type: ignore[attr-defined]


def test_a_sudo_that_asks_for_ever_is_given_up(reach: Callable[..., Connection]) -> None:
    def asks(channel: paramiko.Channel) -> None:
        for _ in range(100):
            channel.sendall_stderr(b"Sorry, try again.\n")
            time.sleep(0.05)

    with pytest.raises(NotTouched, match="sudo did not accept"):
        read(reach(asks, timeout=3.0, ansible_user="op", ansible_become=True, ansible_become_password="x"))


def test_a_sudo_that_asks_without_a_word_is_given_up(reach: Callable[..., Connection]) -> None:
    with pytest.raises(NotTouched, match="said nothing"):
        read(
            reach(
                lambda _channel: time.sleep(30),
                timeout=1.0,
                ansible_user="op",
                ansible_become=True,
                ansible_become_password="x",
            )
        )
