"""MTA-STS: RFC 8461's examples, and a domain's record and policy, served over TLS on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from provisioner.audit import mta_sts
from provisioner.audit.finding import Finding, Severity
from provisioner.dns.https import Web
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Status
from provisioner.mail.mta_sts import parse_policy, parse_record
from provisioner.mail.tls_stream import tls_context
from tests.unit.dns_zone import Value, Zone

RECORD = '"v=STSv1; id=20260101T000000"'
POLICY = "version: STSv1\nmode: enforce\nmx: mx1.example.org\nmx: *.example.net\nmax_age: 604800\n"
Serve = Callable[[bytes], int]


def pem_for(*names: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of the policy's server."""
    path = tmp_path_factory.mktemp("mta-sts") / "server.pem"
    path.write_bytes(pem_for("mta-sts.example.org"))
    return path


@pytest.fixture
def serve(pem: Path) -> Iterator[Serve]:
    """A function that serves one answer on a port of loopback, and returns the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def work(answer: bytes) -> None:
        try:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as peer:
                peer.recv(65536)
                peer.sendall(answer)
        except OSError:
            return

    def start(answer: bytes) -> int:
        threads.append(threading.Thread(target=work, args=(answer,), daemon=True))
        threads[-1].start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    listener.shutdown(socket.SHUT_RDWR)  # ends an accept that nobody came to
    listener.close()
    for thread in threads:
        thread.join(5)


def answer(body: str = POLICY, status: str = "200 OK", kind: str = "text/plain", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n{body}".encode()


def found(
    pem: Path,
    port: int,
    record: Value = (RECORD,),
    address: str = "127.0.0.1",
    mx: tuple[str, ...] = ("mx1.example.org", "mx2.example.net"),
    trusted: bool = True,
) -> dict[str, Finding]:
    zone = Zone({"_mta-sts.example.org TXT": record, "mta-sts.example.org A": [address]})
    authorities = pem.read_text() if trusted else pem_for("other.example").decode()
    web = Web(zone, Reach(addresses=["127.0.0.1"]), tls_context(authorities=authorities), seconds=5)
    return {one.check.id: one for one in mta_sts.audit("example.org", web, mx, port=port)}


def test_a_domain_without_a_fault_passes_every_check(pem: Path, serve: Serve) -> None:
    findings = found(pem, serve(answer()))

    assert {one.outcome for one in findings.values()} == {"pass"}
    assert set(findings) == {check.id for check in mta_sts.CHECKS}


@pytest.mark.parametrize(
    ("record", "check", "outcome", "words"),
    [
        ([], "mta-sts.present", "fail", "no MTA-STS record"),
        (['"v=spf1 -all"'], "mta-sts.present", "fail", "no MTA-STS record"),
        (Status.SERVFAIL, "mta-sts.present", "error", "could not be asked"),
        ([RECORD, '"v=STSv1; id=2"'], "mta-sts.record", "fail", "2 MTA-STS records"),
        (['"v=STSv1;"'], "mta-sts.record", "fail", "has no id"),
        (['"v=STSv1; id=2026-01-01"'], "mta-sts.record", "fail", "letters and digits"),
        (['"v=STS1; id=1"'], "mta-sts.record", "fail", "does not begin"),
    ],
)
def test_a_fault_of_the_record_is_found_and_named(
    record: Value, check: str, outcome: str, words: str, pem: Path, serve: Serve
) -> None:
    finding = found(pem, serve(answer()), record)[check]

    assert (finding.outcome, finding.subject) == (outcome, "example.org")
    assert words in finding.summary


@pytest.mark.parametrize(
    ("said", "check", "outcome", "words"),
    [
        (answer(status="404 Not Found"), "mta-sts.fetch", "fail", "status 404"),
        (answer(status="301 Moved", more="Location: https://www.example.org/\r\n"),
         "mta-sts.fetch", "fail", "redirected"),
        (b"garbage", "mta-sts.fetch", "fail", "can't be fetched"),
        (answer("x" * 70000), "mta-sts.fetch", "fail", "64 KiB"),
        (answer(kind="text/html"), "mta-sts.media-type", "fail", "text/html"),
        (answer(kind="text/plain; charset=utf-8"), "mta-sts.media-type", "pass", "text/plain"),
        (answer("<html></html>"), "mta-sts.policy", "fail", "line 1"),
        (answer(POLICY.replace("enforce", "testing")), "mta-sts.mode", "warn", "testing"),
        (answer(POLICY.replace("604800", "3600")), "mta-sts.max-age", "warn", "3600 s only"),
        (answer(POLICY.replace("604800", "99999999")), "mta-sts.max-age", "fail", "more than a year"),
        (answer(POLICY.replace("mx1.", "mx9.")), "mta-sts.mx", "fail", "does not name mx1.example.org"),
    ],
)  # fmt: skip
def test_a_fault_of_the_policy_is_found_and_named(
    said: bytes, check: str, outcome: str, words: str, pem: Path, serve: Serve
) -> None:
    finding = found(pem, serve(said))[check]

    assert finding.outcome == outcome
    assert words in finding.summary


def test_a_policy_behind_a_certificate_that_is_not_trusted_is_ignored_as_senders_do(
    pem: Path, serve: Serve
) -> None:
    findings = found(pem, serve(answer()), trusted=False)

    assert findings["mta-sts.certificate"].outcome == "fail"
    assert "mta-sts.policy" not in findings


def test_a_policy_s_address_inside_is_reported_and_not_connected_to(pem: Path) -> None:
    finding = found(pem, 443, address="10.0.0.1")["mta-sts.fetch"]

    assert finding.outcome == "fail"
    assert "10.0.0.1, a private or reserved address: not followed" in finding.evidence[0]


@pytest.mark.parametrize(
    ("exchangers", "outcome"), [(["0 ."], "skipped"), (["0 .", "10 mx1.example.org."], "fail")]
)
def test_a_domain_that_takes_no_mail_needs_no_policy(exchangers: list[str], outcome: str) -> None:
    web = Web(Zone({"example.org MX": exchangers}), Reach(), tls_context(), seconds=5)

    (finding,) = mta_sts.audit("example.org", web, [])

    assert (finding.check.id, finding.outcome) == ("mta-sts.present", outcome)


def test_an_mx_that_an_unenforced_policy_leaves_out_weighs_less(pem: Path, serve: Serve) -> None:
    text = POLICY.replace("mx1.", "mx9.")

    enforced = found(pem, serve(answer(text)))["mta-sts.mx"]
    tested = found(pem, serve(answer(text.replace("enforce", "testing"))))["mta-sts.mx"]

    assert (enforced.weight, tested.weight) == (Severity.HIGH, Severity.MEDIUM)
    assert "`mx: mx1.example.org`" in enforced.fix


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("v=STSv1; id=20160831085700Z;", "20160831085700Z"),  # RFC 8461 §3.1
        ("v=STSv1;id=1", "1"),
        ("v=STSv1 ; id = abc ; x=y;", "abc"),
    ],
)
def test_a_record_is_read_as_the_rfc_writes_it(text: str, id_: str) -> None:
    assert parse_record(text) == id_


def test_the_policy_of_the_rfc_is_read_and_names_what_it_should() -> None:
    # RFC 8461 §3.2
    text = (
        "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\n"
        "mx: backupmx.example.com\r\nmax_age: 604800\r\n"
    )

    policy = parse_policy(text)

    assert (policy.mode, policy.max_age) == ("enforce", 604800)
    assert policy.names("mail.example.com")
    assert policy.names("Foo.example.net.")
    assert not policy.names("foo.bar.example.net")  # §4.1: `*` is one label
    assert not policy.names("example.net")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1"),
        ("mode: enforce\nmx: a.example\nmax_age: 1\n", "version: STSv1"),
        ("version: STSv1\nmode: on\nmx: a.example\nmax_age: 1\n", "mode 'on'"),
        ("version: STSv1\nmode: enforce\nmx: a.example\n", "max_age"),
        ("version: STSv1\nmode: enforce\nmx: a.example\nmax_age: long\n", "max_age 'long'"),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", "no line `mx:`"),
        ("version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n", "is no name"),
        ("version: STSv1\nmode: enforce\nmx: *.*.example\nmax_age: 1\n", "is no name"),
    ],
)
def test_a_policy_with_a_mistake_is_none(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("*", r"\*")):
        parse_policy(text)


def test_a_policy_that_ends_another_needs_no_mx() -> None:
    assert parse_policy("version: STSv1\nmode: none\nmax_age: 86400\n").mx == ()
