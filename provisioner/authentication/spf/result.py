"""What an SPF check comes to, and how (RFC 7208 §2.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from provisioner.dns.resolver import Status


class Result(StrEnum):
    """What a check comes to (§2.6)."""

    NONE = "none"
    """No record, or no domain to ask about."""
    NEUTRAL = "neutral"
    """The domain says nothing about this address."""
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    """DNS did not answer; later it may."""
    PERMERROR = "permerror"
    """The record can't be understood, or asks for too much."""


@dataclass(frozen=True, slots=True)
class Question:
    """A look-up that was made on the way."""

    name: str
    rdtype: str
    status: Status


@dataclass(frozen=True, slots=True)
class SpfResult:
    """What a check came to, and how."""

    result: Result
    domain: str
    """The domain whose record was asked for; DMARC aligns it."""
    identity: str
    """`mailfrom`, or `helo` where MAIL FROM was empty (§2.4)."""
    record: str = ""
    matched: str = ""
    """The term that matched, as written; `""` where none did."""
    matched_in: str = ""
    """The domain whose record has that term."""
    explanation: str = ""
    """What the domain says to those who fail (§6.2), `""` where it says nothing. Its words, not ours."""
    problem: str = ""
    """Why there is no record, no answer or no sense."""
    questions: tuple[Question, ...] = ()
    lookups: int = 0
    """Terms that looked something up."""
    void_lookups: int = 0
