"""HTTPS over our own resolver: what is fetched, and everything that is refused."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.dns.https import FetchError, Web
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Reply, Status

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nversion: STSv1\n"
Serve = Callable[..., str]


class Names:
    """A resolver that knows every name to be at the loopback address."""

    def addresses(self, name: str) -> tuple[str, ...]:
        return () if name == "nowhere.test" else ("127.0.0.1",)

    def ask(self, name: str, rdtype: str) -> Reply:
        return Reply(name, rdtype, Status.NXDOMAIN, detail="")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate of its own for `web.test`, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("web.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("web") / "web.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def serve(authority: Path) -> Iterator[Serve]:
    """A function that answers one connection after the other with the texts given; returns `HOST:PORT`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def work(answers: tuple[bytes, ...]) -> None:
        for answer in answers:
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as peer:
                    asked.append(peer.recv(65536))
                    peer.sendall(answer)
            except OSError:
                continue

    def start(*answers: bytes, host: str = "web.test") -> str:
        threading.Thread(target=work, args=(answers,), daemon=True).start()
        return f"{host}:{listener.getsockname()[1]}"

    yield start
    listener.close()


@pytest.fixture
def web(authority: Path) -> Web:
    """The way to web servers, which may lead to the loopback address."""
    context = ssl.create_default_context(cafile=str(authority))
    context.check_hostname = False
    return Web(Names(), Reach(addresses=["127.0.0.1"]), context, seconds=5)  # type: ignore[arg-type]


def test_a_document_is_fetched_from_the_address_that_our_resolver_gives(web: Web, serve: Serve) -> None:
    response = web.fetch(f"https://{serve(OK)}/policy.txt")

    assert (response.status, response.body) == (200, b"version: STSv1\n")
    assert response.headers["content-type"] == "text/plain"
    assert response.address == "127.0.0.1"


def test_a_redirection_is_followed_as_often_as_allowed(web: Web, serve: Serve) -> None:
    away = b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n"
    where = serve(away, away, OK)

    assert web.fetch(f"https://{where}/").status == 302
    assert web.fetch(f"https://{where}/", redirects=1).body == b"version: STSv1\n"


def test_a_redirection_does_not_leave_https(web: Web, serve: Serve) -> None:
    where = serve(b"HTTP/1.1 302 Found\r\nLocation: http://web.test/\r\n\r\n")

    with pytest.raises(FetchError, match="not an https URL") as caught:
        web.fetch(f"https://{where}/", redirects=1)

    assert caught.value.kind == "url"


def test_an_address_in_a_url_is_not_asked_about_and_held_to_the_same_reach(web: Web, serve: Serve) -> None:
    where = serve(OK, host="127.0.0.1")

    assert web.fetch(f"https://{where}/").address == "127.0.0.1"
    for address in ("169.254.169.254", "[::ffff:10.0.0.1]"):
        with pytest.raises(FetchError, match=r"it leads to .*: not followed") as refused:
            web.fetch(f"https://{address}/latest/meta-data")
        assert refused.value.kind == "reach"


def test_a_record_that_leads_inside_is_not_followed(web: Web, serve: Serve) -> None:
    inside = Web(web.resolver, Reach(), web.context)

    with pytest.raises(FetchError, match="a loopback address: not followed") as caught:
        inside.fetch(f"https://{serve(OK)}/")

    assert caught.value.kind == "reach"


@pytest.mark.parametrize(
    ("host", "kind", "words"),
    [
        ("other.test", "certificate", "is for web.test"),
        ("nowhere.test", "name", "has no address"),
    ],
)
def test_the_wrong_name_is_refused(web: Web, serve: Serve, host: str, kind: str, words: str) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        web.fetch(f"https://{serve(OK, host=host)}/")

    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"220 mx.example.org ESMTP\r\n", "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "is no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000, "longer than 256 KiB"),
    ],
)
def test_an_answer_that_is_none_is_said_to_be_so(web: Web, serve: Serve, answer: bytes, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        web.fetch(f"https://{serve(answer)}/")


@pytest.mark.parametrize("url", ["http://web.test/", "ftp://web.test/", "https://", "https://a:b@web.test/"])
def test_only_plain_https_urls_are_fetched(web: Web, url: str) -> None:
    with pytest.raises(FetchError):
        web.fetch(url)
