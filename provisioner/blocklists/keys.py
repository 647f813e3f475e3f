"""Keys for lists that want one: from the environment or a file, never from the command line.

A key stands in the names that are asked for. It is shown nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from provisioner.errors import InputError

_KEY = re.compile(r"[A-Za-z0-9-]{8,63}")
"""A key is one label of a name."""


def variable(owner: str) -> str:
    """The environment variable with a key: `PROVISION_SPAMHAUS_KEY`."""
    return f"PROVISION_{owner.upper()}_KEY"


def read_keys(owners: set[str], environ: Mapping[str, str], file: Path | None = None) -> dict[str, str]:
    """The keys there are, by owner (`spamhaus`). Raises `InputError` for a file or a key that can't be one.

    A file has lines such as `spamhaus: KEY`, and goes before the environment.
    """
    found = {owner: value.strip() for owner in owners if (value := environ.get(variable(owner), ""))}
    if file is not None:
        found.update(_from_file(file, owners))
    for owner, key in found.items():
        if not _KEY.fullmatch(key):
            raise InputError(
                f"the key for {owner} can't be one",
                hint="A key has 8 to 63 letters and digits; it is not shown here.",
            )
    return found


def _from_file(file: Path, owners: set[str]) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{file} can't be read: {why}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        owner, colon, key = line.partition(":")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not colon or owner.strip() not in owners:
            expected = ", ".join(f"`{one}: KEY`" for one in sorted(owners))
            raise InputError(f"{file}, line {number} is no key of a list", hint=f"Expected: {expected}.")
        found[owner.strip()] = key.strip().strip("\"'")
    return found
