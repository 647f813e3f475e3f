"""Where roles and templates are: beside the inventory, then the ones that come with the program."""

from __future__ import annotations

from pathlib import Path

from provisioner.errors import InputError, Location

_PACKAGE = Path(__file__).resolve().parents[1]


def built_in_folder(kind: str) -> Path:
    """The folder of built-in `roles` or `templates`: package data, or the root of a checkout."""
    installed = _PACKAGE / "data" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def work_tree(folder: Path) -> Path:
    """The git work tree that holds `folder` (resolved), or the folder itself where there is none."""
    resolved = folder.resolve()
    for candidate in (resolved, *resolved.parents):
        if (candidate / ".git").exists():
            return candidate
    return resolved


def file_inside(folder: Path, name: str, allowed: Path, where: Location | None = None) -> Path:
    """`folder/name`, which must not leave `allowed`, neither by `..` nor by a link.

    Raises InputError; says nothing about whether the file is there.
    """
    if name.startswith("/") or ".." in Path(name).parts or "\0" in name:
        raise InputError(f"`{name}` must be a path inside {folder}", where=where)
    file = folder / name
    if not file.resolve().is_relative_to(allowed.resolve()):
        raise InputError(f"`{name}` leads out of {allowed} by a link", where=where)
    return file
