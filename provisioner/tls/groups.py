"""Groups for the key exchange: elliptic curves, finite fields, and hybrids with ML-KEM.

Source: IANA "TLS Supported Groups" registry, checked 2026-11-25. Curves: RFC 8422 §5.1.1,
RFC 7027 §2, RFC 8734; finite fields: RFC 7919; hybrids: draft-ietf-tls-ecdhe-mlkem.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """`bits` is the size of the field, which for a curve is twice its strength."""

    number: int
    name: str
    bits: int
    kind: str
    """`curve`, `field` or `hybrid` (a curve together with ML-KEM, safe from quantum computers)."""
    since_tls13: bool = False
    """Whether TLS 1.2 doesn't know it."""
    until_tls12: bool = False
    """Whether TLS 1.3 doesn't know it (RFC 8446 §4.2.7)."""

    def __str__(self) -> str:
        """The name."""
        return self.name


_OLD = """
sect163k1 163, sect163r1 163, sect163r2 163, sect193r1 193, sect193r2 193, sect233k1 233, sect233r1 233,
sect239k1 239, sect283k1 283, sect283r1 283, sect409k1 409, sect409r1 409, sect571k1 571, sect571r1 571,
secp160k1 160, secp160r1 160, secp160r2 160, secp192k1 192, secp192r1 192, secp224k1 224, secp224r1 224,
secp256k1 256"""


def _old_curves() -> tuple[Group, ...]:
    """Numbers 1 to 22, in the registry's order."""
    rows = (row.split() for row in _OLD.split(","))
    return tuple(
        Group(number, name, int(bits), "curve", until_tls12=True)
        for number, (name, bits) in enumerate(rows, start=1)
    )


GROUPS: tuple[Group, ...] = (
    Group(29, "x25519", 255, "curve"),
    Group(23, "secp256r1", 256, "curve"),
    Group(24, "secp384r1", 384, "curve"),
    Group(25, "secp521r1", 521, "curve"),
    Group(30, "x448", 448, "curve"),
    Group(0x11EC, "X25519MLKEM768", 255, "hybrid", since_tls13=True),
    Group(0x11EB, "SecP256r1MLKEM768", 256, "hybrid", since_tls13=True),
    Group(0x11ED, "SecP384r1MLKEM1024", 384, "hybrid", since_tls13=True),
    Group(0x6399, "X25519Kyber768Draft00", 255, "hybrid", since_tls13=True),
    Group(0x0200, "MLKEM512", 512, "hybrid", since_tls13=True),
    Group(0x0201, "MLKEM768", 768, "hybrid", since_tls13=True),
    Group(0x0202, "MLKEM1024", 1024, "hybrid", since_tls13=True),
    Group(256, "ffdhe2048", 2048, "field"),
    Group(257, "ffdhe3072", 3072, "field"),
    Group(258, "ffdhe4096", 4096, "field"),
    Group(259, "ffdhe6144", 6144, "field"),
    Group(260, "ffdhe8192", 8192, "field"),
    Group(31, "brainpoolP256r1tls13", 256, "curve", since_tls13=True),
    Group(32, "brainpoolP384r1tls13", 384, "curve", since_tls13=True),
    Group(33, "brainpoolP512r1tls13", 512, "curve", since_tls13=True),
    Group(26, "brainpoolP256r1", 256, "curve", until_tls12=True),
    Group(27, "brainpoolP384r1", 384, "curve", until_tls12=True),
    Group(28, "brainpoolP512r1", 512, "curve", until_tls12=True),
    Group(41, "curveSM2", 256, "curve", since_tls13=True),
    *_old_curves(),
)

TLS13_GROUPS = tuple(one for one in GROUPS if not one.until_tls12)
CURVES = tuple(one for one in GROUPS if one.kind == "curve" and not one.since_tls13)
"""What a client of TLS 1.2 offers. Without finite fields, so that a server shows its own."""


def group(number: int) -> Group:
    """The group of that number; an unknown one is named by it."""
    known = {one.number: one for one in GROUPS}
    return known.get(number) or Group(number, f"group 0x{number:04X}", 0, "curve")
