"""Passwords of accounts: schemes that are guessed too quickly, hashes that several share, none at all.

No hash leaves the host: the reading script tells each login's scheme, and which logins have the same hash.
It looks into /etc/shadow, and into Dovecot's passwd-files and SQL databases, which it asks what Dovecot would
ask. A password database that it could not read is named, and nothing is said to be well in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from provisioner.adopt.dovecot_text import Block
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.inside import dovecot_view
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested

WEAK = Check(
    "accounts.weak-hashes",
    Severity.MEDIUM,
    "Passwords are kept as slow, salted hashes",
    "Whoever gets hold of the file, by a backup or a hole, tries billions of passwords a second on fast"
    " hashes, and"
    " needs to try none where they are in the clear.",
    "Have new passwords made with `doveadm pw -s ARGON2ID` (or BLF-CRYPT, SHA512-CRYPT), and old ones"
    " changed: a hash"
    " can't be turned into another.",
    "OWASP Password Storage Cheat Sheet; doc.dovecot.org, Password Schemes",
)
SHARED = Check(
    "accounts.shared-hashes",
    Severity.MEDIUM,
    "No two accounts have the same hash",
    "The same hash is the same password: a start password that nobody has changed, or a copied line. Who"
    " knows one"
    " account's password has the others.",
    "Give each of them a password of its own.",
    "NIST SP 800-63B §5.1.1.2",
)
EMPTY = Check(
    "accounts.empty-passwords",
    Severity.CRITICAL,
    "Every account that can log in has a password",
    "Whoever knows the name of the account is in.",
    "`passwd -l NAME`; in a passwd-file or an SQL table of Dovecot, take `nopassword` out and write a hash.",
    "shadow(5); doc.dovecot.org, Password database extra fields: nopassword",
)
CHECKS = (WEAK, SHARED, EMPTY)

_CLEAR = frozenset({"PLAIN", "CLEARTEXT", "CLEAR", "PLAIN-TRUNC"})
_BROKEN = frozenset(
    {"DES-CRYPT", "PLAIN-MD5", "LDAP-MD5", "MD5", "SHA", "SHA1", "SHA256", "SHA512", "NTLM", "LANMAN",
     "CRAM-MD5", "HMAC-MD5", "DIGEST-MD5", "RPA", "OTP", "SKEY", "PLAIN-MD4"}
)  # fmt: skip
"""Without salt, or so short that every password can be tried."""
_FAST = frozenset({"MD5-CRYPT", "APR1", "SMD5", "SSHA", "SSHA256", "SSHA512"})

_NO_HASHES = frozenset({"static", "oauth2", "anonymous"})
"""Kinds of passdb without hashes: what is in the settings (dovecot.open-passdb), and tokens."""
_SYSTEM = frozenset({"pam", "passwd", "shadow", "bsdauth"})
"""Kinds that ask the system, whose hashes are in /etc/shadow unless nsswitch.conf(5) names other sources."""
_LOCAL = frozenset({"files", "compat", "systemd", "db"})
_STATES = {
    "part": "it has more than is read at once",
    "no-file": "the file that it names is not there",
    "no-client": "no client for its kind of database is installed on the host, to ask with",
    "no-query": "its password_query is not one plain SELECT",
    "no-users": "it does not say which users there are (iterate_query)",
    "no-rows": "its password_query finds none of its users",
    "refused": "the database does not answer to what Dovecot logs in with",
    "late": "reading the host took too long",
    "unknown": "its kind of SQL database is not known here",
}
"""Why the script could not read a passdb, or not all of it."""
_KINDS = {
    "ldap": "the hashes are in a directory (LDAP), which is not asked",
    "imap": "another server checks the passwords",
}


@dataclass(frozen=True)
class Account:
    """A login as a file of passwords has it."""

    login: str
    scheme: str
    number: int
    """The same for all logins with the very same hash; 0 where nobody else has it."""
    source: str


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the passwords. Subject of each finding: the host."""
    found, blind = accounts(inside), unread(inside)
    for check, judgement in ((WEAK, _weak), (SHARED, _shared), (EMPTY, _empty)):
        verdict = judgement(found) if found else skipped("no file with passwords could be read")
        yield _with(verdict, blind).of(check, subject)


def accounts(inside: Inside) -> list[Account]:
    """Every account that the host told of."""
    found = []
    for line in inside.output("password-schemes").splitlines():
        words = line.split("\t")
        if len(words) == 4 and words[2].isdigit():
            found.append(Account(words[0], words[1].partition(".")[0], int(words[2]), words[3]))
    return found


