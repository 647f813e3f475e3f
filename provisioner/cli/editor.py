"""A text in the person's editor, in a folder that is in memory and theirs alone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from provisioner.errors import InputError


def edited(text: str) -> str:
    """What the editor (`$VISUAL`, `$EDITOR`, `vi`) makes of `text`.

    The file lies on a tmpfs, so that neither it nor the editor's own copies of it reach a disk.
    Raises `InputError` where there is no such place, or the editor fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="provision-", dir=_in_memory()))
    try:
        file = folder / "secret"
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        try:
            status = subprocess.run([*words, str(file)], check=False).returncode
        except OSError as error:
            raise InputError(
                f"the editor {words[0]} can't be run: {error.strerror}", hint="Name one: EDITOR=nano."
            ) from None
        if status != 0:
            raise InputError(f"the editor ended with status {status}", hint="The secrets stay as they were.")
        return file.read_text(encoding="utf-8")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> str:
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108  # mkdtemp makes a private one
        if folder and os.access(folder, os.W_OK | os.X_OK) and _is_tmpfs(Path(folder)):
            return folder
    raise InputError(
        "there is no place in memory to edit a secret in", hint="Use `provision secrets set NAME` instead."
    )


def _is_tmpfs(folder: Path) -> bool:
    """Whether the folder lies on a tmpfs, by the longest mount point above it."""
    real = str(folder.resolve())
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, type_ = line.split(" ")[:3]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, type_
    return kind == "tmpfs"
