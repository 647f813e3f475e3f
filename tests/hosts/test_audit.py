"""`provision audit` on real servers: one of ours behind signed zones, and what is hostile."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from provisioner.secrets import Secrets
from tests.conftest import booted, mail_layer, succeed, unstarted_layer
from tests.hosts.audit_faults_page import ours as faults_passed_by_ours
from tests.hosts.lab_names import wait_until_served
from tests.hosts.test_two_hosts import write

NAME = "mx.one.test"
SHARED = [f"d{number}.test" for number in range(100)]
KNOT = """
server:
    rundir: "/srv/zones"
    listen: 127.0.0.1@5353
database:
    storage: "/srv/zones/knot"
policy:
  - id: one-key
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: "/srv/zones"
    file: "%s"
    zonefile-sync: -1
    dnssec-signing: on
    dnssec-policy: one-key
zone:
  - domain: one.test
  - domain: test
"""
UNBOUND = """
server:
    interface: 0.0.0.0
    access-control: 0.0.0.0/0 allow
    do-not-query-localhost: no
    module-config: "validator iterator"
    local-zone: "test." nodefault
    local-zone: "10.in-addr.arpa." nodefault
    local-zone: "d.f.ip6.arpa." nodefault
    trust-anchor-file: "/srv/zones/anchor"
    local-data-ptr: "{server.address} mx.one.test"
    local-data-ptr: "{server.address6} mx.one.test"
stub-zone:
    name: "test."
    stub-addr: 127.0.0.1@5353
