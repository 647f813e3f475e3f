"""Packages and package lists that hosts fetched, kept so that the next host needs no download."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
from contextlib import AbstractContextManager
from pathlib import Path

from provisioner.sandbox.state import hold

ARCHIVES = "var/cache/apt/archives"
LISTS = "var/lib/apt/lists"
_DEB = re.compile(r"[A-Za-z0-9.+~%_-]+\.deb")
_LIST = re.compile(r"[A-Za-z0-9.+~%_-]+_dists_[A-Za-z0-9.+~%_-]+")


def keep_downloads(upper: Path, cache: Path) -> None:
    """Take what a host fetched (it is off) out of what it wrote, `upper`, into `cache`.

    apt checks every file against the archive's signed hashes before it uses it, so a bad one does no harm.
    """
    archives = cache / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    with _held(cache):
        for entry in _files(upper, ARCHIVES, _DEB):
            with contextlib.suppress(FileExistsError):
                os.link(entry, archives / entry.name, follow_symlinks=False)
        lists = _files(upper, LISTS, _LIST)
        if any(entry.name.endswith("InRelease") for entry in lists) and any(
            "_Packages" in entry.name for entry in lists
        ):
            _replace(cache / "lists", lists)


def link_downloads(cache: Path, seed: Path) -> None:
    """Put what earlier hosts fetched where apt finds it on the host that starts from `seed`."""
    for inside in (ARCHIVES, LISTS):
        (seed / inside).mkdir(parents=True, exist_ok=True)
    if not cache.is_dir():
        return
    with _held(cache):
        for inside, kept in ((ARCHIVES, cache / "archives"), (LISTS, cache / "lists")):
            for entry in kept.iterdir() if kept.is_dir() else ():
                os.link(entry, seed / inside / entry.name)


def _held(cache: Path) -> AbstractContextManager[None]:
    """Hosts come and go at the same time: while one replaces the lists, no other one reads them."""
    return hold(cache.with_name(f".{cache.name}.lock"))


def _replace(kept: Path, lists: list[Path]) -> None:
    """Lists belong together (an InRelease names the hashes of its Packages): all or none are replaced."""
    new = kept.with_name(f"lists.new-{os.getpid()}")
    old = kept.with_name(f"lists.old-{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    for entry in lists:
        os.link(entry, new / entry.name, follow_symlinks=False)
    if kept.exists():
        kept.rename(old)
    new.rename(kept)
    shutil.rmtree(old, ignore_errors=True)


def _files(upper: Path, folder: str, name: re.Pattern[str]) -> list[Path]:
    """The plain files of a folder below `upper`. A link on the way could lead out: none is followed."""
    path = upper
    for part in folder.split("/"):
        path = path / part
        try:
            if not stat.S_ISDIR(path.lstat().st_mode):
                return []
        except FileNotFoundError:
            return []
    plain = (Path(entry) for entry in os.scandir(path) if entry.is_file(follow_symlinks=False))
    return sorted(entry for entry in plain if name.fullmatch(entry.name))
