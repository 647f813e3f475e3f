"""Begin a repository: write what isn't there, never over what is; then git."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.git import environment
from provisioner.secrets import Secrets
from provisioner.starter.content import Content, contents

FIRST_PASSWORD = "alice@example.org"  # noqa: S105  # a name
"""The secret that the first inventory uses."""

MESSAGE = "Begin with mail servers"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Started:
    """What was done. `git` is `committed`, `staged` or `none`, and `why` says why it was not committed."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]
    git: str
    why: str = ""
    notice: str = ""


def start(folder: Path, forge: str = "", environ: Mapping[str, str] | None = None) -> Started:
    """Write the files of a new repository into `folder`, make it a repository, and commit.

    A file that is there stays as it is; `.gitignore` and `.gitattributes` get the lines they lack.
    In a repository that was there before, what was written is staged and left to the person to commit.
    Raises `InputError` where the folder can't be written, or a workflow would not be found in it.
    """
    _make_folder(folder)
    top = _git(folder, "rev-parse", "--show-toplevel").strip()
    if forge and top and Path(top) != folder.resolve():
        raise InputError(
            f"{folder} lies inside the repository {top}, where its workflow would not be found",
            hint="Run this at the top of a repository, or outside of one, or without --ci.",
        )
    branch = _git(folder, "symbolic-ref", "--short", "HEAD").strip() if top else "main"
    written: list[str] = []
    kept: list[str] = []
    for content in contents(forge, branch or "main"):
        (written if _write(folder, content) else kept).append(content.path)
    secrets = Secrets.open(folder, persist=True, environ=environ)
    fresh = not secrets.path.exists()
    if fresh:
        if "inventory.yml" in written:
            secrets.make(FIRST_PASSWORD, {"kind": "password"})
        secrets.start()
    notice = secrets.notice
    secrets.save()
    (written if fresh else kept).append("secrets.yml")
    outcome, why = _into_git(folder, written, bool(top))
    return Started(folder, tuple(written), tuple(kept), outcome, why, notice)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be made: {error.strerror}", where=Location(str(folder))) from None


def _write(folder: Path, content: Content) -> bool:
    """Whether the file was written or added to."""
    path = folder / content.path
    try:
        if not path.exists() and not path.is_symlink():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content.text, encoding="utf-8")
            return True
        if not content.lines:
            return False
        before = path.read_text(encoding="utf-8")
        lacking = [line for line in content.text.splitlines() if line not in before.splitlines()]
        if not any(line and not line.startswith("#") for line in lacking):
            return False
        gap = "" if not before or before.endswith("\n") else "\n"
        path.write_text(before + gap + "\n".join(lacking) + "\n", encoding="utf-8")
        return True
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{path} can't be written: {reason}", where=Location(str(path))) from None


def _into_git(folder: Path, written: Sequence[str], was_there: bool) -> tuple[str, str]:
    if not was_there and not _ok(folder, "init", "--quiet", "--initial-branch=main"):
        return "none", "git is not installed"
    if not written:
        return "none", "there is nothing new"
    if not _ok(folder, "add", "--", *written):
        return "none", "git add failed"
    if was_there:
        return "staged", "the repository was there before"
    if not _git(folder, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"):
        return "staged", "git doesn't know who you are (git config --global user.name and user.email)"
    if not _ok(folder, "commit", "--quiet", "--message", MESSAGE):
        return "staged", "git commit failed"
    return "committed", ""


def _ok(folder: Path, *words: str) -> bool:
    done = _run(folder, words)
    return done is not None and done.returncode == 0


def _git(folder: Path, *words: str) -> str:
    done = _run(folder, words)
    return done.stdout if done is not None and done.returncode == 0 else ""


def _run(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
