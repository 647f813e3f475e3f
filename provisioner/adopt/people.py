"""Everybody who has a mailbox: how they log in, and where their mail is and whose it is on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.adopt.dovecot_text import Block
from provisioner.adopt.lookups import LISTED, SYSTEM, Lookup, lookups, passwd_file, sql_users
from provisioner.adopt.places import expanded, location_24, location_of, neutral, tidy
from provisioner.adopt.seen import Seen
from provisioner.mail.addresses import size_in_bytes
from provisioner.mail.passwords import SCHEMES, WEAK_SCHEMES

_PLAIN = frozenset({"PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-TRUNC"})
_HASH = re.compile(r"\{([A-Za-z0-9-]+)(?:\.(?:HEX|B64|BASE64))?\}(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Person:
    """Somebody with a mailbox."""

    login: str
    """As they type it: `alice`, or the whole address."""
    source: str
    """Where the server knows them from, in its own words."""
    password: str = field(default="", repr=False)
    """`{SCHEME}…`, or plain text where the server has it plain; empty: no login."""
    weak: bool = False
    """Whether the hash is of a scheme that is easily guessed."""
    odd_scheme: str = ""
    """A scheme that can't be taken over; `password` is empty then."""
    uid: int | None = None
    gid: int | None = None
    home: str = ""
    mail: str = ""
    """The location, all variables filled in, `~` for the home."""
    quota_bytes: int | None = None


@dataclass(frozen=True)
class People:
    """All of them, and the databases that could not be read."""

    persons: tuple[Person, ...]
    unread: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def people(seen: Seen, conf: Block, addresses: set[str]) -> People:
    """Everybody whom Dovecot's databases know. `addresses` are those that Postfix has mailboxes for."""
    passdbs, userdbs = lookups(conf, "passdb", seen), lookups(conf, "userdb", seen)
    told = _told_by_doveadm(seen)
    found: dict[str, Person] = {}
    for lookup in passdbs:
        for login, password, fields in _entries(lookup, seen, addresses):
            if login.lower() not in found:
                own = {**_user_fields(login, userdbs, seen), **fields, **told.get(login.lower(), {})}
                found[login.lower()] = _person(login, password, lookup, own, conf, seen)
    every = (*passdbs, *userdbs)
    unread = [lookup.where for lookup in every if lookup.kind not in LISTED]
    unread += [lookup.where for lookup in passdbs if lookup.kind == "sql" and not _is_read(lookup, seen)]
    sources = dict.fromkeys(person.source for person in found.values())
    return People(tuple(found.values()), tuple(dict.fromkeys(unread)), tuple(sources))


def _is_read(lookup: Lookup, seen: Seen) -> bool:
    return any((table.kind, table.database) == lookup.database for table in seen.tables) or (
        lookup.database[1] in seen.files
    )


def _entries(lookup: Lookup, seen: Seen, addresses: set[str]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    if lookup.kind == "passwd-file":
        yield from passwd_file(seen.text(lookup.path))
    elif lookup.kind in SYSTEM:
        for account in seen.accounts.values():
            if account.is_person:
                fields = {"uid": str(account.uid), "gid": str(account.gid), "home": account.home}
                yield account.name, account.password_hash if account.has_password else "", fields
    elif lookup.kind == "sql":
        yield from sql_users(lookup, seen, addresses)


def _user_fields(login: str, userdbs: list[Lookup], seen: Seen) -> Mapping[str, str]:
    """What the first userdb that knows somebody says: of static ones and passwd-files without a query."""
    for lookup in userdbs:
        if lookup.kind == "static":
            return lookup.fields
        if lookup.kind == "passwd-file":
            for name, _, fields in passwd_file(seen.text(lookup.path)):
                if name.lower() == login.lower():
                    return {**lookup.fields, **fields}
        if lookup.kind in SYSTEM and login in seen.accounts:
            account = seen.accounts[login]
            return {"uid": str(account.uid), "gid": str(account.gid), "home": account.home}
        if lookup.kind in ("sql", "prefetch") and lookup.fields:
            return lookup.fields
    return {}


def _person(
    login: str, password: str, lookup: Lookup, fields: Mapping[str, str], conf: Block, seen: Seen
) -> Person:
    home = expanded(neutral(fields.get("home") or conf.get("mail_home")), login)
    mail = neutral(
        re.sub(r"^~", "%h", fields.get("mail", "")) or location_24(dict(fields)) or location_of(conf)
    )
    hashed, weak, odd = normal_hash(password, lookup.scheme)
    return Person(
        login=login,
        source="system accounts" if lookup.kind in SYSTEM else lookup.where,
        password=hashed,
        weak=weak,
        odd_scheme=odd,
        uid=_number(
            fields.get("uid") or conf.get("mail_uid"), {a.name: a.uid for a in seen.accounts.values()}
        ),
        gid=_number(fields.get("gid") or conf.get("mail_gid"), seen.groups),
        home=tidy(home, ""),
        mail=expanded(mail, login, home) if mail else "",
        quota_bytes=quota_of(fields),
    )


def _number(text: str, names: Mapping[str, int]) -> int | None:
    return int(text) if text.isdigit() else names.get(text)


def quota_of(fields: Mapping[str, str]) -> int | None:
    """A mailbox's own limit: `quota_rule=*:storage=2G` (2.3) or `quota_storage_size=2G` (2.4)."""
    size = fields.get("quota_storage_size") or fields.get("storage_size") or ""
    for name, value in fields.items():
        match = (
            re.fullmatch(r"\*:(bytes|storage)=(\d+)([bkMGT]?)(?:i?B)?", value)
            if "quota_rule" in name
            else None
        )
        if match:
            # A number without unit counts bytes after `bytes=` and kibibytes after `storage=`.
            size = match[2] + (match[3] or ("k" if match[1] == "storage" else "")).replace("b", "")
    return (size_in_bytes(size) or None) if size else None


def normal_hash(password: str, scheme: str) -> tuple[str, bool, str]:
    """A password as an inventory takes it, whether it is weak, and the scheme where it can't be taken."""
    text = password.strip()
    if not text or text in ("*", "!", "x") or text.startswith(("!", "*")):
        return "", False, ""
    match = _HASH.fullmatch(text)
    name, value = (match[1].upper(), match[2]) if match else (scheme.upper(), text)
    if (value.startswith("$") and name in ("CRYPT", "MD5", "MD5-CRYPT")) or (
        not match and value.startswith("$")
    ):
        name = name if name in SCHEMES and name != "CRYPT" else "CRYPT"
    if not value or value[0] in "!*":
        return "", False, ""
    if name in _PLAIN:
        return value, False, ""
    if name not in SCHEMES and name not in WEAK_SCHEMES:
        return "", False, name
    weak = name in WEAK_SCHEMES or (
        name == "CRYPT" and (value.startswith("$1$") or not value.startswith("$"))
    )
    encoding = re.match(r"\{[^.}]+(\.[A-Za-z0-9]+)\}", text)
    return f"{{{name}{encoding[1] if encoding else ''}}}{value}", weak, ""


def _told_by_doveadm(seen: Seen) -> dict[str, dict[str, str]]:
    """What `doveadm user` printed of each, all variables filled in."""
    found: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in seen.output("dovecot-users").splitlines():
        name, tab, value = line.partition("\t")
        if name == "user" and tab:
            fields = found.setdefault(value.lower(), {})
        elif tab and name not in ("field", "user"):
            fields[name] = value
    return found
