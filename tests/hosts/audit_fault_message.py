"""The seeded faults of a message: signed, altered by a mailing list on its way, signed by the list."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim import sign

from tests.hosts.audit_seeds import MX, RSA, Seed, fails
from tests.unit.certificate_making import key_of

WHERE = "dkimpy 1.1"
KEY = f"s1._domainkey TXT {RSA}\n{MX}"
AUTHOR = Seed(
    "dkim-altered",
    fails(dkim__signature="a message that a list put a line below after it was signed"),
    KEY,
    where=WHERE,
)
LIST = Seed("dkim-list", {}, KEY, sound=("dkim.signature",))
OTHER = Seed(
    "dkim-other",
    fails(dkim__signature="a message that only others have signed"),
    KEY.replace("s1", "default"),
    where=WHERE,
)
SEEDS = (AUTHOR, LIST, OTHER)
"""With `--message`."""
LETTER = (
    f"From: alice@{AUTHOR.domain}\r\n"
    f"To: talk@{LIST.domain}\r\n"
    "Subject: hello\r\n"
    "Date: Thu, 01 Jan 2026 10:00:00 +0000\r\n"
    f"Message-ID: <1@{AUTHOR.domain}>\r\n"
    "\r\n"
    "Good morning.\r\n"
).encode()


def message() -> bytes:
    """The message as a member of the list gets it."""
    return _signed(_signed(LETTER, AUTHOR.domain) + b"-- \r\nThe list\r\n", LIST.domain)


def _signed(message: bytes, domain: str) -> bytes:
    pem = key_of("rsa2048").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    field: bytes = sign(message, b"s1", domain.encode(), pem)
    return field + message
