"""Reading an inventory's files: bounded, regular, UTF-8, and inside the tree they belong to.

An inventory may come from a proposal to a repository that nobody has read yet, so that a file
is data of unknown size and kind until this module has looked at it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import InputError, Location

MAX_BYTES = 16 * 1024 * 1024
"""More than a hundred times the largest inventory of 1,000 hosts seen."""

Decrypt = Callable[[bytes, str], bytes]
"""Ansible Vault: the bytes of an encrypted file and the name to call it by → plain bytes."""

VAULT_HEADER = b"$ANSIBLE_VAULT;"


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text. `decrypted` text has other lines than the file, so places in it mean nothing."""

    file: str
    text: str
    decrypted: bool = False


@dataclass(frozen=True)
class Tree:
    """The folder that links may not lead out of: the git work tree, else the inventory's own folder."""

    root: Path
    decrypt: Decrypt | None = None
    decrypted_texts: set[str] = field(default_factory=set)

    def contains(self, path: str) -> bool:
        """Whether `path`, every link followed, lies inside."""
        real = os.path.realpath(path)
        root = str(self.root)
        return real == root or real.startswith(root.rstrip("/") + "/")

    def read(self, path: str, *, lenient: bool = False) -> Text:
        """The text of the file at `path`, named as given. Raises InputError for all that isn't such a file.

        `lenient` lets comment lines hold other encodings, as Ansible does in INI files.
        """
        if not self.contains(path):
            raise outside(path, self.root)
        data = read_bytes(path)
        if data.startswith(VAULT_HEADER):
            if self.decrypt is None:
                raise InputError("a vault password is needed to read this file", where=Location(path))
            return Text(path, decode(self.decrypt(data, path), path, lenient=lenient), decrypted=True)
        return Text(path, decode(data, path, lenient=lenient))


def outside(path: str, root: Path) -> InputError:
    """The error for a link that leads out of the tree."""
    return InputError(
        f"{path} leads out of {root}",
        where=Location(path),
        hint="Links may lead anywhere inside the git work tree that holds the inventory, not out of it.",
    )


def tree_root(folder: Path) -> Path:
    """The git work tree around `folder`, or `folder` itself; absolute, links followed."""
    real = folder.resolve()
    return next((place for place in (real, *real.parents) if (place / ".git").exists()), real)


def read_bytes(path: str) -> bytes:
    """The bytes of a regular file of bounded size. A FIFO or a device is never opened for reading."""
    try:
        # Without O_NONBLOCK the open of a FIFO waits for a writer that may never come.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", where=Location(path)) from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is no regular file but {_kind(status.st_mode)}", where=Location(path))
        data = file.read(MAX_BYTES + 1)
    return _bounded(data, path)


def read_standard_input() -> bytes:
    """Standard input, bounded in size."""
    return _bounded(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES >> 20} MiB", where=Location(name))
    return data


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for test, name in kinds if test(mode)), "something else")


def decode(data: bytes, name: str, *, lenient: bool = False) -> str:
    """UTF-8, with or without a byte order mark, without NUL; else an InputError that says where it breaks."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{name} is UTF-16, not UTF-8",
            where=Location(name),
            hint=f"iconv -f UTF-16 -t UTF-8 {name} makes UTF-8 of it.",
        )
    nul = data.find(b"\0")
    if nul >= 0:
        raise _undecodable("a NUL byte: this is no text file", data, nul, name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if lenient:
            return "\n".join(_decode_line(line, name, n) for n, line in enumerate(data.splitlines(), 1))
        raise _undecodable("not UTF-8 here", data, error.start, name) from error


def _decode_line(line: bytes, name: str, number: int) -> str:
    if line.lstrip()[:1] in (b"#", b";"):
        return ""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode("utf-8", "replace")) + 1
        raise InputError(
            "not UTF-8 here", where=Location(name, number, column), hint=_encoding_hint(name)
        ) from error


def _undecodable(message: str, data: bytes, offset: int, name: str) -> InputError:
    line_start = data.rfind(b"\n", 0, offset) + 1
    column = len(data[line_start:offset].decode("utf-8", "replace")) + 1
    where = Location(name, data.count(b"\n", 0, offset) + 1, column)
    return InputError(message, where=where, hint="" if "NUL" in message else _encoding_hint(name))


def _encoding_hint(name: str) -> str:
    return f"If it is Latin-1: iconv -f LATIN1 -t UTF-8 {name} makes UTF-8 of it."
