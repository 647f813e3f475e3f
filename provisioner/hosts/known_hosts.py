"""Host keys on record (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): look up, judge, add, forget.

The file beside the inventory decides first; OpenSSH's own files are read after it. A key of
a kind that is not on record, for a host of which another kind is, counts as changed: else
whoever stands in between would only have to offer the kind we never saw.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import getpass
import hashlib
import hmac
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.hosts.ssh_lookup import matches

_MAX_BYTES = 16 * 1024 * 1024


class Verdict(Enum):
    """What the record says about a key that a host presents."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True)
class KnownKey:
    """One line of a known_hosts file."""

    names: str
    """Comma-separated patterns, or one hashed name (`|1|salt|hash`)."""
    kind: str
    blob: bytes
    """The public key in SSH's wire form (RFC 4253 section 6.6)."""
    marker: str = ""
    """`@cert-authority`, `@revoked`, or nothing."""
    comment: str = ""
    where: Location = field(default_factory=lambda: Location("known_hosts"))

    def names_host(self, name: str) -> bool:
        """Whether the line is about `name` (an address, or `[address]:port`)."""
        if self.names.startswith("|"):
            return _is_hash_of(self.names, name)
        return matches(self.names, name)


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the line it rests on."""

    verdict: Verdict
    line: KnownKey | None = None


def fingerprint(blob: bytes) -> str:
    """`SHA256:…`, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def kind_of(blob: bytes) -> str:
    """The key type that the wire form begins with (`ssh-ed25519`)."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace")


def read_known_hosts(path: Path) -> tuple[KnownKey, ...]:
    """The lines of `path`; a file that does not exist has none, and lines that make no sense are skipped.

    Raises `InputError` where the file exists and cannot be read.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}", where=Location(str(path))) from None
    lines = (_parse(line, Location(str(path), number)) for number, line in enumerate(text.splitlines(), 1))
    return tuple(line for line in lines if line is not None)


def _parse(line: str, where: Location) -> KnownKey | None:
    """`[marker] names type base64 [comment]`."""
    words = line.split(None, 4 if line.lstrip().startswith("@") else 3)
    if not words or words[0].startswith("#"):
        return None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if len(words) < 3 or marker not in ("", "@cert-authority", "@revoked"):
        return None
    try:
        blob = base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        return None
    if kind_of(blob) != words[1]:
        return None
    return KnownKey(words[0], words[1], blob, marker, words[3] if len(words) > 3 else "", where)


def _is_hash_of(hashed: str, name: str) -> bool:
    """Whether `|1|salt|HMAC-SHA1(salt, name)` was made from `name` (ssh-keygen -H)."""
    try:
        _, version, salt, digest = hashed.split("|")
        expected = base64.b64decode(digest, validate=True)
        actual = hmac.new(base64.b64decode(salt, validate=True), name.lower().encode(), hashlib.sha1).digest()
    except (ValueError, binascii.Error):
        return False
    return version == "1" and hmac.compare_digest(expected, actual)


@dataclass(frozen=True)
class Record:
    """All that is on record about one host: each file's lines that name it, in the order they are asked."""

    files: tuple[tuple[KnownKey, ...], ...]

    @classmethod
    def load(cls, own: Path, others: Iterable[Path], key_name: str, inventory_name: str) -> Record:
        """Read the files once.

        In our own file a host is on record under its inventory name too, so that a new address
        is no new host; in other files that name may mean another machine. Patterns are about
        addresses only.
        """
        ours = tuple(
            line
            for line in read_known_hosts(own)
            if line.names_host(key_name) or inventory_name.lower() in line.names.lower().split(",")
        )
        theirs = (
            tuple(line for line in read_known_hosts(path) if line.names_host(key_name)) for path in others
        )
        return cls((ours, *theirs))

    def _lines(self, marker: str) -> Iterator[KnownKey]:
        return (line for file in self.files for line in file if line.marker == marker)

    def kinds(self) -> tuple[str, ...]:
        """The types of the keys on record, first the ones that decide."""
        return tuple(dict.fromkeys(line.kind for line in self._lines("")))

    def authorities(self) -> tuple[bytes, ...]:
        """The public keys that may certify this host."""
        return tuple(line.blob for line in self._lines("@cert-authority"))

    def judge(self, blob: bytes) -> Judgement:
        """What the record says about the plain key `blob`."""
        for line in self._lines("@revoked"):
            if line.blob == blob:
                return Judgement(Verdict.REVOKED, line)
        kind, other_kind = kind_of(blob), None
        for file in self.files:
            plain = [line for line in file if not line.marker]
            if found := next((line for line in plain if line.blob == blob), None):
                return Judgement(Verdict.TRUSTED, found)
            if found := next((line for line in plain if line.kind == kind), None):
                return Judgement(Verdict.CHANGED, found)
            other_kind = other_kind or next(iter(plain), None)
        return Judgement(Verdict.CHANGED, other_kind) if other_kind else Judgement(Verdict.UNKNOWN)

    def revokes(self, blob: bytes) -> KnownKey | None:
        """The line that revokes `blob`, be it a host's key or an authority's."""
        return next((line for line in self._lines("@revoked") if line.blob == blob), None)


def add(path: Path, names: Sequence[str], blob: bytes) -> None:
    """Record `blob` for `names` in `path`; safe against other threads, processes and a crash.

    Where another thread has just recorded this very key, nothing is added.
    """
    who = os.environ.get("SUDO_USER") or getpass.getuser()
    comment = f"added {time.strftime('%Y-%m-%d')} by {who}"
    key = base64.b64encode(blob).decode()
    line = f"{','.join(dict.fromkeys(names))} {kind_of(blob)} {key} {comment}\n"
    with _locked(path):
        known = read_known_hosts(path)
        if any(k.blob == blob and all(k.names_host(name) for name in names) for k in known):
            return
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if text and not text.endswith("\n"):
            text += "\n"
        _replace(path, text + line)


def forget(path: Path, host: str) -> tuple[KnownKey, ...]:
    """Remove every line that names `host`, at any port; return what was removed.

    Lines that revoke a key or name an authority stay.
    """
    with _locked(path):
        removed = tuple(line for line in read_known_hosts(path) if not line.marker and _is_about(line, host))
        if removed:
            gone = {line.where.line for line in removed}
            kept = [
                text
                for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1)
                if number not in gone
            ]
            _replace(path, "".join(kept))
        return removed


def _is_about(line: KnownKey, host: str) -> bool:
    """Whether one of the line's names is `host` itself, with or without a port (no wildcards)."""
    if line.names.startswith("|"):
        return _is_hash_of(line.names, host)
    names = (name.lower() for name in line.names.split(","))
    return any(name == host.lower() or name.startswith(f"[{host.lower()}]:") for name in names)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder's lock: the file itself is replaced, so it can't carry one."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Write beside the file, sync, rename over it; the mode of an existing file stays."""
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".known_hosts-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
