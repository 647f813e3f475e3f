"""What an explanation is: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Who can mend it."""

    SENDER = "sender"
    """Whoever sends or logs in: the program, its user, or the server that hands mail in."""
    RECEIVER = "receiver"
    """Whoever runs the server that answered."""
    NETWORK = "network"
    """What lies between: firewalls, providers, routes, name servers."""
    NOBODY = "nobody"
    """Nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of failure."""

    id: str
    """Stable: scripts may rely on it."""
    says: str
    """What happened, in a sentence."""
    side: Side
    do: tuple[str, ...]
    """What to do, the most likely cause first."""
    temporary: bool = False
    """Whether it mends itself, or is tried again by mail servers without anybody's doing."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reply means."""

    kind: Kind
    reply: str
    """The words explained."""
    code: int | None = None
    enhanced: str = ""
    """The enhanced status code (RFC 3463), `5.7.1`; `""` where there is none."""
    meaning: str = ""
    """What the code alone says, by RFC 5321 or IANA's registry."""
    by: str = ""
    """The software or service whose wording it is, where it was recognised."""
    source: str = ""
    """Where that wording is documented."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a mail server's log."""

    line: str
    program: str
    """`postfix/smtpd`, `dovecot imap-login`; `""` where it is not known."""
    kind: Kind
    reply: Explanation | None = None
    """The other server's answer, where the line reports one."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a bounce says of one recipient (RFC 3464 §2.3)."""

    recipient: str
    action: str
    """`failed`, `delayed`, `delivered`, `relayed`, `expanded`."""
    explanation: Explanation
    remote_mta: str = ""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report about a message that was not delivered, or not yet."""

    reporter: str
    """The server that wrote it."""
    deliveries: tuple[Delivery, ...]
    subject: str = ""
    """Of the message that came back."""
    message_id: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """One Received field, the first server first."""

    sent_from: str
    address: str
    """The address it came from, as the receiving server saw it; `""` where none is written."""
    by: str
    protocol: str
    encrypted: bool
    time: str
    """ISO 8601, with its zone; `""` where it can't be read."""
    delay: float | None
    """Seconds since the hop before; None where one of the two has no time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One method of sender authentication, evaluated again, beside what the receiver wrote."""

    method: str
    """`spf`, `dkim`, `dmarc`, `arc`."""
    subject: str
    """The domain, with the selector for DKIM."""
    now: str
    """Our result; `""` where it can't be evaluated from what is here."""
    then: str
    """The receiver's; `""` where it wrote none."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FilterNote:
    """A header of a spam filter, in words."""

    header: str
    filter: str
    says: str


@dataclass(frozen=True, slots=True)
class MessageReport:
    """A message read by its headers."""

    subject: str
    sender: str
    hops: tuple[Hop, ...]
    verdicts: tuple[Verdict, ...]
    filters: tuple[FilterNote, ...]
    warnings: tuple[str, ...] = ()
