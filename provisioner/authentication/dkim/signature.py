"""A DKIM-Signature field, taken apart (RFC 6376 §3.5)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from provisioner.authentication.lookup import a_label
from provisioner.authentication.message import Field
from provisioner.authentication.tags import Tags, parse

ALGORITHMS = ("rsa-sha256", "ed25519-sha256", "rsa-sha1")
"""RFC 6376 §3.3, RFC 8463 §3; rsa-sha1 is read to say that it counts for nothing (RFC 8301 §3.1)."""
_CANONICALIZATIONS = ("simple", "relaxed")
_NUMBER = re.compile(r"[0-9]{1,76}")


@dataclass(frozen=True)
class Signature:
    """What a signature says of itself. `fault` says why it can't be checked; `""` where it can."""

    field: Field
    tags: Tags
    fault: str

    @property
    def domain(self) -> str:
        """`d=`, plain."""
        return a_label(self.tags.packed("d"))

    @property
    def selector(self) -> str:
        """`s=`."""
        return a_label(self.tags.packed("s"))

    @property
    def algorithm(self) -> str:
        """`a=`, lower case."""
        return self.tags.packed("a").lower()

    @property
    def identity(self) -> str:
        """`i=`: who in the domain takes responsibility; the domain itself where it is absent."""
        return self.tags.packed("i") or f"@{self.domain}"

    @property
    def headers(self) -> tuple[str, ...]:
        """`h=`: the names of the fields that were signed, lower case, repeated ones too."""
        return self.tags.listed("h")

    @property
    def canonicalization(self) -> tuple[str, str]:
        """Of header and body (`c=`, §3.4)."""
        head, _, rest = (self.tags.packed("c").lower() or "simple/simple").partition("/")
        return head, rest or "simple"

    @property
    def length(self) -> int | None:
        """`l=`: octets of the body that were signed; None means all."""
        return self._number("l")

    @property
    def signed_at(self) -> int | None:
        """`t=`, seconds since 1970."""
        return self._number("t")

    @property
    def expires_at(self) -> int | None:
        """`x=`, seconds since 1970."""
        return self._number("x")

    def value(self, tag: str) -> bytes:
        """The octets of `b=` or `bh=`."""
        return base64.b64decode(self.tags.packed(tag), validate=True)

    def _number(self, tag: str) -> int | None:
        text = self.tags.packed(tag)
        return int(text) if _NUMBER.fullmatch(text) else None


def parse_signature(
    field: Field, required: tuple[str, ...] = ("v", "a", "b", "bh", "d", "h", "s")
) -> Signature:
    """Read a DKIM-Signature, or a field like it that must have the tags `required`."""
    tags = parse(field.value.decode("latin-1"))
    signature = Signature(field, tags, "")
    return Signature(field, tags, _fault(signature, required))


def _fault(signature: Signature, required: tuple[str, ...]) -> str:
    tags = signature.tags
    missing = [f"{name}=" for name in required if not tags.get(name)]
    if tags.mistakes or missing:
        return tags.mistakes[0] if tags.mistakes else f"{', '.join(missing)} is missing"
    if "v" in required and tags.get("v") != "1":
        return f"v={tags.get('v')[:20]} is not 1"
    if signature.algorithm not in ALGORITHMS:
        return f"a={signature.algorithm[:40]} is no algorithm that is known"
    for tag in ("b", "bh"):
        try:
            signature.value(tag)
        except (binascii.Error, ValueError):
            return f"{tag}= is not base64"
    for tag in ("d", "s"):
        if tag in required and not a_label(tags.packed(tag)):
            return f"{tag}={tags.get(tag)[:80]} is no domain name"
    for tag in ("l", "t", "x"):
        if tag in tags and not _NUMBER.fullmatch(tags.packed(tag)):
            return f"{tag}={tags.get(tag)[:40]} is no number"
    return _fault_of_scope(signature) if "h" in required else ""


def _fault_of_scope(signature: Signature) -> str:
    tags = signature.tags
    if any(method not in _CANONICALIZATIONS for method in signature.canonicalization):
        return f"c={tags.get('c')[:40]} is no canonicalization"
    if tags.packed("q").lower() not in ("", "dns/txt"):
        return f"q={tags.get('q')[:40]}: keys are only in dns/txt"
    if "from" not in signature.headers:
        return "From is not among the fields that were signed (RFC 6376 §5.4)"
    if signature.expires_at is not None and (signature.signed_at or 0) >= signature.expires_at:
        return "it expired before it was made (x= is not later than t=)"
    if "v" in tags and not _below(signature.identity.rpartition("@")[2].lower(), signature.domain):
        return f"i={signature.identity[:80]} is not in d={signature.domain}"
    return ""


def _below(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)
