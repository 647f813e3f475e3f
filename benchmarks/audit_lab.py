"""What `audit` is measured on: two mail servers of ours, the name server of their zones, and what is silent.

All zones are signed; the resolver validates, knows the lab and nothing else, and asks nobody outside it.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

from benchmarks.fleet import fleet, layer_with, succeed, up
from benchmarks.measuring import run
from benchmarks.tools import BIN
from provisioner.sandbox import SandboxHost
from provisioner.secrets import Secrets

TOP = "bench.test"
"""All names of the lab are below it."""
SIEVE = ("dovecot-sieve", "dovecot-managesieved")
PORTS = (25, 465, 587, 143, 993, 110, 995, 4190)
MUTE, DROPPING = f"mute.{TOP}", f"dropping.{TOP}"
"""Domains whose only server takes connections and never speaks; and takes none."""
LOST = f"lost.{TOP}"
"""A domain whose name server does not answer."""

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
"""
UNBOUND = f"""
server:
    interface: 0.0.0.0
    access-control: 0.0.0.0/0 allow
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor-file: "/srv/zones/anchor"
    local-zone: "." static
    local-zone: "{TOP}." transparent
{{pointers}}
stub-zone:
    name: "{TOP}."
    stub-addr: 127.0.0.1@5353
"""
APEX = f"""
$TTL 300
@ IN SOA ns.{TOP}. hostmaster.{TOP}. 1 3600 600 86400 300
@ IN NS ns.{TOP}.
@ IN NS ns2.{TOP}.
"""
LISTENER = """
import socket, time
ears = [socket.create_server(("{address}", port), family=socket.AF_INET6, backlog=1000) for port in {ports}]
time.sleep(1e9)
"""
"""The system takes the connections; nobody ever says anything."""


@dataclass(frozen=True)
class Lab:
    """The hosts, the domains, and what makes the lab the whole world for `audit`."""

    folder: Path
    servers: Sequence[SandboxHost]
    names: SandboxHost
    domains: Sequence[str]

    def options(self, resolver: str = "") -> list[str]:
        """For `provision audit`: a resolver, its networks, its authority, every check, no fault is one."""
        hosts = (*self.servers, self.names)
        reach = [one for host in hosts for one in (host.address, host.address6) if one]
        return [
            *("--resolver", resolver or self.names.address, "--authorities", str(self.folder / "ca.pem")),
            *(word for one in (*reach, *silent_addresses(self.names)) for word in ("--reach", one)),
            *("--intrusive", "--fail-on", "none"),
        ]


@contextmanager
def audit_lab(folder: Path, domains: int) -> Iterator[Lab]:
    """The lab, up for the time of a `with` block; the first domain is at both servers, the others at one."""
    layer = layer_with("knot", "unbound", "python3", "nftables")
    with fleet(2, SIEVE) as servers, up("bench-names", layer) as names:
        made = Lab(folder, servers, names, [f"d{number:02}.{TOP}" for number in range(domains)])
        _apply(made)
        _serve(made)
        yield made


def silent_addresses(names: SandboxHost) -> tuple[str, str, str]:
    """Addresses of the name server's host: who takes connections, who takes none, who is no name server."""
    own = int(IPv6Address(names.address6 or "::1"))
    mute, dropping, lost = (str(IPv6Address(own + (number << 16))) for number in (1, 2, 3))
    return mute, dropping, lost


def _apply(made: Lab) -> None:
    """Set both servers up, and write the zones and the authority that come with them."""
    first, *rest = made.domains
    hosts = {}
    for number, host in enumerate(made.servers):
        receives = {"aliases": {"postmaster": [f"alice@{first}"], "abuse": [f"alice@{first}"]}}
        alice = {"users": {"alice": {"password": "correct horse battery staple"}}}
        hosts[f"mx{number + 1}.{first}"] = {
            "ansible_host": host.address,
            "ansible_ssh_private_key_file": str(host.key),
            "mail_addresses": [one for one in (host.address, host.address6) if one],
            "mail_domains": {first: {**alice, **receives}, **dict.fromkeys(rest[number::2], receives)},
        }
    variables = {
        "ansible_user": "root",
        "roles": ["mail_server"],
        "tls_provider": "own_ca",
        "tls_dane": True,
        "dovecot_managesieve": True,
    }
    inventory = made.folder / "inventory.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    (made.folder / "known_hosts").write_text("\n".join(host.known_hosts for host in made.servers))
    run([BIN / "provision", "apply", inventory, "--yes"], {})
    run([BIN / "provision", "dns", inventory, "--out", made.folder / "zones"], {})
    authority = Secrets.open(made.folder).get("tls/ca")
    (made.folder / "ca.pem").write_text(authority[authority.index("-----BEGIN CERTIFICATE") :])


