"""What changes for each host between two states of an inventory in git, rendered offline.

A state is a revision, whose files are put into a temporary folder, or the work tree as it is.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.difference import Difference, differences
from provisioner.errors import InputError, Location, Mistakes
from provisioner.git import environment
from provisioner.inventory.model import Host
from provisioner.rendering import Offline, render_offline
from provisioner.roles.folders import work_tree
from provisioner.secrets.vault import VaultPasswords

WORK_TREE = "the work tree"
_SECONDS = 120.0
"""How long git may take to write a revision's files."""


@dataclass(frozen=True)
class Comparison:
    """Two states of an inventory, and what differs."""

    before: str
    after: str
    """The names of the states: a short commit, or `the work tree`."""
    differences: tuple[Difference, ...]
    hosts: tuple[str, ...]
    """All hosts of either state that have roles."""
    added_hosts: tuple[str, ...]
    removed_hosts: tuple[str, ...]
    after_hosts: Mapping[str, Host]
    """The hosts as they are in the second state, to trace lines back to it."""

    @property
    def changed_hosts(self) -> tuple[str, ...]:
        """Hosts that something changes on, in the inventory's order."""
        touched = {name for one in self.differences for name in one.hosts}
        return tuple(name for name in self.hosts if name in touched)


def compare_revisions(
    source: Path,
    before: str = "HEAD",
    after: str | None = None,
    *,
    limit: str | None = None,
    vault: VaultPasswords | None = None,
    release: str | None = None,
) -> Comparison:
    """Render the inventory at `source` in two states and compare them. `after=None`: the work tree.

    A state without the inventory counts as one without hosts, unless neither has it. Raises
    InputError for a revision that is none, and Mistakes for what is wrong in either state, with
    places as `REVISION:file:line`.
    """
    if str(source) == "-":
        raise InputError("an inventory from standard input has no revisions", hint="Name the file in git.")
    repository = _repository(source)
    states = [_rendered(repository, source, name, limit, vault) for name in (before, after)]
    if not any(offline for _, offline in states):
        raise InputError(f"there is no inventory at {source}", hint="provision init DIR starts one.")
    (name_before, old), (name_after, new) = states
    was, shall = (
        {one.host.name: one.host for one in state.hosts} if state else dict[str, Host]()
        for state in (old, new)
    )
    return Comparison(
        name_before,
        name_after,
        tuple(differences(old, new, release)),
        tuple({**was, **shall}),
        tuple(name for name in shall if name not in was),
        tuple(name for name in was if name not in shall),
        shall,
    )


def _repository(source: Path) -> Path:
    folder = source if source.is_dir() else source.parent
    while not folder.is_dir() and folder != folder.parent:  # the work tree may lack what a revision has
        folder = folder.parent
    root = work_tree(folder)
    if not (root / ".git").exists():
        raise InputError(
            f"{source} is in no git repository, so there are no revisions to compare",
            hint="git init and a commit begin one; provision render shows what is deployed now.",
        )
    return root


def _git(repository: Path, *arguments: str, index: Path | None = None) -> bytes:
    """What git says. Raises InputError with git's own words where it fails."""
    variables = environment() | ({"GIT_INDEX_FILE": str(index)} if index else {})
    command = ["git", "-C", str(repository), "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            env=variables,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("git is not installed", hint="apt-get install git") from None
    except subprocess.TimeoutExpired:
        raise InputError(f"git {arguments[0]} took longer than {_SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"git {arguments[0]} failed: {said[-1] if said else done.returncode}")
    return done.stdout


def _commit(repository: Path, name: str) -> str:
    try:
        found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except InputError:
        raise InputError(
            f"`{name}` is no revision of this repository",
            hint="A commit, a branch (`origin/main`) or a tag is expected; a shallow clone may lack it.",
        ) from None
    return found.decode().strip()


def _rendered(
    repository: Path, source: Path, name: str | None, limit: str | None, vault: VaultPasswords | None
) -> tuple[str, Offline | None]:
    """What a state is called, and what it comes to; None where it has no such inventory."""
    if name is None:
        return WORK_TREE, render_offline(source, limit=limit, vault=vault) if source.exists() else None
    commit = _commit(repository, name)
    inside = source.absolute().resolve().relative_to(repository.resolve())
    with _files_of(repository, commit) as root:
        if not (root / inside).exists():
            return commit[:10], None
        try:
            return commit[:10], render_offline(root / inside, limit=limit, vault=vault)
        except InputError as error:
            mistakes = error.mistakes if isinstance(error, Mistakes) else (error,)
            raise Mistakes([_at_revision(one, root, name) for one in mistakes]) from None


@contextmanager
def _files_of(repository: Path, commit: str) -> Iterator[Path]:
    """A folder with the files of a commit, for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="provision-diff-") as folder:
        root, index = Path(folder) / "tree", Path(folder) / "index"
        root.mkdir()
        _git(repository, "read-tree", commit, index=index)
        _git(repository, "checkout-index", "--all", "--force", f"--prefix={root}/", index=index)
        (root / ".git").mkdir()  # marks the root, as in the work tree: links may lead anywhere inside it
        yield root


def _at_revision(error: InputError, root: Path, name: str) -> InputError:
    """The same mistake with the revision's name where the path of a temporary folder was."""

    def named(text: str) -> str:
        return text.replace(f"{root}/", f"{name}:").replace(str(root), name)

    where = error.where
    if where is not None:
        where = Location(named(where.file), where.line, where.column, where.width)
    return InputError(named(error.message), where=where, hint=named(error.hint), note=named(error.note))
