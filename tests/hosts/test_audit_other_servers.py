"""Exim and OpenSMTPD as Debian has them, set up well by hand: the whole audit, outside and inside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, succeed
from tests.hosts.audit_fault_zones import keys, write
from tests.hosts.lab_names import wait_until_served
from tests.hosts.test_audit_ports import installed, wait_for
from tests.unit.certificate_making import CA, make

EXIM, OPENSMTPD = "exim.test", "smtpd.test"
DOMAINS = (EXIM, OPENSMTPD)
PORTS = (25, 465, 587)
PASSWORD = "correct horse battery staple"
Document = dict[str, Any]

EXIM_MACROS = """
MAIN_TLS_ENABLE = yes
MAIN_TLS_CERTIFICATE = /etc/ssl/mx.pem
MAIN_TLS_PRIVATEKEY = /etc/ssl/mx.key
MAIN_HARDCODE_PRIMARY_HOSTNAME = mx.exim.test
daemon_smtp_ports = 25 : 465 : 587
tls_on_connect_ports = 465
smtp_banner = $smtp_active_hostname ESMTP
auth_advertise_hosts = ${if eq{$received_port}{25}{}{*}}
CHECK_RCPT_LOCAL_ACL_FILE = /etc/exim4/rcpt_local
"""
EXIM_RCPT = """
  deny
    condition = ${if inlist{$received_port}{465:587}}
    !authenticated = *
    message = Authentication required
"""
EXIM_COMMANDS = """
sed -i "s/^dc_eximconfig_configtype=.*/dc_eximconfig_configtype='internet'/
        s/^dc_local_interfaces=.*/dc_local_interfaces=''/
        s/^dc_other_hostnames=.*/dc_other_hostnames='exim.test'/" /etc/exim4/update-exim4.conf.conf
sed -i '/^# plain_server:/,/^# *\\.endif/s/^# //' /etc/exim4/exim4.conf.template
echo "alice:$(openssl passwd -6 'PASSWORD')" > /etc/exim4/passwd
chown root:Debian-exim /etc/exim4/passwd /etc/ssl/mx.key
chmod 640 /etc/exim4/passwd /etc/ssl/mx.key
echo mx.exim.test > /etc/mailname
update-exim4.conf && systemctl restart exim4
""".replace("PASSWORD", PASSWORD)
SMTPD_CONF = """
pki mx.smtpd.test cert "/etc/ssl/mx.pem"
pki mx.smtpd.test key "/etc/ssl/mx.key"
table aliases file:/etc/aliases
listen on 0.0.0.0 tls pki mx.smtpd.test hostname mx.smtpd.test
listen on :: tls pki mx.smtpd.test hostname mx.smtpd.test
listen on 0.0.0.0 port 587 tls-require pki mx.smtpd.test auth hostname mx.smtpd.test
listen on :: port 587 tls-require pki mx.smtpd.test auth hostname mx.smtpd.test
listen on 0.0.0.0 smtps pki mx.smtpd.test auth hostname mx.smtpd.test
listen on :: smtps pki mx.smtpd.test auth hostname mx.smtpd.test
action "local" maildir alias <aliases>
action "relay" relay
match from any for domain { "smtpd.test", "mx.smtpd.test" } action "local"
match for local action "local"
match auth from any for any action "relay"
match from local for any action "relay"
"""
UNBOUND = """
server:
    interface: {address}
    access-control: 0.0.0.0/0 allow
    module-config: "iterator"
    local-zone: "." static
"""


@dataclass(frozen=True)
class Lab:
    """The two servers; the name server runs beside Exim."""

    folder: Path
    exim: SandboxHost
    opensmtpd: SandboxHost

    def host(self, domain: str) -> SandboxHost:
        """The server of a domain."""
        return self.exim if domain == EXIM else self.opensmtpd

    def audited(self, *words: str) -> Document:
        """The last target's part of the JSON report."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        reach = [one for host in (self.exim, self.opensmtpd) for one in (host.address, host.address6) if one]
        lab = ("--resolver", self.exim.address, "--authorities", str(self.folder / "ca.pem"))
        to = [word for one in reach for word in ("--reach", one)]
        assert run(["audit", *words, *lab, *to, "--output", str(report)]) in (0, 3)
        targets: dict[str, Document] = json.loads(report.read_text())["targets"]
        return list(targets.values())[-1]


