"""A server's own queries, answered from copies of its tables, and nothing else done with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.adopt.seen import Table
from provisioner.adopt.sql import Database, postfix_query

USERS = Table(
    "mysql", "m", "users", "id\temail\tpassword\tquota\n1\tAnna@a.test\t{X}\\ty\t0\n2\tben@a.test\tNULL\t7\n"
)
PARTS = Table("pgsql", "m", "boxes", 'local,domain,note\nida,b.test,"one, two"\n')


def test_a_query_of_mysql_s_own_functions_is_understood() -> None:
    database = Database([USERS])

    rows = database.run(
        "SELECT CONCAT('*:bytes=', quota) AS rule, `password` FROM users WHERE email='anna@a.test'"
    )

    assert rows == [{"rule": "*:bytes=0", "password": "{X}\ty"}]


def test_keys_that_a_query_could_be_asked_for_come_from_the_cells_and_from_pairs_of_them() -> None:
    keys = Database([USERS, PARTS]).keys

    assert {"Anna@a.test", "a.test", "ida@b.test", "b.test"} <= set(keys)


@pytest.mark.parametrize(
    "query",
    [
        "ATTACH DATABASE '{file}' AS x",
        "DROP TABLE users",
        "UPDATE users SET email = ''",
        "CREATE TABLE x (a)",
        "PRAGMA writable_schema = 1",
        "VACUUM INTO '{file}'",
        "SELECT 1; DROP TABLE users",
        "no query at all",
    ],
)
def test_a_query_may_read_and_nothing_else(query: str, tmp_path: Path) -> None:
    database = Database([USERS])

    assert database.run(query.format(file=tmp_path / "made")) == []

    assert not list(tmp_path.iterdir())
    assert len(database.run("SELECT email FROM users")) == 2


def test_a_query_that_never_ends_is_ended() -> None:
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

    assert Database([USERS]).run(query) == []


@pytest.mark.parametrize(
    ("query", "key", "filled"),
    [
        ("SELECT 1 WHERE a='%s'", "x@a.test", "SELECT 1 WHERE a='x@a.test'"),
        ("SELECT 1 WHERE a='%u' AND b='%d'", "x@a.test", "SELECT 1 WHERE a='x' AND b='a.test'"),
        ("SELECT 1 WHERE b='%d'", "a.test", None),
        ("SELECT 1 WHERE a='%s'", "o'neil@a.test", "SELECT 1 WHERE a='o''neil@a.test'"),
        ("SELECT 1 WHERE a='%1'", "x@a.test", "SELECT 1 WHERE a='test'"),
    ],
)
def test_a_query_of_postfix_s_is_filled_in_as_mysql_table_5_says(
    query: str, key: str, filled: str | None
) -> None:
    assert postfix_query(query, key) == filled
