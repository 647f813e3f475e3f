"""What `provision dns` prints, loaded by three name servers of Debian's and read back from them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import dkim
import dns.exception
import dns.message
import dns.query
import pytest

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from provisioner.secrets import Secrets
from tests.conftest import booted, succeed, unstarted_layer

PACKAGES = ("knot", "knot-dnssecutils", "nsd", "bind9", "bind9-utils")
PORTS = {"knot": 5301, "nsd": 5302, "bind9": 5303}

CHECK = {
    "knot": "kzonecheck -o example.org /srv/zones/main",
    "nsd": "nsd-checkzone example.org /srv/zones/main",
    "bind9": "named-checkzone -i none example.org /srv/zones/main",
}
START = {
    "knot": "knotd -c /srv/zones/knot.conf -d",
    "nsd": "nsd -c /srv/zones/nsd.conf",
    "bind9": "named -c /srv/zones/named.conf",
}
CONFIGURATION = {
    "knot": """
server:
    rundir: "/srv/zones"
    listen: 0.0.0.0@5301
database:
    storage: "/srv/zones/knot"
zone:
  - domain: example.org
    storage: "/srv/zones"
    file: "main"
    zonefile-sync: -1
""",
    "nsd": """
server:
    ip-address: 0.0.0.0@5302
    username: ""
    pidfile: "/srv/zones/nsd.pid"
    xfrdfile: "/srv/zones/nsd.xfrd"
    zonelistfile: "/srv/zones/nsd.list"
    database: ""
remote-control:
    control-enable: no
zone:
    name: "example.org"
    zonefile: "/srv/zones/main"
""",
    "bind9": """
options { directory "/srv/zones"; listen-on port 5303 { any; }; listen-on-v6 { none; }; recursion no;
          pid-file "/srv/zones/named.pid"; session-keyfile "/srv/zones/named.key"; };
controls { };
zone "example.org" { type primary; file "/srv/zones/main"; };
""",
}
FILES = {"knot": "knot.conf", "nsd": "nsd.conf", "bind9": "named.conf"}
MAIN = """\
$TTL 300
@ IN SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 300
@ IN NS ns.example.org.
ns.example.org. IN A 192.0.2.53
$INCLUDE /srv/zones/example.org.zone
after.example.org. IN A 192.0.2.54
"""


def write(host: SandboxHost, path: str, text: str) -> None:
    encoded = base64.b64encode(text.encode()).decode()
    succeed(host, f"echo {encoded} | base64 -d > {path}")


@pytest.fixture(scope="module")
def name_server_host() -> Iterator[SandboxHost]:
    """A Debian 12 host with knot, nsd and bind9 installed, none of them started."""
    with booted("bookworm", unstarted_layer("bookworm", *PACKAGES)) as host:
        yield host


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory that `provision init` writes, with a second domain inside the first."""
    folder = tmp_path_factory.mktemp("dns") / "mail"
    assert run(["init", str(folder)]) == 0
    file = folder / "inventory.yml"
    text = file.read_text().replace("[192.0.2.10]", '[192.0.2.10, "2001:db8::10"]')
    second = "      lists.example.org: {aliases: {all: [alice@example.org]}}\n"
    file.write_text(text.replace("    mail_domains:\n", "    mail_domains:\n" + second))
    return file


@pytest.fixture(scope="module", params=PORTS)
def resolver(request: pytest.FixtureRequest, name_server_host: SandboxHost, inventory: Path) -> str:
    """Address and port of a name server that serves what was printed, after its own checker passed it."""
    server, host = request.param, name_server_host
    assert run(["dns", str(inventory), "--out", str(inventory.parent / "zones")]) == 0
    succeed(host, "mkdir -p /srv/zones/knot")
    write(host, "/srv/zones/example.org.zone", (inventory.parent / "zones" / "example.org.zone").read_text())
    write(host, "/srv/zones/main", MAIN)
    write(host, f"/srv/zones/{FILES[server]}", CONFIGURATION[server])
    said = succeed(host, f"PATH=$PATH:/usr/sbin {CHECK[server]} 2>&1")
    assert "warning" not in said.lower(), said
    succeed(host, f"PATH=$PATH:/usr/sbin {START[server]} > /srv/zones/{server}.log 2>&1")
    return f"{host.address}:{PORTS[server]}"


