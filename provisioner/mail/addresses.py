"""Mail addresses and domains as a server of ours can host them (RFC 5321 §4.1.2, RFC 1035 §2.3.1)."""

from __future__ import annotations

import re

_LOCAL_PART = re.compile(r"[a-z0-9_'=~&+-]+(\.[a-z0-9_'=~&+-]+)*")
"""RFC 5321's Dot-string without what is special to a mail server: `%` and `!` route, `/` leaves a
mailbox's folder, `:` ends a field of a password file, `|` starts a program."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
_DEVIATIONS = frozenset("ßς\u200c\u200d")
"""Characters that IDNA 2003, which Python brings, maps to others than IDNA 2008 does (RFC 5894 §7.2)."""


def complete(address: str, domain: str) -> str:
    """`alice` as `alice@domain`, a whole address as it is; both in lower case, as they are looked up."""
    return (address if "@" in address else f"{address}@{domain}").lower()


def local_part_fault(local: str, *, delimiter: str = "+") -> str:
    """Why `local` can't be the local part of a mailbox or alias of ours; empty where it can."""
    if not local.isascii():
        return "has letters that are not ASCII, which most mail servers refuse"
    if len(local) > 64:
        return "is longer than the 64 characters of RFC 5321 §4.5.3.1.1"
    if delimiter and delimiter in local:
        return f"has a `{delimiter}`, which divides an address from its extension"
    if not _LOCAL_PART.fullmatch(local.lower()):
        return "has characters that a mail server gives a meaning of their own, or a dot at its edge"
    return ""


def domain_fault(domain: str) -> tuple[str, str]:
    """Why `domain` can't be a mail domain as written, and what to write instead; both empty where it can."""
    if not domain.isascii():
        return "has letters that are not ASCII", _ascii_form(domain)
    if domain != domain.lower() or domain.endswith("."):
        return "is not in its plain form", domain.lower().rstrip(".")
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return "is not a domain", ""
    return "", ""


def _ascii_form(domain: str) -> str:
    """The form that DNS has, where there is only one answer (RFC 5890 §2.3.2.1); else empty."""
    if _DEVIATIONS & set(domain):
        return ""
    try:
        return domain.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+)\s*([kmgt]?)(i?b)?", re.IGNORECASE)


def size_in_bytes(text: str | int) -> int | None:
    """`2G`, `500 MB` or plain bytes, in bytes (units of 1024, as Dovecot counts); None if it is no size."""
    match = _SIZE.fullmatch(str(text).strip())
    return int(match[1]) * _UNITS[match[2].lower()] if match else None
