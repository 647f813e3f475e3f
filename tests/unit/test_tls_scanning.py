"""A whole scan of servers in memory: what is found, and what is said where nothing can be."""

from __future__ import annotations

import socket
import ssl
import threading

import pytest

from provisioner.mail.wire import Stream
from provisioner.tls import Answer, Limits, Opening, Order, Speech, Version, scan
from provisioner.tls.hello import Hello
from provisioner.tls.probe import Prober, Said
from provisioner.tls.result import TlsScan
from provisioner.tls.suites import FALLBACK_SCSV
from provisioner.tls.tls13 import Share
from tests.unit.tls_server import ECDSA, INTERMEDIATE, RSA, Counted, Says, SmtpServer, TlsServer, context

QUICK = Limits(parallel=2, seconds=60, wait=5)


def look(server: ssl.SSLContext) -> TlsScan:
    return scan(lambda: TlsServer(server), "mx1.example.test", limits=QUICK)


def names(server: ssl.SSLContext, key: str) -> set[str]:
    """What OpenSSL says the context has for a key of this kind."""
    other = "ECDSA" if key == "RSA" else "RSA"
    found = {one["name"] for one in server.get_ciphers() if one["protocol"] != "TLSv1.3"}
    return {name for name in found if not any(word in name for word in ("PSK", "SRP", "DSS", other))}


def test_the_suites_of_tls_1_2_are_those_that_openssl_lists() -> None:
    server = context(RSA)
    assert {str(one) for one in look(server).suites(Version.TLS12)} == names(server, "RSA")


def test_a_narrow_server_is_seen_as_it_is() -> None:
    server = context(
        RSA,
        ECDSA,
        ciphers="ECDHE+AESGCM",
        lowest=ssl.TLSVersion.TLSv1_2,
        options=ssl.OP_CIPHER_SERVER_PREFERENCE,
    )
    found = look(server)
    spoken = [one.version for one in found.versions if one.answer is Answer.YES]
    assert spoken == [Version.TLS12, Version.TLS13]
    assert found.order is Order.SERVER
    assert [(chain.key, chain.certificates[1]) for chain in found.chains] == [
        ("ECDSA", INTERMEDIATE.der),
        ("RSA", INTERMEDIATE.der),
    ]
    assert not found.dh
    assert (found.compression, found.secure_renegotiation) == (Answer.NO, Answer.YES)
    assert (found.extended_master_secret, found.fallback_scsv) == (Answer.YES, Answer.YES)
    assert found.client_renegotiation is Answer.NO
    assert not found.troubles


@pytest.mark.parametrize(("owed", "answer"), [(1, Answer.YES), (2, Answer.UNKNOWN)])
def test_a_busy_server_may_owe_the_answer_to_a_fallback_once(
    monkeypatch: pytest.MonkeyPatch, owed: int, answer: Answer
) -> None:
    ask, left = Prober.ask, iter(range(owed))

    def busy(self: Prober, hello: Hello, share: Share | None = None) -> Said:
        if FALLBACK_SCSV in hello.suites and next(left, None) is not None:
            return Said(Speech.FAILED, trouble="no answer within 5 s")
        return ask(self, hello, share)

    monkeypatch.setattr(Prober, "ask", busy)
    found = look(context(RSA, lowest=ssl.TLSVersion.TLSv1_2))

    assert found.fallback_scsv is answer


def test_a_well_kept_server_costs_few_connections() -> None:
    server = context(RSA, ciphers="ECDHE+AESGCM", lowest=ssl.TLSVersion.TLSv1_2)
    assert look(server).connections < 40


def test_a_server_that_follows_the_client_is_seen_to() -> None:
    assert look(context(RSA)).order is Order.CLIENT


def test_suites_are_in_the_server_s_order() -> None:
    listed = "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA"
    server = context(RSA, ciphers=listed, options=ssl.OP_CIPHER_SERVER_PREFERENCE)
    assert [str(one) for one in look(server).suites(Version.TLS12)] == listed.split(":")


def test_a_weak_suite_before_a_strong_one_is_a_pair_in_the_result() -> None:
    listed = "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"
    server = context(RSA, ciphers=listed, options=ssl.OP_CIPHER_SERVER_PREFERENCE)
    found = look(server)
    assert [(str(weak), str(strong)) for weak, strong in found.misordered] == [tuple(listed.split(":"))]


def test_starttls_leads_to_the_same_answers() -> None:
    server = context(RSA, ciphers="ECDHE+AESGCM", lowest=ssl.TLSVersion.TLSv1_2)
    through = scan(lambda: SmtpServer(server), "mx", starttls=Opening.SMTP, limits=QUICK)
    at_once = look(server)
    assert [one.suites for one in through.versions] == [one.suites for one in at_once.versions]


