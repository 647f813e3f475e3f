"""What a password in an inventory may look like: plain text, or a hash with Dovecot's scheme before it."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"\{([A-Za-z0-9-]+)(\.(HEX|B64|BASE64))?\}(.+)", re.IGNORECASE)
_BARE_HASHES = {
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$2a$": "BLF-CRYPT",
    "$2b$": "BLF-CRYPT",
    "$2y$": "BLF-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$6$": "SHA512-CRYPT",
}
SCHEMES = frozenset(
    {
        "ARGON2I",
        "ARGON2ID",
        "BLF-CRYPT",
        "CRYPT",
        "PBKDF2",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
        "SHA256-CRYPT",
        "SHA512-CRYPT",
        "SSHA256",
        "SSHA512",
    }
)
"""Schemes that both Dovecot 2.3 and 2.4 verify and that are slow or salted; the others are refused,
since a leaked file of theirs is a list of passwords."""


WEAK_SCHEMES = frozenset(
    {
        "CRAM-MD5",
        "DIGEST-MD5",
        "LDAP-MD5",
        "MD5",
        "MD5-CRYPT",
        "PLAIN-MD4",
        "PLAIN-MD5",
        "SHA",
        "SHA1",
        "SHA256",
        "SHA512",
        "SMD5",
        "SSHA",
    }
)
"""Schemes that are taken with `mail_weak_hashes`: Dovecot 2.3 verifies them, 2.4 if it is told to."""


def password_fault(password: str, *, weak: bool = False) -> tuple[str, str]:
    """Why `password` can't stand in an inventory, and what to do; both empty where it can."""
    if not password:
        return "is empty", "Leave `password` out for a mailbox without login."
    if "\n" in password or "\r" in password or "\0" in password:
        return "has several lines or a zero byte", ""
    for mark, scheme in _BARE_HASHES.items():
        if password.startswith(mark):
            return "is a hash without its scheme", f"Write {{{scheme}}} before it."
    if not password.startswith("{"):
        return "", ""
    match = _SCHEME.fullmatch(password)
    if match is None:
        return "begins with `{` but is no hash such as `{ARGON2ID}$argon2id$…`", ""
    if weak and match[1].upper() in WEAK_SCHEMES:
        return "", ""
    if match[1].upper() not in SCHEMES:
        return (
            f"has the scheme {match[1]}, which is unknown or too weak",
            f"Use one of {', '.join(sorted(SCHEMES))}."
            + (" mail_weak_hashes: true takes it." if match[1].upper() in WEAK_SCHEMES else ""),
        )
    return "", ""
