"""Passwords of accounts: schemes that are guessed too quickly, hashes that several share, none at all.

No hash leaves the host: the reading script tells each login's scheme, and which logins have the same hash.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped

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
    "`passwd -l NAME`; in a passwd-file of Dovecot, take `nopassword` out and write a hash.",
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
    found = accounts(inside)
    for check, judgement in ((WEAK, _weak), (SHARED, _shared), (EMPTY, _empty)):
        verdict = judgement(found) if found else skipped("no file with passwords could be read")
        yield verdict.of(check, subject)


def accounts(inside: Inside) -> list[Account]:
    """Every account that the host told of."""
    found = []
    for line in inside.output("password-schemes").splitlines():
        words = line.split("\t")
        if len(words) == 4 and words[2].isdigit():
            found.append(Account(words[0], words[1].partition(".")[0], int(words[2]), words[3]))
    return found


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
    return replace(verdict, place=wrong[0].source)


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
    return replace(failed(f"{count} accounts share a hash with another", *said), place=next(iter(groups))[0])


def _empty(found: list[Account]) -> Verdict:
    # In a passwd-file an empty field lets nobody in; `nopassword` lets in everybody.
    open_ = [account for account in found if account.scheme == "NOPASSWORD"
             or (account.scheme == "EMPTY" and account.source == "/etc/shadow")]  # fmt: skip
    if open_:
        said = [f"{account.login} ({account.source})" for account in open_]
        return replace(failed(f"{len(open_)} account(s) need no password", *said), place=open_[0].source)
    return passed("every account that can log in has a password")
