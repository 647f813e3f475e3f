"""The audit of the mail ports on real servers: no false alarm on ours, and every fault found on bad ones."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.injection import audit_injection
from provisioner.audit.logins import audit_cleartext_login, audit_user_enumeration
from provisioner.audit.mailbox import Mailbox, audit_mailbox
from provisioner.audit.relay import audit_relay
from provisioner.audit.server_port import ServerPort
from provisioner.audit.smtp import audit_smtp
from provisioner.audit.smuggling import audit_smuggling
from provisioner.audit.submission import audit_submission
from provisioner.audit.vrfy import audit_vrfy
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, mail_layer, succeed
from tests.hosts.conftest import MailServer

IMPLICIT_TLS = (465, 993, 995)
AREAS = {587: "submission", 465: "submission", 143: "imap", 993: "imap", 110: "pop3", 995: "pop3",
         4190: "managesieve"}  # fmt: skip


def port_of(host: SandboxHost, number: int, name: str = "mx1.example.test") -> ServerPort:
    """A port of the host, as the audit reaches it from another machine."""
    return ServerPort(
        name, host.address, number, lambda: socket.create_connection((host.address, number), 10),
        "[192.0.2.1]", implicit_tls=number in IMPLICIT_TLS,
    )  # fmt: skip


def ordinary(host: SandboxHost, domain: str, numbers: Iterable[int]) -> list[Finding]:
    """Every check that is not intrusive."""
    found = list(audit_smtp(port_of(host, 25), domain).findings) if 25 in numbers else []
    for number in numbers:
        if AREAS.get(number) == "submission":
            found += audit_submission(port_of(host, number), domain).findings
        elif number in AREAS:
            found += audit_mailbox(port_of(host, number), Mailbox(AREAS[number])).findings
    return found


def intrusive(host: SandboxHost, domain: str, user: str, numbers: Iterable[int]) -> list[Finding]:
    """Every check that is, but for the wrong logins of a real user."""
    found: list[Finding] = []
    if 25 in numbers:
        port = port_of(host, 25)
        found += audit_relay(port, domain, port.host)
        found += audit_smuggling(port, domain)
        found += audit_vrfy(port, domain, user=user)
        found += audit_injection(port, "smtp")
    for number in (n for n in numbers if n in AREAS):
        port = port_of(host, number)
        if AREAS[number] == "submission":
            found += audit_relay(port, domain, port.host, submission=True)
        if not port.implicit_tls:
            found += audit_injection(port, AREAS[number])
            found += audit_cleartext_login(port, AREAS[number])
    return found


def not_passed(found: Iterable[Finding]) -> dict[str, str]:
    """What was anything but passed, or skipped as not applying."""
    return {f"{f.check.id} {f.subject}": f"{f.outcome}: {f.summary} {f.evidence}" for f in found
            if f.outcome not in (Outcome.PASS, Outcome.SKIPPED)}  # fmt: skip


def outcome(found: Iterable[Finding], check: str) -> tuple[Outcome, str]:
    """What a check came to, and its summary."""
    (finding,) = [f for f in found if f.check.id == check]
    return finding.outcome, finding.summary


ALL_PORTS = (25, 465, 587, 143, 993, 110, 995, 4190)


def open_ports(host: SandboxHost) -> list[int]:
    """The mail ports that answer at all."""
    return [number for number in ALL_PORTS if _answers(host.address, number)]


def wait_for(host: SandboxHost, number: int) -> None:
    """Until the port answers, which is a little after systemd calls the service started."""
    ends = time.monotonic() + 60
    while not _answers(host.address, number):
        assert time.monotonic() < ends, f"nothing answers on port {number}"


def _answers(address: str, number: int) -> bool:
    try:
        socket.create_connection((address, number), 1).close()
    except OSError:
        return False
    return True


class TestOurOwnServer:
    def test_passes_every_ordinary_check(self, applied_server: MailServer) -> None:
        numbers = open_ports(applied_server.sandbox)
        assert {25, 465, 587, 143, 993} <= set(numbers)
        found = ordinary(applied_server.sandbox, "example.test", numbers)
        assert not_passed(found) == {}

    def test_passes_every_intrusive_check(self, applied_server: MailServer) -> None:
        numbers = open_ports(applied_server.sandbox)
        found = intrusive(applied_server.sandbox, "example.test", "alice@example.test", numbers)
        assert not_passed(found) == {}
        assert sum(f.outcome == Outcome.SKIPPED for f in found) == 0

    def test_does_not_tell_users_from_others(self, applied_server: MailServer) -> None:
        port = port_of(applied_server.sandbox, 587)
        found = audit_user_enumeration(port, "submission", "alice@example.test")
        assert not_passed(found) == {}


def installed(release: str, *packages: str) -> str:
    """The layer with these packages as Debian installs them."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"

    def make(host: SandboxHost) -> None:
        succeed(host, f"apt-get update -q 2>&1 && {install} {' '.join(packages)} 2>&1")

    return layer_of(release, f"audit-ports-{digest}", make)


