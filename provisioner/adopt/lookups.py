"""Dovecot's password and user databases: which there are, and what each says of whom (passdb, userdb)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.adopt.dovecot_text import Block
from provisioner.adopt.seen import Seen
from provisioner.adopt.sql import Database, databases, quoted
from provisioner.adopt.tables import settings as read_settings

SYSTEM = frozenset({"pam", "passwd", "shadow", "bsdauth"})
LISTED = frozenset({"passwd-file", "sql", "static", "prefetch", *SYSTEM})
"""Kinds whose users are read; any other (LDAP, OAuth, Lua, a program) is named."""


@dataclass(frozen=True)
class Lookup:
    """One passdb or userdb, whichever Dovecot's dialect it was written in."""

    kind: str
    path: str = ""
    """Of a passwd-file, or of a file with the settings of SQL."""
    scheme: str = "CRYPT"
    """Of hashes without one."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What every user gets: `uid`, `gid`, `home`, `mail`; templates of Dovecot's."""
    queries: Mapping[str, str] = field(default_factory=dict)
    """`password`, `user`, `iterate`."""
    database: tuple[str, str] = ("", "")
    """Kind and name of the SQL database."""
    username_format: str = ""

    @property
    def where(self) -> str:
        """How people would name it."""
        return f"{self.kind} {self.path or self.database[1]}".strip()


def lookups(conf: Block, section: str, seen: Seen) -> list[Lookup]:
    """The databases of one kind (`passdb`, `userdb`), in Dovecot's order."""
    return [_lookup(block, conf, section, seen) for block in conf.all(section)]


def _lookup(block: Block, conf: Block, section: str, seen: Seen) -> Lookup:
    kind = block.get("driver") or block.name.split(" ")[0]
    arguments = _arguments(block.get("args"))
    fields = {**arguments[0], **_words(block.get("default_fields")), **_words(block.get("override_fields"))}
    for inner in block.all("fields"):
        fields |= {name.removesuffix(":default"): value for name, value in inner.settings.items()}
    path = block.get("passwd_file_path") or block.get(f"{section}_passwd_file_path") or arguments[1]
    path = re.sub(r"^[a-z]+:", "", path)
    scheme = (
        fields.pop("scheme", "")
        or block.get("default_password_scheme")
        or block.get(f"{section}_default_password_scheme")
    )
    username_format = fields.pop("username_format", "") or block.get("auth_username_format")
    if kind == "sql":
        return _sql(block, conf, section, seen, path, scheme, fields)
    return Lookup(kind, path, scheme or "CRYPT", fields, username_format=username_format)


def _sql(
    block: Block, conf: Block, section: str, seen: Seen, path: str, scheme: str, fields: Mapping[str, str]
) -> Lookup:
    if path:
        values = read_settings(re.sub(r"\\\n\s*", " ", seen.text(path)))
        connect = values.get("connect", "").strip('"')
        name = re.search(r"\bdbname=('?)([^\s']+)\1", connect)
        base = connect if values.get("driver") == "sqlite" else name[2] if name else ""
        queries = {one: values.get(f"{one}_query", "") for one in ("password", "user", "iterate")}
        database = (values.get("driver", ""), base)
        return Lookup("sql", path, values.get("default_pass_scheme", "CRYPT"), fields, queries, database)
    kind = conf.get("sql_driver") or next((b.kind for b in conf.blocks if b.kind in ("mysql", "pgsql")), "")
    servers = conf.all(kind)
    base = (servers[0].get("dbname") or servers[0].get("parameters_dbname")) if servers else ""
    if kind == "sqlite":
        base = conf.get("sqlite_path")
    query = block.get("query") or block.get(f"{section}_sql_query")
    iterate = block.get("iterate_query") or block.get("userdb_sql_iterate_query")
    queries = {"password" if section == "passdb" else "user": query, "iterate": iterate}
    return Lookup("sql", "", scheme or "CRYPT", fields, queries, (kind, base))


def _arguments(text: str) -> tuple[dict[str, str], str]:
    """`name=value …` and the path among the words of `args`."""
    words = text.split()
    paths = [word for word in words if "/" in word and "=" not in word.partition("/")[0]]
    return _words(text), paths[-1] if paths else ""


def _words(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in text.split())
    return {name: value for name, equals, value in pairs if equals and name.isidentifier()}


def passwd_file(text: str) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Login, password as written and fields of each line (`user:password:uid:gid::home::extra`)."""
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        login, *rest = line.split(":")
        password, uid, gid, _gecos, home, _shell = [*rest, *[""] * 6][:6]
        extra = {name.removeprefix("userdb_"): value for name, value in _words(":".join(rest[6:])).items()}
        named = {"uid": uid, "gid": gid, "home": home}
        yield login, password, {**{name: value for name, value in named.items() if value}, **extra}


def sql_users(lookup: Lookup, seen: Seen, more: set[str]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Login, password as written and userdb fields of everybody whom a query of `lookup` knows.

    Asked for: who its own list names, the addresses in `more`, and whatever stands in the tables.
    """
    database = _database(lookup, seen)
    if database is None:
        return
    query = lookup.queries.get("password") or lookup.queries.get("user") or ""
    rows = database.run(lookup.queries.get("iterate") or "")
    listed = [row.get("user") or row.get("username") or "" for row in rows]
    # Dovecot asks in lower case unless told otherwise (auth_username_format).
    asked = dict.fromkeys(name.lower() for name in (*listed, *sorted(more), *database.keys) if name)
    found: dict[str, None] = {}
    for name in asked:
        rows = database.run(_filled(query, name)) if query else []
        if not rows:
            continue
        row = rows[0]
        login = row.get("user") or (f"{row['username']}@{row['domain']}" if row.get("domain") else "") or name
        login = login.lower()
        if login in found:
            continue
        found[login] = None
        fields = {key.removeprefix("userdb_"): value for key, value in row.items() if value}
        user_rows = database.run(_filled(lookup.queries["user"], name)) if lookup.queries.get("user") else []
        yield login, row.get("password", ""), {**fields, **(user_rows[0] if user_rows else {})}


def _database(lookup: Lookup, seen: Seen) -> Database | None:
    kind, name = lookup.database
    if kind == "sqlite" and name in seen.files:
        return Database((), seen.files[name])
    return databases(seen).get((kind, name))


def _filled(query: str, login: str) -> str:
    """A query of Dovecot's for one user: `%u`, `%n`, `%d`, or `%{user | username}` in 2.4."""
    local, _, domain = login.partition("@")
    values = {"u": login, "n": local, "d": domain}

    def long(match: re.Match[str]) -> str:
        words = match[1].replace("|", " ").split()
        for word, value in (("username", local), ("domain", domain), ("user", login)):
            if word in words:
                return quoted(value.lower() if "lower" in words else value)
        return ""

    text = re.sub(r"%\{([^}]*)\}", long, query)
    return re.sub(
        r"%([LU]?)([und])", lambda m: quoted(values[m[2]].lower() if m[1] == "L" else values[m[2]]), text
    )
