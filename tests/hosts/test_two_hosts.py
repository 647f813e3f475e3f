"""Two servers of one inventory, a Debian 12 and a Debian 13, and a name server that serves their zones.

What a new user does: `provision apply`, the records into DNS, and mail goes from one to the other,
encrypted, with a signature that anybody can verify.
"""

from __future__ import annotations

import base64
import imaplib
import json
import smtplib
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import dkim
import dns.message
import dns.query
import pytest
import yaml

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, mail_layer, succeed, unstarted_layer
from tests.hosts.lab_names import wait_until_served

PASSWORD = "correct horse battery staple"
KNOT = """
server:
    rundir: "/srv/zones"
    listen: 127.0.0.1@5353
database:
    storage: "/srv/zones/knot"
zone:
  - domain: one.test
    storage: "/srv/zones"
    file: one.test
    zonefile-sync: -1
  - domain: two.test
    storage: "/srv/zones"
    file: two.test
    zonefile-sync: -1
"""
UNBOUND = """
server:
    interface: 0.0.0.0
    access-control: 0.0.0.0/0 allow
    do-not-query-localhost: no
    module-config: "iterator"
    local-zone: "test." nodefault
stub-zone:
    name: "one.test."
    stub-addr: 127.0.0.1@5353
stub-zone:
    name: "two.test."
    stub-addr: 127.0.0.1@5353
forward-zone:
    name: "."
    forward-addr: {upstream}
"""
TOP = """
$TTL 300
@ IN SOA ns.{0}. hostmaster.{0}. 1 3600 600 86400 300
@ IN NS ns.{0}.
ns IN A {1}
$INCLUDE {0}.zone
"""
UP = "for i in $(seq 150); do grep -q ':2C44 ' /proc/net/tcp && break; sleep 0.2; done"
"""Waits until Rspamd listens (11332), which its start takes some seconds to reach."""


@dataclass
class Pair:
    """The inventory and the three hosts."""

    folder: Path
    one: SandboxHost
    two: SandboxHost
    resolver: SandboxHost

    @property
    def inventory(self) -> str:
        """Its file, as an argument."""
        return str(self.folder / "inventory.yml")


def domain(*people: str) -> dict[str, object]:
    return {"users": {name: {"password": PASSWORD} for name in people}}


def write_inventory(pair: Pair) -> None:
    hosts = {
        f"mx.{name}.test": {
            "ansible_host": host.address,
            "ansible_ssh_private_key_file": str(host.key),
            "mail_addresses": [host.address],
            "mail_domains": {f"{name}.test": domain(*people)},
        }
        for name, host, people in (("one", pair.one, ["alice", "bob"]), ("two", pair.two, ["carol"]))
    }
    variables = {"ansible_user": "root", "roles": ["mail_server"], "tls_provider": "own_ca"}
    (pair.folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}))
    (pair.folder / "known_hosts").write_text(pair.one.known_hosts + "\n" + pair.two.known_hosts + "\n")


def write(host: SandboxHost, path: str, text: str) -> None:
    succeed(
        host,
        f"mkdir -p $(dirname {path}); echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path}",
    )


