"""The two files beside the inventory, on disk: read with a bound, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.secrets import document


def read(path: Path) -> document.Document | None:
    """The parsed `secrets.yml`, or `None` where there is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(document.MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}", where=Location(str(path))) from None
    if len(raw) > document.MAX_BYTES:
        limit = document.MAX_BYTES // 2**20
        raise InputError(f"{path} is larger than {limit} MiB", where=Location(str(path)))
    try:
        return document.parse(str(path), raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8", where=Location(str(path))) from None


def write(path: Path, text: str) -> None:
    """Put `text` at `path` in one step; a file that was there keeps its mode, a new one gets 0644."""
    target = path.resolve()  # a link stays a link
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}") from None


def write_key(path: Path, text: str) -> None:
    """Write a new `secrets.key`, mode 0600; one that is there is never replaced (`InputError`)."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(
            f"{path} was made by another run at the same time", hint="Run the command again."
        ) from None
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other runs of ours; the lock goes with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def key_notice(path: Path) -> str:
    """What to tell a person for whom a key was made."""
    try:
        ignored = path.name in (path.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        ignored = False
    return (
        f"Made {path}, the key that reads secrets.yml. Keep a copy in a safe place: without it the secrets "
        "are lost." + ("" if ignored else f" Keep it out of git: have the line `{path.name}` in .gitignore.")
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
