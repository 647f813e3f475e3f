"""Dovecot judged from inside, in both dialects, and the passwords of accounts."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import accounts, dovecot_logins, dovecot_services
from provisioner.audit.inside.seen import File, Inside, Output
from tests.unit.inside_making import NOW, host, one

FILE = File("/etc/ssl/mail.pem", "file", 0o644, "root", "root", 1, NOW)
OLD, NEW = "2.3.19.1 (9b53102964)", "2.4.1-4 (7d8c0e5759)"


def dovecot(settings: str, version: str = OLD, lines: str = "", warnings: str = "") -> Inside:
    """A host whose Dovecot has these settings."""
    return host(
        {
            "dovecot-version": version,
            "dovecot-set": settings,
            "dovecot-all": f"ssl = yes\nlisten = *\n{settings}",
            "dovecot-lines": lines,
            "dovecot-warnings": warnings,
        }
    )


def find(inside: Inside, name: str) -> Finding:
    findings = (*dovecot_logins.audit(inside, "mx1"), *dovecot_services.audit(inside, "mx1"))
    return one(findings, name)


@pytest.mark.parametrize(
    ("settings", "version", "outcome"),
    [
        ("disable_plaintext_auth = no", OLD, "fail"),
        ("disable_plaintext_auth = yes", OLD, "pass"),
        ("disable_plaintext_auth = no\nssl = required", OLD, "pass"),
        ("auth_allow_cleartext = yes", NEW, "fail"),
        ("auth_allow_cleartext = no", NEW, "pass"),
    ],
)
def test_logins_without_tls_are_found_in_both_dialects(settings: str, version: str, outcome: str) -> None:
    assert find(dovecot(settings, version), "plaintext-login").outcome.value == outcome


def test_the_place_is_the_last_line_that_sets_it() -> None:
    lines = "/etc/dovecot/dovecot.conf:3:ssl = no\n/etc/dovecot/conf.d/10-ssl.conf:6:ssl = no\n"

    finding = find(dovecot("ssl = no", lines=lines), "tls")

    assert (finding.outcome, finding.weight) == (Outcome.FAIL, Severity.HIGH)
    assert finding.place == "/etc/dovecot/conf.d/10-ssl.conf:6"


@pytest.mark.parametrize(
    ("ciphers", "outcome"),
    [
        ("", "pass"),
        ("ECDHE+AESGCM:!aNULL", "pass"),
        ("ALL:!LOW:!RC4:!3DES", "pass"),
        ("HIGH:MEDIUM:RC4+SHA", "fail"),
        ("ALL:aNULL", "fail"),
    ],
)
def test_a_list_of_ciphers_is_judged_by_what_it_adds(ciphers: str, outcome: str) -> None:
    assert find(dovecot(f"ssl_cipher_list = {ciphers}"), "tls-ciphers").outcome.value == outcome


FILTERED = """\
ssl = required
ssl_min_protocol = TLSv1.2
{cert}
protocol imap {{
  ssl_min_protocol = TLSv1
}}
protocol lmtp {{
  ssl = no
}}
remote 127.0.0.0/8 {{
  {cleartext}
  ssl = no
}}
local 192.0.2.1 {{
  protocol pop3 {{
    ssl_cipher_list = ALL:RC4
    ssl = no
  }}
}}
local_name mail.example.org {{
  {gone}
}}
"""
OLD_FILTERED = FILTERED.format(
    cert="ssl_cert = </etc/ssl/mail.pem",
    gone="ssl_cert = </etc/ssl/gone.pem",
    cleartext="disable_plaintext_auth = no",
)
NEW_FILTERED = FILTERED.format(
    cert="ssl_server {\n  cert_file = /etc/ssl/mail.pem\n}",
    gone="ssl_server {\n    cert_file = /etc/ssl/gone.pem\n  }",
    cleartext="auth_allow_cleartext = yes",
)


@pytest.mark.parametrize(("settings", "version"), [(OLD_FILTERED, OLD), (NEW_FILTERED, NEW)])
def test_what_a_protocol_an_address_or_a_name_sets_for_itself_is_judged_too(
    settings: str, version: str
) -> None:
    lines = "\n".join(
        f"/etc/dovecot/dovecot.conf:{n}:{line}" for n, line in enumerate(settings.splitlines(), 1)
    )
    inside = dovecot(settings, version, lines)
    inside = Inside(inside.at, {"/etc/ssl/mail.pem": FILE}, inside.outputs)

    found = {name: find(inside, name) for name in ("tls", "tls-versions", "tls-ciphers", "tls-files")}

    assert {name: (one.outcome.value, one.summary) for name, one in found.items()} == {
        "tls": ("fail", "there is no TLS in `local 192.0.2.1`, `protocol pop3`"),
        "tls-versions": ("fail", "TLSv1 is taken in `protocol imap`"),
        "tls-ciphers": ("fail", "the list has RC4 in `local 192.0.2.1`, `protocol pop3`"),
        "tls-files": ("fail", "/etc/ssl/gone.pem does not exist in `local_name mail.example.org`"),
    }
    written = settings.splitlines()
    at = {name: written[int(one.place.rpartition(":")[2]) - 1].split("=")[0].strip()
          for name, one in found.items()}  # fmt: skip
    assert list(at.values())[:3] == ["ssl", "ssl_min_protocol", "ssl_cipher_list"]
    assert at["tls-files"] in ("ssl_cert", "cert_file")
    assert find(inside, "plaintext-login").outcome is Outcome.PASS


def test_a_sound_exception_does_not_hide_what_holds_for_all_the_others() -> None:
    settings = "ssl_min_protocol = TLSv1\nprotocol imap {\n  ssl_min_protocol = TLSv1.2\n}"
    lines = "\n".join(f"/etc/d.conf:{n}:{line}" for n, line in enumerate(settings.splitlines(), 1))

    finding = find(dovecot(settings, lines=lines), "tls-versions")

    assert (finding.outcome, finding.summary, finding.place) == (
        Outcome.FAIL, "TLSv1 is taken", "/etc/d.conf:1",
    )  # fmt: skip


def test_several_exceptions_are_told_together() -> None:
    settings = "".join(f"protocol {name} {{\n  ssl_min_protocol = SSLv3\n}}\n" for name in ("imap", "pop3"))

    finding = find(dovecot(settings), "tls-versions")

    assert finding.summary == "SSLv3 is taken in `protocol imap`"
    assert "SSLv3 is taken in `protocol pop3`" in finding.evidence


@pytest.mark.parametrize(
    ("filter_", "outcome"),
    [
        ("remote 10.0.0.0/8", "fail"),
        ("remote 10.1.2.0/24", "pass"),
        ("remote office.example.org", "fail"),
        ("local 10.0.0.5", "fail"),
        ("local 127.0.0.1", "pass"),
        ("protocol !lmtp", "fail"),
        ("protocol doveadm", "pass"),
    ],
)
def test_an_exception_for_this_host_or_for_no_login_is_none(filter_: str, outcome: str) -> None:
    settings = f"disable_plaintext_auth = yes\n{filter_} {{\n  disable_plaintext_auth = no\n}}"

    assert find(dovecot(settings), "plaintext-login").outcome.value == outcome


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ("auth_mechanisms = plain login", "pass"),
        ("auth_mechanisms = plain scram-sha-256", "pass"),
        ("auth_mechanisms = PLAIN DIGEST-MD5", "fail"),
        ("auth_mechanisms {\n  plain = yes\n  cram-md5 = yes\n}", "fail"),
    ],
)
def test_mechanisms_that_need_readable_passwords_are_found(settings: str, outcome: str) -> None:
    assert find(dovecot(settings), "mechanisms").outcome.value == outcome


@pytest.mark.parametrize(
    ("passdb", "outcome"),
    [
        ("passdb {\n  args = nopassword=<hidden>\n  driver = static\n}", "fail"),
        ("passdb {\n  args = password=<hidden>\n  driver = static\n}", "fail"),
        ("passdb {\n  args = proxy=y host=10.0.0.2 nopassword=<hidden>\n  driver = static\n}", "pass"),
        ("passdb static {\n  fields {\n    nopassword = <hidden>\n  }\n}", "fail"),
        ("passdb static {\n  password = <hidden>\n}", "fail"),
        ("passdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}", "pass"),
    ],
)
def test_a_passdb_that_lets_everybody_in_is_critical(passdb: str, outcome: str) -> None:
    finding = find(dovecot(passdb), "open-passdb")

    assert (finding.outcome.value, finding.weight) == (outcome, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("value", "outcome"), [("no", "pass"), ("sha1:6", "pass"), ("sha1", "warn"), ("plain:3", "fail")]
)
def test_what_is_logged_of_a_password_decides(value: str, outcome: str) -> None:
    assert find(dovecot(f"auth_verbose_passwords = {value}"), "password-logs").outcome.value == outcome


@pytest.mark.parametrize(
    ("listener", "outcome"),
    [
        ("port = 24", "fail"),
        ("port = 24\n    address = 127.0.0.1 ::1", "pass"),
        ("port = 24\n    listen = 127.0.0.1", "pass"),
        ("port = 0", "pass"),
    ],
)
def test_lmtp_is_judged_by_the_address_of_its_port(listener: str, outcome: str) -> None:
    settings = f"protocols = imap lmtp\nservice lmtp {{\n  inet_listener lmtp {{\n    {listener}\n  }}\n}}"

    assert find(dovecot(settings), "lmtp-network").outcome.value == outcome


@pytest.mark.parametrize(
    ("name", "mode", "outcome", "severity"),
    [
        ("auth-client", "0666", "fail", Severity.MEDIUM),
        ("auth-master", "0666", "fail", Severity.HIGH),
        ("auth-client", "0660", "pass", Severity.MEDIUM),
        ("auth-userdb", "0666", "pass", Severity.MEDIUM),
        ("/var/spool/postfix/private/auth", "0666", "pass", Severity.MEDIUM),
    ],
)
def test_a_socket_is_open_by_its_mode_and_its_folder(
    name: str, mode: str, outcome: str, severity: Severity
) -> None:
    settings = f"service auth {{\n  unix_listener {name} {{\n    mode = {mode}\n  }}\n}}"

    finding = find(dovecot(settings), "sockets")

    assert (finding.outcome.value, finding.weight) == (outcome, severity)


def test_an_obsolete_setting_is_found_at_the_line_that_doveconf_names() -> None:
    said = (
        "doveconf: Warning: NOTE: You can get a new clean config file with: doveconf -Pn > dovecot-new.conf\n"
        "doveconf: Warning: Obsolete setting in /etc/dovecot/dovecot.conf:43: ssl_protocols is replaced\n"
    )

    finding = find(dovecot("", warnings=said), "warnings")

    assert (finding.outcome, finding.place) == (Outcome.WARN, "/etc/dovecot/dovecot.conf:43")
    assert len(finding.evidence) == 1


def test_a_quota_is_seen_in_both_dialects() -> None:
    old, new = "mail_plugins = quota", "mail_plugins {\n  quota = yes\n}"

    assert [find(dovecot(text), "quota").outcome.value for text in (old, new, "")] == ["pass", "pass", "warn"]


ASKS = "smtpd_recipient_restrictions = reject_unverified_recipient"
LISTS = "virtual_mailbox_domains = a.test\nvirtual_mailbox_maps = hash:/etc/postfix/boxes"
OPEN = "virtual_mailbox_domains = a.test\nvirtual_mailbox_maps ="


@pytest.mark.parametrize(
    ("userdb", "main", "outcome", "severity"),
    [
        ("userdb {\n  args = uid=5000 allow_all_users=yes\n  driver = static\n}", OPEN, "fail", "medium"),
        ("userdb static {\n  allow_all_users = yes\n}", OPEN, "fail", "medium"),
        ("userdb all {\n  driver = static\n  static_allow_all_users = yes\n}", "", "fail", "medium"),
        ("userdb static {\n  allow_all_users = yes\n}", f"{OPEN}\n{ASKS}", "fail", "high"),
        ("userdb static {\n  allow_all_users = yes\n}", f"{LISTS}\n{ASKS}", "fail", "high"),
        ("userdb static {\n  allow_all_users = yes\n}", LISTS, "pass", "medium"),
        ("userdb static {\n  fields {\n    uid = 5000\n  }\n}", OPEN, "pass", "medium"),
    ],
)
def test_a_userdb_that_knows_every_name_is_no_check_of_recipients(
    userdb: str, main: str, outcome: str, severity: str
) -> None:
    inside = dovecot(userdb)
    every = Output(0, f"mail_version = 3.7.11\n{main}") if main else Output(127, "")
    inside = Inside(inside.at, {}, {**inside.outputs, "postfix-all": every, "postfix-set": every})

    found = find(inside, "any-user")

    assert (found.outcome.value, found.weight.value) == (outcome, severity)


def passwords(*lines: str) -> list[Finding]:
    return list(accounts.audit(host({"password-schemes": "\n".join(lines)}), "mx1"))


@pytest.mark.parametrize(
    ("scheme", "outcome", "severity"),
    [
        ("PLAIN", "fail", Severity.HIGH),
        ("DES-CRYPT", "fail", Severity.HIGH),
        ("SHA256.HEX", "fail", Severity.HIGH),
        ("SSHA512", "fail", Severity.MEDIUM),
        ("MD5-CRYPT", "fail", Severity.MEDIUM),
        ("SHA512-CRYPT", "pass", Severity.MEDIUM),
        ("YESCRYPT", "pass", Severity.MEDIUM),
        ("ARGON2ID", "pass", Severity.MEDIUM),
        ("SCRAM-SHA-256", "pass", Severity.MEDIUM),
        ("LOCKED", "pass", Severity.MEDIUM),
    ],
)
def test_a_scheme_is_weak_that_can_be_guessed_quickly(scheme: str, outcome: str, severity: Severity) -> None:
    finding = one(passwords(f"ann\t{scheme}\t0\t/etc/dovecot/users"), "weak-hashes")

    assert (finding.outcome.value, finding.weight) == (outcome, severity)


def test_those_who_share_a_hash_are_named_together_and_per_file() -> None:
    finding = one(
        passwords(
            "ann\tARGON2ID\t1\t/etc/dovecot/users",
            "bob\tARGON2ID\t1\t/etc/dovecot/users",
            "cid\tYESCRYPT\t1\t/etc/shadow",
            "dan\tYESCRYPT\t1\t/etc/shadow",
            "eve\tYESCRYPT\t0\t/etc/shadow",
        ),
        "shared-hashes",
    )

    assert finding.outcome is Outcome.FAIL
    assert finding.evidence == ("ann, bob (/etc/dovecot/users)", "cid, dan (/etc/shadow)")


def test_an_empty_field_opens_an_account_of_the_system_and_none_of_dovecot_s() -> None:
    system, dovecot_s, open_ = (
        one(passwords(line), "empty-passwords").outcome.value
        for line in (
            "ann\tEMPTY\t0\t/etc/shadow",
            "ann\tEMPTY\t0\t/etc/dovecot/users",
            "ann\tNOPASSWORD\t0\t/etc/dovecot/users",
        )
    )

    assert (system, dovecot_s, open_) == ("fail", "pass", "fail")