def test_no_starttls_is_not_offered() -> None:
    server = context(RSA)
    found = scan(lambda: SmtpServer(server, extensions="SIZE"), "mx", starttls=Opening.SMTP, limits=QUICK)
    assert found.speech is Speech.NOT_OFFERED
    assert not found.versions


def test_a_server_that_sends_us_away_could_not_be_asked() -> None:
    server = context(RSA)
    busy = "421 4.7.0 mx Error: too many connections"
    limits = Limits(parallel=1, seconds=3, wait=3)
    found = scan(lambda: SmtpServer(server, greeting=busy), "mx", starttls=Opening.SMTP, limits=limits)
    assert found.speech is Speech.FAILED
    assert busy in found.trouble


def test_a_server_that_was_busy_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.tls.probe._PAUSE", 0.0)
    server = context(RSA, ciphers="ECDHE+AESGCM", lowest=ssl.TLSVersion.TLSv1_2)
    count = iter(range(1000))

    def connect() -> Stream:
        busy = next(count) % 2 == 0
        return SmtpServer(server, greeting="421 4.7.0 mx too many connections" if busy else "220 mx ESMTP")

    one_by_one = Limits(parallel=1, seconds=60, wait=5)
    found = scan(connect, "mx", starttls=Opening.SMTP, limits=one_by_one)
    assert len(found.suites(Version.TLS12)) == 2
    assert not found.troubles


def test_plain_text_where_tls_should_be_is_not_offered() -> None:
    found = scan(lambda: Says(b"* OK Dovecot ready.\r\n", silent=True), "mx", limits=QUICK)
    assert found.speech is Speech.NOT_OFFERED
    assert "* OK Dovecot ready." in found.trouble


def refuse() -> Stream:
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_closed_port_could_not_be_asked() -> None:
    found = scan(refuse, "mx", limits=QUICK)
    assert (found.speech, found.trouble) == (Speech.FAILED, "Connection refused")


@pytest.mark.parametrize(
    ("says", "silent", "answer"),
    [
        (b"", False, Answer.NO),
        (b"", True, Answer.UNKNOWN),
        (b"\x15\x03\x03\x00\x02\x02\x28", False, Answer.NO),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", False, Answer.UNKNOWN),
        (b"\xff" * 300, False, Answer.UNKNOWN),
    ],
    ids=["hangs up", "silent", "alert", "empty ServerHello", "noise"],
)
def test_refused_is_told_from_not_known(says: bytes, silent: bool, answer: Answer) -> None:
    found = scan(lambda: Says(says, silent), "mx", limits=QUICK)
    assert found.speech is Speech.TLS
    assert {one.answer for one in found.versions} == {answer}


def test_a_server_that_never_stops_talking_ends_the_scan() -> None:
    record = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"
    found = scan(lambda: Says(record[:5] + record[5:] * 1 + record * 40000), "mx", limits=QUICK)
    assert {one.answer for one in found.versions} == {Answer.UNKNOWN}
    assert found.troubles


def test_no_more_connections_are_open_at_once_than_allowed() -> None:
    server = context(RSA, ciphers="ECDHE+AESGCM")
    counted = Counted(lambda: TlsServer(server))
    slots = threading.Semaphore(1)
    scan(counted, "mx", limits=Limits(parallel=4), slots=slots)
    assert counted.most == 1
    assert counted.open == 0


def test_when_the_time_is_used_up_the_rest_is_unknown() -> None:
    found = scan(lambda: TlsServer(context(RSA)), "mx", limits=Limits(seconds=-1.0))
    assert (found.speech, found.trouble) == (Speech.FAILED, "the time for this port was used up")


def test_a_port_that_has_too_many_connections_says_so_in_plain_text_and_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exim on 465 at smtp_accept_max: `421`, where TLS should begin."""
    answers = [b"421 Too many concurrent SMTP connections; please try again later.\r\n", PROTOCOL_VERSION]
    monkeypatch.setattr("provisioner.tls.probe.time.sleep", lambda _seconds: None)

    def opened() -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(answers.pop(0))
        theirs.shutdown(socket.SHUT_WR)
        kept.append(theirs)
        return ours

    kept: list[socket.socket] = []
    said = Prober(opened, Opening.IMPLICIT, Limits()).ask(Hello(Version.TLS10, [0x2F]))
    for one in kept:
        one.close()

    assert (said.refusal, said.trouble, answers) == ("protocol_version", "", [])


PROTOCOL_VERSION = bytes.fromhex("15030100020246")
"""A fatal alert (RFC 5246 §7.2)."""