CERTIFICATE = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=mx1.example.test"
    " -keyout /etc/ssl/private/mx.key -out /etc/ssl/mx.pem 2>/dev/null && chmod 600 /etc/ssl/private/mx.key"
)

# What old guides tell people to write: each line is a fault, or a default that is one.
BAD_POSTFIX = """
compatibility_level = 3.6
myhostname = mx1.example.test
mydestination = example.test, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = all
alias_maps = texthash:/etc/postfix/aliases
smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/ssl/private/mx.key, /etc/ssl/mx.pem
smtpd_tls_auth_only = no
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_forbid_bare_newline = no
smtpd_forbid_unauth_pipelining = no
message_size_limit = 5000000
local_recipient_maps = texthash:/etc/postfix/users
"""
BAD_DOVECOT = """
protocols = imap pop3 sieve
ssl_cert = </etc/ssl/mx.pem
ssl_key = </etc/ssl/private/mx.key
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = static
  args = password={PLAIN}not-to-be-guessed-7f3a
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
log_path = syslog
"""


RESTART = "{ postfix stop; postfix start; } 2>&1"
"""After a reload the old processes still answer for a moment."""


def write(host: SandboxHost, path: str, text: str) -> None:
    """Write a file on the host."""
    succeed(host, f"cat > {path} <<'END_OF_FILE'\n{text}\nEND_OF_FILE")


@pytest.fixture(scope="module")
def bad_host() -> Iterator[SandboxHost]:
    """Postfix and Dovecot of Debian 12, set up badly by hand."""
    with booted("bookworm", mail_layer("bookworm")) as host:
        succeed(host, CERTIFICATE)
        write(host, "/etc/postfix/main.cf", BAD_POSTFIX)
        write(host, "/etc/postfix/users", "alice -\nroot -")
        write(host, "/etc/postfix/aliases", "root: alice")
        succeed(host, "printf '%s\\n' 'submission inet n - y - - smtpd' >> /etc/postfix/master.cf")
        write(host, "/etc/dovecot/dovecot.conf", BAD_DOVECOT)
        succeed(host, "systemctl restart dovecot postfix 2>&1; postfix check 2>&1")
        for number in (25, 587, 143, 110, 4190):
            wait_for(host, number)
        yield host


@pytest.fixture
def reconfigured(bad_host: SandboxHost) -> Iterator[Callable[..., SandboxHost]]:
    """Set parameters of the bad Postfix for one test."""

    def change(**parameters: str) -> SandboxHost:
        settings = " ".join(f"'{name}={value}'" for name, value in parameters.items())
        succeed(bad_host, f"postconf -e {settings} && {RESTART}")
        wait_for(bad_host, 25)
        return bad_host

    yield change
    write(bad_host, "/etc/postfix/main.cf", BAD_POSTFIX)
    succeed(bad_host, RESTART)
    wait_for(bad_host, 25)