def asked(resolver: str, name: str, type_: str) -> list[str]:
    """What the server answers, in presentation form; waits for it to come up."""
    address, port = resolver.split(":")
    query = dns.message.make_query(name, type_)
    for attempt in range(20):
        try:
            answer, _ = dns.query.udp_with_fallback(query, address, 0.5, int(port))
        except (dns.exception.Timeout, OSError):
            assert attempt < 19, f"{resolver} doesn't answer"
            continue
        return sorted(data.to_text() for found in answer.answer for data in found)
    return []


def test_every_record_comes_back_from_the_server_as_it_was_printed(
    resolver: str, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dns", str(inventory), "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)

    records = document["zones"]["example.org"]
    assert {record["type"] for record in records} >= {"A", "AAAA", "MX", "TXT", "SRV"}
    assert {record["name"] for record in records} >= {"example.org", "lists.example.org", "mx1.example.org"}
    for record in records:
        values = asked(resolver, record["name"], record["type"])
        if record["type"] == "TXT":
            values = ["".join(value.strip('"').split('" "')) for value in values]
        assert record["value"] in values, record
    assert asked(resolver, "after.example.org", "A") == ["192.0.2.54"]


def test_the_check_against_the_server_finds_everything_published(
    resolver: str, inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(resolver, "example.org", "SOA")

    assert run(["dns", str(inventory), "--check", "--resolver", resolver]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("✓ published") for line in lines[:-1])
    assert lines[-1] == f"{len(lines) - 1} published. Asked {resolver}."


def test_a_signature_with_the_secret_key_verifies_with_the_served_record(
    resolver: str, inventory: Path
) -> None:
    secrets = Secrets.open(inventory.parent, environ={})
    (name,) = [one for one in secrets.names() if one.startswith("dkim/example.org/")]
    selector = name.rsplit("/", 1)[1]
    message = b"From: alice@example.org\r\nSubject: x\r\n\r\nHello\r\n"
    signature = dkim.sign(message, selector.encode(), b"example.org", secrets.get(name).encode())

    def ask(question: bytes, timeout: int = 5) -> bytes:
        (value,) = asked(resolver, question.decode(), "TXT")
        return "".join(value.strip('"').split('" "')).encode()

    assert dkim.verify(signature + message, dnsfunc=ask)


def test_what_was_published_wrongly_is_found(
    resolver: str,
    name_server_host: SandboxHost,
    inventory: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked(resolver, "example.org", "SOA")
    other = tmp_path / "inventory.yml"
    other.write_text(
        inventory.read_text()
        .replace("roles: [mail_server]", "roles: [mail_server]\n    mail_spf: v=spf1 a -all")
        .replace("192.0.2.10,", "192.0.2.11,")
        .replace("lists.example.org", "news.example.org")
    )
    for name in ("secrets.yml", "secrets.key"):
        (tmp_path / name).write_bytes((inventory.parent / name).read_bytes())
    (tmp_path / "secrets.key").chmod(0o600)
    capsys.readouterr()

    assert run(["dns", str(other), "--check", "--resolver", resolver, "--json"]) == 3

    found = json.loads(capsys.readouterr().out)
    outcome = {(one["name"], one["type"]): one for one in found["records"]}
    assert outcome["example.org", "TXT"]["outcome"] == "differs"
    assert outcome["example.org", "TXT"]["found"] == ["v=spf1 mx -all"]
    assert outcome["mx1.example.org", "A"]["outcome"] == "differs"
    assert outcome["news.example.org", "MX"]["outcome"] == "missing"
    assert outcome["example.org", "MX"]["outcome"] == "published"
    assert found["summary"]["unanswered"] == 0
