"""Certificates by HTTP-01 from a real ACME authority, pebble: issued, taken up, renewed with the same key."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.conftest import MailServer

LIFE = 60
"""Seconds that a certificate holds: it is due for renewal after two thirds of them."""
CONFIG = {
    "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "127.0.0.1:15000",
        "certificate": "/srv/acme/web.pem",
        "privateKey": "/srv/acme/web.key",
        "httpPort": 80,
        "tlsPort": 443,
        "certificateValidityPeriod": LIFE,
    }
}
MAKE_WEB_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=pebble "
    "-addext subjectAltName=IP:{0} -keyout /srv/acme/web.key -out /srv/acme/web.pem 2>&1"
)
PORT_80 = "nft list table inet provision | grep -c 'dport 80 ' || true"


@dataclass
class Authority:
    """The host that pebble runs on, and what its web server is known by."""

    sandbox: SandboxHost
    web_certificate: str

    def issue_for(self, address: str) -> None:
        """Start it anew; every name there is leads to `address`."""
        names = f"-defaultIPv4 {address} -defaultIPv6 '' -dns01 127.0.0.1:8053 -management 127.0.0.1:8055"
        others = "-http01 '' -https01 '' -tlsalpn01 ''"
        succeed(self.sandbox, "systemctl stop names acme 2>/dev/null || true")
        succeed(self.sandbox, f"systemd-run --unit=names pebble-challtestsrv {names} {others}")
        succeed(
            self.sandbox,
            "systemd-run --unit=acme --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 "
            "pebble -config /srv/acme/config.json -dnsserver 127.0.0.1:8053",
        )
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            with suppress(OSError), socket.create_connection((self.sandbox.address, 14000), timeout=1):
                return
            time.sleep(0.2)
        raise AssertionError(succeed(self.sandbox, "journalctl -u acme -u names -n 20 --no-pager"))


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    def install(host: SandboxHost) -> None:
        succeed(
            host, "apt-get update -q && apt-get install -y -q --no-install-recommends pebble openssl 2>&1"
        )

    with booted("bookworm", layer_of("bookworm", "pebble-openssl", install)) as host:
        succeed(host, f"mkdir -p /srv/acme && echo '{json.dumps(CONFIG)}' > /srv/acme/config.json")
        succeed(host, MAKE_WEB_CERTIFICATE.format(host.address))
        yield Authority(host, succeed(host, "cat /srv/acme/web.pem"))


def shown(server: MailServer, port: int) -> x509.Certificate:
    """The certificate that the server shows at a port with TLS from the first byte."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((server.sandbox.address, port), timeout=20) as plain,
        context.wrap_socket(plain) as wrapped,
    ):
        der = wrapped.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def key_of(certificate: x509.Certificate) -> str:
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def test_a_certificate_is_issued_taken_up_and_renewed(mail_server: MailServer, authority: Authority) -> None:
    authority.issue_for(mail_server.sandbox.address)
    (mail_server.folder / "authority.pem").write_text(authority.web_certificate)
    variables = {
        "tls_provider": "acme",
        "tls_acme_directory": f"https://{authority.sandbox.address}:14000/dir",
        "tls_acme_ca_file": "authority.pem",
    }

    outcome = mail_server.apply(**variables)

    assert outcome.status == "changed", (outcome.error, outcome.log)
    first = shown(mail_server, 993)
    assert "Pebble" in first.issuer.rfc4514_string()
    assert shown(mail_server, 465) == first
    assert mail_server.sh(PORT_80).strip() == "0", "the port must be closed when the authority has asked"
    assert mail_server.changes() == []

    mail_server.sh("systemctl start provision-acme.service")
    assert shown(mail_server, 993) == first, "it is not due yet"

    time.sleep(max(0.0, first.not_valid_before_utc.timestamp() + LIFE * 2 / 3 + 1 - time.time()))
    mail_server.sh("systemctl start provision-acme.service")
    second = shown(mail_server, 993)
    assert second.serial_number != first.serial_number
    assert shown(mail_server, 465) == second
    assert key_of(second) == key_of(first)


def test_mail_is_served_where_the_authority_does_not_answer(mail_server: MailServer) -> None:
    mail_server.sh("rm -rf /var/lib/lego")
    outcome = mail_server.apply(tls_provider="acme", tls_acme_directory="https://127.0.0.1:9/dir")
    assert outcome.status == "changed", (outcome.error, outcome.log)
    assert "placeholder" in shown(mail_server, 993).issuer.rfc4514_string()
    assert mail_server.changes()[0] == "run command:acme-first"
    assert "provision-acme.timer" in mail_server.sh("systemctl list-timers --all --no-pager")