def records(domain: str, host: SandboxHost) -> list[str]:
    """What a careful person publishes for a domain whose zone is not signed."""
    mx = f"mx.{domain}."
    return [
        f"{domain}. SOA ns.{EXIM}. hostmaster.{domain}. 1 3600 600 86400 300",
        f"{domain}. NS ns.{EXIM}.",
        f"{domain}. NS ns2.{EXIM}.",
        f"{domain}. MX 10 {mx}",
        f'{domain}. TXT "v=spf1 mx -all"',
        f'{domain}. CAA 0 issue "ca.test"',
        f'{domain}. CAA 0 iodef "mailto:postmaster@{domain}"',
        f'_dmarc.{domain}. TXT "v=DMARC1; p=reject; rua=mailto:postmaster@{domain}"',
        f'_smtp._tls.{domain}. TXT "v=TLSRPTv1; rua=mailto:postmaster@{domain}"',
        f'default._domainkey.{domain}. TXT "v=DKIM1; k=rsa; p={keys()["rsa2048"]}"',
        f"_submissions._tcp.{domain}. SRV 0 1 465 {mx}",
        f"_submission._tcp.{domain}. SRV 1 1 587 {mx}",
        f"{mx} A {host.address}",
        f"{mx} AAAA {host.address6}",
    ]


def serve_names(lab: Lab) -> None:
    """Start the name server of both domains, which knows nothing else."""
    lines = [line for domain in DOMAINS for line in records(domain, lab.host(domain))]
    lines += [f"{name}.{EXIM}. A {lab.exim.address}" for name in ("ns", "ns2")]
    pointers = [
        f'    local-data-ptr: "{address} mx.{domain}"'
        for domain in DOMAINS
        for address in (lab.host(domain).address, lab.host(domain).address6)
    ]
    data = [f"    local-data: '{line}'" for line in lines]
    text = UNBOUND.format(address=lab.exim.address) + "\n".join([*data, *pointers]) + "\n"
    write(lab.exim, "/etc/unbound/unbound.conf.d/lab.conf", text)
    succeed(lab.exim, "rm -f /etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf")
    succeed(lab.exim, "systemctl reset-failed unbound; systemctl restart unbound 2>&1")
    wait_until_served(lab.exim, EXIM)


def start(lab: Lab, domain: str, files: dict[str, str], commands: str) -> None:
    """Put a server's certificate and files in place and start it; until all its ports answer."""
    host = lab.host(domain)
    certificate = make(f"mx.{domain}", CA, names=(f"mx.{domain}",))
    aliases = "postmaster: root\nabuse: root\nroot: alice\n"
    made = {
        "/etc/ssl/mx.pem": certificate.pem,
        "/etc/ssl/mx.key": certificate.key_pem,
        "/etc/aliases": aliases,
    }
    for path, text in {**made, **files}.items():
        write(host, path, text)
    write(host, "/etc/resolv.conf", f"nameserver {lab.exim.address}\n")
    succeed(
        host, f"useradd -m alice; echo 'alice:{PASSWORD}' | chpasswd; chmod 600 /etc/ssl/mx.key; {commands}"
    )
    for port in PORTS:
        wait_for(host, port)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with (
        booted("trixie", installed("trixie", "exim4-daemon-light", "unbound", "openssl")) as exim,
        booted("trixie", installed("trixie", "opensmtpd", "openssl")) as opensmtpd,
    ):
        found = Lab(tmp_path_factory.mktemp("others"), exim, opensmtpd)
        (found.folder / "ca.pem").write_text(CA.pem)
        (found.folder / "known_hosts").write_text(exim.known_hosts + opensmtpd.known_hosts)
        serve_names(found)
        macros = {"/etc/exim4/exim4.conf.localmacros": EXIM_MACROS, "/etc/exim4/rcpt_local": EXIM_RCPT}
        start(found, EXIM, macros, EXIM_COMMANDS)
        start(found, OPENSMTPD, {"/etc/smtpd.conf": SMTPD_CONF}, "systemctl restart opensmtpd")
        yield found


@pytest.fixture(scope="module")
def outside(lab: Lab) -> dict[str, Document]:
    """Every check from outside, once for each domain."""
    return {
        domain: lab.audited(domain, "--intrusive", "--user", f"alice@{domain}", "--time-limit", "300")
        for domain in DOMAINS
    }


def of(report: Document, *outcomes: str) -> dict[str, list[str]]:
    """Id → what was found, of the findings with these outcomes."""
    found: dict[str, list[str]] = {}
    for one in report["findings"]:
        if one["outcome"] in outcomes:
            found.setdefault(one["id"], []).append(f"{one['subject']} {one['summary']} {one['evidence']}")
    return found


