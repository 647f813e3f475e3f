"""TLSA records judged as OpenSSL judges them: the same verdict for each record and each chain."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from provisioner.dns.tlsa import mismatch
from tests.unit.test_audit_dane import AUTHORITY, HOST, LAPSED, LEAF, OTHER, Made, made, record

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

STRANGER = made("authority.example", authority=True)
BELOW_OTHER = made(HOST, OTHER)
CHAINS = {
    "whole": (LEAF, AUTHORITY),
    "without authority": (LEAF,),
    "another name": (OTHER, AUTHORITY),
    "lapsed": (LAPSED, AUTHORITY),
    "another authority": (LEAF, STRANGER),
    "below no authority": (BELOW_OTHER, OTHER, AUTHORITY),
}
RECORDS = [
    *((2, selector, 1, "AUTHORITY") for selector in (0, 1)),
    *((2, 1, 1, about) for about in ("LEAF", "OTHER", "STRANGER")),
    *((3, 1, 1, about) for about in ("LEAF", "AUTHORITY", "OTHER", "LAPSED")),
    (3, 0, 1, "LEAF"),
    (3, 1, 2, "LEAF"),
    (3, 0, 0, "LEAF"),
    (2, 0, 0, "AUTHORITY"),
]
MADE = {"LEAF": LEAF, "AUTHORITY": AUTHORITY, "OTHER": OTHER, "LAPSED": LAPSED, "STRANGER": STRANGER}


def serving(chain: Sequence[Made], folder: Path) -> ssl.SSLContext:
    key = chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / "chain.pem"
    file.write_bytes(key + b"".join(one.certificate.public_bytes(Encoding.PEM) for one in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="module", params=CHAINS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    """A TLS server on loopback with one of the chains: the chain's name, the port."""
    context = serving(CHAINS[request.param], tmp_path_factory.mktemp("dane"))
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as peer:
                    peer.recv(1)
            except OSError:
                continue

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield request.param, listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def openssl_accepts(port: int, rrdata: str) -> bool:
    command = [
        "openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", "-verify_return_error",
        "-dane_tlsa_domain", HOST, "-dane_tlsa_rrdata", rrdata, "-dane_ee_no_namechecks",
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    return b"Verification: OK" in done.stdout + done.stderr


def test_each_record_fits_a_chain_exactly_where_openssl_says_so(server: tuple[str, int]) -> None:
    name, port = server
    chain = [one.der for one in CHAINS[name]]
    ours, theirs = {}, {}
    for usage, selector, matching, about in RECORDS:
        one = record(usage, selector, matching, MADE[about])
        key = f"{usage} {selector} {matching} {about}"
        ours[key] = mismatch(one, chain, [HOST]) == ""
        theirs[key] = openssl_accepts(port, f"{usage} {selector} {matching} {one.data.hex()}")

    assert ours == theirs
    assert (name == "below no authority") or any(ours.values())
