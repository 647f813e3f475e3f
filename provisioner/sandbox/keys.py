"""SSH keys of a sandbox host: the ones it shows, and the one that opens it. Made before it boots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from provisioner.sandbox.state import write_whole

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
HOST_KEYS = ("ed25519", "ecdsa", "rsa")  # the three that openssh-server makes on Debian


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The folder with a host's keys: `id` to log in with, `ssh_host_*_key` for its sshd."""

    folder: Path

    @property
    def login(self) -> Path:
        """The private key that root of the host accepts."""
        return self.folder / "id"

    def login_public(self) -> str:
        """The line for `authorized_keys`."""
        return (self.folder / "id.pub").read_text()

    def host_public(self, kind: str = "ed25519") -> str:
        """The host's public key of that kind, as `TYPE BASE64`."""
        return " ".join((self.folder / f"ssh_host_{kind}_key.pub").read_text().split()[:2])

    def known_hosts(self, address: str, port: int = 22) -> str:
        """The host's lines for a `known_hosts` file."""
        at = address if port == 22 else f"[{address}]:{port}"
        return "".join(f"{at} {self.host_public(kind)}\n" for kind in HOST_KEYS)


def make_keys(folder: Path, comment: str) -> HostKeys:
    """The keys in `folder`; those that aren't there yet are made.

    The public half is written last, so that a pair cut short by a kill is made anew.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, kind in (("id", "ed25519"), *((f"ssh_host_{kind}_key", kind) for kind in HOST_KEYS)):
        if not (folder / f"{name}.pub").exists():
            key = _generate(kind)
            write_whole(folder / name, _private_text(key))
            write_whole(folder / f"{name}.pub", _public_text(key, comment), 0o644)
    return HostKeys(folder)


def _generate(kind: str) -> PrivateKey:
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def _private_text(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )


def _public_text(key: PrivateKey, comment: str) -> bytes:
    text = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return text + b" " + comment.encode() + b"\n"
