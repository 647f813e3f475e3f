"""Postfix, Dovecot and accounts judged on real hosts: one with every fault, and the same one mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.audit.finding import Finding
from provisioner.audit.inside import (
    accounts,
    dovecot_logins,
    dovecot_services,
    postfix_identity,
    postfix_limits,
    postfix_recipients,
    postfix_relay,
    postfix_tables,
    postfix_tls,
)
from provisioner.audit.inside.judge import Area
from provisioner.audit.inside.reading import read
from provisioner.audit.inside.seen import Inside
from provisioner.hosts.connection import ConnectionOptions, connect, connection_settings
from provisioner.inventory.model import Host
from provisioner.sandbox import SandboxHost
from tests.conftest import RELEASES, booted, layer_of, mail_layer, succeed
from tests.hosts import test_adopt

HERE = Path(__file__).parent
AREAS: tuple[Area, ...] = (
    postfix_relay, postfix_tls, postfix_identity, postfix_recipients, postfix_limits,
    postfix_tables, dovecot_logins, dovecot_services, accounts,
)  # fmt: skip
SECRET = "hunter2"
MAIN, USERS = "/etc/postfix/main.cf", "/etc/dovecot/users"

FAULTS = {
    "postfix.mynetworks": ("fail", "mynetworks ="),
    "postfix.relay-restrictions": ("fail", "smtpd_relay_restrictions ="),
    "postfix.access-tables": ("fail", "/etc/postfix/friends:1"),
    "postfix.client-certificates": ("fail", "smtpd_client_restrictions ="),
    "postfix.login-on-25": ("warn", "smtpd_sasl_auth_enable ="),
    "postfix.sender-login": ("fail", MAIN),
    "postfix.tls-offered": ("fail", "smtpd_tls_security_level ="),
    "postfix.plaintext-login": ("fail", "smtpd_tls_auth_only ="),
    "postfix.submission-tls": ("fail", "submission inet"),
    "postfix.outbound-tls": ("fail", "smtp_tls_security_level ="),
    "postfix.tls-versions": ("warn", "smtpd_tls_mandatory_protocols ="),
    "postfix.tls-ciphers": ("fail", "smtpd_tls_mandatory_ciphers ="),
    "postfix.tls-files": ("fail", "smtpd_tls_cert_file ="),
    "postfix.hostname": ("fail", "myhostname ="),
    "postfix.domains": ("fail", "mydestination ="),
    "postfix.banner": ("warn", "smtpd_banner ="),
    "postfix.vrfy": ("warn", "disable_vrfy_command ="),
    "postfix.helo": ("warn", "smtpd_helo_required ="),
    "postfix.bare-newline": ("fail", "smtpd_forbid_bare_newline ="),
    "postfix.unknown-parameters": ("warn", "smtpd_enable_unknown_thing ="),
    "postfix.compatibility-level": ("warn", "compatibility_level ="),
    "postfix.protocols": ("warn", "inet_protocols ="),
    "postfix.sizes": ("fail", MAIN),
    "postfix.message-size": ("warn", "message_size_limit ="),
    "postfix.rates": ("warn", MAIN),
    "postfix.unknown-users": ("fail", "local_recipient_maps ="),
    "postfix.catch-all": ("fail", "@shop.test"),
    "postfix.notices": ("warn", "notify_classes ="),
    "postfix.soft-bounce": ("fail", "soft_bounce ="),
    "postfix.defer-transports": ("fail", "defer_transports ="),
    "postfix.debug": ("warn", "debug_peer_list ="),
    "postfix.copies": ("warn", "always_bcc ="),
    "postfix.milters": ("warn", "milter_default_action ="),
    "postfix.tables": ("fail", "virtual_mailbox_maps ="),
    "postfix.tables-compiled": ("fail", "/etc/postfix/domains"),
    "postfix.tables-writable": ("fail", "/etc/postfix/aliases-of-people"),
    "postfix.tables-passwords": ("fail", "/etc/postfix/sasl_passwd"),
    "dovecot.plaintext-login": ("fail", "{disable_plaintext_auth|auth_allow_cleartext} ="),
    "dovecot.tls": ("warn", "ssl ="),
    "dovecot.tls-versions": ("fail", "ssl_min_protocol ="),
    "dovecot.tls-ciphers": ("fail", "ssl_cipher_list ="),
    "dovecot.tls-files": ("fail", "{ssl_cert|ssl_server_cert_file} ="),
    "dovecot.mechanisms": ("fail", "auth_mechanisms ="),
    "dovecot.password-logs": ("fail", "auth_debug_passwords ="),
    "dovecot.debug": ("warn", "mail_debug ="),
    "dovecot.trusted-networks": ("fail", "login_trusted_networks ="),
    "dovecot.open-passdb": ("fail", "passdb"),
    "dovecot.master-users": ("warn", "  master = yes"),
    "dovecot.lmtp-network": ("fail", "  inet_listener lmtp"),
    "dovecot.doveadm-network": ("fail", "service doveadm"),
    "dovecot.sockets": ("fail", "  unix_listener auth-client"),
    "dovecot.first-uid": ("fail", "first_valid_uid ="),
    "dovecot.mail-groups": ("fail", "mail_access_groups ="),
    "dovecot.limits": ("warn", "mail_max_userip_connections ="),
    "dovecot.quota": ("warn", ""),
    "dovecot.any-user": ("fail", "userdb"),
    "dovecot.warnings": ("{warn|pass}", "{ssl_protocols =|}"),
    "accounts.weak-hashes": ("fail", USERS),
    "accounts.shared-hashes": ("fail", USERS),
    "accounts.empty-passwords": ("fail", "/etc/shadow"),
}
"""Each check's outcome, and its place: a path, or how the line begins that the place names. `{a|b}`: a on
Debian 12 with Dovecot 2.3, b on Debian 13 with 2.4, which does not start with obsolete settings."""


@pytest.fixture(scope="module", params=RELEASES)
def server(request: pytest.FixtureRequest) -> Iterator[tuple[SandboxHost, str]]:
    """A host of each release with the mail packages, and the name of the release."""
    with booted(request.param, mail_layer(request.param)) as host:
        yield host, request.param


def run(host: SandboxHost, script: str, *words: str) -> str:
    """What a script prints on the host."""
    here = "END-OF-THE-SCRIPT"
    return succeed(host, f"cat >/root/script <<'{here}'\n{script}\n{here}\nsh /root/script {' '.join(words)}")


def look(host: SandboxHost, folder: Path) -> Inside:
    """What the reading script says of a host, over SSH as the audit does it."""
    (folder / "known_hosts").write_text(host.known_hosts)
    options = ConnectionOptions(
        ssh_key=host.key, ssh_config=None, system_ssh_config=None, user_known_hosts=(), agent=False
    )
    variables = {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": "root"}
    with connect(connection_settings(Host("mx", variables, variables), options, folder)) as connection:
        return read(connection).inside


def judge(inside: Inside) -> dict[str, Finding]:
    return {finding.check.id: finding for area in AREAS for finding in area.audit(inside, "mx1.shop.test")}


def of(release: str, text: str) -> str:
    """`{a|b}` for one release."""
    start, _, rest = text.partition("{")
    inner, _, end = rest.partition("}")
    return start + inner.split("|")[RELEASES.index(release)] + end if rest else text


def line_at(host: SandboxHost) -> Callable[[str], str]:
    """The line of the host's that a place names; a place without a number is itself."""

    def line(place: str) -> str:
        path, _, number = place.partition(":")
        is_table = not number or path == "/etc/postfix/friends"
        return place if is_table else succeed(host, f"sed -n {number}p {path}").rstrip("\n")

    return line


