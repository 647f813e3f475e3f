"""DKIM (RFC 6376): a domain signs what it sends; the key that verifies it is in the domain's DNS.

A DKIM-Signature field names the domain (`d=`), the selector of its key (`s=`) and what was signed.
`verify` checks each signature of a message. The key record at `SELECTOR._domainkey.DOMAIN` is read
by `parse_key`, with the strengths of RFC 8301 and the Ed25519 keys of RFC 8463.
"""

from __future__ import annotations

from provisioner.authentication.dkim.key import FoundKey, KeyRecord, find_key, parse_key
from provisioner.authentication.dkim.signature import Signature, parse_signature
from provisioner.authentication.dkim.verification import DkimResult, SignatureResult, verify

__all__ = [
    "DkimResult",
    "FoundKey",
    "KeyRecord",
    "Signature",
    "SignatureResult",
    "find_key",
    "parse_key",
    "parse_signature",
    "verify",
]
