"""What is said when a secret can't be read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.secrets import identities


def unknown(name: str, known: Mapping[str, Location | None], file: Path) -> InputError:
    """No secret has this name; `known` are those there are, with their lines."""
    near = get_close_matches(name, known, 1)
    where = known[near[0]] if near else None
    there = file.exists()
    hint = f"Did you mean `{near[0]}`? " if near else ""
    return InputError(
        f"no secret is called `{name[:200]}`",
        where=where or (Location(str(file)) if there else None),
        hint=f"{hint}provision secrets set {name[:200]} makes one."
        + ("" if there else f" {file} isn't there yet."),
    )


def no_key(file: Path, where: Location) -> InputError:
    """None of the keys at hand reads the file."""
    return InputError(
        f"no key here reads {file}",
        where=where,
        hint=f"Put it in {file.parent / identities.KEY_FILE} (mode 0600), in {identities.ENV_KEY}, or "
        f"name its file in {identities.ENV_FILE}. Who has none runs `provision secrets init --key-only`, "
        "and somebody with a key `provision secrets rekey --add` with what that prints.",
    )


def damaged(name: str, where: Location, reason: str) -> InputError:
    """The value is no whole age file any more."""
    return InputError(
        f"the secret `{name}` is damaged: {reason}",
        where=where,
        hint="Take it from an earlier commit (git log -p secrets.yml), or set it anew.",
    )