def test_every_fault_is_found_at_its_line_and_no_secret_leaves_the_host(
    server: tuple[SandboxHost, str], tmp_path: Path
) -> None:
    host, release = server
    run(host, (HERE / "audit_mail_faults.sh").read_text(), release)

    inside = look(host, tmp_path)
    found = judge(inside)

    wanted = {name: of(release, outcome) for name, (outcome, _) in FAULTS.items()}
    assert {name: finding.outcome.value for name, finding in found.items()} == wanted
    line = line_at(host)
    for name, (_, place) in FAULTS.items():
        assert line(found[name].place).startswith(of(release, place)), (name, found[name].place)
    assert SECRET not in told(inside)


def test_the_same_host_mended_passes_every_check(server: tuple[SandboxHost, str], tmp_path: Path) -> None:
    host, release = server
    run(host, (HERE / "audit_mail_mended.sh").read_text(), release)

    found = judge(look(host, tmp_path))

    wrong = {name: f"{finding.summary} {finding.evidence}" for name, finding in found.items()
             if finding.outcome != "pass"}  # fmt: skip
    assert wrong == {}
    assert set(found) == set(FAULTS)


FILTERS = """
protocol imap {
  ssl_min_protocol = TLSv1
}
protocol lmtp {
  ssl = no
}
remote 127.0.0.1 {
  CLEARTEXT
}
local 192.0.2.7 {
  protocol pop3 {
    ssl_cipher_list = ALL:RC4
    ssl = no
  }
}
local_name gone.shop.test {
  CERTIFICATE
}
"""
"""Behind the settings of the mended host, which are sound."""
FILTERED = {
    "dovecot.tls": ("`local 192.0.2.7`, `protocol pop3`", "    ssl = no"),
    "dovecot.tls-versions": ("`protocol imap`", "  ssl_min_protocol = TLSv1"),
    "dovecot.tls-ciphers": ("`local 192.0.2.7`, `protocol pop3`", "    ssl_cipher_list ="),
    "dovecot.tls-files": ("`local_name gone.shop.test`", "  {ssl_cert|ssl_server_cert_file} ="),
}


