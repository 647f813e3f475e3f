"""Ansible Vault, formats 1.1 and 1.2: reading what `ansible-vault` encrypted, with one or more passwords.

A vault text is a header line, `$ANSIBLE_VAULT;1.2;AES256;label`, and hexadecimal of three more
hexadecimal lines: salt, HMAC, ciphertext. PBKDF2-HMAC-SHA256 with 10,000 rounds makes of password and
salt the AES-256-CTR key, the HMAC-SHA256 key and the counter.
"""

from __future__ import annotations

import binascii
import hmac
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from provisioner.errors import InputError, Location

HEADER = "$ANSIBLE_VAULT"
_ROUNDS = 10_000
_MAX_PASSWORD = 64 * 1024
DEFAULT_LABEL = "default"

Ask = Callable[[str], str]
"""Asks a person for a password, without echo; takes the prompt."""


@dataclass(frozen=True)
class VaultPasswords:
    """The passwords at hand, each with its label, in the order they were given in."""

    passwords: tuple[tuple[str, bytes], ...] = ()
    _seen: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def decrypt_text(self, ciphertext: str) -> str:
        """The plain text of a `!vault` value. Raises InputError where no password fits."""
        if ciphertext not in self._seen:
            try:
                self._seen[ciphertext] = self._decrypt(ciphertext, None).decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError("the vault value holds no UTF-8 text") from error
        return self._seen[ciphertext]

    def decrypt_file(self, data: bytes, name: str) -> bytes:
        """The plain content of a file that is encrypted as a whole."""
        try:
            text = data.decode("ascii")
        except UnicodeDecodeError as error:
            raise InputError("this vault file is damaged", where=Location(name)) from error
        return self._decrypt(text, Location(name))

    def _decrypt(self, text: str, where: Location | None) -> bytes:
        label, salt, digest, ciphertext = _parse(text, where)
        if not self.passwords:
            raise InputError(
                "a vault password is needed",
                where=where,
                hint="Give it with --vault-password-file, --vault-id or ANSIBLE_VAULT_PASSWORD_FILE.",
            )
        # The password with the label of the text first, then all the others, as Ansible does.
        for _, password in sorted(self.passwords, key=lambda known: known[0] != label):
            plain = _open(password, salt, digest, ciphertext)
            if plain is not None:
                return plain
        labels = ", ".join(dict.fromkeys(name for name, _ in self.passwords))
        wanted = f" labelled `{label}`" if label else ""
        raise InputError(f"none of the vault passwords ({labels}) opens this text{wanted}", where=where)


def _parse(text: str, where: Location | None) -> tuple[str, bytes, bytes, bytes]:
    lines = text.split()
    header = lines[0].split(";") if lines else []
    if len(header) < 3 or header[0] != HEADER:
        raise InputError(f"this is no Ansible Vault text: it does not begin with {HEADER}", where=where)
    if header[1] not in ("1.1", "1.2") or header[2] != "AES256":
        raise InputError(
            f"vault format {header[1]} {header[2]} is not known; 1.1 and 1.2 AES256 are", where=where
        )
    try:
        inner = binascii.unhexlify("".join(lines[1:]))
        salt, digest, ciphertext = (binascii.unhexlify(part) for part in inner.split(b"\n", 2))
    except (binascii.Error, ValueError) as error:
        raise InputError("this vault text is damaged", where=where) from error
    return (header[3] if len(header) > 3 else ""), salt, digest, ciphertext


def _open(password: bytes, salt: bytes, digest: bytes, ciphertext: bytes) -> bytes | None:
    """The plain bytes; None where the password is another."""
    from cryptography.hazmat.primitives import padding
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    keys = _derive(password, salt)
    if not hmac.compare_digest(hmac.digest(keys[32:64], ciphertext, "sha256"), digest):
        return None
    decryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:80])).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


@lru_cache(maxsize=1000)
def _derive(password: bytes, salt: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA256(), 80, salt, _ROUNDS).derive(password)


def vault_passwords(
    password_file: str | Path | None = None,
    vault_ids: Sequence[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
    ask: Ask | None = None,
) -> VaultPasswords:
    """The passwords that a command line and the environment name.

    `vault_ids` are `LABEL@SOURCE` or `SOURCE`; a source is a file, a program that prints the
    password, or `prompt`. `ANSIBLE_VAULT_IDENTITY_LIST` and `ANSIBLE_VAULT_PASSWORD_FILE` count too.
    """
    environ = os.environ if environ is None else environ
    listed = [
        entry.strip() for entry in environ.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",") if entry.strip()
    ]
    found: list[tuple[str, bytes]] = []
    for entry in [*vault_ids, *listed]:
        label, at, source = entry.rpartition("@")
        found.append((label or DEFAULT_LABEL, _password(source, label if at else DEFAULT_LABEL, ask)))
    file = password_file or environ.get("ANSIBLE_VAULT_PASSWORD_FILE")
    if file:
        found.append((DEFAULT_LABEL, _password(str(file), DEFAULT_LABEL, ask)))
    return VaultPasswords(tuple(found))


def _password(source: str, label: str, ask: Ask | None) -> bytes:
    if source in ("prompt", "prompt_ask_vault_pass"):
        if ask is None:
            raise InputError(f"nobody can be asked for the vault password `{label}` here")
        return ask(f"Vault password ({label}): ").encode()
    path = Path(source).expanduser()
    if not path.is_file():
        raise InputError(f"there is no vault password file {source}", where=Location(source))
    data = _run(path, label) if os.access(path, os.X_OK) else _read(path)
    password = data.strip()
    if not password:
        raise InputError(f"the vault password file {source} is empty", where=Location(source))
    return password


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_PASSWORD)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", where=Location(str(path))) from error
    if data.startswith(HEADER.encode()):
        raise InputError(f"the vault password file {path} is itself encrypted", where=Location(str(path)))
    return data


def _run(path: Path, label: str) -> bytes:
    """A program that prints the password. One whose name ends in `-client` is told which, as with Ansible."""
    command = [str(path.resolve())]
    if path.stem.endswith("-client"):
        command += ["--vault-id", label]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(
            f"the vault password program {path} failed: {error}", where=Location(str(path))
        ) from error
    return done.stdout[:_MAX_PASSWORD]
