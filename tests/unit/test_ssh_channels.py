"""A channel that was asked for is open, or was refused: whatever has happened since."""

import socket
import threading
import time

import paramiko
import pytest

from provisioner.hosts.transport import PendingChannel, Transport


@pytest.fixture
def pending() -> PendingChannel:
    """A channel that was asked for on a connection that lives."""
    ours, _ = socket.socketpair()
    transport = Transport(ours, ("ssh-ed25519",))
    transport.active = True
    channel = paramiko.Channel(0)
    channel._set_transport(transport)
    return PendingChannel(transport, channel, threading.Event())


def test_a_channel_that_opened_and_was_closed_at_once_was_not_refused(pending: PendingChannel) -> None:
    # The transport has forgotten it by now, as after a command that ends before we look.
    pending.channel._set_remote_channel(0, 1000, 1000)
    pending._opened.set()

    assert pending.wait(time.monotonic() + 1) is pending.channel


def test_a_channel_that_the_host_does_not_open_was_refused(pending: PendingChannel) -> None:
    pending._opened.set()

    with pytest.raises(paramiko.ChannelException):
        pending.wait(time.monotonic() + 1)