"""
APEX = """
$TTL 300
@ IN SOA ns.one.test. hostmaster.one.test. 1 3600 600 86400 300
@ IN NS ns.one.test.
@ IN NS ns2.one.test.
"""
ONE = """
@ IN CAA 0 issue "ca.one.test"
@ IN CAA 0 iodef "mailto:postmaster@one.test"
ns IN A {0.address}
ns2 IN A {0.address}
$INCLUDE one.test.zone
"""
ELSEWHERE = """
elsewhere IN MX 10 inside.elsewhere
elsewhere IN MX 20 cloud.elsewhere
inside.elsewhere IN A 127.0.0.1
cloud.elsewhere IN A 169.254.169.254
"""
"""A domain whose MX records lead inside whoever asks."""


@dataclass
class Lab:
    """A server of ours, the name server of its zone, the inventory."""

    folder: Path
    server: SandboxHost
    resolver: SandboxHost

    @property
    def inventory(self) -> str:
        """Its file, as an argument."""
        return str(self.folder / "inventory.yml")

    @property
    def options(self) -> list[str]:
        """What makes the lab the whole world: its resolver, its network, its authority."""
        return [
            "--resolver", self.resolver.address,
            "--reach", f"{self.server.address}",
            "--reach", f"{self.server.address6}",
            "--authorities", str(self.folder / "ca.pem"),
        ]  # fmt: skip


def write_inventory(lab: Lab) -> None:
    host = {
        "ansible_host": lab.server.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.server.key),
        "mail_addresses": [lab.server.address, lab.server.address6],
        "roles": ["mail_server"],
        "tls_provider": "own_ca",
        "tls_dane": True,
        "dovecot_managesieve": True,
        "mail_domains": {
            "one.test": {
                "users": {"alice": {"password": "correct horse battery staple"}},
                "aliases": {"postmaster": ["alice"], "abuse": ["alice"]},
            }
        },
    }
    (lab.folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": {NAME: host}}}))
    (lab.folder / "known_hosts").write_text(lab.server.known_hosts + "\n")


def serve_zones(lab: Lab) -> None:
    """Sign what `provision dns` prints, below a signed parent, and let unbound validate it."""
    host = lab.resolver
    assert run(["dns", lab.inventory, "--out", str(lab.folder / "zones")]) == 0
    write(host, "/srv/zones/one.test.zone", (lab.folder / "zones" / "one.test.zone").read_text())
    write(host, "/srv/zones/one.test", APEX + ONE.format(host))
    write(host, "/srv/zones/knot.conf", KNOT)
    make = "keymgr -c /srv/zones/knot.conf {0} generate algorithm=ECDSAP256SHA256 ksk=yes zsk=yes"
    ds = "keymgr -c /srv/zones/knot.conf {0} ds | grep -w 13 | grep ' 2 ' | sed 's/^[^ ]* //'"
    succeed(host, f"mkdir -p /srv/zones/knot; {make.format('one.test')} && {make.format('test')}")
    below = f"one.test. IN {succeed(host, ds.format('one.test')).strip()}\none.test. IN NS ns.one.test.\n"
    shared = "".join(f'{name}. IN MX 10 {NAME}.\n{name}. IN TXT "v=spf1 mx -all"\n' for name in SHARED)
    write(host, "/srv/zones/test", APEX + below + f"ns.one.test. IN A {host.address}\n" + shared + ELSEWHERE)
    write(host, "/srv/zones/anchor", f"test. IN {succeed(host, ds.format('test')).strip()}\n")
    succeed(host, "knotd -c /srv/zones/knot.conf -d > /srv/zones/log 2>&1")
    write(host, "/etc/unbound/unbound.conf", UNBOUND.format(server=lab.server))
    succeed(host, "unbound -c /etc/unbound/unbound.conf")
    wait_until_served(host, "one.test")
    write(lab.server, "/etc/resolv.conf", f"nameserver {host.address}\n")
    succeed(lab.server, "systemctl restart postfix rspamd")
    succeed(lab.server, "for i in $(seq 150); do grep -q ':2C44 ' /proc/net/tcp && break; sleep 0.2; done")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with (
        booted("trixie", mail_layer("trixie")) as server,
        booted("bookworm", unstarted_layer("bookworm", "knot", "unbound")) as resolver,
    ):
        found = Lab(tmp_path_factory.mktemp("audit"), server, resolver)
        write_inventory(found)
        assert run(["apply", found.inventory, "--yes"]) == 0
        serve_zones(found)
        authority = Secrets.open(found.folder).get("tls/ca")
        (found.folder / "ca.pem").write_text(authority[authority.index("-----BEGIN CERTIFICATE") :])
        yield found


def audited(lab: Lab, *arguments: str, code: int = 0) -> dict[str, dict[str, object]]:
    """The targets of the JSON that `provision audit` writes; the exit code must be `code`."""
    report = lab.folder / "report.json"
    report.unlink(missing_ok=True)
    assert run(["audit", *arguments, *lab.options, "--output", str(report)]) == code
    targets = json.loads(report.read_text())["targets"]
    assert isinstance(targets, dict)
    return targets


def of(target: dict[str, object], *outcomes: str) -> dict[str, list[str]]:
    """Id → what was found, of the findings with these outcomes."""
    found: dict[str, list[str]] = {}
    for finding in cast("list[dict[str, str]]", target["findings"]):
        if finding["outcome"] in outcomes:
            found.setdefault(finding["id"], []).append(f"{finding['subject']} {finding['summary']}")
    return found


@pytest.fixture(scope="module")
def ours(lab: Lab) -> dict[str, dict[str, object]]:
    """The audit of our own inventory, with all that an attacker would try."""
    return audited(lab, lab.inventory, "--intrusive", "--user", "alice@one.test", "--time-limit", "300")


TRUE_OF_THE_LAB = {
    "dns.ipv6", "dns.name-servers",  # one name server, over IPv4
    "mta-sts.present", "tls-rpt.present",  # not published
    "dmarc.policy",  # p=none, as we publish at first
    "dane.rollover",  # one key, none announced
    "tls.ciphers", "tls.cipher-order", "tls.fs-params", "tls.kex-hash-func",  # OpenSSL's own, on port 25
    "tls.mozilla-intermediate", "tls.post-quantum",
}  # fmt: skip
"""What is not perfect there, and only low or for information."""


def test_a_server_of_ours_raises_no_false_alarm(ours: dict[str, dict[str, object]]) -> None:
    assert set(ours) == {"one.test", NAME}
    for target in ours.values():
        wrong = of(target, "fail", "warn")
        assert {identity: said for identity, said in wrong.items() if identity not in TRUE_OF_THE_LAB} == {}
        summary = cast("dict[str, int]", target["summary"])
        assert [summary[severity] for severity in ("critical", "high", "medium")] == [0, 0, 0]
        assert set(of(target, "error")) <= {"blocklist.address", "blocklist.name"}  # the lab has no lists


def test_every_surface_of_a_server_of_ours_was_looked_at(ours: dict[str, dict[str, object]]) -> None:
    passed = set(of(ours["one.test"], "pass"))
    assert {identity.split(".")[0] for identity in passed} >= {
        "spf", "dkim", "dmarc", "mx", "dns", "dnssec", "reverse-dns", "caa", "smtp", "tls", "certificate",
        "dane", "submission", "imap", "pop3", "services",
    }  # fmt: skip
    assert passed >= {
        "smtp.open-relay", "smtp.smuggling", "smtp.starttls-injection", "dane.matches", "dnssec.valid",
        "certificate.trust", "imap.user-enumeration", "services.promised", "dkim.strength",
    }  # fmt: skip
    assert "services.unexpected" in of(ours[NAME], "pass")


def test_a_server_of_ours_passes_what_the_table_of_faults_says(ours: dict[str, dict[str, object]]) -> None:
    passed = {identity for target in ours.values() for identity in of(target, "pass")}
    assert faults_passed_by_ours() - passed == set()


def test_without_a_terminal_what_an_attacker_would_try_is_skipped_and_listed(lab: Lab) -> None:
    target = audited(lab, f"{NAME}:25", "--check", "smtp", "--check", "dane")[f"{NAME}:25"]
    assert {"smtp.open-relay", "smtp.smuggling", "smtp.vrfy", "smtp.starttls-injection"} <= set(
        of(target, "skipped")
    )
    assert {"smtp.starttls", "dane.matches"} <= set(of(target, "pass"))


def test_records_that_lead_inside_are_reported_and_not_followed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[str] = []
    connect = socket.create_connection

    def noting(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
        reached.append(address[0])
        return connect(address, *rest, **more)

    monkeypatch.setattr(socket, "create_connection", noting)

    target = audited(lab, "elsewhere.test", code=3)["elsewhere.test"]

    assert of(target, "fail")["mx.public"]
    notes = " ".join(cast("list[str]", target["notes"]))
    assert "127.0.0.1, which was not followed" in notes and "169.254.169.254, which was not followed" in notes
    assert set(reached) <= {lab.resolver.address}


def test_many_domains_are_audited_side_by_side_and_their_server_once(lab: Lab) -> None:
    checks = ["--check", "mx", "--check", "spf", "--check", "tls.version"]
    targets = audited(lab, *SHARED, *checks)
    assert list(targets) == SHARED
    for target in targets.values():
        assert set(of(target, "fail")) <= {"spf.void-lookups"}
        assert len(of(target, "pass")["tls.version"]) >= 14  # seven ports over IPv4 and IPv6


def test_a_host_that_does_not_answer_is_not_audited(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", f"{lab.resolver.address}:25", "--timeout", "2", *lab.options]) == 5
    assert "could not be audited: no mail port" in capsys.readouterr().out


def test_a_name_that_is_not_there_is_not_audited(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "nowhere.test", *lab.options]) == 5
    assert "nowhere.test does not exist in DNS" in capsys.readouterr().out


def test_what_was_broken_since_the_last_report_is_found(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = lab.folder / "before.json", lab.folder / "after.json"
    arguments = [f"{lab.server.address}:587", "--check", "submission", *lab.options]
    assert run(["audit", *arguments, "--output", str(before)]) == 0
    succeed(
        lab.server, "postconf -e smtpd_tls_auth_only=no; postconf -P submission/inet/smtpd_tls_auth_only=no"
    )
    succeed(lab.server, "postconf -P submission/inet/smtpd_tls_security_level=may; postfix reload 2>&1")
    try:
        assert run(["audit", *arguments, "--output", str(after)]) == 3
    finally:
        assert run(["apply", lab.inventory, "--yes", "--overwrite-edits"]) == 0
    capsys.readouterr()

    assert run(["audit", "diff", str(before), str(after)]) == 3
    said = capsys.readouterr().out
    assert "Worse" in said and "submission.login-before-tls" in said
    assert run(["audit", "diff", str(after), str(before)]) == 0
