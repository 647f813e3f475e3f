"""Key records (RFC 6376 §3.6.1): `v=DKIM1; k=rsa; p=…` at `SELECTOR._domainkey.DOMAIN`."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.authentication.lookup import Lookup, texts
from provisioner.authentication.tags import Tags, parse
from provisioner.dns.resolver import Reply, Status

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LEAST_BITS = 1024
"""A signature by a shorter RSA key counts for nothing (RFC 8301 §3.2)."""
GOOD_BITS = 2048
"""What signers should use (RFC 8301 §3.2)."""
KEY_TYPES = ("rsa", "ed25519")


@dataclass(frozen=True)
class KeyRecord:
    """A key record. `mistakes` say why verifiers can't use it; empty means that they can."""

    text: str
    tags: Tags
    key_type: str
    """`rsa` or `ed25519`, or what else the record says."""
    public: RSAPublicKey | Ed25519PublicKey | None
    mistakes: tuple[str, ...]

    @property
    def revoked(self) -> bool:
        """An empty `p=`: the key was withdrawn (§3.6.1)."""
        return "p" in self.tags and not self.tags.packed("p")

    @property
    def bits(self) -> int:
        """The size of the key; 0 where there is none that can be read."""
        return 0 if self.public is None else getattr(self.public, "key_size", 256)

    @property
    def testing(self) -> bool:
        """`t=y`: verifiers treat signed mail as if it were not signed (§3.6.1)."""
        return "y" in self.tags.listed("t")

    @property
    def same_domain(self) -> bool:
        """`t=s`: the domain of `i=` must be `d=`, not below it."""
        return "s" in self.tags.listed("t")

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hashes allowed; empty means all."""
        return self.tags.listed("h")

    @property
    def for_mail(self) -> bool:
        """Whether the service type `s=` includes e-mail."""
        services = self.tags.listed("s", "*")
        return "*" in services or "email" in services

    @property
    def weakness(self) -> str:
        """Why a signature by this key counts for nothing though it is right (RFC 8301)."""
        if self.key_type == "rsa" and 0 < self.bits < LEAST_BITS:
            return f"the key has {self.bits} bits; fewer than {LEAST_BITS} count for nothing (RFC 8301 §3.2)"
        return ""


def parse_key(text: str) -> KeyRecord:
    """Read a key record, whatever it holds."""
    tags = parse(text)
    mistakes = list(tags.mistakes)
    if "v" in tags and tags.get("v") != "DKIM1":
        mistakes.append(f"v={tags.get('v')[:40]} is not DKIM1")
    elif "v" in tags and tags.order[0] != "v":
        mistakes.append("v= is not the first tag (§3.6.1)")
    key_type = tags.get("k", "rsa").lower() or "rsa"
    public = None
    if "p" not in tags:
        mistakes.append("there is no p=, the key itself")
    elif key_type not in KEY_TYPES:
        mistakes.append(f"k={key_type[:40]} is no key type that verifiers know")
    elif tags.packed("p"):
        read = _public(tags.packed("p"), key_type)
        if isinstance(read, str):
            mistakes.append(read)
        else:
            public = read
    return KeyRecord(text, tags, key_type, public, tuple(mistakes))


def _public(encoded: str, key_type: str) -> RSAPublicKey | Ed25519PublicKey | str:
    """The key, or why it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return "p= is not base64: characters were lost or added when it was pasted"
    if key_type == "ed25519":
        if len(raw) != 32:
            return f"p= has {len(raw)} octets; an Ed25519 key has 32, without ASN.1 around it (RFC 8463 §4)"
        return Ed25519PublicKey.from_public_bytes(raw)
    try:
        key = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return "p= is no RSA key: it was cut off or changed when it was pasted"
    return key if isinstance(key, RSAPublicKey) else "p= holds a key of another type than k=rsa says"


@dataclass(frozen=True)
class FoundKey:
    """What DNS has at a selector."""

    name: str
    reply: Reply
    keys: tuple[KeyRecord, ...]
    """In an order that does not depend on the name server's, withdrawn ones last."""

    @property
    def key(self) -> KeyRecord | None:
        """The record that verifiers use: the first without mistakes, else the first."""
        return next((key for key in self.keys if not key.mistakes), next(iter(self.keys), None))

    @property
    def problem(self) -> str:
        """Why there is no key to verify with; `""` where there is one."""
        if not self.reply.answered:
            return f"{self.name}: {self.reply.detail or self.reply.status}"
        key = self.key
        if key is None:
            if self.reply.aliases:
                return f"{self.name} is an alias of {self.reply.canonical}, where there is no key"
            return f"there is no key at {self.name}"
        if key.revoked:
            return f"the key at {self.name} was withdrawn (empty p=)"
        return f"the key at {self.name}: {key.mistakes[0]}" if key.mistakes else ""

    @property
    def temporary(self) -> bool:
        """Whether a later look-up may find more."""
        return not self.reply.answered


def _is_key(tags: Tags) -> bool:
    return "p" in tags or tags.get("v").upper().startswith("DKIM")


def find_key(domain: str, selector: str, lookup: Lookup) -> FoundKey:
    """Look a key up (§3.6.2.1). TXT records that hold neither `p=` nor `v=DKIM1` are no keys.

    A wildcard in the zone may give other records at any name, such as `v=spf1 -all`.
    """
    name = f"{selector}._domainkey.{domain}"
    reply = lookup(name, "TXT")
    found = texts(reply) if reply.status is Status.FOUND else ()
    keys = [key for key in map(parse_key, found) if _is_key(key.tags)]
    return FoundKey(name, reply, tuple(sorted(keys, key=lambda key: (key.revoked, key.text))))
