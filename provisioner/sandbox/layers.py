"""Layers: what a host had written when it was saved, kept for later hosts to start from."""

from __future__ import annotations

import json
from pathlib import Path

from provisioner.errors import InputError
from provisioner.sandbox.image import remove_tree
from provisioner.sandbox.state import Record, State


def tree(state: State, driver: str, release: str, layer: str) -> Path:
    """Where a layer's content is: a folder for nspawn, a disk for qemu. It exists when the layer is whole."""
    return state.layer(driver, release, layer) / "content"


def stack(state: State, driver: str, release: str, layer: str | None) -> list[str]:
    """The layer and those below it, topmost first; empty for None. Raises InputError when one is gone."""
    if layer is None:
        return []
    try:
        below = json.loads((state.layer(driver, release, layer) / "below.json").read_text())
    except FileNotFoundError:
        raise InputError(f"layer {layer} of {release} is gone", hint="Take its hosts down.") from None
    return [layer, *map(str, below)]


def save_tree(state: State, driver: str, record: Record, layer: str, content: Path) -> None:
    """Make `content` (moved away) the layer, over those that the host started from.

    Raises InputError when the older layer of that name is in use.
    """
    users = [
        other.name
        for other in state.records()
        if (other.driver, other.release) == (driver, record.release)
        and layer in stack(state, driver, other.release, other.layer)
    ]
    if users:
        raise InputError(f"layer {layer} is in use by {', '.join(users)}", hint="Take those down first.")
    folder = state.layer(driver, record.release, layer)
    below = stack(state, driver, record.release, record.layer)
    remove_tree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / "below.json").write_text(json.dumps(below))
    content.rename(folder / "content")
