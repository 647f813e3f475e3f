"""What git says about an inventory: the commit, whether anything differs from it, and who is at work.

Git is asked by subprocess, without a shell, with a time limit and a bound on its answer. A folder
without git is no error: most of the program works without.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10.0
MAX_BYTES = 1 << 20
"""A status longer than this says no more than that the tree is not clean."""

_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "FORGEJO_ACTOR")
"""Who made the CI run, as GitHub (Gitea and Forgejo too) and GitLab put it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit that an inventory is at. `clean`: the work tree holds exactly this commit."""

    commit: str
    """The whole object id (40 or 64 hex digits)."""
    clean: bool
    who: str
    """`Name <mail>`, see `author`."""

    @property
    def short(self) -> str:
        """The first seven digits, as git prints them."""
        return self.commit[:7]

    def __str__(self) -> str:
        """`3f2c1ab`, or `3f2c1ab, with changes since`."""
        return self.short if self.clean else f"{self.short}, with changes since"


def inventory_revision(folder: Path) -> Revision | None:
    """The commit of the work tree that `folder` is in, or `None`.

    `None` where there is no git, no repository, no commit yet, or git refuses (a repository that
    belongs to another user, for one). Untracked files count as changes, ignored ones do not.
    """
    lines = _ask(folder, ["status", "--porcelain=v2", "--branch", "--untracked-files=normal"])
    if lines is None:
        return None
    commit = next((line[13:] for line in lines if line.startswith("# branch.oid ")), "")
    if not commit or commit == "(initial)":
        return None
    clean = all(line.startswith("# ") or not line for line in lines)
    return Revision(commit, clean, author(folder))


def author(folder: Path) -> str:
    """Who is at work: git's author for this folder, `Name <mail>`; else the account and this machine.

    On a CI runner, which has no author of its own, the account that started the run.
    """
    for variable in _ACTORS:
        if actor := os.environ.get(variable):
            return f"{_one_line(actor)} (CI)"
    identity = _ask(folder, ["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"])
    if identity and ">" in identity[0]:
        return _one_line(identity[0][: identity[0].rindex(">") + 1])
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # no account for this uid, as in some containers
        account = f"uid {os.getuid()}"
    return f"{account}@{socket.gethostname()}"


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.strip())[:200]


def _ask(folder: Path, arguments: Sequence[str]) -> list[str] | None:
    """Git's answer in lines, or `None` where it fails, is not there, or takes too long."""
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]  # fsmonitor: a program
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        ) as process:
            try:
                answer, whole = _read(process)
            finally:
                if process.poll() is None:
                    process.kill()
    except (OSError, subprocess.TimeoutExpired):
        return None
    if whole and process.returncode != 0:
        return None
    return answer.decode("utf-8", "replace").splitlines()


def _read(process: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
    """What git writes, up to the bound, and whether that was all of it."""
    import select
    import time

    assert process.stdout is not None
    end = time.monotonic() + SECONDS
    answer = b""
    while len(answer) < MAX_BYTES:
        left = end - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise subprocess.TimeoutExpired("git", SECONDS)
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            process.wait(timeout=max(0.1, end - time.monotonic()))
            return answer, True
        answer += piece
    return answer, False


def environment() -> dict[str, str]:
    """The environment for git: without what points it elsewhere (inside a hook), no lock, no prompt."""
    pointing = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"}
    kept = {name: value for name, value in os.environ.items() if name not in pointing}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
