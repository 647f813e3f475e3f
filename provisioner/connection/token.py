"""Why a server refuses an access token (OAuth 2.0): by its own words, and by what the token says."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime

WRONG_SCOPE = ("insufficient_scope", "403")
"""RFC 6750 §3.1, and HTTP's code for it, which XOAUTH2 has."""
FAULTS = ("internal_failure", "500", "502", "503", "504")
"""The server could not have the token checked: Dovecot 2.4's word, and HTTP's codes."""
_LONGEST = 16_384
"""Characters of a challenge or of a token's claims that are looked into."""


def reasons(challenge: str) -> Mapping[str, str]:
    """What a server's JSON says of its refusal (RFC 7628 §3.2.2): `status`, `scope`, `openid-configuration`.

    Empty where it is no JSON. XOAUTH2 has the same fields, with HTTP's codes as `status`.
    """
    try:
        document = json.loads(challenge[:_LONGEST])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {str(name): value for name, value in document.items() if isinstance(value, str) and value}


def expired(token: str, now: datetime) -> datetime | None:
    """When the token expired by its own word; None where it has not, or says nothing that can be read.

    A token may be a JWT, whose claims anybody can read (RFC 7519 §4.1.4, RFC 9068); most others are opaque.
    """
    parts = token.split(".")
    if len(parts) != 3 or len(parts[1]) > _LONGEST:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        end = datetime.fromtimestamp(claims["exp"], UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return None
    return end if end <= now else None
