"""What becomes of a server's settings: a variable, an override, a change with its reason, or a loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.adopt.adopting import adopt
from provisioner.adopt.announce import comments
from provisioner.adopt.describe import describe
from provisioner.adopt.result import Announced, Described, Fate, Note
from provisioner.adopt.seen import Seen, Table, parse
from provisioner.adopt.write import inventory_text, refuse_to_overwrite
from provisioner.errors import AnswerIsNo, InputError, Mistakes, NotTouched
from provisioner.inventory import load_inventory
from provisioner.report.adopt import report_text, summary_lines
from provisioner.secrets import Secrets
from tests.unit.adopt_making import DIALECT_24, FLAT, SYSTEM, server

VIRTUAL = (
    "myhostname = mx.a.test\nvirtual_mailbox_domains = hash:/etc/postfix/vd\n"
    "virtual_mailbox_maps = hash:/etc/postfix/vm\nvirtual_alias_maps = hash:/etc/postfix/va\n"
)
FILES = {
    "/etc/postfix/vd": "a.test OK\n",
    "/etc/postfix/vm": "anna@a.test a.test/anna/\nben@a.test\n   a.test/ben/\n",
    "/etc/postfix/va": "info@a.test anna@a.test,\n   ben@a.test\n@a.test ben@a.test\n"
    "anna@a.test anna@a.test\n",
    "/etc/dovecot/passwd": "anna@a.test:$6$x$y::::::\nben@a.test:$6$x$z::::::\n",
}


def flat(more: str = "", files: Mapping[str, str] | None = None, **outputs: str) -> Seen:
    """A server with two people in flat files."""
    return server(VIRTUAL + more, FLAT, files={**FILES, **(files or {})}, **outputs)


def said(described: Described, fate: Fate) -> str:
    return "\n".join(f"{note.what}: {note.why} {note.todo}" for note in described.of(fate))


def domains(described: Described) -> Any:
    return described.variables["mail_domains"]


def test_users_aliases_and_the_catch_all_are_in_mail_domains_and_hashes_are_not() -> None:
    described = describe(flat(), "x")

    assert domains(described) == {
        "a.test": {
            "users": {
                "anna": {"password": "{{ secrets['anna@a.test'] }}"},
                "ben": {"password": "{{ secrets['ben@a.test'] }}"},
            },
            "aliases": {"info": ["anna", "ben"], "@": ["ben"]},
        }
    }
    assert described.secrets["anna@a.test"] == "{SHA512-CRYPT}$6$x$y"


def test_mailboxes_stay_where_they_are() -> None:
    described = describe(flat(), "x")

    assert described.variables["dovecot_home"] == "/srv/vmail/{domain}/{local}"
    assert described.variables["dovecot_mail_location"] == "maildir:/srv/vmail/{domain}/{local}"
    assert described.variables["dovecot_mail_directory"] == ""
    assert [place.path for place in described.places] == [
        "maildir:/srv/vmail/a.test/anna",
        "maildir:/srv/vmail/a.test/ben",
    ]


def test_accounts_of_the_system_keep_their_short_login_their_number_and_their_mbox() -> None:
    main_cf = (
        "myhostname = m.s.test\nmyorigin = s.test\nmydestination = $myhostname, s.test, t.test, localhost\n"
    )
    aliases = {"/etc/aliases": "root: carla\nstaff: carla, dora\nbox: /var/box\n"}
    seen = server(main_cf.replace("$myhostname", "m.s.test"), SYSTEM, files=aliases)

    described = describe(seen, "x")

    assert described.variables["dovecot_default_domain"] == "s.test"
    assert described.variables["dovecot_home"] == "/home/{local}"
    assert described.variables["dovecot_mail_location"] == "mbox:~/mail:INBOX=/var/mail/{local}"
    assert described.variables["mail_postmaster"] == "carla@s.test"
    assert domains(described)["s.test"]["users"]["carla"] == {
        "password": "{{ secrets['carla@s.test'] }}",
        "aliases": ["carla@t.test", "carla@m.s.test"],
        "uid": 1000,
        "gid": 1000,
    }
    assert domains(described)["t.test"]["aliases"]["staff"] == ["carla", "dora"]
    assert "alias box: /var/box" in said(described, Fate.LOST)


def test_users_of_2_4_in_mdbox_keep_their_homes_quotas_and_numbers() -> None:
    people = (
        "ida@n.test:{BLF-CRYPT}$2y$05$x::::::userdb_quota_storage_size=3G\n"
        "jan@n.test:$2y$05$z::::/srv/jan::\n"
    )
    main_cf = "myhostname = mx.n.test\nvirtual_mailbox_domains = n.test\n"

    described = describe(server(main_cf, DIALECT_24, files={"/etc/dovecot/people": people}), "x")

    assert described.variables["dovecot_uid"] == 2000
    assert described.variables["dovecot_quota"] == "1G"
    assert described.variables["dovecot_mail_location"] == "mdbox:~/mdbox"
    users = domains(described)["n.test"]["users"]
    assert users["ida"]["quota"] == "3G"
    assert users["jan"]["home"] == "/srv/jan"


def test_what_a_database_knows_is_found_by_the_server_s_own_queries() -> None:
    users = Table("mysql", "m", "users", "email\tpassword\nFrida@d.test\t$6$x$y\n")
    domain = Table("mysql", "m", "domains", "name\nd.test\n")
    cf = "user = u\npassword = p\ndbname = m\nquery = SELECT 1 FROM {} WHERE {}='%s'\n"
    files = {
        "/etc/postfix/d.cf": cf.format("domains", "name"),
        "/etc/postfix/u.cf": cf.format("users", "email"),
        "/etc/dovecot/sql.conf": "driver = mysql\nconnect = host=x dbname=m user=u password=p\n"
        "password_query = SELECT email AS user, password FROM users \\\n WHERE email='%u'\n",
    }
    main_cf = (
        "myhostname = mx.d.test\nvirtual_mailbox_domains = mysql:/etc/postfix/d.cf\n"
        "virtual_mailbox_maps = proxy:mysql:/etc/postfix/u.cf\n"
    )
    dovecot = (
        "mail_location = maildir:~/Maildir\npassdb {\n args = /etc/dovecot/sql.conf\n driver = sql\n}\n"
        "userdb {\n args = uid=vmail gid=vmail home=/var/vmail/%d/%n\n driver = static\n}\n"
    )

    described = describe(server(main_cf, dovecot, files=files, tables=(users, domain)), "x")

    assert domains(described) == {
        "d.test": {"users": {"frida": {"password": "{{ secrets['frida@d.test'] }}"}}}
    }
    assert "what changes in the database no longer counts" in said(described, Fate.CHANGED)


def test_a_passdb_that_can_t_be_read_is_named() -> None:
    dovecot = FLAT.replace("driver = passwd-file", "driver = ldap").replace(
        "args = scheme", "args = /etc/l x"
    )

    described = describe(server(VIRTUAL, dovecot, files=FILES), "x")

    assert "users in ldap" in said(described, Fate.LOST)
    assert "it has no login" in said(described, Fate.CHANGED)


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("message_size_limit = 41943040", {"message_size_limit": 41943040}),
        ("mynetworks = 127.0.0.0/8 [::1]/128", {}),
        ("mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", {}),
        ("mynetworks = 127.0.0.0/8, 10.8.0.0/24", {"mynetworks": "127.0.0.0/8, 10.8.0.0/24"}),
        ("relayhost = [smart.test]:587", {"relayhost": "[smart.test]:587"}),
        ("header_checks = pcre:/etc/postfix/hc", {"header_checks": "pcre:/etc/postfix/hc"}),
        ("transport_maps = hash:/etc/postfix/tr", {"transport_maps": "texthash:/etc/postfix/tr"}),
        ("smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)", {}),
        ("smtpd_tls_protocols = !SSLv2", {}),
        ("smtpd_use_tls = yes", {}),
        ("smtpd_helo_requierd = yes", {}),
    ],
)
def test_a_parameter_is_kept_where_no_role_sees_to_it(line: str, kept: dict[str, object]) -> None:
    files = {"/etc/postfix/hc": "/x/ IGNORE\n", "/etc/postfix/tr": "p.test smtp:x\n"}

    described = describe(flat(line + "\n", files), "x")

    assert described.variables.get("postfix_parameters", {}) == kept


def test_a_server_s_own_restrictions_follow_the_role_s_and_its_tables_come_along() -> None:
    line = (
        "smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated,\n "
        "reject_unauth_destination,\n"
        "   check_client_access hash:/etc/postfix/ca, reject_rbl_client rbl.test, permit\n"
    )

    described = describe(flat(line, {"/etc/postfix/ca": "192.0.2.1 REJECT\n"}), "x")

    restrictions = described.variables["postfix_parameters"]["smtpd_recipient_restrictions"].split("\n")  # type: ignore[index]
    assert restrictions[:3] == [
        "reject_non_fqdn_recipient",
        "reject_unknown_recipient_domain",
        "reject_unlisted_recipient",
    ]
    assert restrictions[-3:] == [
        "permit_mynetworks",
        "check_client_access texthash:/etc/postfix/ca",
        "reject_rbl_client rbl.test",
    ]
    assert described.variables["postfix_files"] == {"ca": "192.0.2.1 REJECT\n"}


def test_the_password_of_a_smart_host_is_a_secret() -> None:
    line = "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n"

    described = describe(flat(line, {"/etc/postfix/sasl_passwd": "[s.test] me:pw\n"}), "x")

    assert described.variables["postfix_files"] == {"sasl_passwd": "{{ secrets['postfix/sasl_passwd'] }}"}
    assert described.secrets["postfix/sasl_passwd"] == "[s.test] me:pw\n"
    assert "pw" not in inventory_text(described, {}, "root@x")


def test_sediments_are_named_and_the_last_of_two_holds() -> None:
    described = describe(
        flat("message_size_limit = 1\nmessage_size_limit = 20000000\nsmtpd_use_tls=yes\nodd_name = 1\n"), "x"
    )

    changed = said(described, Fate.CHANGED)
    assert "message_size_limit twice in main.cf" in changed
    assert "of another time" in changed
    assert "odd_name = 1: Postfix knows no such parameter" in changed
    assert described.variables["postfix_parameters"] == {"message_size_limit": 20000000}


def test_a_second_port_and_options_of_a_service_stay() -> None:
    master = (
        "smtp inet n - y - - smtpd\n"
        "submission inet n - y - - smtpd -o smtpd_client_connection_count_limit=15\n"
        "2525 inet n - y - - smtpd -o smtpd_tls_security_level=encrypt\nmaildrop unix - n n - - pipe argv=x\n"
    )

    described = describe(server(VIRTUAL, FLAT, files=FILES, master_cf=master), "x")

    assert described.variables["postfix_services"] == {
        "submission/inet": {"smtpd_client_connection_count_limit": 15}
    }
    assert described.variables["postfix_more_services"] == {
        "2525/inet": "n - y - - smtpd -o smtpd_tls_security_level=encrypt"
    }
    assert "port 465" in said(described, Fate.CHANGED)


def test_a_mailbox_whose_mail_goes_elsewhere_keeps_a_copy_and_that_is_said() -> None:
    described = describe(flat(files={"/etc/postfix/va": "anna@a.test away@b.test\n"}), "x")

    assert domains(described)["a.test"]["aliases"]["anna"] == ["anna", "away@b.test"]
    assert "a copy stays in the mailbox" in said(described, Fate.CHANGED)


def test_what_no_inventory_takes_is_left_out_with_the_reason() -> None:
    odd = "a%b@a.test anna@a.test\nloop@a.test pool@a.test\npool@a.test loop@a.test\n"

    described = describe(flat(files={"/etc/postfix/va": odd}), "x")

    assert "a%b" not in domains(described)["a.test"].get("aliases", {})
    assert "a circle" in said(described, Fate.LOST)


def test_keys_of_opendkim_sign_on_under_one_selector() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"
    files = {
        "/etc/opendkim.conf": "KeyTable  /etc/kt\n",
        "/etc/kt": "one a.test:y2023:/etc/k1\n",
        "/etc/k1": key,
    }

    described = describe(
        server(VIRTUAL, FLAT, files={**FILES, **files}, packages="postfix dovecot-core opendkim"), "x"
    )

    assert described.variables["rspamd_dkim_selector"] == "y2023"
    assert described.secrets["dkim/a.test/y2023"] == key
    assert "rspamd" in described.variables["roles"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ("exim4-base exim4-daemon-light", "Exim 3.7.11"),
        ("opensmtpd", "OpenSMTPD"),
        ("", "neither Postfix nor Dovecot"),
    ],
)
def test_another_mail_server_is_named(packages: str, words: str, tmp_path: Path) -> None:
    seen = Seen(outputs={"packages": "".join(f"{p} 3.7.11-1 installed\n" for p in packages.split())})

    with pytest.raises(AnswerIsNo, match=words):
        adopt(seen, tmp_path, {}, "root@h", "h", force=False)

    assert not list(tmp_path.iterdir())


def test_what_was_written_is_an_inventory_that_says_the_same_and_its_secrets_are_encrypted(
    tmp_path: Path,
) -> None:
    adopted = adopt(
        flat("message_size_limit = 30000000\n"),
        tmp_path,
        {"ansible_host": "192.0.2.1"},
        "root@x",
        "x",
        force=False,
    )

    text = (tmp_path / "inventory.yml").read_text()
    assert "$6$" not in text
    assert "$6$" not in (tmp_path / "secrets.yml").read_text()
    inventory = load_inventory(tmp_path / "inventory.yml", secrets=Secrets.open(tmp_path))
    users = inventory.hosts[0].variables["mail_domains"]["a.test"]["users"]  # type: ignore[index]
    assert users["anna"]["password"] == "{SHA512-CRYPT}$6$x$y"
    assert "file:/etc/postfix/main.cf" in adopted.announced.resources


def test_every_parameter_that_gets_another_value_is_announced_with_the_reason(tmp_path: Path) -> None:
    adopted = adopt(flat("biff = no\n"), tmp_path, {}, "root@x", "x", force=False)

    rows = {row.name: row for row in adopted.announced.settings if row.program == "Postfix"}
    assert "biff" not in rows
    assert rows["disable_vrfy_command"].why == "VRFY tells strangers which addresses exist."
    assert (rows["virtual_mailbox_maps"].before, rows["virtual_mailbox_maps"].after) == (
        "hash:/etc/postfix/vm",
        "texthash:/etc/postfix/mailboxes",
    )


@pytest.mark.parametrize("name", ["inventory.yml", "ADOPTED.md"])
def test_nothing_is_overwritten_without_being_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(InputError, match="is there already"):
        refuse_to_overwrite(tmp_path, force=False)

    refuse_to_overwrite(tmp_path, force=True)


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("all: {}  # of somebody's\n")
    broken = tmp_path / "roles" / "postfix"
    broken.mkdir(parents=True)
    (broken / "role.yml").write_text("description: [no text]\n")
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}

    with pytest.raises(Mistakes):
        adopt(flat("biff = no\n"), tmp_path, {}, "root@x", "x", force=True)

    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


def test_what_a_server_says_is_never_rendered(tmp_path: Path) -> None:
    hostile = "/x/ REPLACE {{ lookup('env', 'HOME') }} {% for x in y %}\n"

    adopt(
        flat("header_checks = regexp:/etc/postfix/hc\n", {"/etc/postfix/hc": hostile}),
        tmp_path,
        {},
        "r@x",
        "x",
        force=False,
    )

    host = load_inventory(tmp_path / "inventory.yml", secrets=Secrets.open(tmp_path)).hosts[0]
    assert host.variables["postfix_files"] == {"hc": hostile}


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_comes_back_from_the_inventory_as_it_was(text: str) -> None:
    described = Described("h", "bookworm", "", {"postfix_files": {"x": text}})

    written = inventory_text(described, {}, "root@x")

    class Loader(yaml.SafeLoader):
        """As the inventory reads it."""

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))  # type: ignore[type-var]
    try:
        read = yaml.load(written, Loader)["all"]["vars"]["postfix_files"]["x"]
    except yaml.YAMLError as error:  # characters that YAML has no form for
        pytest.fail(str(error))
    assert read == text


def test_a_report_shows_what_a_server_said_escaped() -> None:
    note = Note(Fate.LOST, "alias x: |evil`\x1b[31m", "why", "do")
    described = Described("h", "bookworm", "Postfix 3", {}, notes=(note,))

    text = report_text(described, Announced(), "root@h")
    lines = summary_lines(described, Announced(), "out", 80)

    assert "\x1b" not in text
    assert not any("\x1b" in line.plain for line in lines)
    assert "**To do:** do" in text


def test_comments_before_a_setting_are_its_reason_up_to_an_empty_line() -> None:
    text = "# why a\na = 1\nb = 2\n\nc = 3\n# The inventory sets d (the role's own value: 4).\nd = 5\n"

    assert comments(text) == {"a": "why a", "b": "why a", "c": "", "d": ""}


@pytest.mark.parametrize(
    "answer", [b"", b"provision-adopt 1\n", b"provision-adopt 1\nfile x\nend\n", b"\xff\n"]
)
def test_an_answer_that_is_none_of_ours_touches_nothing(answer: bytes) -> None:
    with pytest.raises(NotTouched, match="makes no sense"):
        parse(answer)
