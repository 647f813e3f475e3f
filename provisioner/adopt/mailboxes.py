"""People and addresses made into `mail_domains`, and the variables that say where their mail lies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.adopt.addresses import Addresses
from provisioner.adopt.people import Person
from provisioner.adopt.places import common_template, expanded
from provisioner.adopt.result import Fate, Note, Place, Template
from provisioner.adopt.seen import Seen
from provisioner.errors import InputError
from provisioner.mail.addresses import local_part_fault
from provisioner.mail.domains import Mail, MailMistake
from provisioner.roles.mail_locations import location_parts

_LOCATION = re.compile(r"(maildir|mbox|mdbox|sdbox):[~/][^\s%]*")
DEFAULT_HOME = "/var/vmail/{domain}/{local}"
DEFAULT_MAIL = "maildir:~/Maildir"
MBOX = "mbox:~/mail:INBOX=/var/mail/{local}"


@dataclass
class Mailboxes:
    """`mail_domains` with references to secrets, and all that belongs to it."""

    domains: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, object] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    notes: list[Note] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)


def mailboxes(found: Addresses, persons: tuple[Person, ...], seen: Seen, hostname: str) -> Mailboxes:
    """Everything about mailboxes, domains and aliases that an inventory says."""
    result = Mailboxes(notes=list(found.notes))
    virtual = next(iter(found.domains), "")
    first = (found.local_domains or ((virtual,) if virtual else (hostname,)))[0]
    boxes = {(p.login if "@" in p.login else f"{p.login}@{first}"): _located(p, seen) for p in persons}
    for address in found.mailboxes:
        if address not in boxes:
            boxes[address] = Person(address, "Postfix's virtual_mailbox_maps")
            result.notes.append(
                Note(
                    Fate.CHANGED,
                    f"mailbox {address}",
                    "Postfix has it, Dovecot's passwords haven't: it has no login",
                )
            )
    _short_logins(persons, first, result)
    _places(boxes, seen, result)
    _fill(boxes, found, hostname, result)
    _prune(result)
    _refer_to_secrets(result)
    return result


def _located(person: Person, seen: Seen) -> Person:
    """A person with a location: Dovecot looks itself for one where none is configured."""
    if person.mail or person.source != "system accounts":
        return person
    is_maildir = seen.there.get(f"{person.home}/Maildir") == "directory"
    mbox = MBOX.replace("{local}", person.login)
    return replace(person, mail=DEFAULT_MAIL if is_maildir else mbox)


def _short_logins(persons: tuple[Person, ...], first: str, result: Mailboxes) -> None:
    if any("@" not in person.login for person in persons):
        result.variables["dovecot_default_domain"] = first
        result.notes.append(
            Note(
                Fate.KEPT,
                "logins without a domain",
                f"`dovecot_default_domain`: alice still logs in as alice, and as alice@{first}",
            )
        )


def _places(boxes: Mapping[str, Person], seen: Seen, result: Mailboxes) -> None:
    """`dovecot_home` and its like, from what most have in common; who differs gets fields of their own."""
    variables = result.variables
    owners = Counter(
        (p.uid, p.gid) for p in boxes.values() if p.uid and p.gid and p.source != "system accounts"
    )
    if owners:
        (uid, gid), _ = owners.most_common(1)[0]
        if uid >= 100:
            variables |= {"dovecot_uid": uid, "dovecot_gid": gid}
            user = next((one.name for one in seen.accounts.values() if one.uid == uid), "vmail")
            group = next((name for name, number in seen.groups.items() if number == gid), user)
            variables |= {"dovecot_user": user, "dovecot_group": group}
    located = {address: person for address, person in boxes.items() if person.home}
    home = common_template((address, person.home) for address, person in located.items()) or DEFAULT_HOME
    if home != DEFAULT_HOME and re.fullmatch(r"/[^\s:%]+", home):
        variables["dovecot_home"] = home
    mail = common_template((address, p.mail) for address, p in boxes.items() if p.mail)
    if mail and mail != DEFAULT_MAIL and _LOCATION.fullmatch(mail) and not _unknown_option(mail):
        variables["dovecot_mail_location"] = mail
    variables["dovecot_mail_directory"] = ""


def _unknown_option(location: str) -> str:
    try:
        location_parts(location)
    except InputError as error:
        return error.message
    return ""


def _own_fields(
    address: str, person: Person, variables: Mapping[str, object], result: Mailboxes
) -> dict[str, Any]:
    """`home`, `mail`, `uid` and `gid`, as far as they differ from what holds for all."""
    own: dict[str, Any] = {}
    home = str(variables.get("dovecot_home", DEFAULT_HOME))
    if person.home and expanded(home, address) != person.home:
        own["home"] = person.home
    mail = str(variables.get("dovecot_mail_location", DEFAULT_MAIL))
    if person.mail and expanded(mail, address, person.home) != person.mail:
        if not _LOCATION.fullmatch(person.mail) or (why := _unknown_option(person.mail)):
            result.notes.append(
                Note(
                    Fate.LOST,
                    f"mail of {address}: {person.mail}",
                    locals().get("why") or "not a kind of mailbox that the roles know",
                    "Move it with doveadm sync before the first apply.",
                )
            )
        else:
            own["mail"] = person.mail
    if person.uid and person.uid != variables.get("dovecot_uid", 5000):
        own |= {"uid": person.uid, "gid": person.gid or person.uid}
    elif person.gid and person.gid != variables.get("dovecot_gid", variables.get("dovecot_uid", 5000)):
        own["gid"] = person.gid
    return own


def _fill(boxes: Mapping[str, Person], found: Addresses, hostname: str, result: Mailboxes) -> None:
    domains = result.domains
    for name in (*found.local_domains, *found.domains):
        domains.setdefault(name, {})
    for address, person in boxes.items():
        local, _, domain = address.rpartition("@")
        if domain not in domains:
            result.notes.append(
                Note(
                    Fate.CHANGED,
                    f"mail for {domain}",
                    f"Dovecot has {address}, Postfix took no mail for its domain; now it does",
                    f"Take {domain} out of mail_domains if that is wrong.",
                )
            )
        users = domains.setdefault(domain, {}).setdefault("users", {})
        users[local] = _user(address, person, found, result)
        result.places.append(
            Place(address, person.mail.replace("~", person.home) or person.home, person.source)
        )
    for address, to in found.aliases.items():
        _alias(address, to, boxes, found, hostname, result)
    counts = [sum(len(domain.get(kind, {})) for domain in domains.values()) for kind in ("users", "aliases")]
    result.notes.append(
        Note(
            Fate.KEPT,
            f"{counts[0]} mailboxes and {counts[1]} aliases in {', '.join(domains) or 'no domain'}",
            "`mail_domains`",
        )
    )


def _user(address: str, person: Person, found: Addresses, result: Mailboxes) -> dict[str, Any]:
    user: dict[str, Any] = {"password": person.password} if person.password else {}
    if person.odd_scheme:
        todo = f"Set a new one: provision secrets set {address}"
        result.notes.append(Note(Fate.LOST, f"password of {address}", f"scheme {person.odd_scheme}", todo))
    if person.weak:
        result.variables["mail_weak_hashes"] = True
        result.notes.append(
            Note(
                Fate.OVERRIDE,
                f"password of {address}",
                "its hash is of a weak scheme; `mail_weak_hashes` takes it",
                f"Have a new one set: provision secrets set {address}",
            )
        )
    if "@" not in person.login:
        others = [f"{person.login}@{domain}" for domain in found.local_domains[1:]]
        if names := [other for other in others if other not in found.aliases]:
            user["aliases"] = names
    if person.quota_bytes:
        user["quota"] = _size(person.quota_bytes)
    return user | _own_fields(address, person, result.variables, result)


def _existing(
    address: str,
    to: list[str],
    boxes: Mapping[str, Person],
    found: Addresses,
    hostname: str,
    result: Mailboxes,
) -> list[str]:
    """The targets without those on the machine itself that nobody has."""
    known = {*boxes, *found.aliases}
    own = {hostname, "localhost"} - result.domains.keys()
    gone = [target for target in to if target.rpartition("@")[2] in own and target not in known]
    for target in gone:
        result.notes.append(
            Note(
                Fate.LOST,
                f"alias {address} to {target}",
                "there is no such mailbox: a name without a domain is one of $myorigin",
            )
        )
    return [target for target in to if target not in gone]


def _alias(
    address: str,
    to: list[str],
    boxes: Mapping[str, Person],
    found: Addresses,
    hostname: str,
    result: Mailboxes,
) -> None:
    local, _, domain = address.rpartition("@")
    if domain not in result.domains:
        result.notes.append(
            Note(Fate.LOST, f"alias {address}", f"{domain} is no domain that Postfix takes mail for")
        )
        return
    if address in boxes:
        if set(to) <= {address}:
            return
        if address not in to:
            to = [address, *to]
            result.notes.append(
                Note(
                    Fate.CHANGED,
                    f"mail for {address}",
                    "it went on to others and was not kept; now a copy stays in the mailbox too",
                    "Take the user out, and it is an alias alone.",
                )
            )
    to = _existing(address, to, boxes, found, hostname, result)
    if not to:
        return
    result.domains[domain].setdefault("aliases", {})[local or "@"] = [
        target.removesuffix(f"@{domain}")
        if not local_part_fault(target.removesuffix(f"@{domain}"), delimiter="")
        else target
        for target in dict.fromkeys(to)
    ]


def _size(number: int) -> str:
    for unit, size in (("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10)):
        if number % size == 0:
            return f"{number // size}{unit}"
    return str(number)


def _prune(result: Mailboxes) -> None:
    """Take out what an inventory does not take: each with a note that says why."""
    weak = result.variables.get("mail_weak_hashes") is True
    for _ in range(20):
        mistakes = Mail.mistakes(result.domains, weak_hashes=weak)
        if not mistakes:
            return
        for mistake in sorted(
            mistakes, key=lambda one: [str(step).zfill(6) for step in one.path], reverse=True
        ):
            _take_out(mistake, result)


def _take_out(mistake: MailMistake, result: Mailboxes) -> None:
    *way, last = mistake.path[1:]
    holder: Any = result.domains
    holders = []
    for step in way:
        if not _has(holder, step):
            return
        holders.append((holder, step))
        holder = holder[step]
    if not _has(holder, last):
        return
    result.notes.append(
        Note(Fate.LOST, f"in mail_domains: {' '.join(map(str, mistake.path[1:]))}", mistake.message)
    )
    del holder[last]
    while holders and not holder and len(holders) > 2:
        holder, step = holders.pop()
        del holder[step]


def _has(holder: Any, step: str | int) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(holder, list) and isinstance(step, int) and step < len(holder)


def _refer_to_secrets(result: Mailboxes) -> None:
    for domain, content in result.domains.items():
        for local, user in content.get("users", {}).items():
            if password := user.get("password"):
                name = re.sub(r"[^\w.@+/%=-]", "_", f"{local}@{domain}")
                result.secrets[name] = password
                user["password"] = Template(f"{{{{ secrets['{name}'] }}}}")
