"""A TCP connection straight to a host, and which of the many ways not to get one it was."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time

from provisioner.errors import NotTouched
from provisioner.hosts.settings import Settings

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""What `socket.getaddrinfo` gives for a host and port."""

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


def connect_tcp(settings: Settings, deadline: float) -> socket.socket:
    """Try each of the host's addresses in turn, none for longer than its share of the time."""
    addresses = _resolve(settings, deadline)
    problem: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    for index, (family, address) in enumerate(addresses):
        share = max(0.1, (deadline - time.monotonic()) / (len(addresses) - index))
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(share)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A network that has fallen silent ends the connection this long after a keepalive
            # went unanswered, however long an exchange may take.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(settings.timeout * 1000))
            return sock
        except OSError as failure:
            sock.close()
            problem = failure
    raise _unreachable(settings, problem, [str(address[0]) for _, address in addresses])


def _resolve(settings: Settings, deadline: float) -> list[tuple[socket.AddressFamily, _Address]]:
    """The host's addresses; the system's resolver knows no time limit, so it gets a thread."""
    family = _FAMILIES.get(settings.address_family, socket.AF_UNSPEC)
    answers: list[tuple[socket.AddressFamily, _Address]] = []
    problems: list[OSError] = []

    def work(flags: int = 0) -> None:
        try:
            found = socket.getaddrinfo(settings.address, settings.port, family, socket.SOCK_STREAM, 0, flags)
            answers.extend((family, address) for family, _, _, _, address in found)
        except (OSError, UnicodeError) as problem:
            problems.append(problem if isinstance(problem, OSError) else OSError(str(problem)))

    work(socket.AI_NUMERICHOST)
    if not answers:
        problems.clear()
        thread = threading.Thread(target=work, name="provision-resolve", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
    if answers:
        return answers
    if settings.address == settings.name:
        hint = f"Give its address: ansible_host: 192.0.2.10 under {settings.name} in the inventory."
    else:
        hint = "Check ansible_host for a slip, and that this machine's resolver knows the name."
    reason = problems[0].strerror or str(problems[0]) if problems else "no answer from the resolver"
    raise NotTouched(
        f"the name {settings.address} does not resolve", where=settings.place, hint=hint, evidence=(reason,)
    )


def _unreachable(settings: Settings, problem: OSError, tried: list[str]) -> NotTouched:
    where = f"{settings.address}:{settings.port}"
    evidence = (f"tried      {', '.join(tried)}",) if tried != [settings.address] else ()
    if isinstance(problem, TimeoutError) or problem.errno == errno.ETIMEDOUT:
        message = f"{where} does not answer (time-out after {settings.timeout:g} s)"
        hint = "Is the host up, the address right, and port 22 let through by every firewall in between?"
    elif isinstance(problem, ConnectionRefusedError):
        message = f"{where} refuses connections"
        hint = "Is sshd running there, and on this port (ansible_port)?"
    elif problem.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        message = f"there is no route to {where}"
        hint = "Is the host up, is this machine in the right network (VPN), is a jump host missing?"
    else:
        message = f"{where} cannot be reached: {problem.strerror or problem}"
        hint = "Try it by hand: ssh -v " + settings.address
    return NotTouched(message, where=settings.place, hint=hint, evidence=evidence)