def _serve(made: Lab) -> None:
    """Sign what `provision dns` printed, below a signed parent, and let unbound validate it."""
    names = made.names
    mute, dropping, lost = silent_addresses(names)
    zones = {TOP: _top(made, names.address, mute, dropping, lost)}
    zones |= {one: f"$INCLUDE {one}.records\n" for one in made.domains}
    pointers = [
        f'    local-data-ptr: "{address} mx{number}.{made.domains[0]}"'
        for number, host in enumerate(made.servers, 1)
        for address in (host.address, host.address6)
    ]
    files = {f"srv/zones/{name}": APEX + text for name, text in zones.items()}
    files |= {
        f"srv/zones/{one}.records": (made.folder / "zones" / f"{one}.zone").read_text()
        for one in made.domains
    }
    files["srv/zones/knot.conf"] = KNOT + "".join(f"  - domain: {name}\n" for name in zones)
    files["etc/unbound/unbound.conf"] = UNBOUND.format(pointers="\n".join(pointers))
    files["srv/listener.py"] = LISTENER.format(address=mute, ports=PORTS)
    _write(names, files)
    add = (
        "dev=$(ip -o -4 route show default | sed 's/.* dev //;s/ .*//'); ip -6 addr add {}/64 dev $dev nodad"
    )
    for address in (mute, dropping, lost):
        succeed(names.name, add.format(address))
    drop = f"ip6 daddr '{{ {dropping}, {lost} }}' meta l4proto != icmpv6 drop"
    chain = "nft add table ip6 t && nft add chain ip6 t c '{ type filter hook input priority 0; }'"
    succeed(
        names.name, f"{chain} && nft add rule ip6 t c {drop} && systemd-run python3 /srv/listener.py 2>&1"
    )
    succeed(names.name, _signing(made.domains))
    for host in made.servers:
        succeed(host.name, f"echo 'nameserver {names.address}' > /etc/resolv.conf")
        succeed(host.name, "systemctl restart postfix rspamd")
        succeed(host.name, "for i in $(seq 150); do grep -q ':2C44 ' /proc/net/tcp && break; sleep 0.2; done")


def _top(made: Lab, ns: str, mute: str, dropping: str, lost: str) -> str:
    """The zone above the domains: delegations, and what is silent."""
    lines = [
        *(f"{name} A {ns}" for name in ("ns", "ns2")),
        *(f"{domain}. NS ns.{TOP}." for domain in made.domains),
        *(f"{MUTE}. MX 10 mx.{MUTE}.", f"mx.{MUTE}. AAAA {mute}"),
        *(f"{DROPPING}. MX 10 mx.{DROPPING}.", f"mx.{DROPPING}. AAAA {dropping}"),
        *(f"{LOST}. NS ns.{LOST}.", f"ns.{LOST}. AAAA {lost}"),
        "$INCLUDE delegations",
    ]
    return "\n".join(lines) + "\n"


def _signing(domains: Sequence[str]) -> str:
    """The commands that make the keys, tell the parent of them, and start both name servers."""
    key = "keymgr -c knot.conf {0} generate algorithm=ECDSAP256SHA256 ksk=yes zsk=yes >/dev/null"
    ds = "keymgr -c knot.conf {0} ds | grep ' 13 2 ' | sed 's/ DS/ IN DS/'"
    zone = '"$zone"'
    return (
        f"cd /srv/zones && mkdir -p knot && : > delegations && for zone in {' '.join(domains)}; do"
        f" {key.format(zone)}; {ds.format(zone)} >> delegations; done;"
        f" {key.format(TOP)}; {ds.format(TOP)} > anchor; knotd -c knot.conf -d > log 2>&1;"
        f" for i in $(seq 100); do grep -q ':14E9 ' /proc/net/udp && break; sleep 0.1; done;"
        f" unbound -c /etc/unbound/unbound.conf"
    )


def _write(host: SandboxHost, files: Mapping[str, str]) -> None:
    """All files in one go, as a compressed archive in the command."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    succeed(host.name, f"echo {base64.b64encode(archive.getvalue()).decode()} | base64 -d | tar xz -C /")
