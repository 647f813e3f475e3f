"""One host with the servers of the seeded faults, which one file each sets up.

A `MailSeed` has an IPv6 address of its own, where its server listens on port 25. A `PortSeed` has SRV
records that lead to a port of the host.
"""

from __future__ import annotations

import ipaddress
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts import audit_faulty_dovecot as dovecot
from tests.hosts import audit_faulty_postfix as postfix
from tests.hosts import audit_faulty_tls as tls
from tests.hosts import audit_flawed_servers as flawed
from tests.hosts.audit_server_seeds import MailSeed, PortSeed
from tests.unit.certificate_making import CA

MAIL: tuple[MailSeed, ...] = (*postfix.MAIL, *flawed.SMTP.values())
PORTS: tuple[PortSeed, ...] = (
    *postfix.SUBMISSION,
    postfix.SUBMISSION_OPEN,
    postfix.SUBMISSION_TOLD,
    *dovecot.MAILBOX,
    dovecot.CLEARTEXT,
    dovecot.TOLD,
    *flawed.PORTS.values(),
    *tls.TLS,
)


def addresses(host: SandboxHost) -> dict[str, str]:
    """The IPv6 address of each seed's server: the host's own, with a number before its last group."""
    own = int(ipaddress.ip_address(host.address6 or "::"))
    return {
        seed.name: str(ipaddress.ip_address(own + ((number + 1) << 16))) for number, seed in enumerate(MAIL)
    }


def start(host: SandboxHost) -> None:
    """Start all servers. `tls_servers.sh` has run there."""
    at = addresses(host)
    spread = " ".join(f"{address}/64" for address in at.values())
    succeed(
        host,
        "dev=$(ip -o -4 route show default | sed 's/.* dev //;s/ .*//');"
        f" for a in {spread}; do ip -6 addr add $a dev $dev nodad; done",
    )
    postfix.start(host, at)
    dovecot.start(host)
    tls.start(host)
    flawed.start(host, at)
    numbers = sorted({number for seed in PORTS for number in seed.ports.values()})
    succeed(
        host,
        f"for n in {' '.join(map(str, numbers))}; do"
        " until ss -Hltn sport = :$n | grep -q .; do sleep 0.1; done; done",
    )


def records(host: SandboxHost, exim: SandboxHost) -> str:
    """The records of all these domains, for the zone `test`."""
    at = addresses(host)
    ec = x509.load_pem_x509_certificate(succeed(host, "cat /srv/tls/ec.pem").encode())
    key = ec.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    hashes = {"spki": sha256(key).hexdigest(), "cert": sha256(ec.public_bytes(Encoding.DER)).hexdigest()}
    text = f"$ORIGIN test.\nservers A {host.address}\nmx1.example A {host.address}\n"
    for seed in MAIL:
        tlsa = "".join(f"_25._tcp.mx TLSA {one.format(**hashes)}\n" for one in seed.tlsa)
        names = "".join(
            f"{name}. AAAA {at[seed.name]}\n"
            for name in names_of(seed, at[seed.name])
            if name not in (seed.host, "mx.smtp-sound.test")
        )
        text += f"$ORIGIN {seed.domain}.\n@ MX 10 mx\nmx AAAA {at[seed.name]}\n{tlsa}{names}"
    for port in PORTS:
        text += f"$ORIGIN {port.domain}.\n{port.srv}"
    text += f"$ORIGIN {flawed.EXPN.domain}.\n@ MX 10 mx\nmx AAAA {exim.address6}\n"
    return text + "$ORIGIN test.\n"


def names_of(seed: MailSeed, address: str) -> tuple[str, ...]:
    """What the PTR records of its address say."""
    digits = ipaddress.ip_address(address).exploded.replace(":", "")[16:]
    wanted = (seed.host,) if seed.pointers is None else seed.pointers
    return tuple(name.format(generic=f"h{digits}.isp.test") for name in wanted)


def pointers(host: SandboxHost) -> dict[str, tuple[str, ...]]:
    """The PTR records of all addresses."""
    at = addresses(host)
    return {at[seed.name]: names_of(seed, at[seed.name]) for seed in MAIL}


AUTHORITIES = CA.pem
