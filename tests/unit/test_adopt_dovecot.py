"""What doveconf prints, in both dialects, and what it says about people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.adopt.dovecot_text import flat, parse, truth
from provisioner.adopt.people import normal_hash, people, quota_of
from provisioner.adopt.places import common_template, expanded, neutral
from tests.unit.adopt_making import DIALECT_24, FLAT, SYSTEM, server


def test_blocks_nest_and_names_may_be_quoted() -> None:
    conf = parse('namespace inbox {\n  mailbox "Sent Messages" {\n    special_use = \\Sent\n  }\n}\n')

    assert flat(conf) == {"namespace inbox/mailbox Sent Messages/special_use": "\\Sent"}


def test_settings_that_2_4_prints_together_are_the_settings_that_people_write() -> None:
    conf = parse(DIALECT_24)

    assert conf.get("ssl_server_cert_file") == "/etc/ssl/a.pem"
    assert conf.all("quota")[0].get("storage_size") == "1G"
    assert flat(conf)["namespace inbox/mailbox Trash/special_use"] == "\\Trash"


@pytest.mark.parametrize("text", ['protocols = " imap lmtp"', "protocols {\n  imap = yes\n  lmtp = yes\n}"])
def test_a_list_is_the_same_in_both_dialects(text: str) -> None:
    assert truth(parse(text), "protocols") == ["imap", "lmtp"]


@given(st.text(max_size=300))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    flat(parse(text))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("/m/%d/%n", "/m/{domain}/{local}"),
        ("/m/%Ld/%Ln", "/m/{domain}/{local}"),
        ("mbox:%h/mail:INBOX=/var/mail/%u", "mbox:~/mail:INBOX=/var/mail/{user}"),
        ("/m/%{user | domain}/%{user|username|lower}", "/m/{domain}/{local}"),
        ("/m/%{domain}/%{username}", "/m/{domain}/{local}"),
        ("/m/%1n/%n", ""),
        ("/m/%{user | md5}", ""),
    ],
)
def test_a_place_is_said_without_a_dialect_or_not_at_all(written: str, said: str) -> None:
    assert neutral(written) == said


LOCALS = st.from_regex(r"[a-z]{1,8}", fullmatch=True)


@given(LOCALS, st.lists(LOCALS, min_size=1, max_size=5, unique=True))
def test_the_template_that_is_found_gives_each_place_again(domain: str, people_of_it: list[str]) -> None:
    places = [(f"{local}@{domain}.test", f"/srv/{domain}.test/{local}") for local in people_of_it]

    template = common_template(places)

    assert sum(expanded(template, login) == place for login, place in places) >= 1


def test_people_in_a_passwd_file_have_the_place_that_is_static_for_all() -> None:
    seen = server(
        "", FLAT, files={"/etc/dovecot/passwd": "anna@a.test:$6$x$y::::::\nben@a.test:{PLAIN}b::::::\n"}
    )

    anna, ben = people(seen, parse(FLAT), set()).persons

    assert (anna.login, anna.uid, anna.home, anna.mail) == (
        "anna@a.test",
        5000,
        "/srv/vmail/a.test/anna",
        "maildir:/srv/vmail/a.test/anna",
    )
    assert anna.password == "{SHA512-CRYPT}$6$x$y"
    assert ben.password == "b", "plain text is hashed before it leaves the control machine"


def test_accounts_of_the_system_are_people_with_the_hash_of_their_account() -> None:
    carla, dora = people(server("", SYSTEM), parse(SYSTEM), set()).persons

    assert (carla.login, carla.uid, carla.mail) == ("carla", 1000, "mbox:~/mail:INBOX=/var/mail/carla")
    assert (carla.password, dora.password) == ("{CRYPT}$y$j9T$abc$def", "")


def test_people_of_2_4_may_have_homes_and_quotas_of_their_own() -> None:
    lines = (
        "ida@n.test:{BLF-CRYPT}$2y$05$x::::::userdb_quota_storage_size=3G\n"
        "jan@n.test:$2y$05$z::::/srv/jan::\n"
    )

    ida, jan = people(
        server("", DIALECT_24, files={"/etc/dovecot/people": lines}), parse(DIALECT_24), set()
    ).persons

    assert (ida.uid, ida.home, ida.mail, ida.quota_bytes) == (
        2000,
        "/srv/mail/n.test/ida",
        "mdbox:~/mdbox",
        3 << 30,
    )
    assert (jan.home, jan.password) == ("/srv/jan", "{BLF-CRYPT}$2y$05$z")


@pytest.mark.parametrize(
    ("password", "scheme", "wanted"),
    [
        ("$6$a$b", "CRYPT", ("{CRYPT}$6$a$b", False, "")),
        ("{SHA512-CRYPT}$6$a$b", "PLAIN", ("{SHA512-CRYPT}$6$a$b", False, "")),
        ("$1$a$b", "CRYPT", ("{CRYPT}$1$a$b", True, "")),
        ("abJnggxhB/yWI", "CRYPT", ("{CRYPT}abJnggxhB/yWI", True, "")),
        (
            "8fe4c11451281c094a6578e6ddbf5eed",
            "PLAIN-MD5",
            ("{PLAIN-MD5}8fe4c11451281c094a6578e6ddbf5eed", True, ""),
        ),
        ("{SSHA.HEX}00ff", "CRYPT", ("{SSHA.HEX}00ff", True, "")),
        ("geheim", "PLAIN", ("geheim", False, "")),
        ("{OTP}x", "CRYPT", ("", False, "OTP")),
        ("!", "CRYPT", ("", False, "")),
        ("{CRYPT}!", "CRYPT", ("", False, "")),
    ],
)
def test_a_hash_is_taken_as_dovecot_meant_it(
    password: str, scheme: str, wanted: tuple[str, bool, str]
) -> None:
    assert normal_hash(password, scheme) == wanted


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"quota_rule": "*:storage=2G"}, 2 << 30),
        ({"quota_rule": "*:storage=2048"}, 2 << 20),
        ({"quota_rule": "*:bytes=2048"}, 2048),
        ({"quota_rule": "*:bytes=0"}, None),
        ({"quota_storage_size": "500M"}, 500 << 20),
        ({"quota_rule2": "Trash:storage=+10%"}, None),
    ],
)
def test_a_quota_is_read_in_both_dialects(fields: dict[str, str], size: int | None) -> None:
    assert quota_of(fields) == size
