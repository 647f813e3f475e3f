"""The `ansible_*` variables of one host that say how it is reached, read with their types checked."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import InputError
from provisioner.inventory.model import Host


class Variables:
    """The `ansible_*` variables of one host, read with their types checked."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def error(self, name: str, message: str, hint: str = "") -> InputError:
        """An error that points at the variable's place."""
        return InputError(
            f"{message} (host {self._host.name})", where=self._host.origins.find((name,)), hint=hint
        )

    def _value(self, *names: str) -> tuple[str, object]:
        for name in names:
            if (mistake := self._host.unresolved.get(name)) is not None:
                raise mistake
            if (value := self._host.variables.get(name)) is not None:
                return name, value
        return names[0], None

    def text(self, *names: str) -> str | None:
        """The first of `names` that is set, as text."""
        name, value = self._value(*names)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(name, f"{name} must be text, not {type(value).__name__}")
        return str(value)

    def words(self, name: str) -> list[str]:
        """The value split as a shell would."""
        try:
            return shlex.split(self.text(name) or "")
        except ValueError as problem:
            raise self.error(name, f"{name} cannot be split into words: {problem}") from None

    def port(self, *names: str) -> int | None:
        """A TCP port."""
        text = self.text(*names)
        if text is None:
            return None
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise self.error(names[0], f"{names[0]} must be a port between 1 and 65535, not `{text}`")
        return int(text)

    def path(self, folder: Path, *names: str) -> Path | None:
        """A file; a relative one lies beside the inventory, or else in the current folder."""
        text = self.text(*names)
        if text is None:
            return None
        path = Path(text).expanduser()
        beside = folder / path
        return beside if beside.exists() or path.is_absolute() else path

    def truth(self, *names: str) -> bool | None:
        """A boolean as Ansible reads them."""
        name, value = self._value(*names)
        if value is None or isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in ("yes", "true", "on", "1", "y", "t"):
            return True
        if word in ("no", "false", "off", "0", "n", "f", ""):
            return False
        raise self.error(name, f"{name} must be true or false, not `{value}`")

    def skips_host_key_checking(self) -> bool:
        """Whether the inventory says not to check host keys: for us, trust on first use and no further."""
        return self.truth("ansible_host_key_checking", "ansible_ssh_host_key_checking") is False

    def check_connection_plugin(self) -> None:
        """Refuse connections that are not SSH."""
        plugin = self.text("ansible_connection") or "ssh"
        if plugin.rpartition(".")[2] not in ("ssh", "paramiko", "paramiko_ssh", "smart", "libssh"):
            raise self.error(
                "ansible_connection",
                f"ansible_connection is `{plugin}`, but hosts are reached over SSH only",
                "For this machine itself: ansible_host: 127.0.0.1, sshd running, no ansible_connection.",
            )


@dataclass(frozen=True)
class Arguments:
    """`ansible_ssh_common_args` and its kin, understood."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    config: Path | None = None


_FLAGS_WITH_VALUE = {"-J": "proxyjump", "-i": "identityfile", "-p": "port", "-l": "user"}
_FLAGS_IGNORED = frozenset(
    ["-C", "-q", "-v", "-vv", "-vvv", "-T", "-t", "-tt", "-x", "-X", "-a", "-A", "-n", "-N"]
)


def parse_arguments(variables: Variables) -> Arguments:
    """The ssh command line options that an inventory holds; those which change nothing for us are skipped."""
    overrides: dict[str, str] = {}
    config: Path | None = None
    for name in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        words = variables.words(name)
        while words:
            word = words.pop(0)
            flag, value = word[:2], word[2:]
            if word in _FLAGS_IGNORED:
                continue
            if word in ("-4", "-6"):
                overrides.setdefault("addressfamily", "inet" if word == "-4" else "inet6")
                continue
            if flag not in ("-o", "-F", *_FLAGS_WITH_VALUE) or not (value or words):
                raise variables.error(name, f"`{word}` in {name} has no meaning here",
                                      "Known are -o, -J, -i, -p, -l, -F, -4, -6.")  # fmt: skip
            value = value or words.pop(0)
            if flag == "-F":
                config = Path(value).expanduser()
            elif flag == "-o":
                key, _, setting = value.replace("=", " ", 1).strip().partition(" ")
                overrides.setdefault(key.lower(), setting.strip().strip('"'))
            else:
                overrides.setdefault(_FLAGS_WITH_VALUE[flag], value)
    return Arguments(overrides, config)
