"""How NCSC-NL grades keys and signatures of certificates (2025, §3.3.2, §3.3.2.1, §3.3.5)."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import SignatureAlgorithmOID

from provisioner.audit.tls_grades import Grade
from provisioner.tls.trust import UNREADABLE

_GOOD_CURVES = (
    "secp256r1",
    "secp384r1",
    "secp521r1",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
)
_HASHES = {"sha256": Grade.GOOD, "sha384": Grade.GOOD, "sha512": Grade.GOOD, "sha224": Grade.PHASE_OUT}


def grade_key(certificate: x509.Certificate) -> Grade:
    """RSA from 3072 bits, named curves from 256, Edwards curves: good. RSA from 2048, P-224: phase out."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return Grade.INSUFFICIENT
    if isinstance(key, rsa.RSAPublicKey):
        return (
            Grade.GOOD
            if key.key_size >= 3072
            else Grade.PHASE_OUT
            if key.key_size >= 2048
            else Grade.INSUFFICIENT
        )
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name in _GOOD_CURVES:
            return Grade.GOOD
        return Grade.PHASE_OUT if key.curve.name == "secp224r1" else Grade.INSUFFICIENT
    return (
        Grade.GOOD if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) else Grade.INSUFFICIENT
    )


def key_name(certificate: x509.Certificate) -> str:
    """`RSA 2048`, `ECDSA secp256r1`, `Ed25519`."""
    try:
        key = certificate.public_key()
    except UNREADABLE:
        return "a kind that can't be read"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        return f"{'RSA' if isinstance(key, rsa.RSAPublicKey) else 'DSA'} {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def grade_signature(certificate: x509.Certificate) -> Grade:
    """SHA-256 and longer, and Edwards curves, are good. RSA-PSS is judged by its hash as well."""
    name = _hash(certificate)
    if name == "":
        edwards = (SignatureAlgorithmOID.ED25519, SignatureAlgorithmOID.ED448)
        return Grade.GOOD if certificate.signature_algorithm_oid in edwards else Grade.INSUFFICIENT
    return _HASHES.get(name, Grade.INSUFFICIENT)


def signature_name(certificate: x509.Certificate) -> str:
    """As OpenSSL writes it: `sha256WithRSAEncryption`, `ecdsa-with-SHA384`."""
    oid = certificate.signature_algorithm_oid
    known = getattr(oid, "_name", "")
    return known if known and known != "Unknown OID" else oid.dotted_string


def _hash(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UNREADABLE:
        return "unknown"
    return algorithm.name if algorithm else ""
