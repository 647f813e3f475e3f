"""Files, directories and symbolic links on a host."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from hashlib import sha256

from provisioner.resources.change import Change
from provisioner.resources.observed import ABSENT, FileState, Observed


@dataclass(frozen=True, slots=True)
class File:
    """A regular file with this content, owner and mode.

    `reload` and `restart` name services (`Service.name`) that must take the content up.
    `validate` names validators of the role (see `Command` with `when="validate"`).
    """

    path: str
    content: bytes
    role: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    sensitive: bool = False
    """Its content is never shown: not in a diff, not in JSON."""
    template: str = ""
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    """Names of commands to run when this file changes (`postmap`, `newaliases`)."""

    @property
    def id(self) -> str:
        """`file:/etc/postfix/main.cf`, as in the JSON of plan and apply."""
        return f"file:{self.path}"

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex: what the probe compares with."""
        return sha256(self.content).hexdigest()

    def compare(self, seen: Observed) -> Change | None:
        """What makes the path this file, or None where it is."""
        state = seen.files.get(self.path, ABSENT)
        if state.kind == "file" and state.digest == self.digest:
            why = _attributes(self, state)
            return Change(self.id, "update", self.role, sensitive=self.sensitive, why=why) if why else None
        diff = "" if self.sensitive else _diff(self.path, state, self.content)
        if state.kind == "absent":
            return Change(self.id, "create", self.role, diff, self.sensitive)
        why = "" if state.kind == "file" else f"is a {state.kind} now"
        return Change(self.id, "update", self.role, diff, self.sensitive, why)


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory with this owner and mode; what is in it is left alone."""

    path: str
    role: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755

    @property
    def id(self) -> str:
        """`directory:/var/mail`."""
        return f"directory:{self.path}"

    def compare(self, seen: Observed) -> Change | None:
        """What makes the path this directory, or None where it is."""
        state = seen.files.get(self.path, ABSENT)
        if state.kind == "absent":
            return Change(self.id, "create", self.role)
        why = _attributes(self, state) if state.kind == "directory" else f"is a {state.kind} now"
        return Change(self.id, "update", self.role, why=why) if why else None


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to `target`."""

    path: str
    target: str
    role: str
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """`link:/etc/localtime`."""
        return f"link:{self.path}"

    def compare(self, seen: Observed) -> Change | None:
        """What makes the path this link, or None where it is."""
        state = seen.files.get(self.path, ABSENT)
        if state.kind == "link" and state.target == self.target:
            return None
        if state.kind == "absent":
            return Change(self.id, "create", self.role, why=f"to {self.target}")
        was = f"pointed to {state.target}" if state.kind == "link" else f"is a {state.kind} now"
        return Change(self.id, "update", self.role, why=was)


def _attributes(wanted: File | Directory, state: FileState) -> str:
    """How owner, group or mode differ, in words; empty where they don't."""
    owner = f"{state.owner}:{state.group}"
    says = []
    if (state.owner, state.group) != (wanted.owner, wanted.group):
        says.append(f"owner {owner} → {wanted.owner}:{wanted.group}")
    if state.mode != wanted.mode:
        says.append(f"mode {state.mode:04o} → {wanted.mode:04o}")
    return ", ".join(says)


def _diff(path: str, state: FileState, wanted: bytes) -> str:
    """The unified diff from what lies there to `wanted`; empty where either is no text."""
    before = state.content if state.content is not None else b""
    if state.kind == "file" and state.content is None:
        return ""
    try:
        old, new = before.decode(), wanted.decode()
    except UnicodeDecodeError:
        return ""
    lines = unified_diff(old.splitlines(), new.splitlines(), path, path, lineterm="")
    return "\n".join(lines)
