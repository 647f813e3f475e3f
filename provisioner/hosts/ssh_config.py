"""`~/.ssh/config` as OpenSSH reads it (ssh_config(5)): Host, Match, Include, tokens, first value wins.

paramiko has a reader too; it knows no Include, and needs another package for `Match exec`.
Keywords that mean nothing to us (ControlMaster, ForwardX11, …) are read and left alone.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.hosts.ssh_lookup import Condition, Line, Lookup, SshValues, words_of

_INCLUDE_DEPTH = 16
"""As many nested Includes as OpenSSH follows."""


@dataclass(frozen=True)
class SshConfig:
    """The lines of the configuration files, in the order in which they count."""

    lines: tuple[Line, ...] = ()

    def values(self, host: str, *, overrides: Mapping[str, str], user: str | None = None) -> SshValues:
        """The values for `host` as typed; `overrides` are `-o` options (keywords in lower case).

        `user` is the login name where it is already decided; `Match user` looks at it.
        Raises `InputError` with file and line where a value makes no sense.
        """
        lookup = Lookup(host, user)
        for keyword, argument in overrides.items():
            lookup.take(Line(keyword, argument, (), Location("the inventory's ssh arguments")))
        for final in (False, True):
            lookup.final = final
            for line in self.lines:
                if all(lookup.holds(condition) for condition in line.conditions):
                    lookup.take(line)
            if not any(name == "final" for line in self.lines for c in line.conditions
                       for name, _, _ in c.criteria):  # fmt: skip
                break
        return lookup.finish()


def load_config(user_file: Path | None, system_file: Path | None) -> SshConfig:
    """Read the user's configuration, then the system's; files that do not exist say nothing."""
    lines: list[Line] = []
    for path, base in ((user_file, Path("~/.ssh").expanduser()), (system_file, Path("/etc/ssh"))):
        if path is not None and path.expanduser().is_file():
            lines.extend(_read(path.expanduser(), base, (), 0))
    return SshConfig(tuple(lines))


def _read(path: Path, base: Path, outer: tuple[Condition, ...], depth: int) -> Iterator[Line]:
    """The lines of one file; an Include inside a Host block counts only for that block."""
    if depth > _INCLUDE_DEPTH:
        raise InputError(f"{path} is included from itself", where=Location(str(path)))
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}", where=Location(str(path))) from None
    conditions = outer
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        where = Location(str(path), number)
        keyword, argument = _split(line, where)
        if keyword == "host":
            patterns = ",".join(words_of(argument, where))
            conditions = (*outer, Condition((("host-line", patterns, False),), where))
        elif keyword == "match":
            conditions = (*outer, Condition(tuple(_criteria(words_of(argument, where), where)), where))
        elif keyword == "include":
            for pattern in words_of(argument, where):
                expanded = Path(pattern).expanduser()
                files = glob.glob(str(base / expanded))  # noqa: PTH207 (Path.glob takes no absolute pattern)
                for name in sorted(files):
                    yield from _read(Path(name), base, conditions, depth + 1)
        else:
            yield Line(keyword, argument, conditions, where)


def _split(line: str, where: Location) -> tuple[str, str]:
    """`Keyword argument` or `Keyword=argument`; the keyword in lower case."""
    match = re.match(r"(\w+)(?:\s*=\s*|\s+)(.+)$", line)
    if match is None:
        raise InputError(f"`{line}` is no ssh_config line", where=where, hint="Write: Keyword value")
    return match[1].lower(), match[2].strip()


def _criteria(words: list[str], where: Location) -> Iterator[tuple[str, str, bool]]:
    """The criteria of a Match line, checked."""
    while words:
        word = words.pop(0)
        name, equals, argument = word.lower().lstrip("!").partition("=")
        negated = word.startswith("!")
        if name in ("all", "canonical", "final"):
            yield name, "", negated
            continue
        if name not in ("host", "originalhost", "user", "localuser", "exec"):
            raise InputError(
                f"Match criterion `{name}` is not supported",
                where=where,
                hint="Known are all, final, canonical, host, originalhost, user, localuser and exec.",
            )
        if not equals and not words:
            raise InputError(f"Match {name} needs an argument", where=where)
        yield name, argument if equals else words.pop(0), negated
