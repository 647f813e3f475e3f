"""paramiko's transport with three round trips fewer and the host key's raw bytes kept.

What differs from `paramiko.Transport`:

- the authentication request follows the service request at once instead of after its answer
  (RFC 4253 section 10 asks for an answer, not for a wait);
- a channel can be opened without waiting, so that the `exec` request follows it at once;
- the host key algorithms are the caller's choice, in the caller's order, certificates included;
- `host_key_blob` is what the server sent, so that a host certificate can be judged.
"""

from __future__ import annotations

# The stubs of paramiko leave out the protected names that a subclass builds on.
# mypy: disable-error-code="attr-defined, misc"
import socket
import threading
import time
from collections.abc import Callable, Sequence

from provisioner.hosts import lean_paramiko  # isort: skip  # noqa: F401  # before paramiko
import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import (
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_REQUEST,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_REQUEST,
)
from paramiko.packet import Packetizer
from paramiko.transport import ServiceRequestingTransport

HOST_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""Plain algorithms we verify, best first. SHA-1 (`ssh-rsa`) and DSA are not among them."""

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"

WEAK = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
    "kex": [
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ],
    "pubkeys": ["ssh-rsa"],
}
"""What OpenSSH no longer offers by default either."""


class _AuthHandler(AuthOnlyHandler):
    """Sets the event before sending, so that a quick answer is never missed."""

    def send_auth_request(
        self,
        username: str,
        method: str,
        finish_message: Callable[[paramiko.Message], None] | None = None,
    ) -> list[str]:
        """Send a USERAUTH_REQUEST (RFC 4252 section 5); return the methods still needed, `[]` when done."""
        self.auth_method = method
        self.username = username
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add_string(username)
        message.add_string("ssh-connection")
        message.add_string(method)
        if finish_message is not None:
            finish_message(message)
        self.auth_event = threading.Event()
        with self.transport.lock:
            self.transport._send_message(message)
        return list(self.wait_for_response(self.auth_event))


class PendingChannel:
    """A channel that was asked for; `wait` returns it once the server has agreed."""

    def __init__(self, transport: Transport, channel: paramiko.Channel, opened: threading.Event) -> None:
        """Made by `Transport.begin_channel`."""
        self._transport = transport
        self._opened = opened
        self.channel = channel

    def wait(self, deadline: float) -> paramiko.Channel:
        """The open channel; raises `paramiko.ChannelException` if refused, `TimeoutError` at `deadline`.

        `deadline` is on the clock of `time.monotonic`, in seconds.
        """
        if not self._opened.wait(max(0.0, deadline - time.monotonic())):
            raise TimeoutError("the host did not open a channel")
        if not self._transport.is_active():
            raise self._transport.get_exception() or EOFError()
        # Not whether the transport still knows it: what runs and ends at once has opened its
        # channel and closed it again before this thread is woken.
        if not self.channel.active:
            raise self._transport.get_exception() or paramiko.ChannelException(0, "refused")
        return self.channel


class _Packetizer(Packetizer):
    """Keeps the lines that come before the server introduces itself: they say what it is instead."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.greeting: list[str] = []

    def readline(self, timeout: float) -> str:
        """The next line of the version exchange (RFC 4253 section 4.2)."""
        line = str(super().readline(timeout))
        self.greeting.append(line[:200])
        return line


class Transport(ServiceRequestingTransport):
    """One SSH connection, client side."""

    def __init__(self, sock: socket.socket | paramiko.Channel, host_key_algorithms: Sequence[str]) -> None:
        """`host_key_algorithms` are offered in this order and no others."""
        super().__init__(sock, disabled_algorithms=WEAK, packetizer_class=_Packetizer)
        self._host_key_algorithms = tuple(host_key_algorithms)
        self._service_asked_for = False
        self.host_key_blob = b""

    @property
    def greeting(self) -> tuple[str, ...]:
        """The lines that came before, and instead of, a version line of SSH."""
        lines: list[str] = self.packetizer.greeting
        return tuple(line for line in lines[:5] if not line.startswith("SSH-"))

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to offer, in order."""
        return self._host_key_algorithms

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        self.host_key_blob = host_key
        super()._verify_key(host_key, sig)

    def get_auth_handler(self) -> _AuthHandler:
        """The handler of the authentication messages."""
        return _AuthHandler(self)

    def ensure_session(self) -> None:
        """Ask for the `ssh-userauth` service once, without waiting for the answer."""
        if self._service_asked_for:
            return
        self._service_asked_for = True
        self.auth_handler = self.get_auth_handler()
        message = paramiko.Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)

    def begin_channel(self, kind: str, address: Sequence[str | int] = ()) -> PendingChannel:
        """Ask for a channel (RFC 4254 section 5.1) and return at once.

        `address` holds the fields that follow the common ones: texts and 32-bit numbers.
        """
        with self.lock:
            number = self._next_channel()
            message = paramiko.Message()
            message.add_byte(cMSG_CHANNEL_OPEN)
            message.add_string(kind)
            message.add_int(number)
            message.add_int(self.default_window_size)
            message.add_int(self.default_max_packet_size)
            for field in address:
                if isinstance(field, int):
                    message.add_int(field)
                else:
                    message.add_string(field)
            channel = paramiko.Channel(number)
            self._channels.put(number, channel)
            self.channel_events[number] = opened = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(self.default_window_size, self.default_max_packet_size)
        self._send_user_message(message)
        return PendingChannel(self, channel, opened)

    def begin_exec(self, channel: paramiko.Channel, command: str, *, first: bool = False) -> None:
        """Ask for `command` to run in `channel` (RFC 4254 section 6.5) without waiting for the answer.

        A refusal closes the channel. `first` names the connection's first channel before the
        server has told its number of it: only for OpenSSH's server, which counts from 0.
        """
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(0 if first else channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)
        message.add_string(command)
        channel._event_pending()
        self._send_user_message(message)

    def runs_openssh(self) -> bool:
        """Whether the server says it is OpenSSH."""
        return "OpenSSH" in self.remote_version