class TestABadServer:
    def test_has_every_ordinary_fault_found_and_nothing_else(self, bad_host: SandboxHost) -> None:
        found = ordinary(bad_host, "example.test", (25, 587, 143, 110, 4190))
        assert set(not_passed(found)) == {
            *(f"{check} mx1.example.test:25" for check in (
                "smtp.banner-software", "smtp.login-before-tls", "smtp.login-on-25", "smtp.size",
                "smtp.etrn", "smtp.abuse",
            )),
            *(f"submission.{check} mx1.example.test:587" for check in (
                "banner-software", "login-before-tls", "login-required",
            )),
            "imap.login-before-tls mx1.example.test:143", "imap.banner-software mx1.example.test:143",
            "pop3.login-before-tls mx1.example.test:110", "pop3.banner-software mx1.example.test:110",
            "managesieve.login-before-tls mx1.example.test:4190",
            "managesieve.banner-software mx1.example.test:4190",
        }  # fmt: skip

    def test_tells_addresses_by_vrfy_and_takes_logins_in_clear_text(self, bad_host: SandboxHost) -> None:
        found = audit_vrfy(port_of(bad_host, 25), "example.test", user="alice@example.test")
        assert outcome(found, "smtp.vrfy")[0] == Outcome.FAIL
        assert outcome(found, "smtp.expn")[0] == Outcome.PASS
        for number in (587, 143):
            found = audit_cleartext_login(port_of(bad_host, number), AREAS[number])
            assert found[0].outcome == Outcome.FAIL, found[0].evidence

    def test_takes_false_ends_of_messages(self, bad_host: SandboxHost) -> None:
        found = audit_smuggling(port_of(bad_host, 25), "example.test", recipient="alice@example.test")
        assert outcome(found, "smtp.early-pipelining")[0] == Outcome.WARN
        assert outcome(found, "smtp.smuggling")[0] == Outcome.FAIL
        ends = outcome(found, "smtp.smuggling")[1]
        assert "<LF>.<LF>" in ends and "<LF>.<CR><LF>" in ends and "<CR><LF>.<LF>" in ends
        assert "<CR>.<CR>" not in ends and "<NUL>" not in ends

    @pytest.mark.parametrize("value", ["normalize", "reject"])
    def test_is_sound_again_with_the_fix_that_is_advised(
        self, reconfigured: Callable[..., SandboxHost], value: str
    ) -> None:
        host = reconfigured(smtpd_forbid_bare_newline=value, smtpd_forbid_unauth_pipelining="yes")
        found = audit_smuggling(port_of(host, 25), "example.test", recipient="alice@example.test")
        assert not_passed(found) == {}

    def test_trusts_its_own_network_with_false_ends(self, reconfigured: Callable[..., SandboxHost]) -> None:
        """Exclusions are $mynetworks by default: from inside, a mended server looks as before."""
        host = reconfigured(smtpd_forbid_bare_newline="normalize", mynetworks="0.0.0.0/0")
        found = audit_smuggling(port_of(host, 25), "example.test", recipient="alice@example.test")
        assert outcome(found, "smtp.smuggling")[0] == Outcome.FAIL

    def test_relays_nothing_as_it_is(self, bad_host: SandboxHost) -> None:
        found = audit_relay(port_of(bad_host, 25), "example.test", "mx1.example.test")
        assert not_passed(found) == {}
        found = audit_relay(port_of(bad_host, 587), "example.test", "mx1.example.test", submission=True)
        assert not_passed(found) == {}

    @pytest.mark.parametrize(
        ("parameters", "says"),
        [
            ({"mynetworks": "0.0.0.0/0"}, "any way"),
            (
                # A backup MX: Postfix itself resolves the percent sign where the domain is local.
                {
                    "mydestination": "localhost",
                    "relay_domains": "example.test",
                    "relay_recipient_maps": "regexp:{{/^[a-z.%-]+@example.test/ OK}}",
                    "allow_untrusted_routing": "yes",
                },
                "percent at example.test",
            ),
            ({"smtpd_relay_restrictions": "check_sender_access static:OK, reject"}, "any way"),
            ({"relay_domains": "regexp:{{/example.test/ OK}}"}, "look-alike"),
        ],
    )
    def test_relays_after_one_wrong_line(
        self, reconfigured: Callable[..., SandboxHost], parameters: dict[str, str], says: str
    ) -> None:
        host = reconfigured(**parameters)
        found = audit_relay(port_of(host, 25), "example.test", "mx1.example.test")
        assert outcome(found, "smtp.open-relay")[0] == Outcome.FAIL, found[0].summary
        assert says in outcome(found, "smtp.open-relay")[1]

    def test_takes_every_address_as_a_catch_all_and_is_no_relay_for_that(
        self, reconfigured: Callable[..., SandboxHost]
    ) -> None:
        host = reconfigured(local_recipient_maps="")
        found = ordinary(host, "example.test", (25,))
        assert outcome(found, "smtp.unknown-recipient")[0] == Outcome.WARN
        found = list(audit_relay(port_of(host, 25), "example.test", "mx1.example.test"))
        assert not_passed(found) == {}

    @pytest.mark.parametrize(
        ("parameters", "check"),
        [
            ({"smtpd_sender_restrictions": "check_sender_access inline:{<>=REJECT}"}, "smtp.null-sender"),
            ({"smtpd_tls_security_level": "none"}, "smtp.starttls"),
            ({"smtpd_tls_chain_files": "/etc/ssl/none.pem"}, "smtp.starttls"),
            ({"myhostname": "localhost.localdomain"}, "smtp.banner-name"),
            ({"mydestination": "localhost"}, "smtp.postmaster"),
            (
                {
                    "mydestination": "localhost",
                    "virtual_mailbox_domains": "example.test",
                    "virtual_mailbox_maps": "inline:{alice@example.test=-}",
                },
                "smtp.postmaster",
            ),
            ({"smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"}, "smtp.answers"),
        ],
    )
    def test_fails_each_check_after_one_wrong_line(
        self, reconfigured: Callable[..., SandboxHost], parameters: dict[str, str], check: str
    ) -> None:
        found = ordinary(reconfigured(**parameters), "example.test", (25,))
        assert outcome(found, check)[0] == Outcome.FAIL

    def test_is_no_open_relay_and_no_closed_one_while_it_puts_strangers_off(
        self, reconfigured: Callable[..., SandboxHost]
    ) -> None:
        host = reconfigured(
            smtpd_relay_restrictions="check_client_access static:{450 4.2.0 Greylisted}, reject"
        )
        found = audit_relay(port_of(host, 25), "example.test", "mx1.example.test")
        assert outcome(found, "smtp.open-relay")[0] == Outcome.ERROR
        assert outcome(ordinary(host, "example.test", (25,)), "smtp.postmaster")[0] == Outcome.ERROR


