"""The keys of the person at work: those at hand, or a new one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from provisioner.secrets import files, identities


def own_public_keys(folder: Path, environ: Mapping[str, str] | None = None) -> tuple[tuple[str, ...], str]:
    """The public halves of the keys at hand; where there is none, a key is made first.

    The text is a notice for the person, `""` where nothing was made.
    """
    found = identities.find(folder, os.environ if environ is None else environ)
    if public := tuple(one.public for one in found if one.public):
        return public, ""
    identity, text = identities.generate()
    path = folder / identities.KEY_FILE
    files.write_key(path, text)
    return (identity.public,), files.key_notice(path)
