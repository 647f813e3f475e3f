"""What the mail roles make of an inventory: logins, quotas, overrides, ports, records; each role alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from provisioner.errors import Mistakes
from provisioner.inventory.model import Host, Origins
from provisioner.resources import File, Service
from provisioner.roles import load_roles, resolve
from provisioner.roles.model import RELEASES, Desired
from provisioner.secrets.certificates import make as make_certificate
from provisioner.secrets.certificates import now
from provisioner.secrets.kinds import CERTIFICATES, make_simple

DOMAINS = {
    "example.org": {
        "users": {
            "alice": {"password": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
                      "aliases": ["a.smith"], "quota": "2G"},
            "bob": {},
        },
        "aliases": {"postmaster": ["alice"], "info": ["alice", "bob@elsewhere.test"]},
    },
    "example.net": {"users": {"carol": {}}, "aliases": {"@": ["carol"]}},
}  # fmt: skip


class Secrets:
    """Secrets made when asked for, and forgotten."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def get(self, name: str) -> str:
        return self._made[name]

    def make(self, name: str, kind: Mapping[str, object]) -> str:
        if name not in self._made:
            is_certificate = kind["kind"] in CERTIFICATES
            issuer = self._made.get(str(kind.get("ca", "")), "")
            self._made[name] = (
                make_certificate(name, kind, issuer, now()) if is_certificate else make_simple(name, kind)
            )
        return self._made[name]

    def password_key(self) -> bytes:
        return b"k" * 32

    def texts(self) -> frozenset[str]:
        return frozenset(self._made.values())


def resolved(release: str, roles: tuple[str, ...] = ("mail_server",), **variables: object) -> Desired:
    values = {"mail_domains": DOMAINS, **variables}
    host = Host("mx1.example.org", values, values, ("all",), roles, Origins({}))
    return resolve(host, load_roles(Path(__file__).parent), Secrets(), release)


@cache
def mail_server(release: str) -> Desired:
    return resolved(release)


def files(desired: Desired) -> dict[str, File]:
    return {resource.path: resource for resource in desired.resources if isinstance(resource, File)}


@pytest.mark.parametrize("release", RELEASES)
def test_every_file_says_first_what_manages_it(release: str) -> None:
    silent = {"/etc/hostname", "/etc/ssl/provision/privkey.pem"}
    for path, file in files(mail_server(release)).items():
        start = file.content.decode()[:200]
        is_key = start.startswith("-----BEGIN") or path.endswith(".key")
        assert is_key or path in silent or "Managed by provision, from template" in start, path


@pytest.mark.parametrize(
    ("release", "quota"),
    [("bookworm", "userdb_quota_rule=*:bytes="), ("trixie", "userdb_quota_storage_size=")],
)
def test_a_user_without_password_cannot_log_in_and_one_with_quota_has_it(release: str, quota: str) -> None:
    users = files(mail_server(release))["/etc/dovecot/users"].content.decode().splitlines()
    assert "bob@example.org:{CRYPT}!::::::" in users
    (alice,) = [line for line in users if line.startswith("alice@example.org:{ARGON2ID}$")]
    assert f"::::::{quota}2147483648" in alice


@pytest.mark.parametrize("release", RELEASES)
def test_every_secret_file_is_closed_to_strangers(release: str) -> None:
    for path, file in files(mail_server(release)).items():
        if file.sensitive and path != "/etc/ssl/provision/fullchain.pem":
            assert file.mode & 0o007 == 0, path


@pytest.mark.parametrize("release", RELEASES)
def test_any_setting_of_the_three_programs_can_be_set(release: str) -> None:
    shown = files(resolved(
        release,
        postfix_parameters={"message_size_limit": 1000, "smtpd_milters": None},
        postfix_services={"submission/inet": {"smtpd_tls_security_level": "may"}},
        dovecot_settings={"mail_max_userip_connections": 40, "service imap-login": {"process_min_avail": 2}},
        rspamd_settings={"actions": {"reject": 20}, "options": {"dns": {"timeout": "2s"}}},
    ))  # fmt: skip
    main = shown["/etc/postfix/main.cf"].content.decode()
    assert "\nmessage_size_limit = 1000\n" in main and "\nmessage_size_limit = 52428800\n" not in main
    assert "\nsmtpd_milters =" not in main
    assert "-o { smtpd_tls_security_level = may }" in shown["/etc/postfix/master.cf"].content.decode()
    dovecot = shown["/etc/dovecot/dovecot.conf"].content.decode()
    assert dovecot.endswith(
        "mail_max_userip_connections = 40\nservice imap-login {\n  process_min_avail = 2\n}\n"
    )
    assert "reject = 20;" in shown["/etc/rspamd/override.d/actions.conf"].content.decode()
    options = shown["/etc/rspamd/override.d/options.inc"].content.decode()
    assert "timeout = 2s;" in options and "local_addrs" in options


