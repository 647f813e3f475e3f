"""The command that a host is asked to run, and what sudo means when it refuses.

The command is short and always the same; the script and its data follow on stdin. Before
the script runs, the host writes a line (`MARK` and the user id) on stdout, so that

- what a login shell's start-up files print is told apart from the answer,
- nothing but a password is sent to sudo before sudo has accepted it,
- a command that never started (no shell, sudo refused) is not taken for one that failed.
"""

from __future__ import annotations

import re
import shlex
import threading
from dataclasses import replace

from provisioner.errors import AuthenticationError, NotTouched
from provisioner.hosts.settings import Settings

MARK = b"provision-begins-here"

_BOOTSTRAP = (
    'echo "$2 $(id -u)"; '
    'while IFS= read -r line; do [ "$line" = "$2" ] && break; done; '
    'eval "$(head -c "$1")"'
)
"""sudo reads its password line only when it needs one; the loop skips the line when it did not."""

_ARGV0 = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def command_line(settings: Settings, script: bytes, argv0: str) -> str:
    """The command for the user's login shell, whichever that is; it holds no variable text but `argv0`."""
    if not _ARGV0.fullmatch(argv0):
        raise ValueError(f"not a plain name: {argv0!r}")
    words = ["sh", "-c", _BOOTSTRAP, argv0, str(len(script)), MARK.decode()]
    if settings.become is not None:
        password = ["-S", "-k", "-p", ""] if settings.become.password is not None else ["-n"]
        words = ["env", "LC_ALL=C", "sudo", "-H", *password, "-u", settings.become.user, "--", *words]
    return shlex.join(words)


def password_line(settings: Settings) -> bytes:
    """What goes first on stdin: sudo's password, or nothing."""
    if settings.become is None or settings.become.password is None:
        return b""
    return settings.become.password.encode() + b"\n"


def script_input(script: bytes) -> bytes:
    """What goes on stdin once the password is through, before the script's own data."""
    return MARK + b"\n" + script


class PasswordWanted(AuthenticationError):
    """sudo wants a password, and none is known."""


_asked: dict[str, str | None] = {}
_asking = threading.Lock()


def with_password_asked_for(settings: Settings) -> Settings | None:
    """The settings with a password typed at the terminal: one question per user name and run.

    `None` where nobody can answer, or did.
    """
    if settings.ask_password is None or settings.become is None or settings.become.password is not None:
        return None
    with _asking:
        if settings.user not in _asked:
            _asked[settings.user] = settings.ask_password(f"sudo password of {settings.user}: ")
        password = _asked[settings.user]
    return replace(settings, become=replace(settings.become, password=password)) if password else None


_WANTED = "a password is required|a terminal is required to read the password"

_SUDO_REFUSALS = (
    (
        r"incorrect password|Sorry, try again|no password was provided|Authentication failure",
        "sudo did not accept the password of {user}",
        "Check ansible_become_password (it is the password of {user}, not root's).",
    ),
    (
        _WANTED,
        "sudo wants a password for {user}",
        "Set ansible_become_password (as {{{{ secrets.… }}}}), or allow it without one: "
        "{user} ALL=(ALL) NOPASSWD: ALL in /etc/sudoers.d/provision.",
    ),
    (
        r"must have a tty|sorry, you must have a tty",
        "sudo insists on a terminal (requiretty)",
        "Put `Defaults:{user} !requiretty` into /etc/sudoers.d/provision on the host.",
    ),
    (
        r"not in the sudoers file|is not allowed to|may not run sudo",
        "{user} may not use sudo",
        "Let {user} use sudo there (usermod -aG sudo {user}), or log in as root.",
    ),
    (
        r"sudo: (command )?not found|sudo: not found|sudo': No such file|No such file or directory",
        "there is no sudo on the host",
        "Log in as root, or install it once: apt-get install sudo.",
    ),
    (
        r"expired|account is locked|account validation failure",
        "sudo refuses {user}: the account has expired or is locked",
        "Look at `chage -l {user}` on the host.",
    ),
)


def refusal(settings: Settings, stdout: bytes, stderr: bytes, status: int | None) -> NotTouched:
    """The error for a command that ended before the script began."""
    text = (stderr + b"\n" + stdout).decode("utf-8", "replace")
    said = [line for line in text.splitlines() if line.strip()]
    evidence = tuple(said[-10:])
    if settings.become is not None:
        user = settings.user
        for pattern, message, hint in _SUDO_REFUSALS:
            if re.search(pattern, text, re.IGNORECASE):
                kind = PasswordWanted if pattern == _WANTED else AuthenticationError
                return kind(message.format(user=user), hint=hint.format(user=user), evidence=evidence)
    return NotTouched(
        f"{settings.user}@{settings.address} cannot run commands (status {status})",
        hint="Does the account have a login shell, and sshd no ForceCommand for it?",
        evidence=evidence,
    )


def not_root(settings: Settings, uid: int) -> AuthenticationError:
    """The error for a script that would run without root's rights."""
    hint = (
        f"Set ansible_become: true, so that {settings.user} uses sudo, or ansible_user: root."
        if settings.become is None
        else "Leave ansible_become_user at root."
    )
    return AuthenticationError(
        f"commands would run as user id {uid} on {settings.address}, not as root", hint=hint
    )
