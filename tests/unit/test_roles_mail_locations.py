"""One way to say where mailboxes lie, written in the dialect of the host's Dovecot."""

from __future__ import annotations

import pytest

from provisioner.errors import InputError
from provisioner.mail.domains import Mailbox
from provisioner.roles.mail_locations import dovecot_path, mail_location_settings, passwd_file_line


def box(**more: object) -> Mailbox:
    values: dict[str, object] = {
        "email": "b@a.test",
        "local": "b",
        "domain": "a.test",
        "quota_bytes": None,
        "password": "{CRYPT}x",
        "hasher": lambda plain, address: "",
    }
    return Mailbox(**{**values, **more})  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize(
    ("release", "written"),
    [("bookworm", "/m/%d/%n/%u"), ("trixie", "/m/%{user | domain}/%{user | username}/%{user}")],
)
def test_a_path_has_the_variables_of_its_release(release: str, written: str) -> None:
    assert dovecot_path("/m/{domain}/{local}/{user}", release) == written


def test_a_location_is_several_settings_in_dovecot_2_4() -> None:
    assert mail_location_settings("mbox:~/mail:INBOX=/var/mail/{local}:LAYOUT=fs") == (
        "mail_driver = mbox\nmail_path = ~/mail\nmail_inbox_path = /var/mail/%{user | username}\n"
        "mailbox_list_layout = fs\n"
    )


def test_an_option_that_2_4_has_no_setting_for_is_named() -> None:
    with pytest.raises(InputError, match="`COLOUR=red` in the location"):
        mail_location_settings("maildir:~/Maildir:COLOUR=red")


@pytest.mark.parametrize(
    ("release", "line"),
    [
        ("bookworm", "b@a.test:{CRYPT}x:1000:8::/home/b::userdb_mail=mbox:~/mail:INBOX=/var/mail/b"),
        (
            "trixie",
            "b@a.test:{CRYPT}x:1000:8::/home/b::"
            "userdb_mail_driver=mbox userdb_mail_path=~/mail userdb_mail_inbox_path=/var/mail/b",
        ),
    ],
)
def test_a_mailbox_with_a_place_of_its_own_says_so_in_its_line(release: str, line: str) -> None:
    user = box(uid=1000, gid=8, home="/home/b", mail="mbox:~/mail:INBOX=/var/mail/b")

    assert passwd_file_line(user, release) == line


def test_a_mailbox_like_all_others_has_an_empty_line_but_for_its_hash() -> None:
    assert passwd_file_line(box(), "trixie") == "b@a.test:{CRYPT}x::::::"
    assert passwd_file_line(box(password="", quota_bytes=2), "trixie").endswith(
        "{CRYPT}!::::::userdb_quota_storage_size=2B"
    )
