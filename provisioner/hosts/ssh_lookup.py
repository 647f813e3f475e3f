"""What the lines of an ssh_config say about one host: conditions, tokens, the first value wins."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from provisioner.errors import InputError, Location

_LISTS = frozenset({"identityfile", "certificatefile"})
"""Keywords that add up instead of the first winning."""

_MATCH_EXEC_SECONDS = 10.0


@dataclass(frozen=True)
class Line:
    """One setting, with the conditions it stands under."""

    keyword: str
    argument: str
    conditions: tuple[Condition, ...]
    where: Location


@dataclass(frozen=True)
class Condition:
    """A `Host` or `Match` line: `criteria` all hold, or the lines beneath do not count."""

    criteria: tuple[tuple[str, str, bool], ...]
    """Criterion, its argument, and whether it is negated."""
    where: Location


@dataclass(frozen=True)
class SshValues:
    """What the configuration says about one host; `None` and empty where it says nothing."""

    hostname: str | None = None
    port: int | None = None
    user: str | None = None
    identity_files: tuple[Path, ...] = ()
    certificate_files: tuple[Path, ...] = ()
    identities_only: bool = False
    identity_agent: str | None = "SSH_AUTH_SOCK"
    host_key_alias: str | None = None
    user_known_hosts: tuple[Path, ...] | None = None
    accepts_new_keys: bool = False
    proxy_jump: str | None = None
    proxy_command: str | None = None
    address_family: str = "any"


def words_of(argument: str, where: Location) -> list[str]:
    """The argument's words; quotes hold spaces together, an unquoted # ends the line."""
    try:
        return shlex.split(argument, comments=True)
    except ValueError as problem:
        raise InputError(f"`{argument}`: {problem}", where=where) from None


def matches(patterns: str, text: str) -> bool:
    """Whether `text` fits a comma-separated list of patterns (`*`, `?`, `!` in front refuses)."""
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        # Brackets are no pattern in ssh_config; fnmatch would take them for one.
        glob_pattern = pattern.lstrip("!").replace("[", "[[]").lower()
        if pattern and fnmatchcase(text.lower(), glob_pattern):
            if negated:
                return False
            found = True
    return found


class Lookup:
    """The values collected for one host so far."""

    def __init__(self, host: str, user: str | None) -> None:
        self._host = host
        self._user = user
        self._values: dict[str, Line] = {}
        self._lists: dict[str, list[Line]] = {}
        self._holds: dict[tuple[Condition, bool], bool] = {}
        self.final = False

    def take(self, line: Line) -> None:
        """Note a setting whose conditions hold."""
        if line.keyword in _LISTS:
            earlier = self._lists.setdefault(line.keyword, [])
            if all(line.argument != other.argument for other in earlier):
                earlier.append(line)
        elif line.keyword in ("proxyjump", "proxycommand"):
            # Whichever of the two comes first rules the other out.
            if "proxyjump" not in self._values and "proxycommand" not in self._values:
                self._values[line.keyword] = line
        else:
            self._values.setdefault(line.keyword, line)

    def holds(self, condition: Condition) -> bool:
        """Whether a Host or Match line fits; asked once per pass, where its block begins."""
        key = (condition, self.final)
        if key not in self._holds:
            self._holds[key] = all(
                self._criterion(name, argument, condition.where) != negated
                for name, argument, negated in condition.criteria
            )
        return self._holds[key]

    def _criterion(self, name: str, argument: str, where: Location) -> bool:
        if name in ("host-line", "originalhost"):
            return matches(argument, self._host)
        if name == "host":
            return matches(argument, self._text("hostname") or self._host)
        if name == "user":
            return matches(argument, self._remote_user())
        if name == "localuser":
            return matches(argument, getpass.getuser())
        if name == "exec":
            return self._exec(self._expand(argument), where)
        return name == "all" or self.final

    def _exec(self, command: str, where: Location) -> bool:
        """Run the user's own command, as ssh does: by their shell, judged by its status."""
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            done = subprocess.run(
                [shell, "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=_MATCH_EXEC_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise InputError(f"Match exec failed: {problem}", where=where) from None
        return done.returncode == 0

    def _text(self, keyword: str) -> str | None:
        line = self._values.get(keyword)
        if line is None:
            return None
        words = words_of(line.argument, line.where)
        return words[0] if words else ""

    def _truth(self, keyword: str) -> bool:
        return (self._text(keyword) or "no").lower() in ("yes", "true")

    def _remote_user(self) -> str:
        return self._user or self._text("user") or getpass.getuser()

    def _port(self) -> int | None:
        text = self._text("port")
        if text is None:
            return None
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise InputError(f"`{text}` is no port", where=self._values["port"].where)
        return int(text)

    def _expand(self, text: str) -> str:
        """Replace the tokens of ssh_config(5), `TOKENS`."""
        local = socket.gethostname()
        hostname = (self._text("hostname") or self._host).replace("%h", self._host)
        port, user = str(self._port() or 22), self._remote_user()
        jump = self._text("proxyjump") or ""
        digest = hashlib.sha1(f"{local}{hostname}{port}{user}{jump}".encode(), usedforsecurity=False)
        tokens = {
            "%%": "%", "%h": hostname, "%n": self._host, "%p": port, "%r": user,
            "%u": getpass.getuser(), "%d": str(Path.home()), "%i": str(os.getuid()),
            "%L": local.partition(".")[0], "%l": local, "%j": jump,
            "%k": self._text("hostkeyalias") or self._host, "%C": digest.hexdigest(),
        }  # fmt: skip
        return re.sub(r"%.", lambda token: tokens.get(token[0], token[0]), text)

    def _path(self, text: str) -> Path:
        with_environment = re.sub(r"\$\{(\w+)\}", lambda name: os.environ.get(name[1], ""), text)
        return Path(self._expand(with_environment)).expanduser()

    def _paths(self, keyword: str) -> tuple[Path, ...]:
        names = [words_of(line.argument, line.where) for line in self._lists.get(keyword, [])]
        return tuple(self._path(words[0]) for words in names if words and words[0].lower() != "none")

    def finish(self) -> SshValues:
        """The values, with tokens and `~` replaced."""
        hostname = self._text("hostname")
        known = self._values.get("userknownhostsfile")
        command = self._values["proxycommand"].argument if "proxycommand" in self._values else None
        jump = self._text("proxyjump")
        agent = self._text("identityagent")
        return SshValues(
            hostname=hostname.replace("%h", self._host).replace("%%", "%") if hostname else None,
            port=self._port(),
            user=self._text("user"),
            identity_files=self._paths("identityfile"),
            certificate_files=self._paths("certificatefile"),
            identities_only=self._truth("identitiesonly"),
            identity_agent=_agent(agent, self._path(agent or "")),
            host_key_alias=self._text("hostkeyalias"),
            user_known_hosts=tuple(self._path(word) for word in words_of(known.argument, known.where))
            if known
            else None,
            accepts_new_keys=(self._text("stricthostkeychecking") or "").lower()
            in ("no", "off", "accept-new"),
            proxy_jump=jump if jump and jump.lower() != "none" else None,
            proxy_command=self._expand(command) if command and command.lower() != "none" else None,
            address_family=(self._text("addressfamily") or "any").lower(),
        )


def _agent(text: str | None, path: Path) -> str | None:
    """IdentityAgent: a path, `none`, or the name of an environment variable with or without `$`."""
    if text is None or text.lstrip("$") == "SSH_AUTH_SOCK":
        return "SSH_AUTH_SOCK"
    if text.lower() == "none":
        return None
    return os.environ.get(text[1:], "") or None if text.startswith("$") else str(path)
