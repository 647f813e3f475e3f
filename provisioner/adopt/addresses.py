"""Which addresses a server takes mail for, and where each leads: its maps made into `mail_domains`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.adopt.people import Person
from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen
from provisioner.adopt.sql import Database, databases, postfix_query
from provisioner.adopt.tables import (
    AS_THEY_ARE,
    DATABASES,
    TableName,
    aliases,
    entries,
    named,
    settings,
    targets,
)
from provisioner.mail.addresses import domain_fault

LOCAL = re.compile(r"localhost(\..*)?|\[.*\]|.*\.localdomain|ip6-.*")
"""Names in `mydestination` that are the machine itself, not mail domains."""


@dataclass
class Addresses:
    """What Postfix takes, gathered from its maps; every address complete and in lower case."""

    domains: dict[str, None] = field(default_factory=dict)
    mailboxes: dict[str, None] = field(default_factory=dict)
    """Addresses of `virtual_mailbox_maps`."""
    aliases: dict[str, list[str]] = field(default_factory=dict)
    """`@domain` takes what has no other address."""
    local_domains: tuple[str, ...] = ()
    """Those of `mydestination`: the system's accounts have an address in each."""
    patterns: list[str] = field(default_factory=list)
    """Tables that can't be listed, as they stand in `virtual_alias_maps`."""
    root: list[str] = field(default_factory=list)
    """Where mail for root goes."""
    notes: list[Note] = field(default_factory=list)


