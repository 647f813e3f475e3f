"""Hosts rendered offline, for people to look at: no connection, and no secret unless asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from provisioner.apply import Candidates, candidates
from provisioner.errors import InputError, Mistakes
from provisioner.inventory import load_inventory
from provisioner.resources import File
from provisioner.roles import check_hosts, load_roles
from provisioner.roles.model import RELEASES, Desired
from provisioner.roles.placeholders import PlaceholderSecrets, PlaceholderVault
from provisioner.secrets import Secrets
from provisioner.secrets.vault import VaultPasswords

LIST = ".provision-render"
"""Beside the hosts' folders: what the last rendering wrote there, so that the next one takes it away."""


@dataclass(frozen=True, slots=True)
class Offline:
    """An inventory rendered for every release that its hosts may run."""

    folder: Path
    hosts: tuple[Candidates, ...]
    without_roles: int = 0


def render_offline(
    source: str | Path,
    *,
    limit: str | None = None,
    vault: VaultPasswords | None = None,
    show_secrets: bool = False,
) -> Offline:
    """Render every host that has roles. Raises Mistakes with all that is wrong.

    Unless `show_secrets`, secrets and vault values are placeholders, and no key is needed.
    """
    folder = _folder_of(source)
    vault = vault or VaultPasswords()
    secrets = Secrets.open(folder, persist=False) if show_secrets else PlaceholderSecrets(folder)
    passwords = vault if show_secrets else PlaceholderVault(vault.passwords)
    inventory = load_inventory(source, limit=limit, vault=passwords, secrets=secrets)
    roles = load_roles(inventory.folder)
    if mistakes := check_hosts(inventory, roles):
        raise Mistakes(mistakes)
    chosen = [host for host in inventory.hosts if host.roles]
    return Offline(
        inventory.folder, tuple(candidates(chosen, roles, secrets)), len(inventory.hosts) - len(chosen)
    )


def _folder_of(source: str | Path) -> Path:
    path = Path(source)
    if str(source) == "-" or not path.exists():
        return Path()
    return path if path.is_dir() else path.parent


def for_release(host: Candidates, release: str | None = None) -> Desired:
    """What a host shall be on `release`, or on the newest release that its roles are right for."""
    if release is None:
        return next(host.by_release[name] for name in reversed(RELEASES) if name in host.by_release)
    if release in host.by_release:
        return host.by_release[release]
    if (error := host.mistakes.get(release)) is not None:
        raise error
    raise InputError(
        f"{host.host.name} is said to run Debian {', '.join(host.by_release)}, not {release}",
        where=host.host.origins.find(("debian_release",)),
    )


def write_files(wanted: Sequence[Desired], out: Path) -> list[Path]:
    """Write the files of each host as `out`/HOST/path, sensitive ones readable by their owner alone.

    What an earlier rendering wrote into `out` and this one does not is removed; nothing else is.
    Raises InputError where a host's name or something in `out` makes that impossible.
    """
    out.mkdir(parents=True, exist_ok=True)
    before = _written_before(out)
    written: list[Path] = []
    for desired in wanted:
        for resource in desired.resources:
            if isinstance(resource, File):
                written.append(_write(out, desired.host.name, resource))
    names = {file.relative_to(out).as_posix() for file in written}
    for name in sorted(before - names):
        _remove(out, name)
    (out / LIST).write_text(json.dumps(sorted(names), indent=0) + "\n", encoding="utf-8")
    return written


def _write(out: Path, host: str, file: File) -> Path:
    if "/" in host or host in (".", "..", LIST):
        raise InputError(f"the host's name `{host}` can't be the name of a folder")
    target = out / host / PurePosixPath(file.path).relative_to("/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(out.resolve()):
            raise InputError(f"{target.parent} leads out of {out} by a link")
        target.unlink(missing_ok=True)
        mode = 0o600 if file.sensitive else 0o755 if file.mode & 0o100 else 0o644
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
            opened.write(file.content)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from None
    return target


def _written_before(out: Path) -> set[str]:
    try:
        names = json.loads((out / LIST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _remove(out: Path, name: str) -> None:
    """Remove a file of an earlier rendering and the folders that are empty without it."""
    target = out / name
    if ".." in target.parts or not target.parent.resolve().is_relative_to(out.resolve()):
        return
    target.unlink(missing_ok=True)
    for folder in _folders_up_to(target.parent, out):
        try:
            folder.rmdir()
        except OSError:
            return


def _folders_up_to(folder: Path, out: Path) -> Iterator[Path]:
    while folder != out:
        yield folder
        folder = folder.parent
