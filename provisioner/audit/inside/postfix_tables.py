"""Postfix's tables: whether they are there, compiled since their last change, and closed to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.postfix_view import Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped

THERE = Check(
    "postfix.tables",
    Severity.HIGH,
    "Every table that Postfix names is there",
    "A table that can't be opened makes Postfix put off every message that needs it (451 4.3.0).",
    "Make the file and run `postmap FILE` (`newaliases` for aliases), or take its name out of main.cf.",
    "DATABASE_README",
)
FRESH = Check(
    "postfix.tables-compiled",
    Severity.MEDIUM,
    "Every table was compiled after its last change",
    "Postfix reads the compiled copy: what was added to the text is not in effect, and what was taken"
    " out still is.",
    "`postmap FILE` for each; `newaliases` for aliases.",
    "DATABASE_README; postmap(1)",
)
WRITABLE = Check(
    "postfix.tables-writable",
    Severity.HIGH,
    "Only root writes Postfix's tables",
    "Whoever writes a table reads others' mail, by an alias of their own; an alias may run programs as well.",
    "`chown root FILE; chmod go-w FILE`.",
    "aliases(5), Security; local(8), Security",
)
SECRETS = Check(
    "postfix.tables-passwords",
    Severity.HIGH,
    "Tables with passwords are closed to others",
    "Every account on the host, and each hole in a web application, could read the password of the smart"
    " host or the"
    " database.",
    "`chown root:root FILE FILE.db; chmod 600 FILE FILE.db` (root:postfix and 640 for mysql: and pgsql:).",
    "SASL_README, Enabling SASL authentication in the Postfix SMTP/LMTP client; mysql_table(5)",
)
CHECKS = (THERE, FRESH, WRITABLE, SECRETS)

_CACHES = (
    "session_cache_database",
    "address_verify_map",
    "postscreen_cache_map",
    "verify_map",
    "tlsproxy_tls",
)
_QUERIES = ("mysql", "pgsql", "ldap")


@dataclass(frozen=True)
class Table:
    """A table as it lies on the disk."""

    kind: str
    path: str
    mode: int
    owner: str
    group: str
    changed: int
    compiled: str
    """The time of the compiled copy, `absent`, or `-` where the kind has none."""

    @property
    def is_there(self) -> bool:
        """Whether Postfix can use it: it reads the compiled copy where there is one."""
        return bool(self.owner) if self.compiled == "-" else self.compiled != "absent"

    def __str__(self) -> str:
        return f"{self.kind}:{self.path} {self.mode:o} {self.owner}:{self.group}"


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the tables. Subject of each finding: the host."""
    return judged(inside, subject, {THERE: _there, FRESH: _fresh, WRITABLE: _writable, SECRETS: _secrets})


def tables(postfix: Postfix) -> list[tuple[str, Table]]:
    """Every table with the parameter that names it, caches of Postfix's own left out."""
    states = {}
    for line in postfix.inside.output("postfix-tables").splitlines():
        words = line.split(" ", 6)
        if len(words) == 7:
            kind, mode, owner, group, changed, compiled, path = words
            names = (owner, group) if owner != "-" else ("", "")
            states[kind, path] = Table(kind, path, int(mode, 8), *names, int(changed), compiled)
    named = ((name, states.get((kind, path))) for name, kind, path in postfix.tables())
    return [(name, table) for name, table in named if table and not name.endswith(_CACHES)]


def _there(postfix: Postfix) -> Verdict:
    found = tables(postfix)
    for name, table in found:
        if not table.is_there:
            missing = table.path if table.compiled == "-" else f"the compiled copy of {table.path}"
            fix = "`newaliases`." if name.startswith("alias_") and table.owner else ""
            return postfix.at(failed(f"{missing} is missing", fix=fix), name)
    return passed(f"{len(found)} table(s) are there") if found else skipped("no table is named")


def _fresh(postfix: Postfix) -> Verdict:
    compiled = [(name, table) for name, table in tables(postfix) if table.compiled.isdigit() and table.owner]
    if not compiled:
        return skipped("no table is compiled")
    old = [(name, table) for name, table in compiled if table.changed > int(table.compiled)]
    if not old:
        return passed(f"{len(compiled)} table(s) were compiled after their last change")
    tool = ["newaliases" if name.startswith("alias_") else f"postmap {t.kind}:{t.path}" for name, t in old]
    fix = "; ".join(f"`{command}`" for command in dict.fromkeys(tool)) + "."
    said = dict.fromkeys(
        f"{t.path} was changed {t.changed - int(t.compiled)} s after it was compiled" for _, t in old
    )
    verdict = failed(f"{old[0][1].path} was changed after it was compiled", *said, fix=fix)
    return replace(verdict, place=old[0][1].path)


def _writable(postfix: Postfix) -> Verdict:
    found = [table for _, table in tables(postfix) if table.owner]
    if not found:
        return skipped("no table is named")
    wrong = [table for table in found if table.mode & 0o002]
    if not wrong:
        return passed(f"{len(found)} table(s) are closed to others' changes")
    verdict = failed("everybody on the host may write a table", *dict.fromkeys(map(str, wrong)))
    return replace(verdict, place=wrong[0].path)


def _secrets(postfix: Postfix) -> Verdict:
    found = [
        table for name, table in tables(postfix)
        if table.owner and ("password_maps" in name or table.kind in _QUERIES)
    ]  # fmt: skip
    if not found:
        return skipped("no table with passwords is named")
    wrong = [table for table in found if table.mode & 0o004]
    if not wrong:
        return passed("tables with passwords are closed to others")
    verdict = failed("everybody on the host may read a table with passwords", *dict.fromkeys(map(str, wrong)))
    return replace(verdict, place=wrong[0].path)
