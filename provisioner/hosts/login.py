"""Logging in: the agent's keys, key files with and without passphrase, certificates, passwords.

Each wrong key counts as a failure at the server, which ends the connection after six
(`MaxAuthTries`), so a named key is the only one tried and others are few.
"""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from provisioner.hosts import lean_paramiko  # isort: skip  # noqa: F401  # before paramiko
import paramiko
from paramiko.agent import AgentKey, AgentSSH

from provisioner.errors import AuthenticationError
from provisioner.hosts.settings import AskPassword, Settings
from provisioner.hosts.transport import Transport

_MOST_KEYS = 5
_DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_AGENT_SECONDS = 30.0
"""An agent may ask its owner to confirm."""

_loaded: dict[tuple[Path, int, Path | None], paramiko.PKey] = {}
_loading = threading.Lock()
"""One passphrase question at a time, and each key file read once for all hosts."""


@dataclass
class _Attempts:
    """What was tried, for the error."""

    tried: list[str]
    unusable: list[str]
    allowed: tuple[str, ...] = ()


def log_in(transport: Transport, settings: Settings) -> None:
    """Authenticate, or raise `AuthenticationError` that says what was tried and what the host takes."""
    attempts = _Attempts([], [])
    transport.auth_timeout = settings.timeout
    agent = _agent(settings)
    try:
        for label, key in _keys(settings, agent, attempts):
            attempts.tried.append(label)
            needed = _try(transport, attempts, partial(transport.auth_publickey, settings.user, key))
            if needed == []:
                return
            if needed:  # The key was right, and the host wants a second factor as well.
                break
    finally:
        if agent is not None:
            agent.close()
    if _try_password(transport, settings, attempts):
        return
    raise _refused(settings, attempts)