class TestOtherServers:
    """From outside every check works on any server: what is wrong with Debian's defaults is told."""

    def test_exim(self) -> None:
        with booted("bookworm", installed("bookworm", "exim4-daemon-light")) as host:
            edits = (
                "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype=internet/",
                "s/^dc_local_interfaces=.*/dc_local_interfaces=/",
                "s/^dc_other_hostnames=.*/dc_other_hostnames=example.test/",
            )
            succeed(host, f"sed -i '{'; '.join(edits)}' /etc/exim4/update-exim4.conf.conf")
            succeed(host, "hostname > /etc/mailname; update-exim4.conf && systemctl restart exim4")
            wait_for(host, 25)
            found = ordinary(host, "example.test", (25,))
            # Debian names the host by its short name, and Exim tells its version.
            assert set(not_passed(found)) == {
                "smtp.banner-name mx1.example.test:25", "smtp.banner-software mx1.example.test:25"
            }  # fmt: skip
            assert not_passed(intrusive(host, "example.test", "postmaster@example.test", (25,))) == {}

    def test_opensmtpd(self) -> None:
        with booted("trixie", installed("trixie", "opensmtpd")) as host:
            succeed(host, CERTIFICATE)
            lines = (
                'pki mx1.example.test cert "/etc/ssl/mx.pem"',
                'pki mx1.example.test key "/etc/ssl/private/mx.key"',
                "table aliases file:/etc/aliases",
                "listen on 0.0.0.0 tls pki mx1.example.test hostname mx1.example.test",
                "listen on 0.0.0.0 port 587 tls-require pki mx1.example.test auth hostname mx1.example.test",
                'action "local" maildir alias <aliases>',
                'action "relay" relay',
                'match from any for domain "example.test" action "local"',
                'match for local action "local"',
                'match from local for any action "relay"',
            )
            write(host, "/etc/smtpd.conf", "\n".join(lines))
            succeed(host, "systemctl restart opensmtpd")
            wait_for(host, 587)
            found = ordinary(host, "example.test", (25, 587))
            # It refuses postmaster without a domain.
            assert set(not_passed(found)) == {"smtp.postmaster mx1.example.test:25"}
            assert not_passed(intrusive(host, "example.test", "postmaster@example.test", (25, 587))) == {}