def test_a_plan_says_of_dovecots_reload_what_its_rule_allows() -> None:
    server = mail_server("trixie")
    holds = {one.name: one.reload_holds for one in server.resources if isinstance(one, Service)}
    script = files(server)["/usr/local/lib/provision/dovecot-reload"].content.decode()
    assert f"HOLD => {holds['dovecot']}," in script


def test_postfix_alone_offers_no_login_and_dovecot_alone_no_sockets_for_it() -> None:
    postfix = resolved("trixie", ("postfix",))
    assert [port.number for port in postfix.ports] == [25]
    assert "submission" not in files(postfix)["/etc/postfix/master.cf"].content.decode()
    dovecot = resolved("trixie", ("dovecot",))
    assert [port.number for port in dovecot.ports] == [143, 993, 110, 995]
    assert "/var/spool/postfix" not in files(dovecot)["/etc/dovecot/dovecot.conf"].content.decode()


def test_the_firewall_opens_the_ports_of_the_roles_and_what_the_inventory_says() -> None:
    desired = resolved(
        "trixie",
        dovecot_pop3=False,
        firewall_ssh_ports=[2222],
        firewall_open=[{"port": 9100, "from": ["192.0.2.0/24", "2001:db8::/32"]},
                       {"port": "6000-6010", "protocol": "udp"}],
    )  # fmt: skip
    rules = files(desired)["/etc/provision/firewall.nft"].content.decode()
    opened = [line.strip() for line in rules.splitlines() if "dport" in line]
    assert [line for line in opened if line.startswith("tcp")] == [
        "tcp dport { 2222 } accept",
        *(f"tcp dport {number} accept" for number in (143, 993, 25, 465, 587)),
    ]
    assert "ip saddr 192.0.2.0/24 tcp dport 9100 accept" in opened
    assert "ip6 saddr 2001:db8::/32 tcp dport 9100 accept" in opened
    assert "udp dport 6000-6010 accept" in opened


def test_records_of_every_domain_say_why_they_are_there() -> None:
    desired = resolved("trixie", mail_addresses=["192.0.2.10", "2001:db8::10"], tls_dane=True)
    found = {(record.name, record.type) for record in desired.records}
    for domain in DOMAINS:
        assert {(domain, "MX"), (domain, "TXT"), (f"_dmarc.{domain}", "TXT")} <= found
        assert {(f"mail._domainkey.{domain}", "TXT"), (f"_submissions._tcp.{domain}", "SRV")} <= found
    assert {("mx1.example.org", "A"), ("mx1.example.org", "AAAA")} <= found
    assert ("_25._tcp.mx1.example.org", "TLSA") in found
    assert all(record.why for record in desired.records)


@pytest.mark.parametrize("release", RELEASES)
def test_a_host_without_mail_domains_is_described_too(release: str) -> None:
    desired = resolved(release, mail_domains={})
    assert files(desired)["/etc/postfix/mailboxes"].content.decode().count("@") == 0
    assert "dovecot-lmtp" not in {resource.id.partition(":")[2] for resource in desired.resources}


def test_the_systems_own_mail_reaches_a_person_where_host_and_mail_domain_have_one_name() -> None:
    desired = resolved("trixie", mail_domains={"mx1.example.org": {"users": {"alice": {}}}})
    aliases = files(desired)["/etc/postfix/aliases"].content.decode()
    assert "\nroot@mx1.example.org alice@mx1.example.org\n" in aliases
    main = files(desired)["/etc/postfix/main.cf"].content.decode()
    assert "\nvirtual_alias_domains = localhost\n" in main


def test_what_is_missing_for_files_of_ones_own_is_named() -> None:
    with pytest.raises(Mistakes) as caught:
        resolved("trixie", tls_provider="files")
    said = [mistake.message for mistake in caught.value.mistakes]
    assert any("needs `tls_certificate_file`" in message for message in said)
    assert any("needs `tls_key_secret` or `tls_key_file`" in message for message in said)