class _Agent(AgentSSH):
    """An agent at a given socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_AGENT_SECONDS)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]  # the stubs leave it out
        except BaseException:
            connection.close()
            raise
        self.close = connection.close


def _agent(settings: Settings) -> _Agent | None:
    """The agent, if one answers; where there is none, key files have to do."""
    path = os.environ.get("SSH_AUTH_SOCK") if settings.agent == "SSH_AUTH_SOCK" else settings.agent
    if not path:
        return None
    try:
        return _Agent(path)
    except (OSError, paramiko.SSHException):
        return None


def _keys(
    settings: Settings, agent: _Agent | None, attempts: _Attempts
) -> Iterator[tuple[str, paramiko.PKey]]:
    """The keys to try, in order, at most `_MOST_KEYS`; files are opened only when their turn comes."""
    held = {key.asbytes(): key for key in (agent.get_keys() if agent else ())}
    count = 0
    for path in settings.keys:
        for key in _from_file(path, settings, held, attempts):
            count += 1
            yield str(path), key
    if settings.identities_only or (settings.password is not None and not settings.keys):
        return
    for key in list(held.values()):
        if count < _MOST_KEYS:
            count += 1
            yield f"{key.comment or key.get_name()} (agent)", key
    for name in _DEFAULT_KEYS if not settings.keys else ():
        path = Path(name).expanduser()
        if count < _MOST_KEYS and path.exists():
            for key in _from_file(path, settings, held, attempts):
                count += 1
                yield name, key


def _from_file(
    path: Path, settings: Settings, held: dict[bytes, AgentKey], attempts: _Attempts
) -> Iterator[paramiko.PKey]:
    """The key in `path`: by the agent if it holds it, so that its passphrase need not be asked."""
    certificate = next((c for c in settings.certificates if c.exists()), None)
    public = public_part(path)
    if public is not None and (key := held.pop(public, None)) is not None:
        beside = certificate or _certificate_beside(path)
        if beside is not None:
            key.load_certificate(str(beside))
        yield key
        return
    try:
        yield _load(path, certificate, settings.ask_password)
    except FileNotFoundError:
        attempts.unusable.append(f"{path} does not exist")
    except OSError as problem:
        attempts.unusable.append(f"{path} cannot be read: {problem.strerror}")
    except _Locked:
        attempts.unusable.append(f"{path} needs a passphrase (ssh-add {path}, or run this in a terminal)")
    except (ValueError, TypeError, paramiko.SSHException) as problem:
        attempts.unusable.append(f"{path} is no usable private key: {problem}")


def _certificate_beside(path: Path) -> Path | None:
    beside = path.with_name(path.name.removesuffix(".pub") + "-cert.pub")
    return beside if beside.exists() else None


def public_part(path: Path) -> bytes | None:
    """The public key of a key file, read without its passphrase: from `.pub` beside it, or its own head."""
    for candidate in (path if path.suffix == ".pub" else Path(f"{path}.pub"), path):
        try:
            text = candidate.read_bytes()[: 64 * 1024]
        except OSError:
            continue
        try:
            if b"PRIVATE KEY-----" not in text:
                return base64.b64decode(text.split()[1], validate=True)
            return _public_part_of_private(text)
        except (ValueError, IndexError):
            continue
    return None


def _public_part_of_private(text: bytes) -> bytes | None:
    """The first public key in an OpenSSH private key file (PROTOCOL.key), which is not encrypted."""
    body = base64.b64decode(b"".join(text.splitlines()[1:-1]))
    magic = b"openssh-key-v1\x00"
    if not body.startswith(magic):
        return None
    message = paramiko.Message(body[len(magic) :])
    for _ in ("cipher", "kdf", "kdf options"):
        message.get_binary()
    return message.get_binary() if message.get_int() else None


class _Locked(Exception):
    """The key needs a passphrase, and there is nobody to ask."""


def _load(path: Path, certificate: Path | None, ask: AskPassword | None) -> paramiko.PKey:
    """Read a private key once per run; asks for its passphrase at most three times."""
    with _loading:
        identity = (path, path.stat().st_mtime_ns, certificate)
        if identity not in _loaded:
            key = _decrypt(path, ask)
            if certificate is not None:
                key.load_certificate(str(certificate))
            _loaded[identity] = key
        return _loaded[identity]


def _decrypt(path: Path, ask: AskPassword | None) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except (TypeError, paramiko.PasswordRequiredException):
        pass  # It is encrypted: cryptography says so with a TypeError.
    for _ in range(3):
        passphrase = ask(f"Passphrase for {path}: ") if ask else None
        if not passphrase:
            raise _Locked
        try:
            # paramiko 5 declares str and hands it to cryptography, which wants bytes.
            return paramiko.PKey.from_path(path, passphrase.encode())  # type: ignore[arg-type,unused-ignore]
        except (ValueError, paramiko.SSHException):
            continue  # Wrong passphrase.
    raise _Locked


def _try(transport: Transport, attempts: _Attempts, attempt: Callable[[], list[str]]) -> list[str] | None:
    """One attempt: `[]` when logged in, methods still needed after a partial success, `None` when refused."""
    try:
        return list(attempt())
    except paramiko.BadAuthenticationType as refusal:
        attempts.allowed = tuple(refusal.allowed_types)
    except paramiko.AuthenticationException:
        if not transport.is_active():
            attempts.allowed = ("(the host ended the connection)",)
    return None


def _try_password(transport: Transport, settings: Settings, attempts: _Attempts) -> bool:
    """Log in with the password that the inventory holds, or one asked for on the terminal."""
    password = settings.password
    if password is None and settings.ask_password is not None and transport.is_active():
        if attempts.allowed and not {"password", "keyboard-interactive"} & set(attempts.allowed):
            return False
        password = settings.ask_password(f"Password of {settings.user}@{settings.address}: ")
    if not password or not transport.is_active():
        return False
    attempts.tried.append("password")
    return _try(transport, attempts, lambda: transport.auth_password(settings.user, password)) == []


def _refused(settings: Settings, attempts: _Attempts) -> AuthenticationError:
    tried = ", ".join(attempts.tried) or "nothing, for want of a usable key"
    takes = f"takes      {', '.join(attempts.allowed)}" if attempts.allowed else ""
    evidence = [f"tried      {tried}", takes, *(f"skipped    {text}" for text in attempts.unusable)]
    public = next((f"{key}.pub" for key in settings.keys if Path(f"{key}.pub").exists()), None)
    option = f" -i {public}" if public else ""
    copy = f"ssh-copy-id{option} -p {settings.port} {settings.user}@{settings.address}"
    return AuthenticationError(
        f"{settings.user}@{settings.address}:{settings.port} refused the login",
        where=settings.place,
        hint=f"Name the right key (--ssh-key FILE, ansible_ssh_private_key_file) or user (ansible_user), "
        f"or let this one in: {copy}",
        evidence=[line for line in evidence if line],
    )
