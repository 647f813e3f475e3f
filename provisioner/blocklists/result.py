"""What is known of block lists and what asking them came to: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Verdict(StrEnum):
    """What an answer means, worst first."""

    LISTED = "listed"
    NOTED = "noted"
    """The list knows it, and that is no reason to refuse its mail."""
    UNKNOWN = "unknown"
    """The list could not be asked. Never to be read as not listed."""
    TRUSTED = "trusted"
    NOT_LISTED = "not-listed"


class Impact(StrEnum):
    """How many receivers refuse mail because of a list, most first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Asks(StrEnum):
    """What a list is asked about."""

    ADDRESS = "address"
    NAME = "name"
    DOMAIN = "domain"
    """A registered domain, never a host inside one."""


@dataclass(frozen=True, slots=True)
class Code:
    """What an answer such as `127.0.0.4` means; an octet of `pattern` may be a range or `*`."""

    pattern: str
    means: str
    verdict: Verdict = Verdict.LISTED
    steps: tuple[str, ...] = ()
    """How to get off, for this code."""

    def fits(self, answer: str) -> bool:
        """Whether an IPv4 address is this code."""
        octets = zip(self.pattern.split("."), answer.split("."), strict=True)
        return all(_octet_fits(pattern, octet) for pattern, octet in octets)


def _octet_fits(pattern: str, octet: str) -> bool:
    low, dash, high = pattern.partition("-")
    if pattern == "*":
        return True
    return int(low) <= int(octet) <= int(high) if dash else pattern == octet


@dataclass(frozen=True, slots=True)
class BlockList:
    """One list, as `lists.yml` says."""

    name: str
    title: str
    zone: str
    """`""` where it is asked with a key only."""
    asks: Asks
    impact: Impact
    terms: str
    page: str
    steps: tuple[str, ...]
    source: str
    checked: date
    confirmed: bool = True
    """Whether the codes were seen at the source."""
    codes: tuple[Code, ...] = ()
    bits: tuple[tuple[int, str, Verdict], ...] = ()
    """Of the last octet: the bit, what it means."""
    keyed_zone: str = ""
    """With `{key}` in it."""
    key: str = ""
    """Whose key it takes; `""` without."""
    ipv6: bool = False
    white: bool = False
    test_listed: str = ""
    test_not_listed: str = ""
    test_listed_ipv6: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A list that has ended, and is never asked."""

    name: str
    zone: str
    means: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """One address that a list answered, and what it means."""

    code: str
    means: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """What one list says of one subject. `reason` and `detail` are others' words, unescaped."""

    list: BlockList
    subject: str
    """The address or name that was asked about."""
    verdict: Verdict
    meanings: tuple[Meaning, ...] = ()
    reason: str = ""
    """The list's own words (its TXT record), bounded."""
    detail: str = ""
    """Why the list could not be asked."""
    steps: tuple[str, ...] = ()
    """How to get off, for the codes that were answered."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the user named, what belongs to it, and what the lists say."""

    name: str
    addresses: tuple[tuple[str, str], ...]
    """Each address with the host that has it; the host is `""` for an address that the user named."""
    names: tuple[str, ...]
    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be found out of it, or is strange, in sentences."""
    complete: bool = True
    """False where its addresses could not be asked for."""

    @property
    def listed(self) -> bool:
        """Whether a list has it or anything of it."""
        return any(answer.verdict is Verdict.LISTED for answer in self.answers)

    @property
    def known(self) -> bool:
        """Whether any block list could be asked, and about all of it."""
        asked = (answer for answer in self.answers if not answer.list.white)
        return self.complete and any(answer.verdict is not Verdict.UNKNOWN for answer in asked)
