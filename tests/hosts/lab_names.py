"""A whole DNS on one host: a signed root, zones with faults, block lists; Knot and an unbound that validates.

Zones are signed here and not by Knot, so that each fault (signatures that have run out, a DS of another
key, a denial without proof) is made on purpose and stays. What a list refuses to answer goes to an
address where a program reads and never writes.
"""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from time import monotonic, sleep

import dns.dnssec
import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed

SERVED, REFUSING, SILENT = "127.0.0.1", "127.0.0.2", "127.0.0.9"
"""Where the parent says that a zone is: at Knot, at who refuses, at who does not answer."""
HEAD = "$TTL 300\n@ IN SOA ns. hostmaster. 1 3600 600 86400 300\n@ IN NS ns.\n"
AUTHORITATIVE_PORT = 5300
KNOT = f"""
server:
    rundir: "/srv/zones"
    listen: [ 127.0.0.1@53, 0.0.0.0@{AUTHORITATIVE_PORT} ]
database:
    storage: "/srv/zones/knot"
template:
  - id: default
    storage: "/srv/zones"
    zonefile-sync: -1
zone:
"""
UNBOUND = """
server:
    interface: {address}
    interface: 127.0.0.2
    access-control: 0.0.0.0/0 allow
    do-not-query-localhost: no
    do-ip6: no
    module-config: "validator iterator"
    trust-anchor: ". IN DS {anchor}"
    local-zone: "100.51.198.in-addr.arpa." nodefault
    ede: yes
stub-zone:
    name: "."
    stub-addr: 127.0.0.1
"""
SINK = (
    'perl -MSocket -e \'socket(S, PF_INET, SOCK_DGRAM, 0); bind(S, sockaddr_in(53, inet_aton("127.0.0.9")));'
    " recv(S, $_, 9999, 0) while 1' > /dev/null 2>&1 &"
)


@dataclass(frozen=True)
class LabZone:
    """One zone. `unsigned`, or signed for a time; `ds` is what its parent says: right, none, wrong, sha1."""

    text: str = ""
    signed: bool = False
    ds: str = "right"
    begin: timedelta = timedelta(days=-10)
    end: timedelta = timedelta(days=20)
    spoil: Callable[[dns.zone.Zone], None] | None = None
    """Done to the zone after it was signed."""
    server: str = SERVED
    """Where its parent says it is."""
    loaded: bool = True
    """Whether the name server has it."""


@dataclass
class Built:
    """Files of zones, and the DS of the root."""

    files: dict[str, str] = field(default_factory=dict)
    anchor: str = ""


def built(zones: Mapping[str, LabZone]) -> Built:
    """Sign and write all zones, and a root that delegates each."""
    made = Built()
    servers = sorted({zone.server for zone in zones.values()} | {SERVED})
    root = HEAD + "".join(f"{_server_name(one)} IN A {one}\n" for one in servers)
    for name, zone in zones.items():
        text, ds = _written(name, zone)
        made.files[name] = text
        root += f"{name}. IN NS {_server_name(zone.server)}\n"
        root += "".join(f"{name}. IN DS {value}\n" for value in ds)
    made.files["."], anchor = _written(".", LabZone(root.removeprefix(HEAD), signed=True))
    made.anchor = anchor[0]
    return made


def serve(host: SandboxHost, zones: Mapping[str, LabZone]) -> str:
    """Start everything on the host; the address of the resolver that validates."""
    made = built(zones)
    configuration = KNOT
    files = {"etc/unbound/unbound.conf": UNBOUND.format(address=host.address, anchor=made.anchor)}
    for name, text in made.files.items():
        if name != "." and not zones[name].loaded:
            continue
        file = "root" if name == "." else name
        files[f"srv/zones/{file}"] = text
        configuration += f'  - domain: "{name}"\n    file: "{file}"\n'
    write_files(host, {**files, "srv/zones/knot.conf": configuration})
    succeed(host, f"ip address add {SILENT}/8 dev lo 2>/dev/null || true; {SINK}")
    succeed(host, "mkdir -p /srv/zones/knot && knotd -c /srv/zones/knot.conf -d > /srv/zones/log 2>&1")
    wait_until_served(host, ".", AUTHORITATIVE_PORT)
    succeed(host, "unbound -c /etc/unbound/unbound.conf")
    wait_until_served(host, ".")
    return host.address


def write_files(host: SandboxHost, files: Mapping[str, str]) -> None:
    """Write files, whose paths have no `/` before them, in one go: as a compressed archive in the command."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, BytesIO(text.encode()))
    succeed(host, f"echo {base64.b64encode(archive.getvalue()).decode()} | base64 -d | tar xz -C /")


def wait_until_served(host: SandboxHost, zone: str, port: int = 53) -> None:
    """Wait for a name server on the host to answer for a zone.

    A resolver that asks one which isn't ready remembers it as lame for a quarter of an hour.
    """
    said: object = None
    until = monotonic() + 30
    while monotonic() < until:
        try:
            said = dns.query.udp(dns.message.make_query(zone, "SOA"), host.address, 1, port).rcode()
        except (OSError, dns.exception.DNSException) as error:
            said = error
        if said == dns.rcode.NOERROR:
            return
        sleep(0.1)
    raise AssertionError(f"{host.name}, port {port}: no answer for the zone {zone!r}: {said!r}")


def _server_name(address: str) -> str:
    return "ns." if address == SERVED else f"ns-{address.rpartition('.')[2]}."


def _written(name: str, zone: LabZone) -> tuple[str, list[str]]:
    """The zone's file, and the DS records for its parent."""
    origin = name if name == "." else f"{name}."
    parsed = dns.zone.from_text(HEAD + zone.text, origin, relativize=False)
    if not zone.signed:
        return _text(parsed), []
    private = ec.generate_private_key(ec.SECP256R1())
    key = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
    now = datetime.now(UTC)
    dns.dnssec.sign_zone(parsed, keys=[(private, key)], inception=now + zone.begin, expiration=now + zone.end)
    if zone.spoil is not None:
        zone.spoil(parsed)
    return _text(parsed), _ds(origin, key, zone.ds)


def _ds(origin: str, key: object, kind: str) -> list[str]:
    if kind == "none":
        return []
    digest = "SHA1" if kind == "sha1" else "SHA256"
    policy = dns.dnssec.allow_all_policy if kind == "sha1" else None
    found = str(dns.dnssec.make_ds(origin, key, digest, policy=policy))  # type: ignore[arg-type]
    return [found[:-8] + "00000000"] if kind == "wrong" else [found]


def _text(zone: dns.zone.Zone) -> str:
    out = StringIO()
    zone.to_file(out, relativize=False, sorted=True)
    return out.getvalue()


def without_proof_of_denial(zone: dns.zone.Zone) -> None:
    """Take the signatures off every NSEC record: what is there is proven, what is not there isn't."""
    for name, node in list(zone.items()):
        for rdataset in list(node.rdatasets):
            if rdataset.rdtype == dns.rdatatype.RRSIG and rdataset.covers == dns.rdatatype.NSEC:
                zone.delete_rdataset(name, dns.rdatatype.RRSIG, dns.rdatatype.NSEC)
