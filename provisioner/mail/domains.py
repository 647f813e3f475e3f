"""The mail domains of an inventory: mailboxes, aliases, and who may send as which address.

`mail_domains` is what people write; `Mail` is what templates of mail servers need, each address
complete. What contradicts itself (alias circles, an alias to nobody) is found here, since mail
servers accept it and only fail when a message comes: Postfix takes an alias circle at RCPT and
answers 451 after DATA.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from provisioner.errors import InputError
from provisioner.inventory.model import Host, VariablePath

Hasher = Callable[[str, str], str]
"""Plain password and address → `{ARGON2ID}…`, the same every time."""


@dataclass(frozen=True)
class Mailbox:
    """A user who logs in as `email` and whose mail is kept here."""

    email: str
    local: str
    domain: str
    quota_bytes: int | None
    """None: no limit of this mailbox's own."""
    password: str = field(repr=False)
    """As the inventory has it, plain or hashed; empty: no login."""
    hasher: Hasher = field(repr=False, compare=False)
    home: str = ""
    """Empty, like the three below: as `dovecot_home` and the like say for all."""
    mail: str = ""
    """A location, such as `maildir:~/Maildir`."""
    uid: int | None = None
    gid: int | None = None

    @property
    def has_login(self) -> bool:
        """Whether there is a password at all."""
        return bool(self.password)

    @cached_property
    def password_hash(self) -> str:
        """`{SCHEME}…` as Dovecot reads it; empty where there is no login."""
        if not self.password or self.password.startswith("{"):
            return self.password
        return self.hasher(self.password, self.email)

    @property
    def known_hash(self) -> str:
        """The hash, if there is one without hashing now; else empty."""
        return self.password if self.password.startswith("{") else self.__dict__.get("password_hash", "")


@dataclass(frozen=True)
class MailMistake:
    """Something wrong in `mail_domains`; `path` leads there from the host's variables."""

    path: VariablePath
    message: str
    note: str = ""
    hint: str = ""

    def located(self, host: Host) -> InputError:
        """The same as an error at the line that says so."""
        return InputError(self.message, where=host.origins.find(self.path), note=self.note, hint=self.hint)


@dataclass(frozen=True)
class Mail:
    """All mail domains of a host; what templates see as `mail`."""

    domains: tuple[str, ...]
    users: tuple[Mailbox, ...]
    aliases: Mapping[str, tuple[str, ...]]
    """Address → targets, all complete. `@example.org` takes what the domain has no address for."""

    @classmethod
    def read(
        cls, value: object, hasher: Hasher, *, weak_hashes: bool = False
    ) -> tuple[Mail, list[MailMistake]]:
        """`mail_domains` made into `Mail`, and every mistake in it; what is mistaken is left out."""
        from provisioner.mail.reading import Reading

        reading = Reading(value, hasher, weak_hashes)
        return cls(tuple(reading.domains), tuple(reading.users.values()), reading.aliases), reading.mistakes

    @classmethod
    def mistakes(cls, value: object, *, weak_hashes: bool = False) -> list[MailMistake]:
        """Every mistake in `mail_domains`, hashing nothing."""
        return cls.read(value, lambda password, address: "", weak_hashes=weak_hashes)[1]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address that takes mail, mailboxes first; no catch-alls."""
        aliases = (alias for alias in self.aliases if not alias.startswith("@"))
        return tuple(dict.fromkeys((*(user.email for user in self.users), *aliases)))

    @property
    def uids(self) -> list[int]:
        """The accounts that own mailboxes of their own, by number."""
        return sorted({user.uid for user in self.users if user.uid})

    @property
    def has_mbox(self) -> bool:
        """Whether a mailbox of its own place is an mbox."""
        return any(user.mail.startswith("mbox:") for user in self.users)

    @cached_property
    def senders(self) -> Mapping[str, tuple[str, ...]]:
        """Address → the logins that own it and may send as it: the mailbox's, or those an alias ends at."""
        owners: dict[str, tuple[str, ...]] = {
            user.email: (user.email,) for user in self.users if user.has_login
        }
        logins = frozenset(owners)
        for alias in self.aliases:
            found = tuple(
                dict.fromkeys(target for target in self._ends(alias, frozenset()) if target in logins)
            )
            if found:
                owners[alias] = found
        return owners

    def _ends(self, address: str, seen: frozenset[str]) -> Iterator[str]:
        for target in self.aliases.get(address, ()):
            if target in self.aliases and target not in seen and target != address:
                yield from self._ends(target, seen | {address})
            else:
                yield target

    @property
    def secret_texts(self) -> frozenset[str]:
        """Hashes of passwords, as far as they were asked for: a file that holds one is never shown."""
        return frozenset(filter(None, (user.known_hash for user in self.users)))
