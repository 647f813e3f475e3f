"""Who can read the secrets: age identities (private) and recipients (public).

Identities are age X25519 keys, or unencrypted OpenSSH keys, as age itself takes them. They come
from `PROVISION_AGE_KEY` (the key itself), `PROVISION_AGE_KEY_FILE`, and `secrets.key` beside the
inventory, in this order; every one that is there is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import InputError, Location

KEY_FILE = "secrets.key"
ENV_KEY = "PROVISION_AGE_KEY"
ENV_FILE = "PROVISION_AGE_KEY_FILE"


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key; `public` is its recipient, or `""` where age can't tell (OpenSSH keys)."""

    private: object
    public: str
    source: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"Identity({self.public!r}, {self.source!r})"


def find(folder: Path, environ: Mapping[str, str]) -> tuple[Identity, ...]:
    """Every identity there is for this folder.

    Raises `InputError` where a key is unreadable, or `secrets.key` readable for others.
    """
    found: list[Identity] = []
    if text := environ.get(ENV_KEY, "").strip():
        found += parse(text, f"the environment variable {ENV_KEY}")
    if name := environ.get(ENV_FILE, ""):
        found += parse(_read(Path(name), f"the file named by {ENV_FILE}"), name)
    own = folder / KEY_FILE
    if own.exists():
        _refuse_open(own)
        found += parse(_read(own, "the key for secrets"), str(own))
    return tuple(found)


def parse(text: str, source: str) -> list[Identity]:
    """The identities in a key file as `age-keygen` writes it, or in an OpenSSH private key."""
    import pyrage

    if text.lstrip().startswith("-----BEGIN AGE ENCRYPTED"):
        raise InputError(
            f"the key in {source} is itself encrypted with a passphrase",
            hint=f"Decrypt it into {ENV_KEY} for the time you need it: {ENV_KEY}=$(age -d FILE).",
        )
    if text.lstrip().startswith("-----BEGIN"):
        try:
            return [Identity(pyrage.ssh.Identity.from_buffer(text.strip().encode() + b"\n"), "", source)]
        except pyrage.IdentityError as error:
            raise InputError(
                f"the SSH key in {source} can't read secrets: {error}",
                hint="An ed25519 or RSA key without a passphrase works, or an age key (AGE-SECRET-KEY-1…).",
            ) from None
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        try:
            private = pyrage.x25519.Identity.from_str(key)
        except pyrage.IdentityError:
            raise InputError(
                f"line {number} of {source} is not an age key",
                where=Location(source) if "/" in source else None,  # the line itself is not to be shown
                hint="A key is one line that begins with AGE-SECRET-KEY-1.",
            ) from None
        found.append(Identity(private, str(private.to_public()), source))
    return found


def generate() -> tuple[Identity, str]:
    """A new identity, and the text for `secrets.key`."""
    import pyrage

    private = pyrage.x25519.Identity.generate()
    public = str(private.to_public())
    text = (
        "# The key that reads secrets.yml. Keep a copy somewhere safe: without it the secrets are lost.\n"
        f"# It never goes into git.\n# public key: {public}\n{private}\n"
    )
    return Identity(private, public, KEY_FILE), text


def encrypt(text: str, recipients: Sequence[tuple[str, Location | None]]) -> str:
    """`text` for every recipient, as ASCII armour (RFC 7468 form, 64 columns)."""
    import pyrage

    cipher: bytes = pyrage.encrypt(text.encode(), [recipient(*one) for one in recipients], armored=True)
    return cipher.decode("ascii")


def decrypt(cipher: str, identities: Sequence[Identity]) -> str | None:
    """The text, or `None` where no identity fits; `ValueError` where the value is damaged."""
    import pyrage

    try:
        clear: bytes = pyrage.decrypt(cipher.encode(), [identity.private for identity in identities])
        return clear.decode()
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            return None
        raise ValueError(str(error).splitlines()[0]) from None


def recipient(text: str, where: Location | None = None) -> object:
    """The public key `age1…`, `ssh-ed25519 …` or `ssh-rsa …`; `InputError` where it is none."""
    import pyrage

    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError:
        hint = "A recipient is `age1…` (`provision secrets init` prints it), `ssh-ed25519 …` or `ssh-rsa …`."
        if text.startswith("AGE-SECRET-KEY-"):
            text, hint = "a private key", "Take it out, make a new one: this file is public. " + hint
            where = Location(where.file) if where else None  # the line itself is not to be shown
        raise InputError(f"{text[:80]} is not a recipient", where=where, hint=hint) from None


def _read(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(65536).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise InputError(f"{what}, {path}, can't be read: {reason}") from None


def _refuse_open(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise InputError(
            f"{path} can be read by others (mode {mode:04o})",
            where=Location(str(path)),
            hint=f"chmod 600 {path}. If others have accounts on this machine, make a new key.",
        )
