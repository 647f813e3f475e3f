"""The end check of `up`: log in as root with the key made for the host, to the host key made for it.

An open port proves nothing, somebody else may answer at that address; the keys tell them apart.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable

import paramiko

from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.state import Record, SandboxError

_MOST = 64_000
_LOG = "provisioner.sandbox.ssh"
# While a host boots every failed attempt is a traceback in paramiko's log; none of them is news.
logging.getLogger(_LOG).addHandler(logging.NullHandler())
logging.getLogger(_LOG).propagate = False


def wait_for_login(
    record: Record, keys: HostKeys, seconds: float, alive: Callable[[], bool] = lambda: True
) -> None:
    """Return once root can log in; raises SandboxError saying what the last attempt met.

    Gives up after `seconds`, or when `alive` says that the host has ended.
    """
    limit = time.monotonic() + seconds
    while True:
        try:
            ask(record, keys, "true", timeout=15.0)
        except (OSError, EOFError, paramiko.SSHException) as error:
            last = error
        else:
            return
        if time.monotonic() > limit or not alive():
            break
        time.sleep(0.1)
    raise SandboxError(
        f"{record.name} doesn't let root in at {record.address}:{record.port}",
        evidence=[str(last) or type(last).__name__],
        hint=f"provision sandbox down {record.name}, then up again.",
    )


def ask(record: Record, keys: HostKeys, command: str, timeout: float) -> tuple[int, str]:
    """Run `command` on the host as root; its exit status and what it printed (the first 64 kB)."""
    # While it boots, a host that answers nothing at all is asked again soon.
    with socket.create_connection((record.address, record.port), timeout=min(timeout, 2.0)) as connection:
        transport = paramiko.Transport(connection)
        transport.set_log_channel(_LOG)
        try:
            transport.get_security_options().key_types = ("ssh-ed25519",)
            transport.banner_timeout = transport.auth_timeout = timeout
            transport.start_client(timeout=timeout)
            shown = transport.get_remote_server_key()
            if f"{shown.get_name()} {shown.get_base64()}" != keys.host_public():
                raise SandboxError(
                    f"{record.address}:{record.port} isn't {record.name}: it shows another host key",
                    hint="Another machine has this address. Take the host down and choose another.",
                )
            transport.auth_publickey("root", paramiko.Ed25519Key.from_private_key_file(str(keys.login)))
            channel = transport.open_session(timeout=timeout)
            channel.settimeout(timeout)
            channel.exec_command(command)
            said = channel.makefile("rb").read(_MOST)
            return channel.recv_exit_status(), said.decode(errors="replace")
        finally:
            transport.close()
