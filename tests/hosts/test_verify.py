"""Verifying a real mail server: all is well, and each thing that can be wrong is seen and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from provisioner.cli.app import run as provision
from provisioner.hosts.connection import ConnectionOptions
from provisioner.prepare import prepare
from provisioner.verify.result import HostReport, PortResult
from provisioner.verify.run import Verifying, verify_hosts
from tests.hosts.conftest import ALICE, MailServer

OPTIONS = ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False)
CERTIFICATE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30"


def verify(server: MailServer) -> HostReport:
    """Verify what the inventory says now."""
    prepared = prepare(server.inventory)
    secrets = prepared.secrets.texts().union(*(one.host.secret_texts for one in prepared.candidates))
    run = Verifying(server.folder, OPTIONS, secrets=secrets)
    (report,) = verify_hosts(prepared.candidates, run)
    return report


def failures(report: HostReport) -> dict[int, PortResult]:
    """Port number → what failed there, over IPv4."""
    return {r.port.number: r for r in report.ports if not r.ok and ":" not in r.address}


@pytest.mark.essential
def test_a_server_as_applied_passes_over_ipv4_and_ipv6(applied_server: MailServer) -> None:
    report = verify(applied_server)
    assert (report.error, report.failed, report.exit_code) == (None, (), 0)
    reached = {(r.port.number, ":" in r.address) for r in report.ports}
    families = (False, True) if applied_server.sandbox.address6 else (False,)
    ports = (25, 110, 143, 465, 587, 993, 995)
    assert {(number, six) for number in ports for six in families} <= reached
    assert not any(result.forwarded for result in report.ports)
    assert "tls.certificate" in {check.id for check in report.checks}


def test_the_users_own_tests_run_on_the_host_and_show_no_secret(applied_server: MailServer) -> None:
    tests = applied_server.folder / "tests"
    tests.mkdir(exist_ok=True)
    file = tests / "test_site.py"
    file.write_text(
        "def test_postfix_runs(host):\n"
        "    assert host.service('postfix').is_running\n"
        "def test_users(host, variables):\n"
        "    assert variables['mail_domains'] == {}\n"
        f"def test_told(host):\n    assert host.run('echo {ALICE}; exit 1').rc == 0\n"
    )
    try:
        report = verify(applied_server)
    finally:
        file.unlink()
        tests.rmdir()
    outcomes = {check.id: check.outcome for check in report.checks if check.role == "tests"}
    assert outcomes == {
        "tests.site.test_postfix_runs": "pass",
        "tests.site.test_users": "fail",
        "tests.site.test_told": "fail",
    }
    assert report.exit_code == 3


def misspelt_restriction(server: MailServer) -> None:
    server.sh('postconf -e "smtpd_relay_restrictions = permit_mynetwroks, reject_unauth_destination"')


def misspelt_level(server: MailServer) -> None:
    server.sh("postconf -e smtpd_tls_security_level=encrpyt")


def dead_milter(server: MailServer) -> None:
    server.sh("postconf -e smtpd_milters=inet:127.0.0.1:11999 milter_default_action=tempfail")


def mismatched_key(server: MailServer) -> None:
    server.sh(f"{CERTIFICATE} -keyout /root/other.key -out /root/other.pem -subj /CN=other.test 2>&1")
    server.sh("postconf -e smtpd_tls_chain_files= smtpd_tls_key_file=/root/other.key")
    server.sh("postconf -e smtpd_tls_cert_file=/etc/ssl/provision/fullchain.pem")


def trusts_everybody(server: MailServer) -> None:
    server.sh("postconf -e mynetworks=0.0.0.0/0,[::]/0")


def other_certificate(server: MailServer) -> None:
    mismatched_key(server)
    server.sh("postconf -e smtpd_tls_cert_file=/root/other.pem")


@pytest.mark.parametrize(
    ("break_it", "kinds", "said"),
    [
        (misspelt_restriction, {"refused"}, "451 4.3.5 Server configuration error"),
        (misspelt_level, {"silent"}, ""),
        (dead_milter, {"refused", "tls"}, "later"),
        (mismatched_key, {"tls", "no-starttls"}, ""),
        (trusts_everybody, {"open-relay"}, "250 2.1.5 Ok"),
        (other_certificate, {"certificate-trust"}, "SHA-256"),
    ],
)
def test_a_fault_that_postfix_check_passes_is_seen_on_port_25(
    mail_server: MailServer, break_it: Callable[[MailServer], None], kinds: set[str], said: str
) -> None:
    mail_server.write()
    mail_server.sh("cp -p /etc/postfix/main.cf /root/main.cf")
    break_it(mail_server)
    mail_server.sh("systemctl restart postfix")
    report = verify(mail_server)
    mail_server.sh("mv /root/main.cf /etc/postfix/main.cf; rm -f /root/other.*; systemctl restart postfix")
    result = failures(report)[25]
    assert result.kind in kinds, (result.outcome, result.evidence)
    assert said in " ".join(result.evidence)
    assert report.exit_code == 3


def test_a_service_that_is_down_is_named_with_every_port_it_takes_with_it(mail_server: MailServer) -> None:
    mail_server.write()
    mail_server.sh("systemctl stop dovecot")
    found = failures(verify(mail_server))
    # Postfix holds 465 and 587 back for a minute after their processes died for want of a login service.
    mail_server.sh("systemctl start dovecot && systemctl restart postfix")
    assert {found[number].kind for number in (110, 143, 993, 995)} == {"unreachable"}
    assert 587 in found


def test_a_port_that_only_the_host_itself_reaches_is_blocked(mail_server: MailServer) -> None:
    mail_server.write()
    mail_server.sh("nft insert rule inet provision input iif != lo tcp dport '{ 25, 993 }' drop")
    report = verify(mail_server)
    mail_server.sh("systemctl restart provision-firewall")
    assert {number: result.kind for number, result in failures(report).items()} == {993: "blocked"}
    (relay,) = [r for r in report.ports if r.port.number == 25 and ":" not in r.address]
    assert (relay.ok, relay.forwarded) == (True, True)


def test_a_user_who_becomes_root_by_sudo_can_verify(mail_server: MailServer) -> None:
    mail_server.sh("id anna >/dev/null 2>&1 || useradd -m -s /bin/sh anna")
    mail_server.sh("install -d -m 700 -o anna ~anna/.ssh; cp ~root/.ssh/authorized_keys ~anna/.ssh/")
    mail_server.sh(
        "chown anna ~anna/.ssh/authorized_keys; echo 'anna ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/anna"
    )
    mail_server.write(ansible_become=True)
    text = mail_server.inventory.read_text().replace("ansible_user: root", "ansible_user: anna")
    mail_server.inventory.write_text(text)
    tests = mail_server.folder / "tests"
    tests.mkdir()
    (tests / "test_root.py").write_text("def test_root(host): assert host.check_output('id -u') == '0'\n")
    report = verify(mail_server)
    (tests / "test_root.py").unlink()
    tests.rmdir()
    mail_server.sh("rm /etc/sudoers.d/anna; userdel -r anna 2>&1 || true")
    mail_server.write()
    assert (report.error, report.failed) == (None, ())
    assert "tests.root.test_root" in {check.id for check in report.checks}


def command(server: MailServer, *more: str) -> Sequence[str]:
    """A command line that reaches the server."""
    return ["verify", str(server.inventory), "--known-hosts", str(server.folder / "known_hosts"), *more]


def test_the_command_prints_json_writes_junit_and_exits_by_the_contract(
    applied_server: MailServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    junit = tmp_path / "verify.xml"
    assert provision(command(applied_server, "--json", "--junit", str(junit))) == 0
    document = json.loads(capfd.readouterr().out)
    checks = document["hosts"][applied_server.name]["checks"]
    assert document["format"] == 1
    assert {"id", "role", "outcome", "message"} <= checks[0].keys()
    cases = ElementTree.parse(junit).getroot().findall(".//testcase")
    assert [case.get("name") for case in cases] == [check["id"] for check in checks]


def test_a_host_that_can_not_be_reached_ends_with_5(
    applied_server: MailServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "known_hosts"
    empty.touch()
    assert provision(["verify", str(applied_server.inventory), "--known-hosts", str(empty), "--json"]) == 5
    document = json.loads(capfd.readouterr().out)
    assert document["hosts"][applied_server.name]["error"]["kind"] == "host-key"