class Gathering:
    """One pass over the maps that Postfix's settings (all of them, with defaults) name."""

    def __init__(self, seen: Seen, values: Mapping[str, str]) -> None:
        self._seen, self._values = seen, values
        self.found = Addresses()
        self._databases = databases(seen)
        self.hostname = values.get("myhostname", "").lower()

    def gather(self) -> Addresses:
        """Everything, but for what depends on who has a mailbox (see `local_aliases`)."""
        self._domains()
        for key, _ in self._table("virtual_mailbox_maps"):
            if key.startswith("@"):
                self._lost(f"catch-all mailbox {key}", "Add `@` to its domain's aliases.")
            elif "@" in key:
                self.found.mailboxes[key.lower()] = None
                self.found.domains.setdefault(key.lower().rpartition("@")[2])
        for key, value in self._table("virtual_alias_maps"):
            if "@" in key or key.lower() not in self.found.domains:
                self._alias(key.lower(), targets(value))
        self._whole_domains()
        return self.found

    def _lost(self, what: str, todo: str, why: str = "") -> None:
        self.found.notes.append(Note(Fate.LOST, what, why, todo))

    def _domains(self) -> None:
        own = [word.lower() for word in self._words("mydestination")]
        origin = self._origin
        mail = [name for name in own if not LOCAL.fullmatch(name) and not domain_fault(name)[0]]
        others = [name for name in mail if name != self.hostname]
        self.found.local_domains = tuple(dict.fromkeys([*(n for n in mail if n == origin), *others, *mail]))
        for parameter in ("virtual_mailbox_domains", "virtual_alias_domains"):
            # By default a domain is one where a key of virtual_alias_maps is its bare name.
            in_maps = self._values.get(parameter) in (
                "$virtual_alias_maps",
                self._values.get("virtual_alias_maps"),
            )
            bare = (key for key, _ in self._table("virtual_alias_maps") if "@" not in key and "." in key)
            for name in bare if in_maps else self._words(parameter):
                if not LOCAL.fullmatch(name.lower()) and not domain_fault(name.lower())[0]:
                    self.found.domains[name.lower()] = None

    @property
    def _origin(self) -> str:
        value = self._values.get("myorigin", "")
        if value.startswith("/"):
            value = self._seen.text(value).strip()
        return value.lower() or self.hostname

    def _words(self, parameter: str) -> Iterator[str]:
        """The domains that a parameter lists, itself or in a table."""
        tables, words = named(self._values.get(parameter, ""))
        for word in words:
            if not word.startswith(("$", "!", "/")):
                yield word
            elif word.startswith("/"):
                yield from self._seen.text(word).split()
        for table in tables:
            for key, _ in self._rows(table, parameter):
                yield key

    def _table(self, parameter: str) -> Iterator[tuple[str, str]]:
        tables, _ = named(self._values.get(parameter, ""))
        for table in tables:
            yield from self._rows(table, parameter)

    def _rows(self, table: TableName, parameter: str) -> Iterator[tuple[str, str]]:
        listed = entries(table, self._seen)
        if listed is not None:
            yield from listed
        elif table.kind in ("mysql", "pgsql", "sqlite"):
            yield from self._query(table, parameter)
        elif table.kind in AS_THEY_ARE and parameter == "virtual_alias_maps":
            if table.text not in self.found.patterns:
                self.found.patterns.append(table.text)
        elif table.kind in DATABASES or table.kind in AS_THEY_ARE:
            self._lost(
                f"{parameter} = {table.text[:80]}",
                "Name its domains, mailboxes and aliases in mail_domains.",
                "what it takes can't be listed",
            )

    def _query(self, table: TableName, parameter: str) -> Iterator[tuple[str, str]]:
        values = settings(self._seen.text(table.name))
        base = values.get("dbname") or values.get("dbpath") or ""
        database = self._databases.get((table.kind, base))
        if table.kind == "sqlite" and base in self._seen.files:
            database = Database((), self._seen.files[base])
        query = values.get("query") or _old_query(values)
        if database is None or not query:
            self._lost(
                f"{parameter} = {table.text}",
                "Name its addresses in mail_domains.",
                "its database could not be read",
            )
            return
        for key in database.keys:
            wanted = postfix_query(query, key.lower())
            rows = database.run(wanted) if wanted else []
            if rows:
                yield key.lower(), ", ".join(value for row in rows for value in list(row.values())[:1])

    def _alias(self, key: str, to: list[str]) -> None:
        if "@" in key:
            self._add(key, to)
        else:  # a name alone is one of $myorigin and of each domain of $mydestination (virtual(5))
            for domain in self.found.local_domains or (self._origin,):
                self._add(f"{key}@{domain}", to)

    def _add(self, address: str, to: list[str]) -> None:
        whole = [target if "@" in target else f"{target}@{self._origin}" for target in map(str.lower, to)]
        kept = self.found.aliases.setdefault(address, [])
        kept += [target for target in whole if target not in kept]

    def _whole_domains(self) -> None:
        """`@other.test @flat.test`: every address of one domain is one of the other."""
        for key, to in list(self.found.aliases.items()):
            if len(to) == 1 and to[0].startswith("@") and key.startswith("@"):
                del self.found.aliases[key]
                same = [
                    a
                    for a in (*self.found.mailboxes, *self.found.aliases)
                    if a.endswith(to[0]) and a != to[0]
                ]
                for address in same:
                    self._add(address.partition("@")[0] + key, [address])
                if to[0] in self.found.aliases:
                    self._add(key, [to[0].replace("@", "postmaster@")])

    def local_aliases(self, persons: Mapping[str, Person]) -> None:
        """/etc/aliases and ~/.forward, of a server whose accounts have mailboxes (`persons`, by account)."""
        tables, _ = named(self._values.get("alias_maps", ""))
        rows: dict[str, list[str]] = {}
        for table in tables:
            if table.kind in ("hash", "btree", "lmdb", "cdb", "dbm", "texthash"):
                for name, to in aliases(self._seen.text(table.name)):
                    rows.setdefault(name, self._included(name, to))
        for name in persons:
            if forward := self._seen.text(f"{self._seen.accounts[name].home}/.forward").strip():
                rows.setdefault(name, self._forward(name, forward))
        self.found.root = self._ends("root", rows, persons, 0)
        for domain in self.found.local_domains:
            for name, to in rows.items():
                if (name == "root" and self.found.root) or (
                    name in persons and domain != self.found.local_domains[0]
                ):
                    continue  # (a person's addresses in further domains lead to the first, and on from there)
                self._local_alias(name, to, rows, persons, domain)

    def _local_alias(
        self,
        name: str,
        to: list[str],
        rows: Mapping[str, list[str]],
        persons: Mapping[str, Person],
        domain: str,
    ) -> None:
        whole = []
        for target in to:
            plain = target.removeprefix("\\").lower()
            if target.startswith(("|", "/", ":")):
                self._note_program(name, target)
            elif "@" in plain:
                whole.append(plain)
            elif plain in persons or plain in rows:
                whole.append(f"{plain}@{domain}")
            elif plain == "root":
                whole += self.found.root
        kept = [target for target in whole if target != "root@" + domain] + (
            self.found.root if f"root@{domain}" in whole else []
        )
        if kept:
            self._add(f"{name}@{domain}", list(dict.fromkeys(kept)))

    def _note_program(self, name: str, target: str) -> None:
        kind = "a program" if target.startswith("|") else "a file"
        note = Note(
            Fate.LOST,
            f"alias {name}: {target[:120]}",
            f"it hands mail to {kind}, as root's delegate; the role delivers to mailboxes alone",
            "Give it a mailbox and let the program fetch from there, or a Sieve filter do its work.",
        )
        if note not in self.found.notes:
            self.found.notes.append(note)

    def _included(self, name: str, to: list[str]) -> list[str]:
        """Targets, with the lists that they include (`:include:/path`) in their place."""
        result = []
        for target in to:
            if target.startswith(":include:"):
                lines = self._seen.text(target.removeprefix(":include:").strip()).splitlines()
                result += [one for line in lines if not line.startswith("#") for one in targets(line)]
            else:
                result.append(target)
        return result

    def _forward(self, name: str, text: str) -> list[str]:
        to = [one for line in text.splitlines() if not line.startswith("#") for one in targets(line)]
        return to or [f"\\{name}"]

    def _ends(
        self, name: str, rows: Mapping[str, list[str]], persons: Mapping[str, Person], depth: int
    ) -> list[str]:
        """The addresses where mail for a local name ends."""
        first = self.found.local_domains[0] if self.found.local_domains else self.hostname
        if name in persons:
            return [f"{name}@{first}"]
        if depth > 10 or name not in rows:
            return []
        found = []
        for target in rows[name]:
            plain = target.removeprefix("\\").lower()
            found += [plain] if "@" in plain else self._ends(plain, rows, persons, depth + 1)
        return found


def _old_query(values: Mapping[str, str]) -> str:
    """The form of before Postfix 2.2: `table`, `select_field`, `where_field` (mysql_table(5))."""
    if not (values.get("table") and values.get("select_field") and values.get("where_field")):
        return ""
    more = values.get("additional_conditions", "")
    start = f"SELECT {values['select_field']} FROM {values['table']}"  # noqa: S608 (runs where it can only read)
    return f"{start} WHERE {values['where_field']} = '%s' {more}"
