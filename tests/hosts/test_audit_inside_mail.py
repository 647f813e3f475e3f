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
from tests.conftest import RELEASES, booted, mail_layer, succeed

HERE = Path(__file__).parent
AREAS: tuple[Area, ...] = (
    postfix_relay, postfix_tls, postfix_identity, postfix_limits, postfix_tables,
    dovecot_logins, dovecot_services, accounts,
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
    "postfix.sizes": ("fail", MAIN),
    "postfix.message-size": ("warn", "message_size_limit ="),
    "postfix.rates": ("warn", MAIN),
    "postfix.unknown-users": ("fail", "local_recipient_maps ="),
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
    told = [*(output.text for output in inside.outputs.values()), *map(inside.text, inside.files)]
    assert not [text for text in told if SECRET in text]


def test_the_same_host_mended_passes_every_check(server: tuple[SandboxHost, str], tmp_path: Path) -> None:
    host, release = server
    run(host, (HERE / "audit_mail_mended.sh").read_text(), release)

    found = judge(look(host, tmp_path))

    wrong = {name: f"{finding.summary} {finding.evidence}" for name, finding in found.items()
             if finding.outcome != "pass"}  # fmt: skip
    assert wrong == {}
    assert set(found) == set(FAULTS)


def test_a_host_without_a_mail_server_has_its_accounts_judged_alone(tmp_path: Path) -> None:
    with booted("trixie") as host:
        found = judge(look(host, tmp_path))

    assert set(found) == {"accounts.weak-hashes", "accounts.shared-hashes", "accounts.empty-passwords"}