def test_what_dovecot_has_for_a_protocol_an_address_or_a_name_is_found_at_its_line(
    server: tuple[SandboxHost, str], tmp_path: Path
) -> None:
    host, release = server
    run(host, (HERE / "audit_mail_mended.sh").read_text(), release)
    blocks = FILTERS.replace(
        "CLEARTEXT", of(release, "{disable_plaintext_auth = no|auth_allow_cleartext = yes}")
    ).replace(
        "CERTIFICATE", of(release, "{ssl_cert = <|ssl_server_cert_file = }") + "/etc/ssl/certs/gone.pem"
    )
    run(host, f"cat >>/etc/dovecot/dovecot.conf <<'END'\n{blocks}\nEND\ndoveconf -n >/dev/null")

    found = judge(look(host, tmp_path))

    wrong = {name for name, finding in found.items() if finding.outcome != "pass"}
    assert wrong == set(FILTERED), {name: found[name].summary for name in wrong}
    line = line_at(host)
    for name, (where, start) in FILTERED.items():
        assert found[name].summary.endswith(f" in {where}")
        assert line(found[name].place).startswith(of(release, start)), found[name]


def told(inside: Inside) -> str:
    return "\n".join([*(output.text for output in inside.outputs.values()), *map(inside.text, inside.files)])


def shown(found: dict[str, Finding], name: str) -> tuple[str, tuple[str, ...]]:
    return found[f"accounts.{name}"].outcome.value, found[f"accounts.{name}"].evidence


def test_passwords_in_mariadb_are_judged_as_dovecot_would_find_them(tmp_path: Path) -> None:
    (guide,) = (guide for guide in test_adopt.GUIDES if guide.script == "mariadb")
    settings = "/etc/dovecot/dovecot-sql.conf.ext"
    with booted(guide.release, test_adopt.layer(guide)) as host:
        run(host, "for i in $(seq 300); do mysqladmin ping 2>/dev/null && exit; sleep 0.1; done; false")

        inside = look(host, tmp_path)
        run(host, f"sed -i '/^iterate_query/d' {settings}")
        without_list = judge(look(host, tmp_path))
        run(host, f"echo 'passdb {{\n  driver = ldap\n  args = {settings}\n}}' >>/etc/dovecot/dovecot.conf")
        with_ldap = judge(look(host, tmp_path))
        run(host, f"sed -i 's/p#ssword=7/p#ssword=8/' {settings}")
        refused = judge(look(host, tmp_path))

    weak = ("fail", ("PLAIN-MD5: gustav@db.test (mysql mailserver)",))
    assert shown(judge(inside), "weak-hashes") == shown(without_list, "weak-hashes") == weak
    assert shown(judge(inside), "shared-hashes") == ("pass", ())
    ldap = f"passdb ldap {settings}: the hashes are in a directory (LDAP), which is not asked"
    assert shown(with_ldap, "weak-hashes") == ("fail", (*weak[1], f"not judged: {ldap}"))
    assert shown(with_ldap, "shared-hashes") == ("error", (ldap,))
    sql = f"passdb sql {settings}: the database does not answer to what Dovecot logs in with"
    assert shown(refused, "weak-hashes") == ("error", (sql, ldap))
    assert "p#ssword" not in told(inside) and "$2y$" not in told(inside)


def databases(host: SandboxHost) -> None:
    """PostgreSQL and SQLite, with what Dovecot needs for them."""
    packages = "postgresql sqlite3 dovecot-pgsql dovecot-sqlite"
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
    succeed(host, f"apt-get update -q 2>&1 && {install} {packages} 2>&1")


def test_passwords_in_postgresql_sqlite_and_a_file_for_each_domain_are_judged(tmp_path: Path) -> None:
    layer = layer_of("trixie", "databases-on-mail", databases, start=mail_layer("trixie"))
    with booted("trixie", layer) as host:
        run(host, (HERE / "audit_databases.sh").read_text())
        before = run(host, "ls -la --time-style=full-iso /etc/dovecot")
        inside = look(host, tmp_path)
        after = run(host, "ls -la --time-style=full-iso /etc/dovecot")

    found = judge(inside)
    assert shown(found, "weak-hashes") == (
        "fail",
        (
            "MD5-CRYPT: o'neill@pg.test (pgsql mail)",
            "PLAIN: bob@lite.test, cid@lite.test (sqlite /etc/dovecot/users.sqlite)",
            "SHA1: eve@files.test (/etc/mail/files.test/passwd)",
        ),
    )
    shared = ("bob@lite.test, cid@lite.test (sqlite /etc/dovecot/users.sqlite)",)
    assert shown(found, "shared-hashes") == ("fail", shared)
    assert shown(found, "empty-passwords") == ("fail", ("dan@lite.test (sqlite /etc/dovecot/users.sqlite)",))
    assert SECRET not in told(inside)
    assert after == before


def test_a_host_without_a_mail_server_has_its_accounts_judged_alone(tmp_path: Path) -> None:
    with booted("trixie") as host:
        found = judge(look(host, tmp_path))

    assert set(found) == {"accounts.weak-hashes", "accounts.shared-hashes", "accounts.empty-passwords"}
