"""Commands: run when a file they belong to changes or their guard is not met; validators; proofs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """What makes a command unnecessary: a path that exists, or a read-only command that succeeds.

    A guard is asked while the host is read, so it must change nothing.
    """

    creates: str = ""
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """A program with arguments, never a shell string.

    `when` says at which step of the transaction it runs:
    `validate` against the staged files, as the daemon would see them, before anything is put in
    place (any output that `allow` does not match is a failure, for some daemons' checkers only warn);
    `commit` after the files are in place and before services take them up (`postmap`), when a file
    that names it in `runs` changed, or its guard is not met, or with neither: never;
    `prove` after services took them up: non-zero puts everything back.
    """

    name: str
    argv: tuple[str, ...]
    role: str
    when: str = "commit"
    guard: Guard | None = None
    allow: tuple[str, ...] = ()
    """Regular expressions (Python) of output lines that a validator may print without failing."""
    paths: tuple[str, ...] = ()
    """For a validator: it runs when one of these files changes (a trailing `/` means all beneath)."""
    reload: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    timeout: int = 60
    """Seconds."""

    @property
    def id(self) -> str:
        """`command:postmap-virtual`."""
        return f"command:{self.name}"
