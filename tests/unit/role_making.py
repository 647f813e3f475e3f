"""Small roles, hosts and inventories for the tests of the roles engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from provisioner.errors import InputError, Location, Mistakes
from provisioner.inventory.model import Host, Inventory, Origins, VariablePath
from provisioner.resources import File, Resource
from provisioner.roles import loading, templates
from provisioner.roles.model import Desired


class FakeSecrets:
    """Secrets in memory; `make` gives a text that names the secret."""

    def __init__(self, **known: str) -> None:
        self.known = dict(known)
        self.made: dict[str, Mapping[str, object]] = {}

    def get(self, name: str) -> str:
        if name not in self.known:
            raise InputError(f"there is no secret `{name}`")
        return self.known[name]

    def make(self, name: str, kind: Mapping[str, object]) -> str:
        self.made[name] = kind
        return self.known.setdefault(name, f"secret text of {name}")

    def password_key(self) -> bytes:
        return b"k" * 32

    def texts(self) -> frozenset[str]:
        return frozenset(self.known.values())


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write `files` (path → text, dedented) into `folder`."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
    return folder


def host(name: str = "mx1.example.org", roles: tuple[str, ...] = ("web",), **variables: object) -> Host:
    """A host whose variables were written in `inventory.yml`, one line each from line 10 on."""
    places: dict[VariablePath, Location] = {}
    for line, (path, width) in enumerate(_paths(variables, ()), 10):
        places[path] = Location("inventory.yml", line, 2 * len(path) + 1, width)
    places[("roles",)] = Location("inventory.yml", 3, 5)
    places.update({("roles", index): Location("inventory.yml", 3, 13) for index in range(len(roles))})
    return Host(name, variables, variables, ("all",), roles, Origins(places))


def _paths(value: object, path: VariablePath) -> Iterator[tuple[VariablePath, int]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key), len(str(key))
        yield from _paths(inner, (*path, key))


def inventory(folder: Path, *hosts: Host) -> Inventory:
    """An inventory of these hosts, as if read from `folder`."""
    return Inventory(str(folder / "inventory.yml"), folder, hosts, {})


def file(desired: Desired, path: str) -> File:
    """The file at `path` among what is desired."""
    return next(one for one in desired.resources if isinstance(one, File) and one.path == path)


def ids(resources: tuple[Resource, ...]) -> list[str]:
    """Ids in order."""
    return [resource.id for resource in resources]


def said(error: InputError) -> list[str]:
    """Every mistake as `place: message (note)`, the file's folder left out."""
    mistakes = error.mistakes if isinstance(error, Mistakes) else (error,)
    return [one_said(mistake) for mistake in mistakes]


def one_said(mistake: InputError) -> str:
    """One mistake as `place: message (note)`."""
    where = mistake.where
    place = (
        ":".join([Path(where.file).name, *str(where).removeprefix(where.file).strip(":").split(":")])
        if where
        else "?"
    )
    return f"{place}: {mistake.message}" + (f" ({mistake.note})" if mistake.note else "")


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory's folder, and no built-in roles or templates."""
    for module in (loading, templates):
        monkeypatch.setattr(module, "built_in_folder", lambda kind: tmp_path / "built-in" / kind)
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


def role(text: str) -> dict[str, str]:
    """Files for one role called `web`."""
    return {"roles/web/role.yml": dedent(text)}
