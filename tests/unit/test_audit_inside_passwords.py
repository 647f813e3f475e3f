"""Passwords in databases that could not be read: named, and never called well."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.inside import accounts
from tests.unit.inside_making import host, one

SHADOW = "root\tLOCKED\t0\t/etc/shadow"
SQL = "passdb {\n  args = /etc/dovecot/dovecot-sql.conf.ext\n  driver = sql\n}\n"
FILES = "passdb {\n  args = scheme=CRYPT /etc/mail/%d/passwd\n  driver = passwd-file\n}\n"
LDAP = "passdb ldap {\n  bind = yes\n}\n"
SQL_NAME = "passdb sql /etc/dovecot/dovecot-sql.conf.ext"
FILES_NAME = "passdb passwd-file /etc/mail/%d/passwd"


def judged(passdbs: str, *rows: str, everything: str = "ssl = yes\n") -> list[Finding]:
    texts = {
        "dovecot-version": "2.3.19.1 (9b53102964)",
        "dovecot-set": passdbs,
        "dovecot-all": everything,
        "password-schemes": "\n".join((SHADOW, *rows)),
    }
    return list(accounts.audit(host(texts), "mx1"))


@pytest.mark.parametrize(
    ("passdb", "state", "said"),
    [
        (SQL, "refused", f"{SQL_NAME}: the database does not answer to what Dovecot logs in with"),
        (SQL, "no-client", f"{SQL_NAME}: no client for its kind of database is installed on the host"),
        (SQL, "no-users", f"{SQL_NAME}: it does not say which users there are (iterate_query)"),
        (SQL, "part", f"{SQL_NAME}: it has more than is read at once"),
        (FILES, "no-file", f"{FILES_NAME}: the file that it names is not there"),
        (LDAP, "elsewhere", "passdb ldap: the hashes are in a directory (LDAP), which is not asked"),
        ("passdb lua {\n}\n", "elsewhere", "passdb lua: what it asks can't be read from here"),
        ("protocol imap {\n  passdb dict {\n  }\n}\n", "elsewhere", "passdb dict: what it asks"),
    ],
)
def test_a_database_that_could_not_be_read_is_named_with_the_reason(
    passdb: str, state: str, said: str
) -> None:
    for finding in judged(passdb, f"passdb\t1\t{state}"):
        assert finding.outcome is Outcome.ERROR, finding
        assert finding.evidence[0].startswith(said)
        assert said.partition(":")[0] in finding.summary


def test_a_database_of_which_the_host_says_nothing_is_not_well_either() -> None:
    assert {finding.outcome for finding in judged(SQL)} == {Outcome.ERROR}


def test_a_dovecot_that_cannot_be_read_may_have_any_passwords() -> None:
    findings = judged("", everything="")

    assert {finding.outcome for finding in findings} == {Outcome.ERROR}
    assert "`doveconf` could not read its configuration" in findings[0].evidence[0]


@pytest.mark.parametrize(
    ("sources", "outcome"),
    [
        ("passwd: files systemd\nshadow: files\nhosts: files dns\n", Outcome.PASS),
        ("passwd: files [NOTFOUND=continue] sss # the office\nshadow: files\n", Outcome.ERROR),
        ("", Outcome.PASS),
    ],
)
def test_accounts_of_a_directory_that_pam_knows_are_not_in_shadow(sources: str, outcome: Outcome) -> None:
    texts = {"dovecot-set": "passdb {\n  driver = pam\n}\n", "dovecot-all": "ssl = yes\n"}
    inside = host({**texts, "password-schemes": SHADOW}, files={"/etc/nsswitch.conf": sources})

    finding = one(accounts.audit(inside, "mx1"), "weak-hashes")

    assert finding.outcome is outcome
    assert outcome is Outcome.PASS or "passdb pam: accounts come from sss too" in finding.evidence[0]


def test_what_was_read_is_judged_and_what_was_not_stands_beside_it() -> None:
    findings = judged(
        SQL + LDAP,
        "passdb\t1\tjudged",
        "passdb\t2\telsewhere",
        "ann@x.test\tPLAIN-MD5\t0\tmysql mailserver",
    )

    weak = one(findings, "weak-hashes")
    assert (weak.outcome, weak.place) == (Outcome.FAIL, "")
    assert weak.evidence[0] == "PLAIN-MD5: ann@x.test (mysql mailserver)"
    assert weak.evidence[1].startswith("not judged: passdb ldap: ")
    assert one(findings, "shared-hashes").outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("passdb", "row"),
    [
        (SQL, "passdb\t1\tjudged"),
        ("passdb {\n  driver = pam\n}\n", "passdb\t1\telsewhere"),
        ("passdb oauth2 {\n}\n", "passdb\t1\telsewhere"),
        ("passdb static {\n  password = <hidden>\n}\n", "passdb\t1\telsewhere"),
    ],
)
def test_what_was_read_or_has_no_hashes_of_its_own_passes(passdb: str, row: str) -> None:
    assert {finding.outcome for finding in judged(passdb, row)} == {Outcome.PASS}
