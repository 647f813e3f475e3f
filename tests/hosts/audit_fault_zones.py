"""The name server of the seeded faults: Knot with a signed root of its own, unbound that validates it, nginx.

Nothing that unbound is asked leaves the host: its root is Knot's.
"""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha1

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.rdata
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provisioner.blocklists.lists import known_lists
from provisioner.blocklists.reading import query_name
from provisioner.sandbox import SandboxHost
from tests.conftest import succeed, unstarted_layer
from tests.hosts.audit_seeds import Faults, Seed, doubts, fails
from tests.hosts.lab_names import wait_until_served
from tests.unit.certificate_making import NOW, key_of

SERVERS = {"ns1": ("127.53.0.1", "fd53::1"), "ns2": ("127.54.0.1", "fd54::1")}
"""Name servers, on the loopback of the host: only unbound beside them asks them."""
SOA = "$TTL 300\n@ SOA ns1.test. hostmaster.good.test. 1 3600 600 86400 300\n"
NS = "@ NS ns1.test.\n@ NS ns2.test.\n"
KNOT = """
server:
    rundir: "/srv/zones"
    listen: [127.53.0.1@53, 127.54.0.1@53, fd53::1@53, fd54::1@53]
database:
    storage: "/srv/zones/knot"
policy:
  - id: sound
    algorithm: ecdsap256sha256
    single-type-signing: on
  - id: short
    algorithm: rsasha256
    ksk-size: 1024
    single-type-signing: on
template:
  - id: default
    storage: "/srv/zones"
    zonefile-sync: -1
    zonefile-load: whole
zone:
"""
UNBOUND = """
server:
    interface: {host.address}
    access-control: 0.0.0.0/0 allow
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor-file: "/srv/zones/anchor"
    local-zone: "test." nodefault
    local-zone: "10.in-addr.arpa." nodefault
    local-zone: "d.f.ip6.arpa." nodefault
stub-zone:
    name: "."
    stub-addr: 127.53.0.1
"""
BLIND = UNBOUND.replace('"validator iterator"', '"iterator"').replace(
    "{host.address}", "{host.address}@5300\n    pidfile: /run/blind.pid"
)
"""A resolver that does not validate."""


@dataclass(frozen=True)
class ChildZone:
    """A zone of its own below `test`: how it is signed, and the DS in its parent."""

    name: str
    wrong: Faults
    policy: str = ""
    """A policy of KNOT; empty: not signed by Knot."""
    servers: str = NS
    ds: str = "own"
    """`own`, `wrong`, `none`, or `sha1`: a digest of type 1 only."""
    expired: bool = False
    """Signed here, with signatures that have run out."""

    @property
    def domain(self) -> str:
        """The mail domain."""
        return f"{self.name}.test"


CHILDREN = (
    ChildZone("sound", {}, "sound"),
    ChildZone("unsigned", fails(dnssec__signed="not signed"), ds="none"),
    ChildZone("bogus", fails(dnssec__valid="a DS record of another key"), "sound", ds="wrong"),
    ChildZone(
        "expired",
        fails(dnssec__signatures="signatures that have run out", dnssec__valid="the same"),
        expired=True,
    ),
    ChildZone("sha1", fails(dnssec__algorithms="a DS record with SHA-1 only"), "sound", ds="sha1"),
    ChildZone("short", doubts(dnssec__keys="RSA keys of 1024 bits"), "short"),
    ChildZone(
        "lone",
        fails(dns__name_servers="one name server", dns__ipv6="the same"),
        "sound",
        servers="@ NS ns1.test.\n",
    ),
    ChildZone(
        "deaf",
        fails(dns__name_servers_resolve="a name server without an address"),
        "sound",
        servers="@ NS gone.test.\n@ NS ns2.test.\n@ NS ns1.test.\n",
    ),
)
UNPROVEN = Seed(
    "unproven",
    fails(dane__secure="TLSA records in a zone that is not signed"),
    "@ MX 10 mx\nmx AAAA {server6}\n_25._tcp.mx TLSA 3 1 1 {spki}\n",
)
"""A zone of its own too, whose MX is a server with the key that its TLSA record names."""


def layer() -> str:
    """Knot, unbound and nginx, none of them started."""
    return unstarted_layer("bookworm", "knot", "unbound", "nginx-light")


@cache
def keys() -> Mapping[str, str]:
    """RSA keys for DKIM records, in parts of 200 characters with quotes between."""

    def text(bits: int) -> str:
        public = key_of(f"rsa{bits}").public_key()
        encoded = b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        return '" "'.join(encoded[at : at + 200] for at in range(0, len(encoded), 200))

    return {f"rsa{bits}": text(bits) for bits in (1024, 2048, 3072)}


def seeded(seeds: Iterable[Seed], values: Mapping[str, str]) -> str:
    """The records of all seeds, for the zone `test`; `{name}` of `values` is put in."""
    return (
        "".join(f"$ORIGIN {seed.domain}.\n{seed.records.format(**values, **keys())}\n" for seed in seeds)
        + "$ORIGIN test.\n"
    )


def reverse(pointers: Mapping[str, tuple[str, ...]]) -> str:
    """PTR records of addresses, for the root zone."""
    return "".join(
        f"{ipaddress.ip_address(address).reverse_pointer}. PTR {name}.\n"
        for address, names in pointers.items()
        for name in names
    )


def listed(entries: Mapping[str, str]) -> str:
    """Block lists for the root zone: the test entries of all that we know, and `query name: answer`."""
    entries = dict(entries)
    for one in known_lists():
        for subject in (one.test_listed, one.test_listed_ipv6):
            if one.zone and subject:
                entries.setdefault(query_name(subject, one.zone), "127.0.0.2")
    return "".join(f"{name}. A {answer}\n" for name, answer in entries.items())


