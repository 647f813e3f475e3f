"""Small inventories on disk for the tests of reading them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from provisioner.errors import InputError, Mistakes
from provisioner.inventory import Host, Inventory, load_inventory
from provisioner.secrets.vault import VaultPasswords


class FakeSecrets(dict[str, str]):
    """Secrets in memory that tell what was asked for."""

    def __init__(self, **known: str) -> None:
        super().__init__(known)
        self.asked: list[str] = []

    def get(self, name: str) -> str:  # type: ignore[override]  # the store's own signature
        self.asked.append(name)
        if name not in self:
            raise InputError(f"there is no secret `{name}`")
        return self[name]


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below `folder`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode())


def load(folder: Path, text: str | bytes = "", source: str = "inventory.yml", **options: Any) -> Inventory:
    """The inventory of `text`, loaded from `folder`."""
    if text:
        write(folder, {source: text})
    return load_inventory(folder / source, **options)


def one_host(folder: Path, variables: str, **options: Any) -> Host:
    """The only host of an inventory with these variables, written as YAML."""
    body = dedent(variables).strip("\n").replace("\n", "\n    ")
    return load(folder, f"all:\n  hosts:\n    mx1.example.org:\n  vars:\n    {body}\n", **options).hosts[0]


def said(folder: Path, text: str | bytes = "", source: str = "inventory.yml", **options: Any) -> list[str]:
    """What is wrong with an inventory: `file:line:column: message (note)`, files below `folder`."""
    try:
        load(folder, text, source, **options)
    except Mistakes as mistakes:
        return [one_said(folder, mistake) for mistake in mistakes.mistakes]
    except InputError as mistake:
        return [one_said(folder, mistake)]
    return []


def one_said(folder: Path, mistake: InputError) -> str:
    """One mistake as a line."""
    where = f"{mistake.where}: " if mistake.where else ""
    note = f" ({mistake.note})" if mistake.note else ""
    return f"{where}{mistake.message}{note}".replace(f"{folder}/", "").replace(str(folder), ".")


def passwords(**known: str) -> VaultPasswords:
    """Vault passwords by label."""
    return VaultPasswords(tuple((label, text.encode()) for label, text in known.items()))