def serve_zones(pair: Pair) -> None:
    """Load what `provision dns` prints into knot, and let unbound resolve it for the hosts."""
    host = pair.resolver
    assert run(["dns", pair.inventory, "--out", str(pair.folder / "zones")]) == 0
    for name in ("one.test", "two.test"):
        write(host, f"/srv/zones/{name}.zone", (pair.folder / "zones" / f"{name}.zone").read_text())
        write(host, f"/srv/zones/{name}", TOP.format(name, host.address))
    write(host, "/srv/zones/knot.conf", KNOT)
    upstream = succeed(host, "sed -n 's/^nameserver //p' /etc/resolv.conf | head -n 1").strip()
    write(host, "/etc/unbound/unbound.conf", UNBOUND.format(upstream=upstream))
    succeed(host, "mkdir -p /srv/zones/knot && knotd -c /srv/zones/knot.conf -d > /srv/zones/log 2>&1")
    succeed(host, "unbound -c /etc/unbound/unbound.conf")
    wait_until_served(host, "one.test")
    for server in (pair.one, pair.two):
        write(server, "/etc/resolv.conf", f"nameserver {host.address}\n")
        succeed(server, "for i in $(seq 50); do getent hosts mx.one.test && exit 0; sleep 0.2; done; exit 1")
        succeed(server, f"systemctl restart postfix rspamd; {UP}")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        booted("bookworm", mail_layer("bookworm")) as one,
        booted("trixie", mail_layer("trixie")) as two,
        booted("bookworm", unstarted_layer("bookworm", "knot", "unbound")) as resolver,
    ):
        found = Pair(tmp_path_factory.mktemp("pair"), one, two, resolver)
        write_inventory(found)
        assert run(["apply", found.inventory, "--yes"]) == 0
        serve_zones(found)
        yield found


def unverified() -> ssl.SSLContext:
    """TLS as between servers that do not know each other's authority."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def send(server: SandboxHost, sender: str, to: str) -> str:
    """Submit a message with a login; what marks it."""
    mark = uuid4().hex
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, mark
    message["Message-ID"] = f"<{mark}@{sender.split('@')[1]}>"
    message.set_content("Across.\n")
    with smtplib.SMTP(server.address, 587, local_hostname="client.test", timeout=30) as smtp:
        smtp.starttls(context=unverified())
        smtp.login(sender, PASSWORD)
        smtp.send_message(message)
    return mark


def receive(server: SandboxHost, who: str, mark: str) -> bytes:
    """The message with that mark, once it is in the mailbox."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with imaplib.IMAP4_SSL(server.address, 993, ssl_context=unverified(), timeout=30) as mailbox:
            mailbox.login(who, PASSWORD)
            for folder in ("INBOX", "Junk"):
                mailbox.select(folder, readonly=True)
                _, found = mailbox.search(None, "SUBJECT", mark)
                for number in found[0].split():
                    _, parts = mailbox.fetch(number, "(RFC822)")
                    assert folder == "INBOX", parts[0][1].decode()
                    return bytes(parts[0][1])
        time.sleep(0.5)
    raise AssertionError(f"{mark} did not arrive for {who}")


@pytest.mark.parametrize("way", ["to Debian 13", "to Debian 12"])
def test_mail_passes_encrypted_and_signed(pair: Pair, way: str) -> None:
    there = way == "to Debian 13"
    here, other = (pair.one, pair.two) if there else (pair.two, pair.one)
    sender, to = ("alice@one.test", "carol@two.test") if there else ("carol@two.test", "alice@one.test")

    raw = receive(other, to, send(here, sender, to))

    assert b"using TLSv1.3" in raw.split(b"DKIM-Signature")[0]
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: txt(pair.resolver, name))
    results = raw.split(b"Authentication-Results:", 1)[1].split(b"\r\nReceived:", 1)[0]
    assert b"dkim=pass" in results and b"spf=pass" in results and b"dmarc=pass" in results, results.decode()


def txt(resolver: SandboxHost, name: bytes) -> bytes:
    answer = dns.query.udp(dns.message.make_query(name.decode(), "TXT"), resolver.address, 5)
    return b"".join(part for found in answer.answer for data in found for part in data.strings)


def test_the_client_of_the_submitter_does_not_show(pair: Pair) -> None:
    raw = receive(pair.two, "carol@two.test", send(pair.one, "alice@one.test", "carol@two.test"))
    assert b"client.test" not in raw


def test_a_second_apply_changes_nothing(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", pair.inventory, "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["summary"]["unchanged"] == 2
    assert [host["round_trips"] for host in document["hosts"].values()] == [1, 1]


def test_verify_finds_nothing_wrong(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", pair.inventory, "--json"]) == 0, capsys.readouterr().out