def write(host: SandboxHost, path: str, text: str) -> None:
    """Write a file on the host, whatever is in it and however long it is."""
    encoded = b64encode(text.encode()).decode()
    succeed(host, f"mkdir -p $(dirname {path}); : > {path}")
    for at in range(0, len(encoded), 60_000):
        succeed(host, f"base64 -d >> {path} <<'END'\n{encoded[at : at + 60_000]}\nEND")


def serve(host: SandboxHost, records: str, root: str, unsigned: Mapping[str, str]) -> None:
    """Start the name servers.

    `records` are for the zone `test`, `root` for the one above it, `unsigned` for zones of these names below.
    """
    addresses = "".join(f"{name} A {v4}\n{name} AAAA {v6}\n" for name, (v4, v6) in SERVERS.items())
    glue = "".join(f"{name}.test. A {v4}\n{name}.test. AAAA {v6}\n" for name, (v4, v6) in SERVERS.items())
    zones = [("root", ".", "sound"), ("test", "test", "sound")]
    zones += [(child.name, f"{child.name}.test", child.policy) for child in CHILDREN]
    zones += [(name, f"{name}.test", "") for name in unsigned]
    conf = "".join(
        f'  - domain: "{name}"\n    file: {file}\n'
        + (f"    dnssec-signing: on\n    dnssec-policy: {policy}\n" if policy else "")
        for file, name, policy in zones
    )
    write(host, "/srv/zones/knot.conf", KNOT + conf)
    ways = {"sound": "ECDSAP256SHA256", "short": "RSASHA256 size=1024"}
    make = "\n".join(
        f"keymgr -c /srv/zones/knot.conf {name} generate algorithm={ways[policy]} ksk=yes zsk=yes >/dev/null;"
        f" echo {file} $(keymgr -c /srv/zones/knot.conf {name} ds | grep ' 2 [0-9A-Fa-f]*$')"
        for file, name, policy in zones
        if policy
    )
    said = succeed(host, f"mkdir -p /srv/zones/knot\n{make}")
    ds = {words[0]: " ".join(words[2:]) for line in said.splitlines() if len(words := line.split()) > 5}
    below = ""
    for child in CHILDREN:
        text = f"$ORIGIN {child.name}.test.\n{SOA}{child.servers}@ MX 10 mx\nmx A {host.address}\n"
        if child.expired:
            text, ds[child.name] = _expired(child.name, text)
        write(host, f"/srv/zones/{child.name}", text)
        below += child.servers.replace("@", f"{child.name}.test.")
        if child.ds != "none":
            below += f"{child.name}.test. {_ds(host, child, ds[child.name])}\n"
    for name, text in unsigned.items():
        write(host, f"/srv/zones/{name}", f"$ORIGIN {name}.test.\n{SOA}{NS}{text}")
        below += NS.replace("@", f"{name}.test.")
    write(host, "/srv/zones/test", f"$ORIGIN test.\n{SOA}{NS}{addresses}{records}{below}")
    anchor = f"test. NS ns1.test.\ntest. NS ns2.test.\n{glue}test. {ds['test']}\n"
    write(host, "/srv/zones/root", f"$ORIGIN .\n{SOA}{NS}{anchor}{root}")
    write(host, "/srv/zones/anchor", f". IN {ds['root']}\n")
    write(host, "/etc/unbound/unbound.conf", UNBOUND.format(host=host))
    write(host, "/etc/unbound/blind.conf", BLIND.format(host=host))
    succeed(
        host,
        "for a in fd53::1 fd54::1; do ip -6 addr add $a/128 dev lo nodad; done;"
        " knotd -c /srv/zones/knot.conf -d > /srv/zones/log 2>&1;"
        " unbound -c /etc/unbound/unbound.conf && unbound -c /etc/unbound/blind.conf",
    )
    wait_until_served(host, "test")
    wait_until_served(host, "test", 5300)


def _ds(host: SandboxHost, child: ChildZone, own: str) -> str:
    """What the parent has, where that is what the child has or something else."""
    if child.ds == "wrong":
        return f"{own[:-4]}0000"
    if child.ds == "own":
        return own
    # Knot makes no digests of type 1 any more: SHA-1 over the owner and the key (RFC 4034 §5.1.4).
    said = succeed(host, f"keymgr -c /srv/zones/knot.conf {child.name}.test dnskey").split()
    public = dns.rdata.from_text("IN", "DNSKEY", " ".join(said[said.index("DNSKEY") + 1 :]))
    digest = sha1(
        (dns.name.from_text(f"{child.name}.test.").to_wire() or b"") + (public.to_wire() or b""),
        usedforsecurity=False,
    )
    return " ".join([*own.split()[:3], "1", digest.hexdigest()])


def _expired(name: str, text: str) -> tuple[str, str]:
    """The zone signed with signatures that ended yesterday, and its DS record."""
    zone = dns.zone.from_text(text, dns.name.from_text(f"{name}.test."), relativize=False)
    key = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257)
    with zone.writer() as transaction:
        dns.dnssec.sign_zone(
            zone,
            transaction,
            keys=[(key, public)],
            add_dnskey=True,
            dnskey_ttl=300,
            inception=int(NOW.timestamp()) - 30 * 86400,
            expiration=int(NOW.timestamp()) - 86400,
        )
    ds = dns.dnssec.make_ds(f"{name}.test.", public, "SHA256")
    return zone.to_text(relativize=False), f"DS {ds.to_text()}"