def unread(inside: Inside) -> list[str]:
    """Each password database of Dovecot whose hashes are not among the accounts, and why."""
    if "dovecot-all" not in inside.outputs:
        return []
    dovecot = dovecot_view.read(inside)
    if dovecot is None:
        return ["Dovecot's password databases: `doveconf` could not read its configuration"]
    rows = [line.split("\t") for line in inside.output("password-schemes").splitlines()]
    states = {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "passdb"}
    found = []
    for number, block in enumerate(_passdbs(dovecot.set), 1):
        kind = block.get("driver") or block.name.partition(" ")[0]
        state = states.get(str(number), "late")
        if kind in _SYSTEM:
            if others := _sources(inside) - _LOCAL:
                said = f"accounts come from {', '.join(sorted(others))} too (/etc/nsswitch.conf)"
                found.append(f"{dovecot_view.passdb(block)}: {said}")
        elif state != "judged" and kind not in _NO_HASHES:
            unknown = _KINDS.get(kind, "what it asks can't be read from here")
            found.append(f"{dovecot_view.passdb(block)}: {_STATES.get(state, unknown)}")
    return found


def _sources(inside: Inside) -> set[str]:
    """Where the system's accounts come from: `passwd: files sss` (nsswitch.conf(5))."""
    lines = inside.text("/etc/nsswitch.conf").splitlines()
    words = [re.sub(r"\[.*?\]|#.*", "", line).split() for line in lines]
    return {source for line in words if line[:1] in (["passwd:"], ["shadow:"]) for source in line[1:]}


def _passdbs(block: Block) -> Iterator[Block]:
    """Every passdb, those inside of `protocol` too, in the order of doveconf."""
    for inner in block.blocks:
        if inner.kind == "passdb":
            yield inner
        else:
            yield from _passdbs(inner)


def _with(verdict: Verdict, blind: list[str]) -> Verdict:
    """The verdict on what was read, where some was not: then nothing passes."""
    if not blind:
        return verdict
    if verdict.outcome is Outcome.FAIL:
        return replace(verdict, evidence=(*verdict.evidence[:10], *(f"not judged: {one}" for one in blind)))
    more = f" and of {len(blind) - 1} more" if blind[1:] else ""
    return untested(f"the passwords of {blind[0].partition(':')[0]}{more} could not be judged", *blind)


def _weak(found: list[Account]) -> Verdict:
    by_scheme: dict[str, list[Account]] = defaultdict(list)
    for account in found:
        if account.scheme in _CLEAR | _BROKEN | _FAST:
            by_scheme[account.scheme].append(account)
    if not by_scheme:
        return passed("no password is kept in a weak form")
    wrong = [account for group in by_scheme.values() for account in group]
    said = [f"{scheme}: {', '.join(one.login for one in group[:10])} ({group[0].source})"
            for scheme, group in by_scheme.items()]  # fmt: skip
    severity = Severity.HIGH if by_scheme.keys() & (_CLEAR | _BROKEN) else None
    verdict = failed(f"{_count(wrong)} kept as {', '.join(by_scheme)}", *said, severity=severity)
    return _in(verdict, wrong[0].source)


def _in(verdict: Verdict, source: str) -> Verdict:
    """The verdict with its file; a database has none."""
    return replace(verdict, place=source if source.startswith("/") else "")


def _count(wrong: list[Account]) -> str:
    return "1 password is" if len(wrong) == 1 else f"{len(wrong)} passwords are"


def _shared(found: list[Account]) -> Verdict:
    groups: dict[tuple[str, int], list[Account]] = defaultdict(list)
    for account in found:
        if account.number:
            groups[account.source, account.number].append(account)
    if not groups:
        return passed("no two accounts have the same hash")
    said = [
        f"{', '.join(one.login for one in group[:10])} ({source})" for (source, _), group in groups.items()
    ]
    count = sum(map(len, groups.values()))
    return _in(failed(f"{count} accounts share a hash with another", *said), next(iter(groups))[0])


def _empty(found: list[Account]) -> Verdict:
    # In a passwd-file an empty field lets nobody in; `nopassword` lets in everybody.
    open_ = [account for account in found if account.scheme == "NOPASSWORD"
             or (account.scheme == "EMPTY" and account.source == "/etc/shadow")]  # fmt: skip
    if open_:
        said = [f"{account.login} ({account.source})" for account in open_]
        return _in(failed(f"{len(open_)} account(s) need no password", *said), open_[0].source)
    return passed("every account that can log in has a password")
