"""Where sandbox hosts are kept on disk, and the locks that keep two runs from treading on each other.

STATE/images/RELEASE-N/     a Debian tree as debootstrap leaves it, read only once made
STATE/layers/DRIVER/RELEASE/NAME/  what a host had written when it was saved; later hosts start from it
STATE/cache/RELEASE/        .deb files and package lists that hosts fetched, for the next host
STATE/hosts/NAME/           one host: record, keys, `seed/` (ours), `upper/` (what it wrote)
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.errors import HostError, InputError

RELEASES = ("bookworm", "trixie")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
_PATH = re.compile(r"[A-Za-z0-9._/+@~-]+")


class SandboxError(HostError):
    """No disposable host could be made, started or reached on this machine."""

    exit_code = 5
    kind = "sandbox"


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a host; everything else about it is looked up when asked."""

    name: str
    address: str
    release: str
    driver: str
    layer: str | None = None
    port: int = 22
    address6: str | None = None

    def text(self) -> str:
        """The record as it is stored."""
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class State:
    """The folder that holds everything of one sandbox."""

    folder: Path

    @classmethod
    def open(cls) -> State:
        """The folder named by PROVISION_SANDBOX_DIR, else the usual place; made when it isn't there.

        Raises InputError when its name holds a character that mount options can't carry.
        """
        named = os.environ.get("PROVISION_SANDBOX_DIR")
        if named:
            folder = Path(named).absolute()
        elif os.geteuid() == 0:
            folder = Path("/var/lib/provision-sandbox")
        else:
            home = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
            folder = Path(home) / "provision" / "sandbox"
        if not _PATH.fullmatch(str(folder)):
            raise InputError(
                f"the sandbox can't live in {str(folder)!r}",
                hint="Set PROVISION_SANDBOX_DIR to a path of plain letters, digits and . _ + @ ~ - /",
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder)

    def host(self, name: str) -> Path:
        """The folder of one host."""
        return self.folder / "hosts" / name

    def image(self, release: str, kind: str = "minimal") -> Path:
        """What hosts of `release` start from. The number counts changes of the recipe."""
        return self.folder / "images" / {"minimal": f"{release}-1", "mail": f"{release}-mail-3"}[kind]

    def layer(self, driver: str, release: str, layer: str) -> Path:
        """The folder of a saved layer."""
        return self.folder / "layers" / driver / release / layer

    def cache(self, release: str) -> Path:
        """What hosts of `release` downloaded."""
        return self.folder / "cache" / release

    def records(self) -> list[Record]:
        """Every host that was made and not taken down, by name."""
        found = (self.record(path.parent.name) for path in self.folder.glob("hosts/*/host.json"))
        return sorted((record for record in found if record), key=lambda record: record.name)

    def record(self, name: str) -> Record | None:
        """What is remembered of `name`; None when there is no such host (or its making was cut short)."""
        try:
            return Record(**json.loads((self.host(name) / "host.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, record: Record) -> None:
        """Store `record`, whole or not at all."""
        path = self.host(record.name) / "host.json"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, record.text().encode())

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the lock `what` (for example `host-demo`); the kernel lets go of it when we die."""
        folder = self.folder / "locks"
        folder.mkdir(exist_ok=True)
        with hold(folder / what):
            yield


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, waiting for whoever has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file so that a reader, or a run after a kill, sees all of it or none."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)
    beside.replace(path)


def check_name(name: str, what: str = "host") -> str:
    """`name` if it can name a host or a layer; raises InputError otherwise."""
    if len(name) > 63 or not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't name a sandbox {what}",
            hint="Use small letters, digits, - and dots between them, 63 at most: mx1, mx1.demo.test.",
        )
    return name


def check_release(release: str) -> str:
    """`release` if sandbox hosts can run it; raises InputError otherwise."""
    if release not in RELEASES:
        raise InputError(f"there is no sandbox host of {release!r}", hint=f"Use {' or '.join(RELEASES)}.")
    return release
