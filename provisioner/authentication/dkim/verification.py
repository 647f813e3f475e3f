"""Whether the signatures of a message are right (RFC 6376 §6), in the results of RFC 8601 §2.7.1."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from provisioner.authentication import message as messages
from provisioner.authentication.dkim import canonical
from provisioner.authentication.dkim.key import KeyRecord, find_key
from provisioner.authentication.dkim.signature import Signature, parse_signature
from provisioner.authentication.lookup import Lookup
from provisioner.authentication.message import Message

SIGNATURES = 10
"""Signatures that are looked at; each costs a look-up that a stranger chose (§8.4)."""


class DkimResult(StrEnum):
    """What one signature comes to."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    """It does not fit the message, or has expired."""
    POLICY = "policy"
    """It fits, and counts for nothing: SHA-1, or a key that is too short (RFC 8301)."""
    NEUTRAL = "neutral"
    """It can't be read."""
    TEMPERROR = "temperror"
    """DNS did not answer; later it may."""
    PERMERROR = "permerror"
    """There is no key, or one that does not allow this signature."""


@dataclass(frozen=True)
class SignatureResult:
    """One signature: what it says, what it came to, and why."""

    result: DkimResult
    signature: Signature
    problem: str = ""
    """Why it is not a pass."""
    notes: tuple[str, ...] = ()
    """What an admin should know though it passes."""
    key: KeyRecord | None = None

    @property
    def domain(self) -> str:
        """`d=`: what DMARC aligns."""
        return self.signature.domain

    @property
    def selector(self) -> str:
        """`s=`."""
        return self.signature.selector

    @property
    def algorithm(self) -> str:
        """`a=`."""
        return self.signature.algorithm

    @property
    def passed(self) -> bool:
        """Whether the domain may be taken for the message's signer."""
        return self.result is DkimResult.PASS


def verify(
    message: bytes | Message, lookup: Lookup, *, now: int | None = None
) -> tuple[SignatureResult, ...]:
    """Check each DKIM-Signature of a message, from the top down; empty where there is none.

    `now` (seconds since 1970) is when the message came; without it no signature counts as expired.
    """
    whole = messages.split(message) if isinstance(message, bytes) else message
    fields = whole.named("DKIM-Signature")[:SIGNATURES]
    return tuple(check(parse_signature(field), whole, lookup, now) for field in fields)


def check(signature: Signature, message: Message, lookup: Lookup, now: int | None = None) -> SignatureResult:
    """Check one signature; ARC's message signatures come here too."""
    if signature.fault:
        return SignatureResult(DkimResult.NEUTRAL, signature, signature.fault)
    found = find_key(signature.domain, signature.selector, lookup)
    key = found.key
    if found.problem or key is None:
        result = DkimResult.TEMPERROR if found.temporary else DkimResult.PERMERROR
        return SignatureResult(result, signature, found.problem, key=key)
    unfit = not_for_this(key, signature)
    if unfit:
        return SignatureResult(DkimResult.PERMERROR, signature, unfit, key=key)
    notes = _notes(signature, key, message)
    wrong = _wrong(signature, key, message, now)
    if wrong:
        return SignatureResult(DkimResult.FAIL, signature, wrong, notes, key)
    weak = weakness(signature, key)
    return SignatureResult(DkimResult.POLICY if weak else DkimResult.PASS, signature, weak, notes, key)


def not_for_this(key: KeyRecord, signature: Signature) -> str:
    """Why the key does not allow this signature (§6.1.2); `""` where it does."""
    kind, _, hash_name = signature.algorithm.partition("-")
    if key.key_type != kind:
        return f"the key is for {key.key_type}, the signature is {signature.algorithm}"
    if key.hashes and hash_name not in key.hashes:
        return f"the key allows only h={':'.join(key.hashes)}, the signature uses {hash_name}"
    if not key.for_mail:
        return f"the key is not for mail: s={key.tags.get('s')[:40]}"
    if key.same_domain and signature.identity.rpartition("@")[2].lower() != signature.domain:
        return f"the key has t=s, and i={signature.identity[:80]} is not at {signature.domain} itself"
    return ""


def weakness(signature: Signature, key: KeyRecord) -> str:
    """Why a right signature counts for nothing."""
    if signature.algorithm == "rsa-sha1":
        return "SHA-1 counts for nothing any more (RFC 8301 §3.1)"
    return key.weakness


def holds(data: bytes, signature: Signature, key: KeyRecord) -> bool:
    """Whether `b=` is the key's signature of `data` (RFC 6376 §3.3, RFC 8463 §3)."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

    try:
        if signature.algorithm == "ed25519-sha256":
            digest = hashlib.sha256(data).digest()
            cast(ed25519.Ed25519PublicKey, key.public).verify(signature.value("b"), digest)
        else:
            algorithm = hashes.SHA1() if signature.algorithm.endswith("sha1") else hashes.SHA256()  # noqa: S303
            public = cast(rsa.RSAPublicKey, key.public)
            public.verify(signature.value("b"), data, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _wrong(signature: Signature, key: KeyRecord, message: Message, now: int | None) -> str:
    """Why the signature does not fit the message. The header first: it tells whose fault it is."""
    method, body_method = signature.canonicalization
    fields = (field for field in message.fields if field is not signature.field)
    signed = canonical.selected(tuple(fields), signature.headers)
    own = canonical.header(canonical.without_signature(signature.field), method).removesuffix(b"\r\n")
    data = b"".join(canonical.header(field.raw, method) for field in signed) + own
    if not holds(data, signature, key):
        return "the header was changed after it was signed, or another key signed it"
    body = canonical.body(message.body, body_method)
    if signature.length is not None and signature.length > len(body):
        return f"l={signature.length} octets were signed, and the body has only {len(body)}"
    hash_name = signature.algorithm.rpartition("-")[2]
    digest = hashlib.new(hash_name, body[: signature.length], usedforsecurity=False).digest()
    if digest != signature.value("bh"):
        return "the body was changed after it was signed (the signed header is intact)"
    if now is not None and signature.expires_at is not None and now > signature.expires_at:
        return "it has expired (x=)"
    return ""


def _notes(signature: Signature, key: KeyRecord, message: Message) -> tuple[str, ...]:
    notes = []
    if signature.length is not None:
        left = len(canonical.body(message.body, signature.canonicalization[1])) - signature.length
        rest = f"{left} octets at the end are unsigned" if left > 0 else "today it covers the whole body"
        notes.append(f"l={signature.length}: anybody can append to the body ({rest})")
    if key.testing:
        notes.append("the key is in testing (t=y): receivers treat the message as unsigned")
    if signature.algorithm == "rsa-sha256" and key.bits < 2048:
        notes.append(f"the key has {key.bits} bits; 2048 are advised (RFC 8301 §3.2)")
    authors = len(message.named("From"))
    if authors > signature.headers.count("from"):
        notes.append(
            f"the message has {authors} From fields, and not all of them are signed (RFC 6376 §8.15)"
        )
    return tuple(notes)
