"""The ways in which addresses were written to get mail through a server that should not relay it.

The sixteen of nmap's `smtp-open-relay`, those of the old relay testers (DSBL, abuse.net), and
look-alikes of the server's own domain. Each is a sender and a recipient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelayForm:
    """One attempt: what follows `MAIL FROM:` and `RCPT TO:`.

    `local` is the domain that the recipient seems to be at (`""`: no domain at all) or None where
    it is plainly a stranger's. An address at a domain where the server takes every local part
    proves nothing. `helo` is a name to introduce oneself by, where that is the trick.
    """

    name: str
    sender: str
    recipient: str
    local: str | None = None
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What the forms are made of.

    `foreign` is a mail address that is none of the server's business; `server` is the name in its
    greeting, `literal` its address in brackets, `domain` a mail domain of its own (`""`: unknown).
    """

    foreign: str
    server: str
    literal: str
    domain: str

    @property
    def user(self) -> str:
        """The foreign local part."""
        return self.foreign.rpartition("@")[0]

    @property
    def elsewhere(self) -> str:
        """The foreign domain."""
        return self.foreign.rpartition("@")[2]

    @property
    def own(self) -> tuple[str, ...]:
        """Domains that the server may take for its own, each once, lower case."""
        domains = (self.domain, self.server, self.literal)
        return tuple(dict.fromkeys(name.lower() for name in domains if name))

    @property
    def loopback(self) -> tuple[str, ...]:
        """Names that every server has for itself."""
        return ("localhost", "[127.0.0.1]")


def trick_forms(names: Names, sender: str) -> tuple[RelayForm, ...]:
    """Forms that hide the stranger's address, from a `sender` that the server takes."""
    return (*_tricks(names, sender), *_look_alikes(names, sender), *_hello_tricks(names, sender))


def plain_forms(names: Names) -> tuple[RelayForm, ...]:
    """The stranger's address as it is, from senders of every kind."""
    target = f"<{names.foreign}>"
    senders = {
        "a stranger": f"<probe@{names.elsewhere}>",
        "nobody (null sender)": "<>",
        **{f"{domain}": f"<probe@{domain}>" for domain in (*names.own, *names.loopback)},
        **({f"postmaster@{names.domain}": f"<postmaster@{names.domain}>"} if names.domain else {}),
        "a name without domain": "<probe>",
        "a bang path": f"<{names.elsewhere}!probe>",
    }
    found = [RelayForm(f"from {who}", sender, target) for who, sender in senders.items()]
    return (*found, RelayForm("without angle brackets", found[0].sender, names.foreign))


def _tricks(names: Names, sender: str) -> Iterator[RelayForm]:
    user, elsewhere, foreign = names.user, names.elsewhere, names.foreign
    without_domain = {
        "percent": f"{user}%{elsewhere}",
        "quoted percent": f'"{user}%{elsewhere}"',
        "quoted address": f'"{foreign}"',
        "bang path": f"{elsewhere}!{user}",
    }
    for name, recipient in without_domain.items():
        yield RelayForm(name, sender, f"<{recipient}>", local="")
    for domain in (*names.own, *names.loopback):
        at = {
            "percent": f"{user}%{elsewhere}@{domain}",
            "two at signs": f"{foreign}@{domain}",
            "quoted address": f'"{foreign}"@{domain}',
            "source route": f"@{domain}:{foreign}",
            "bang path": f"{elsewhere}!{user}@{domain}",
        }
        for name, recipient in at.items():
            yield RelayForm(f"{name} at {domain}", sender, f"<{recipient}>", local=domain)
    if names.own:
        own = names.own[0]
        yield RelayForm("two source routes", sender, f"<@{own},@{own}:{foreign}>", local=own)


def _look_alikes(names: Names, sender: str) -> Iterator[RelayForm]:
    """Patterns that are not anchored take these for the domain itself."""
    if names.domain:
        for domain in (f"x{names.domain}", f"{names.domain}.{names.elsewhere}"):
            recipient = f"<{names.user}@{domain}>"
            yield RelayForm(f"look-alike {domain}", sender, recipient)


def _hello_tricks(names: Names, sender: str) -> Iterator[RelayForm]:
    for helo in dict.fromkeys(("localhost", names.server)):
        if helo:
            yield RelayForm(f"as {helo}", sender, f"<{names.foreign}>", helo=helo)
