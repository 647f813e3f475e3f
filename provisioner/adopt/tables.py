"""Postfix's look-up tables, as far as their content is at hand: postmap(1), aliases(5), databases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.adopt.postfix_text import logical_lines, split_braces
from provisioner.adopt.seen import Seen

PLAIN = frozenset({"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash"})
"""Kinds whose source is a text file of keys and values."""
AS_THEY_ARE = frozenset({"regexp", "pcre", "cidr"})
"""Kinds that Postfix reads without compiling them."""
DATABASES = frozenset({"mysql", "pgsql", "sqlite", "ldap"})
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s:]+)')


@dataclass(frozen=True)
class TableName:
    """`proxy:mysql:/etc/postfix/users.cf` taken apart; what stands inline in `inline:{…}` is the `name`."""

    kind: str
    name: str

    @property
    def text(self) -> str:
        """As it stands in main.cf, without `proxy:`."""
        return f"{self.kind}:{self.name}"


def named(value: str) -> tuple[list[TableName], list[str]]:
    """The tables that a parameter names, and its other words (which stand for themselves)."""
    tables, words = list[TableName](), list[str]()
    for word in _joined(split_braces(value)):
        kind, colon, name = word.removeprefix("proxy:").partition(":")
        if colon and re.fullmatch(r"[a-z]+", kind) and (name.startswith(("/", "{")) or kind == "static"):
            tables.append(TableName(kind, name))
        else:
            words.append(word)
    return tables, words


def _joined(words: list[str]) -> list[str]:
    """`inline:` and its braces may be apart."""
    result: list[str] = []
    for word in words:
        if result and result[-1].endswith(":") and word.startswith("{"):
            result[-1] += word
        else:
            result.append(word)
    return result


def entries(table: TableName, seen: Seen) -> list[tuple[str, str]] | None:
    """Keys and values of a table of a plain kind; None where they can't be listed (patterns, databases)."""
    if table.kind == "inline":
        return inline(table.name)
    if table.kind in PLAIN:
        return [] if table.name not in seen.files else plain(seen.text(table.name))
    return None


def inline(text: str) -> list[tuple[str, str]]:
    """`{ { key = value, … }, key = value }` of an inline table."""
    found = []
    for word in split_braces(text.strip()[1:-1]):
        inner = word[1:-1] if word.startswith("{") and word.endswith("}") else word
        key, equals, value = inner.partition("=")
        if equals:
            found.append((key.strip(), value.strip()))
    return found


def plain(text: str) -> list[tuple[str, str]]:
    """Keys and values of a source for postmap(1); a key may stand in double quotes."""
    found = []
    for _, line in logical_lines(text):
        if line.startswith('"'):
            key, _, value = line[1:].partition('"')
        else:
            key, value = [*line.split(None, 1), ""][:2]
        found.append((key.strip(), " ".join(value.split())))
    return found


def aliases(text: str) -> list[tuple[str, list[str]]]:
    """Names and targets of an aliases(5) file: `name: target, "|program with words", :include:/file`."""
    found = []
    for _, line in logical_lines(text):
        match = _QUOTED.match(line)
        name = (match[1] or match[2]) if match else ""
        rest = line[match.end() :].lstrip() if match else ""
        if name and rest.startswith(":"):
            found.append((name.lower(), targets(rest[1:])))
    return found


def targets(text: str) -> list[str]:
    """The targets of an alias, divided by commas or white space; quoted ones keep both."""
    words, word, quoted = list[str](), "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character in ", \t" and not quoted:
            words.append(word)
            word = ""
        else:
            word += character
    if word.startswith("|") or any(one.startswith("|") for one in words):
        return _with_programs(text)
    return [one for one in (*words, word) if one]


def _with_programs(text: str) -> list[str]:
    """The same where a program is among them: `|/bin/x y` without quotes goes on to the next comma."""
    parts, part, quoted = list[str](), "", False
    for character in text:
        quoted ^= character == '"'
        if character == "," and not quoted:
            parts.append(part)
            part = ""
        else:
            part += character
    return [one for one in (p.strip().strip('"').strip() for p in (*parts, part)) if one]


def settings(text: str) -> Mapping[str, str]:
    """The settings of a database's table (mysql_table(5)): `name = value`, values as they are."""
    pairs = (line.partition("=") for _, line in logical_lines(text))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}
