"""What the shell offers on the tab key, where it can be known quickly."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

_SEPARATOR = re.compile(r"[:,][&!]?")


def patterns(inventory: object, incomplete: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Names of hosts and groups that go on from the last part of a pattern such as `web:&fra`.

    `inventory` is what was parsed of the command line; in the middle of an option that may be nothing
    yet, and then the words that the shell hands over are looked through for a file.
    """
    last = max((match.end() for match in _SEPARATOR.finditer(incomplete)), default=0)
    begun = incomplete[last:].lstrip("&!")
    before = incomplete[: len(incomplete) - len(begun)]
    path = inventory or _path_among(environ.get("COMP_WORDS") or environ.get("_TYPER_COMPLETE_ARGS") or "")
    return [before + name for name in sorted(_names(Path(str(path)))) if name.startswith(begun)]


def _path_among(line: str) -> str:
    """The first argument after the program and the command that names something there is."""
    try:
        words = shlex.split(line)[2:]
    except ValueError:
        words = line.split()[2:]
    return next((word for word in words if not word.startswith("-") and Path(word).exists()), "")


def _names(inventory: Path) -> set[str]:
    if str(inventory) in ("", ".") or not inventory.exists():
        return set()
    from provisioner.errors import ProvisionError
    from provisioner.inventory import load_inventory

    try:
        read = load_inventory(inventory)
    except ProvisionError:
        return set()
    return {host.name for host in read.hosts} | set(read.groups)
