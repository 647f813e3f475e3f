"""What was found out about an address's servers: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """What a server speaks with mail programs."""

    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"

    @property
    def reads(self) -> bool:
        """Whether mail is read by it; else it is sent by it."""
        return self is not Protocol.SMTP


class Encryption(StrEnum):
    """When a connection turns to TLS."""

    TLS = "TLS"
    """From the first byte (RFC 8314 §3)."""
    STARTTLS = "STARTTLS"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Server:
    """One server as a mail program is to use it."""

    protocol: Protocol
    host: str
    port: int
    encryption: Encryption
    login: str = ""
    """The name to log in with; `""` where the source does not say."""
    password: str = ""
    """`account`, `app` (one made for this program), `oauth` or `key`; `""` where it is not known."""


class Kind(StrEnum):
    """Where settings come from."""

    AUTOCONFIG = "autoconfig"
    SRV = "srv"
    AUTODISCOVER = "autodiscover"
    ISPDB = "ispdb"
    PRESET = "preset"
    MX = "mx"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class Source:
    """One place that was asked. `problem` says why it gave nothing; `""` where it gave servers."""

    kind: Kind
    where: str
    """The URL, the record's name, or the provider's name."""
    servers: tuple[Server, ...] = ()
    problem: str = ""
    warning: str = ""
    """What makes the answer less worthy of trust, such as a record that is not signed."""
    note: str = ""
    """What a person has to know besides, such as where an app password is made."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What was found for one address. `chosen` is None where nothing was found."""

    address: str
    chosen: Source | None
    tried: tuple[Source, ...]
    """Every place asked, in the order in which mail programs believe them."""
    warnings: tuple[str, ...] = ()
    dns_answers: bool = True
    """Whether anything could be asked about the domain at all."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A preset: a provider of mailboxes or of sending, as `providers.yml` has it."""

    name: str
    title: str
    kind: str
    """`mailbox`, `sending`, or `marketing` (a platform that sends by itself and has no SMTP)."""
    domains: tuple[str, ...]
    """Domains of its own users' addresses."""
    mx: tuple[str, ...]
    """Ends of the names of the servers that take mail for its customers' domains."""
    servers: tuple[Server, ...]
    note: str
    app_password: str
    """Where a person makes an app password or a key; `""` where that isn't needed."""
    limits: str
    dns: tuple[str, ...]
    """What a domain publishes to send through it."""
    source: str
    checked: str
    """ISO date."""
    compared: str
    """What its servers were compared with: `page` (`source`), `ispdb` (Mozilla's ISPDB), or `""`."""
