"""How NCSC-NL grades versions, cipher suites and groups, and what Mozilla's intermediate profile holds.

Sources, checked 2026-11-25: NCSC-NL, IT Security Guidelines for TLS (2025), §3.3.1 versions, §3.3.2.1
and §3.3.3.1 keys and groups, §3.3.5 hashes, appendix B suites, as Internet.nl's mail test applies
them; Mozilla, Server Side TLS 5.8, Intermediate.
"""

from __future__ import annotations

from enum import IntEnum

from provisioner.tls.groups import Group
from provisioner.tls.result import DhParameters
from provisioner.tls.suites import CipherSuite
from provisioner.tls.versions import Version


class Grade(IntEnum):
    """Best first, as NCSC-NL calls them."""

    GOOD = 0
    SUFFICIENT = 1
    PHASE_OUT = 2
    INSUFFICIENT = 3


def grade_version(version: Version) -> Grade:
    """§3.3.1: 1.3 is good, 1.2 sufficient, older ones insufficient."""
    if version >= Version.TLS12:
        return Grade.GOOD if version is Version.TLS13 else Grade.SUFFICIENT
    return Grade.INSUFFICIENT


_TLS13 = {
    "TLS_AES_256_GCM_SHA384": Grade.GOOD,
    "TLS_CHACHA20_POLY1305_SHA256": Grade.GOOD,
    "TLS_AES_128_GCM_SHA256": Grade.SUFFICIENT,
    "TLS_AES_128_CCM_SHA256": Grade.SUFFICIENT,
}
_BY_RANK = (Grade.SUFFICIENT, Grade.PHASE_OUT, Grade.INSUFFICIENT)


def grade_suite(suite: CipherSuite) -> Grade:
    """Appendix B. A suite's rank follows the same steps for TLS 1.2 (see `CipherSuite.rank`)."""
    if suite.tls13:
        return _TLS13.get(suite.name, Grade.INSUFFICIENT)
    return _BY_RANK[suite.rank]


def weakness(suite: CipherSuite) -> str:
    """What is wrong with a suite that is worse than sufficient, in a few words."""
    if suite.anonymous:
        return "without a certificate"
    for word, said in _WEAK_WORDS.items():
        if word in suite.name:
            return said
    if not suite.ephemeral:
        return "without forward secrecy"
    if suite.name.endswith(("_SHA", "_MD5")):
        return "with a SHA-1 MAC"
    return "with a finite field" if suite.key_exchange == "DHE" else "with an old mode or cipher"


_WEAK_WORDS = {
    "NULL": "without encryption",
    "EXPORT": "of export strength",
    "RC4": "with RC4",
    "RC2": "with RC2",
    "3DES": "with 3DES",
    "_DES": "with DES",
    "CCM_8": "with a short MAC",
}
BROKEN = ("without encryption", "of export strength", "with RC4", "with RC2", "with DES")
"""What anybody on the way can read today, or with little effort."""

_GOOD_CURVES = ("secp521r1", "secp384r1", "secp256r1", "x25519", "x448", "brainpoolP")
_PHASE_OUT = ("secp224r1", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192")
_HYBRIDS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024")


def grade_group(group: Group) -> Grade:
    """§3.3.2.1, §3.3.3.1; a hybrid is as good as the curve in it, which holds whatever ML-KEM does."""
    if group.name.startswith(_GOOD_CURVES) or group.name in _HYBRIDS:
        return Grade.GOOD
    return Grade.PHASE_OUT if group.name in _PHASE_OUT else Grade.INSUFFICIENT


def grade_dh(parameters: DhParameters) -> Grade:
    """§3.3.3.1: only the fields of RFC 7919 from 3072 bits on, and those are to be phased out."""
    return Grade.PHASE_OUT if parameters.name in _PHASE_OUT else Grade.INSUFFICIENT


MOZILLA_SUITES = frozenset(
    {
        *("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
        *(f"TLS_ECDHE_{key}_WITH_AES_128_GCM_SHA256" for key in ("ECDSA", "RSA")),
        *(f"TLS_ECDHE_{key}_WITH_AES_256_GCM_SHA384" for key in ("ECDSA", "RSA")),
        *(f"TLS_ECDHE_{key}_WITH_CHACHA20_POLY1305_SHA256" for key in ("ECDSA", "RSA")),
    }
)
MOZILLA_GROUPS = frozenset({"X25519MLKEM768", "x25519", "secp256r1", "secp384r1"})
