"""Who may read keys, passwords and mail, and who may change the configuration."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Outcome, Severity
from provisioner.audit.inside import files
from provisioner.audit.inside.seen import Inside
from tests.unit.inside_making import host, one

FOLDERS = (
    "755 root root 1 /etc\n755 root root 1 /etc/ssl\n755 root root 1 /etc/postfix\n755 root root 1 /var\n"
)
KEY = "/etc/ssl/mail.key"
QUEUE = """\
755 root root pid
700 postfix root active
700 postfix root deferred
730 postfix postdrop maildrop
2710 postfix postdrop public
"""
PROGRAMS = "2555 root postdrop 1 /usr/sbin/postdrop\n2555 root postdrop 1 /usr/sbin/postqueue\n"


def with_key(state: str, folders: str = FOLDERS) -> Inside:
    texts = {"keys": f"{KEY}\n", "states": f"{folders}{state} 1 {KEY}\n"}
    return host(texts | {"people": "alice\nbob\n", "people-groups": "alice\nusers\n"})


@pytest.mark.parametrize(
    "state", ["600 root root", "640 root ssl-cert", "400 _rspamd _rspamd", "600 root users"]
)
def test_a_key_that_services_alone_read_is_right(state: str) -> None:
    found = one(files.audit(with_key(state), "mx"), "keys")
    assert (found.outcome, found.summary) == (Outcome.PASS, "1 private key is closed to others")


def test_a_key_that_everybody_reads_is_wrong_and_shown_with_its_permissions() -> None:
    found = one(files.audit(with_key("644 root root"), "mx"), "keys")
    assert found.outcome is Outcome.FAIL
    assert found.evidence == ("0644 root:root /etc/ssl/mail.key",)


def test_a_key_behind_a_closed_folder_is_not_open() -> None:
    closed = FOLDERS.replace("755 root root 1 /etc/ssl", "710 root ssl-cert 1 /etc/ssl")
    assert one(files.audit(with_key("644 root root", closed), "mx"), "keys").outcome is Outcome.PASS


@pytest.mark.parametrize("state", ["600 alice root", "640 root users"])
def test_a_key_of_somebody_who_logs_in_is_doubtful(state: str) -> None:
    found = one(files.audit(with_key(state), "mx"), "keys")
    assert (found.outcome, found.weight) == (Outcome.WARN, Severity.MEDIUM)


@pytest.mark.parametrize(("name", "check"), [("password-files", "passwords"), ("hash-files", "hashes")])
@pytest.mark.parametrize(("mode", "outcome"), [("644", Outcome.FAIL), ("640", Outcome.PASS)])
def test_a_file_with_passwords_is_closed(name: str, check: str, mode: str, outcome: Outcome) -> None:
    path = "/etc/postfix/sasl_passwd"
    inside = host({name: path, "states": f"{FOLDERS}{mode} root postfix 1 {path}\n"})
    assert one(files.audit(inside, "mx"), check).outcome is outcome


def test_without_such_files_nothing_is_said_of_them() -> None:
    found = list(files.audit(host(), "mx"))
    assert {finding.outcome for finding in found} == {Outcome.SKIPPED}
    assert len(found) == len(files.CHECKS)


@pytest.mark.parametrize(
    ("state", "outcome", "weight"),
    [
        ("644 root root", Outcome.PASS, Severity.CRITICAL),
        ("664 root postfix", Outcome.PASS, Severity.CRITICAL),
        ("666 root root", Outcome.FAIL, Severity.CRITICAL),
        ("644 alice alice", Outcome.FAIL, Severity.MEDIUM),
        ("664 root alice", Outcome.FAIL, Severity.MEDIUM),
    ],
)
def test_only_root_and_services_change_the_configuration(
    state: str, outcome: Outcome, weight: Severity
) -> None:
    path = "/etc/postfix/main.cf"
    texts = {"settings-files": path, "states": f"{FOLDERS}{state} 1 {path}\n"}
    inside = host(texts | {"people": "alice", "people-groups": "alice"})
    found = one(files.audit(inside, "mx"), "configuration")
    assert (found.outcome, found.weight) == (outcome, weight)


def test_mail_that_everybody_may_enter_is_open_unless_a_folder_above_is_closed() -> None:
    path = "/var/vmail/alice/cur"
    states = f"{FOLDERS}755 vmail vmail 1 {path}\n"
    texts = {"mail-roots": "/var/vmail", "open-mail": path}
    opened = host(texts | {"states": f"{states}755 vmail vmail 1 /var/vmail\n"})
    closed = host(texts | {"states": f"{states}750 vmail vmail 1 /var/vmail\n"})
    assert one(files.audit(opened, "mx"), "mail").outcome is Outcome.FAIL
    assert one(files.audit(closed, "mx"), "mail").outcome is Outcome.PASS


def test_the_queue_as_postfix_makes_it_is_right() -> None:
    inside = host({"queue-folders": QUEUE, "queue-programs": PROGRAMS})
    assert one(files.audit(inside, "mx"), "queue").outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("before", "after", "evidence"),
    [
        ("700 postfix root active", "755 postfix root active", "0755 postfix:root active"),
        ("700 postfix root deferred", "700 root root deferred", "0700 root:root deferred"),
        ("730 postfix postdrop maildrop", "777 postfix postdrop maildrop", "0777 postfix:postdrop maildrop"),
        ("2710 postfix postdrop public", "710 postfix root public", "0710 postfix:root public"),
        ("755 root root pid", "755 postfix root pid", "0755 postfix:root pid"),
    ],
)
def test_a_queue_with_other_owners_or_permissions_is_wrong(before: str, after: str, evidence: str) -> None:
    inside = host({"queue-folders": QUEUE.replace(before, after), "queue-programs": PROGRAMS})
    found = one(files.audit(inside, "mx"), "queue")
    assert found.outcome is Outcome.FAIL
    assert evidence in found.evidence


def test_postdrop_without_its_group_cannot_take_mail() -> None:
    programs = PROGRAMS.replace(
        "2555 root postdrop 1 /usr/sbin/postdrop", "755 root root 1 /usr/sbin/postdrop"
    )
    inside = host({"queue-folders": QUEUE, "queue-programs": programs})
    assert one(files.audit(inside, "mx"), "queue").evidence == ("0755 root:root /usr/sbin/postdrop",)