NOT_SIGNED = {"dnssec.signed", "dane.present", "dnssec.resolver"}
ONE_NAME_SERVER = {"dns.ipv6", "dns.name-servers"}
DEFAULTS = {"tls.ciphers", "tls.cipher-order", "tls.kex-hash-func", "tls.mozilla-intermediate"}
WRONG = {
    # GnuTLS in Debian's Exim has TLS 1.0, and nothing of 2026.
    EXIM: {*DEFAULTS, "tls.version", "tls.fs-params", "tls.post-quantum"},
    OPENSMTPD: {*DEFAULTS, "tls.post-quantum"},
}
"""What is wrong with a careful set-up of each: what the lab leaves out, and what Debian's defaults are."""
UNASKED = {"blocklist.address", "blocklist.name"}
"""No block list is served in the lab."""
INTRUSIVE = {
    "smtp.open-relay", "submission.open-relay", "smtp.smuggling", "smtp.early-pipelining",
    "smtp.starttls-injection", "smtp.starttls-state", "submission.starttls-injection", "smtp.vrfy",
    "smtp.expn", "submission.login-required", "submission.cleartext-login", "submission.user-enumeration",
}  # fmt: skip


@pytest.mark.parametrize("domain", DOMAINS)
class TestFromOutside:
    def test_every_check_is_answered(self, outside: dict[str, Document], domain: str) -> None:
        unanswered = of(outside[domain], "error")
        assert set(unanswered) == UNASKED, unanswered
        assert not outside[domain]["notes"]
        limited = [
            one for one in outside[domain]["findings"] if "421" in f"{one['summary']} {one['evidence']}"
        ]
        assert not limited, "the server had enough of our connections, and was judged by that"

    def test_nothing_is_wrong_but_what_is(self, outside: dict[str, Document], domain: str) -> None:
        wrong = of(outside[domain], "fail", "warn")
        assert set(wrong) == WRONG[domain] | NOT_SIGNED | ONE_NAME_SERVER | {"mta-sts.present"}, wrong

    def test_what_only_an_attacker_would_try_was_tried_and_refused(
        self, outside: dict[str, Document], domain: str
    ) -> None:
        passed = set(of(outside[domain], "pass"))
        assert passed >= INTRUSIVE

    def test_what_is_skipped_says_why(self, outside: dict[str, Document], domain: str) -> None:
        skipped = of(outside[domain], "skipped")
        assert set(skipped) == {"bimi.record", "submission.login-before-tls", "submission.user-enumeration"}


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_right_password_is_taken(lab: Lab, domain: str) -> None:
    """By `test-connection`, so that logins that were refused above were refused for the password."""
    path = lab.folder / "password"
    path.write_text(PASSWORD + "\n")
    for port in ("465", "587"):
        status = run(
            ["test-connection", f"mx.{domain}:{port}", "--user", "alice", "--password-file", str(path),
             "--resolver", lab.exim.address, "--authorities", str(lab.folder / "ca.pem")]
        )  # fmt: skip
        assert status == 0


class TestFromInside:
    def found(self, lab: Lab, domain: str, *words: str) -> Document:
        host = lab.host(domain)
        keys = ("--ssh-key", str(host.key), "--known-hosts", str(lab.folder / "known_hosts"))
        return lab.audited(f"root@{host.address}", *keys, *words)

    @pytest.mark.parametrize(("domain", "name"), [(EXIM, "Exim 4"), (OPENSMTPD, "OpenSMTPD 7")])
    def test_the_server_is_named_and_the_host_is_judged(self, lab: Lab, domain: str, name: str) -> None:
        report = self.found(lab, domain)

        (note,) = report["notes"]
        assert note.startswith(f"The host runs {name}") and "not judged from inside" in note
        judged = {identity.partition(".")[0] for identity in of(report, "pass", "fail", "warn")}
        assert judged >= {"files", "updates", "sockets", "ssh", "bans", "clock", "disk", "queue", "tls"}
        assert {"queue.size", "files.keys", "renewal.in-time", "renewal.served"} <= set(of(report, "pass"))

    def test_a_new_certificate_is_seen_by_exim_and_not_by_opensmtpd(self, lab: Lab) -> None:
        def renewal() -> dict[str, str]:
            findings = self.found(lab, domain, "--check", "renewal")["findings"]
            return {one["id"]: one["outcome"] for one in findings}

        seen = {}
        for domain in DOMAINS:
            assert renewal()["renewal.served"] == "pass"
            made = make(f"mx.{domain}", CA, names=(f"mx.{domain}",), days=80)
            write(lab.host(domain), "/etc/ssl/mx.pem", made.pem)
            time.sleep(10)  # Exim lets some seconds pass: key and chain may be written one after the other.
            seen[domain] = renewal()

        outcomes = {domain: (it["renewal.served"], it["renewal.reloads"]) for domain, it in seen.items()}
        assert outcomes == {EXIM: ("pass", "pass"), OPENSMTPD: ("fail", "warn")}
