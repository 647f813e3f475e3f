"""Secrets as placeholders: rendering for people to look at, without a key and without a secret.

A placeholder names the secret and a digest of what is known of it without the key, so that two
renderings differ where the secret was replaced (or encrypted anew).
"""

from __future__ import annotations

import hmac
import secrets as random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path

import yaml

from provisioner.errors import InputError
from provisioner.secrets import Secrets, kinds
from provisioner.secrets import files as secret_files
from provisioner.secrets.store import FILE
from provisioner.secrets.vault import VaultPasswords

_MARK = "<secret "


def placeholder(name: str, digest: str = "") -> str:
    """What stands for the secret `name`."""
    return f"{_MARK}{name} {digest}>" if digest else f"{_MARK}{name}>"


def through_placeholders(name: str, function: Callable[[str], str]) -> Callable[[str], str]:
    """`function` of a secret's text; of a placeholder it makes another one, that says which function."""

    @wraps(function)
    def through(text: str) -> str:
        return f"{text[:-1]}, {name}>" if text.startswith(_MARK) else function(text)

    return through


class PlaceholderSecrets(Secrets):
    """The secrets beside an inventory, none of them read."""

    def __init__(self, folder: Path) -> None:
        """Names come from `secrets.yml` in `folder`, if it is there."""
        super().__init__(folder, persist=False, environ={})
        document = secret_files.read(folder / FILE)
        ciphers = {name: entry.cipher for name, entry in document.entries.items()} if document else {}
        self._texts = {name: placeholder(name, _digest(cipher)) for name, cipher in ciphers.items()}

    def get(self, name: str) -> str:
        """The placeholder of a secret that is there or that a role makes; InputError for others."""
        if name not in self._texts:
            return super().get(name)  # raises, with the nearest name
        return self._texts[name]

    def make(self, name: str, kind: Mapping[str, object], now: datetime | None = None) -> str:
        """The placeholder; nothing is made."""
        kinds.check(name, kind)
        return self._texts.setdefault(name, placeholder(name))

    def password_key(self) -> bytes:
        """A key that everyone knows: hashes of plain passwords are not those that get deployed."""
        return b"placeholder" * 3

    def texts(self) -> frozenset[str]:
        """Every placeholder: a file that holds one would hold a secret."""
        return frozenset(self._texts.values())


class PlaceholderVault(VaultPasswords):
    """Ansible Vault: single values need no password and become placeholders.

    A file that is encrypted whole needs its password, since only its content says which variables
    there are; their values become placeholders then.
    """

    def decrypt_text(self, ciphertext: str) -> str:
        """The placeholder of a `!vault` value."""
        return placeholder("vault", _digest(ciphertext))

    def decrypt_file(self, data: bytes, name: str) -> bytes:
        """The file's structure with placeholders for its texts and numbers."""
        try:
            content = yaml.safe_load(super().decrypt_file(data, name))
        except yaml.YAMLError:
            raise InputError(f"the vault file {name} holds no YAML") from None
        return yaml.safe_dump(_hidden(content, ()), allow_unicode=True, sort_keys=False).encode()


def _hidden(value: object, path: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return {key: _hidden(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, (*path, str(index))) for index, inner in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    digest = hmac.new(_run_key(), str(value).encode(), "sha256").hexdigest()[:8]
    return placeholder(".".join(path), digest)


@cache
def _run_key() -> bytes:
    """Digests of plain values are told apart within one run and mean nothing outside it."""
    return random.token_bytes(32)


def _digest(ciphertext: str) -> str:
    return sha256(ciphertext.encode()).hexdigest()[:8]
