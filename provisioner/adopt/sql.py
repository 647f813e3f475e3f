"""Queries of a mail server, answered from copies of its tables.

The tables came along as text. They go into a SQLite database in memory, and the server's own queries are
run there: whatever columns and joins its admin chose, the answers are the server's. The text of a query is
the server's too and not trusted: it may read and nothing else, and not for long.
"""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping

from provisioner.adopt.seen import Seen, Table

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION})
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
SECONDS = 2.0
"""For one query."""
ROWS = 20000
"""Most rows of one answer."""
CANDIDATES = 50000
"""Most keys that a query without a list of its own is tried with."""
Row = Mapping[str, str]


class Database:
    """All the tables of one kind and name, ready for queries."""

    def __init__(self, tables: Iterable[Table], file: bytes = b"") -> None:
        """`file` is a whole SQLite database instead of tables."""
        self._connection = sqlite3.connect(":memory:")
        self._keys: tuple[str, ...] | None = None
        self._cells: list[tuple[str, ...]] = []
        if file:
            self._connection.deserialize(file)
            self._cells = list(self._all_cells())
        for table in tables:
            self._load(table)
        self._connection.create_function("concat", -1, _concat, deterministic=True)
        self._connection.create_function("substring_index", 3, _substring_index, deterministic=True)
        self._connection.create_function("split_part", 3, _split_part, deterministic=True)
        self._connection.create_function("if", 3, lambda test, yes, no: yes if test else no)
        self._connection.set_authorizer(_authorize)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 20000)

    def _load(self, table: Table) -> None:
        header, *rows = _rows(table)
        columns = [name for name in header if name and _NAME.fullmatch(name)]
        if not columns or len(columns) != len(header) or not _NAME.fullmatch(table.name):
            return
        # MySQL's usual collations ignore case; addresses do in any case.
        quoted = ", ".join(f'"{name}" COLLATE NOCASE' for name in columns)
        self._connection.execute(f'CREATE TABLE IF NOT EXISTS "{table.name}" ({quoted})')
        marks = ", ".join("?" * len(columns))
        good = [tuple(map(_number, row)) for row in rows if len(row) == len(columns)]
        self._connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', good)  # noqa: S608 (names checked above)
        self._cells += [tuple(str(cell) for cell in row if cell is not None) for row in good]

    def _all_cells(self) -> Iterator[tuple[str, ...]]:
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            if _NAME.fullmatch(str(name)):
                for row in self._connection.execute(f'SELECT * FROM "{name}" LIMIT {ROWS}'):  # noqa: S608 (checked)
                    yield tuple(str(cell) for cell in row if cell is not None)

    def run(self, query: str) -> list[Row]:
        """The rows of a query; none where SQLite does not understand it, or it wants more than to read."""
        limit = time.monotonic() + SECONDS
        self._connection.set_progress_handler(lambda: int(time.monotonic() > limit), 10000)
        try:
            cursor = self._connection.execute(query.rstrip("; \n"))
            names = [str(column[0]) for column in cursor.description or ()]
            return [
                {name: "" if cell is None else str(cell) for name, cell in zip(names, row, strict=True)}
                for row in cursor.fetchmany(ROWS)
            ]
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return []

    def understands(self, query: str) -> bool:
        """Whether a query can be run here at all."""
        try:
            self._connection.execute(query.rstrip("; \n")).close()
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return False
        return True

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that a look-up could be asked for: the cells, and pairs in a row as an address."""
        if self._keys is None:
            found: dict[str, None] = {}
            for row in self._cells:
                for cell in row:
                    if 0 < len(cell) <= 254 and not cell.isspace():
                        found[cell] = None
                        if "@" in cell:
                            found[cell.rpartition("@")[2]] = None
                for local in row:
                    for domain in row:
                        if local != domain and "@" not in local + domain and "." in domain and local:
                            found[f"{local}@{domain}"] = None
                if len(found) > CANDIDATES:
                    break
            self._keys = tuple(found)[:CANDIDATES]
        return self._keys


def databases(seen: Seen) -> Mapping[tuple[str, str], Database]:
    """The databases that came along, by kind and name."""
    by_name: dict[tuple[str, str], list[Table]] = {}
    for table in seen.tables:
        by_name.setdefault((table.kind, table.database), []).append(table)
    return {key: Database(tables) for key, tables in by_name.items()}


def quoted(value: str) -> str:
    """`value` inside quotes of a query."""
    return value.replace("\\", "\\\\").replace("'", "''").replace('"', '""')


def postfix_query(query: str, key: str) -> str | None:
    """A query of mysql_table(5) for `key`; None where the key lacks a part that it asks for."""
    local, at, domain = key.rpartition("@")
    parts = {"%s": key, "%u": local if at else key, "%d": domain if at else None, "%%": "%"}
    labels = domain.split(".")[::-1] if at else key.split(".")[::-1]
    parts |= {f"%{number}": label for number, label in enumerate(labels[:9], 1)}
    wanted = set(re.findall(r"%[sudSUD1-9%]", query))
    values = {mark: parts.get(mark if mark[1].isdigit() else mark.lower()) for mark in wanted}
    if any(value is None for value in values.values()):
        return None
    return re.sub(r"%[sudSUD1-9%]", lambda mark: quoted(values[mark[0]] or ""), query)


def _rows(table: Table) -> list[list[str | None]]:
    if table.kind == "pgsql":
        return [list(row) for row in csv.reader(io.StringIO(table.text))] or [[]]
    lines = table.text.removesuffix("\n").split("\n")
    return [[_cell(cell) for cell in line.split("\t")] for line in lines]


def _cell(text: str) -> str | None:
    if text == "NULL":
        return None
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)


def _number(cell: str | None) -> str | int | None:
    """Numbers compare with numbers: MySQL does not mind quotes around them, SQLite does."""
    if cell is not None and re.fullmatch(r"0|-?[1-9]\d{0,17}", cell):
        return int(cell)
    return cell


def _authorize(action: int, *_more: object) -> int:
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


def _concat(*parts: object) -> str | None:
    return None if any(part is None for part in parts) else "".join(map(str, parts))


def _substring_index(text: object, mark: object, count: object) -> str:
    words, number = str(text).split(str(mark)), int(str(count))
    return str(mark).join(words[:number] if number > 0 else words[number:])


def _split_part(text: object, mark: object, number: object) -> str:
    words = str(text).split(str(mark))
    index = int(str(number)) - 1
    return words[index] if 0 <= index < len(words) else ""
