"""The TLS of real servers, good and bad: OpenSSL's, GnuTLS's, Postfix's, and those that we set up."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from provisioner.audit.certificate import audit_certificates
from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.tls import audit_tls
from provisioner.sandbox import SandboxHost
from provisioner.tls import Answer, Limits, Opening, Order, Speech, TlsScan, Version, scan
from tests.conftest import RELEASES, booted, layer_of, mail_layer, succeed
from tests.hosts.conftest import MailServer
from tests.unit.certificate_making import CA, INTERMEDIATE, NOW, Made, make

SCRIPT = Path(__file__).with_name("tls_servers.sh")
NAME = "mx1.example.test"
Scanner = Callable[..., TlsScan]


@pytest.fixture(scope="module", params=RELEASES)
def servers(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    """One host with all the servers of `tls_servers.sh`."""

    def make_layer(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q 2>&1; apt-get install -y -q --no-install-recommends gnutls-bin 2>&1")

    layer = layer_of(request.param, "gnutls-bin-on-mail", make_layer, start=mail_layer(request.param))
    with booted(request.param, layer) as host:
        succeed(host, f"mkdir -p /srv/tls\n{files()}")
        succeed(host, SCRIPT.read_text())
        yield host


def files() -> str:
    rsa = make("rsa", INTERMEDIATE, key="rsa3072")
    made = {
        "ec": make("ec", INTERMEDIATE),
        "rsa": rsa,
        "expired": make("expired", INTERMEDIATE, begins=-100, days=90),
        "stranger": make("stranger", names=("mail.elsewhere.test",)),
        "root": CA,
        "intermediate": INTERMEDIATE,
    }
    files = {f"{name}.pem": one.pem.encode() for name, one in made.items()}
    files |= {f"{name}.key": one.key_pem.encode() for name, one in made.items()}
    files["staple.der"] = _good_answer(rsa)
    return "\n".join(
        f"base64 -d >/srv/tls/{name} <<'END'\n{b64encode(content).decode()}\nEND"
        for name, content in files.items()
    )


def _good_answer(made: Made) -> bytes:
    builder = ocsp.OCSPResponseBuilder().add_response(
        made.certificate,
        INTERMEDIATE.certificate,
        hashes.SHA256(),
        ocsp.OCSPCertStatus.GOOD,
        NOW,
        NOW + timedelta(days=3),
        None,
        None,
    )
    signed = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, INTERMEDIATE.certificate)
    return signed.sign(INTERMEDIATE.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def look(servers: SandboxHost) -> Scanner:
    """Scan a port of the host, each only once."""
    known: dict[tuple[int, Opening], TlsScan] = {}

    def scanner(port: int, starttls: Opening = Opening.IMPLICIT) -> TlsScan:
        if (port, starttls) not in known:
            known[port, starttls] = scan_port(servers.address, port, starttls)
        return known[port, starttls]

    return scanner


def scan_port(address: str, port: int, starttls: Opening) -> TlsScan:
    return scan(
        lambda: socket.create_connection((address, port), 10),
        NAME,
        starttls=starttls,
        limits=Limits(parallel=4, seconds=120, wait=30),
    )


def judge(found: TlsScan, port: int = 465) -> dict[str, Finding]:
    findings = audit_tls(found, NAME, port)
    findings += audit_certificates(found, [NAME], NAME, port, now=NOW, authorities=CA.pem)
    return {finding.check.id: finding for finding in findings}


def openssl_ciphers(host: SandboxHost, version: str, listed: str) -> set[str]:
    """What OpenSSL itself says its server with an RSA key has, by our knowledge of which need another key."""
    names = set(succeed(host, f"openssl ciphers -s -{version} '{listed}'").strip().split(":"))
    return {name for name in names if not any(word in name for word in ("ECDSA", "DSS", "PSK", "SRP"))}


def test_every_suite_that_openssl_lists_is_found_and_no_other(look: Scanner, servers: SandboxHost) -> None:
    found = look(9003)
    for version, flag in ((Version.TLS10, "tls1"), (Version.TLS11, "tls1_1"), (Version.TLS12, "tls1_2")):
        listed = openssl_ciphers(servers, flag, "ALL:@SECLEVEL=0")
        assert {str(suite) for suite in found.suites(version)} == listed, version


def test_what_was_switched_off_is_refused_and_not_unknown(look: Scanner) -> None:
    found = look(9001)
    answers = {one.version: one.answer for one in found.versions}
    assert answers == {
        Version.SSL2: Answer.NO,
        Version.SSL3: Answer.NO,
        Version.TLS10: Answer.NO,
        Version.TLS11: Answer.NO,
        Version.TLS12: Answer.YES,
        Version.TLS13: Answer.NO,
    }


def test_a_server_s_own_order_is_found(look: Scanner) -> None:
    found = look(9001)
    assert found.order is Order.SERVER
    assert [str(one) for one in found.suites(Version.TLS12)] == [
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-ECDSA-AES128-SHA",
    ]
    assert judge(found)["tls.cipher-order"].outcome is Outcome.PASS


def test_a_server_that_prefers_weak_suites_is_caught(look: Scanner) -> None:
    found = look(9006)
    assert found.order is Order.SERVER
    pairs = [(str(weak), str(strong)) for weak, strong in found.misordered]
    assert pairs == [("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256")]
    assert judge(found)["tls.cipher-order"].outcome is Outcome.FAIL


def test_a_server_of_tls_1_3_alone_shows_both_its_chains_and_its_groups(look: Scanner) -> None:
    found = look(9002)
    assert [one.version for one in found.versions if one.answer is Answer.YES] == [Version.TLS13]
    assert [chain.key for chain in found.chains] == ["ECDSA", "RSA"]
    assert sorted(group.name for group in found.groups) == ["secp384r1", "x448"]


def test_the_hybrid_group_is_found_where_openssl_has_it(look: Scanner, servers: SandboxHost) -> None:
    has = "MLKEM" in succeed(servers, "openssl list -kem-algorithms")
    assert ("X25519MLKEM768" in [group.name for group in look(9003).groups]) is has


def test_short_finite_fields_are_measured(look: Scanner) -> None:
    found = look(9003)
    assert 1024 in {field.bits for field in found.dh}
    finding = judge(found)["tls.fs-params"]
    assert (finding.outcome, finding.weight) == (Outcome.FAIL, Severity.MEDIUM)


def test_a_weak_server_fails_where_it_is_weak(look: Scanner) -> None:
    judged = judge(look(9003))
    failed = {name for name, finding in judged.items() if finding.outcome is Outcome.FAIL}
    assert failed >= {
        "tls.version",
        "tls.ciphers",
        "tls.cipher-order",
        "tls.fs-params",
        "tls.kex-hash-func",
        "tls.renegotiation-client",
        "certificate.trust",
        "certificate.pubkey",
        "certificate.signature",
        "certificate.lifetime",
    }
    assert "tls.compression" not in failed


def test_gnutls_still_has_what_openssl_has_not(look: Scanner) -> None:
    found = look(9004)
    names = {str(suite) for suite in found.suites(Version.TLS10)}
    assert {"DES-CBC3-SHA", "RC4-SHA", "ADH-AES128-SHA"} <= names
    assert judge(found)["tls.ciphers"].weight is Severity.HIGH
    assert found.client_renegotiation is Answer.YES
    assert {"ffdhe2048", "x25519"} <= {group.name for group in found.groups}
    assert "RSA with SHA-1" in found.signatures


def test_an_expired_certificate_is_told_from_a_strange_one(look: Scanner) -> None:
    expired, stranger = judge(look(9005)), judge(look(9006))
    assert expired["certificate.expiry"].outcome is Outcome.FAIL
    assert expired["certificate.hostmatch"].outcome is Outcome.PASS
    assert stranger["certificate.expiry"].outcome is Outcome.PASS
    assert stranger["certificate.hostmatch"].outcome is Outcome.FAIL
    assert "self-signed" in stranger["certificate.trust"].summary


def test_chains_that_are_whole_short_or_out_of_order_are_told_apart(look: Scanner) -> None:
    whole, disorder, short = judge(look(9001)), judge(look(9007)), judge(look(9008))
    assert whole["certificate.chain"].outcome is Outcome.PASS
    assert whole["certificate.trust"].outcome is Outcome.PASS
    assert disorder["certificate.chain"].outcome is not Outcome.PASS
    assert disorder["certificate.trust"].outcome is Outcome.PASS
    assert short["certificate.chain"].summary == "sends a chain that ends before CN=Test Intermediate"
    assert short["certificate.trust"].outcome is Outcome.FAIL


def test_a_stapled_answer_is_read(look: Scanner) -> None:
    assert look(9008).chains[0].ocsp
    assert (
        judge(look(9008))["certificate.ocsp-stapling"].summary
        == "staples that its certificate is not revoked"
    )
    assert judge(look(9007))["certificate.ocsp-stapling"].summary == "staples nothing, and need not"


def test_postfix_as_debian_installs_it_speaks_old_versions_to_others(look: Scanner) -> None:
    found = look(25, Opening.SMTP)
    assert found.offers(Version.TLS13) is Answer.YES
    at_25, at_587 = judge(found, 25)["tls.ciphers"], judge(found, 587)["tls.ciphers"]
    assert (at_25.outcome, at_25.weight) == (Outcome.WARN, Severity.LOW)
    assert (at_587.outcome, at_587.weight) == (Outcome.FAIL, Severity.MEDIUM)


def test_postfix_with_everything_old_is_seen_through_starttls(look: Scanner) -> None:
    found = look(10025, Opening.SMTP)
    assert found.offers(Version.TLS10) is Answer.YES
    assert 1024 in {field.bits for field in found.dh}
    judged = judge(found, 25)
    assert judged["tls.version"].outcome is Outcome.FAIL
    assert judged["certificate.pubkey"].outcome is Outcome.FAIL
    assert judged["certificate.trust"].weight is Severity.INFO


def test_no_starttls_no_tls_and_no_server_are_three_things(look: Scanner) -> None:
    assert look(10587, Opening.SMTP).speech is Speech.NOT_OFFERED
    assert look(25, Opening.IMPLICIT).speech is Speech.NOT_OFFERED
    closed = look(9999)
    assert closed.speech is Speech.FAILED
    outcomes = [finding.outcome for finding in audit_tls(closed, NAME, 9999)]
    assert outcomes == [Outcome.ERROR]


OURS = ((25, Opening.SMTP), (465, Opening.IMPLICIT), (587, Opening.SMTP), (993, Opening.IMPLICIT))
OURS += ((143, Opening.IMAP), (995, Opening.IMPLICIT), (110, Opening.POP3))


@pytest.mark.parametrize(("port", "starttls"), OURS, ids=[str(port) for port, _ in OURS])
def test_a_server_that_we_set_up_fails_nothing(
    applied_server: MailServer, port: int, starttls: Opening
) -> None:
    found = scan_port(applied_server.sandbox.address, port, starttls)
    findings = audit_tls(found, applied_server.name, port)
    wrong = [one for one in findings if one.outcome in (Outcome.FAIL, Outcome.ERROR)]
    assert not wrong, [(one.check.id, one.summary, one.evidence) for one in wrong]
    assert found.connections < 60


def test_with_an_rsa_key_too_we_offer_only_what_keeps_the_past_closed(mail_server: MailServer) -> None:
    made = make("rsa", key="rsa3072", names=(NAME,))
    (mail_server.folder / "rsa.pem").write_text(made.pem)
    (mail_server.folder / "rsa.key").write_text(made.key_pem)

    outcome = mail_server.apply(tls_provider="files", tls_certificate_file="rsa.pem", tls_key_file="rsa.key")

    assert outcome.status == "changed", (outcome.error, outcome.log)
    strict = ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256"]
    # Port 25 has one more, for servers that would come in plain text without it.
    for port, starttls, suites in (
        (25, Opening.SMTP, [*strict, "ECDHE-RSA-AES128-SHA256"]),
        (*OURS[1], strict),
    ):
        found = scan_port(mail_server.sandbox.address, port, starttls)
        assert [str(one) for one in found.suites(Version.TLS12)] == suites
        assert not found.dh
        assert judge(found, port)["tls.kex-hash-func"].outcome is Outcome.PASS
