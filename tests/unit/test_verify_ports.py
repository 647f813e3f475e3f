"""What a conversation with a port concludes from what a server says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from mail_server import Answer, MailServer, make_certificate

from provisioner.errors import NotTouched
from provisioner.mail.wire import ConversationError, Stream, Trouble, Wire
from provisioner.roles.model import Port
from provisioner.verify.expectations import Expectations, Trust, TrustKind
from provisioner.verify.port import prove_port
from provisioner.verify.ports import prove_ports
from provisioner.verify.result import PortResult

HOST = "mx1.example.test"
SMTP = Port(25, "smtp", "postfix", "starttls")
SUBMISSION = Port(587, "submission", "postfix", "starttls")
SUBMISSIONS = Port(465, "submissions", "postfix", "implicit")
IMAP = Port(143, "imap", "dovecot", "starttls")
POP3 = Port(110, "pop3", "dovecot", "starttls")
SIEVE = Port(4190, "sieve", "dovecot", "starttls")
EXPECT = Expectations(HOST, ("alice@example.test",), trust=Trust(TrustKind.ANY), seconds=5, wait=0.5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    make_certificate(path, HOST)
    return path


def smtp_answers(**changes: Answer) -> Callable[[str, bool], Answer]:
    """A good server's answers, but for those named: EHLO, TLS_EHLO, STARTTLS, MAIL, LOCAL, FOREIGN."""

    def answer(line: str, tls: bool) -> Answer:
        verb = line.split(" ")[0].upper()
        if verb == "EHLO" and tls:
            return changes.get("TLS_EHLO", ["250-mx", "250 PIPELINING"])
        if verb == "EHLO":
            return changes.get("EHLO", ["250-mx", "250-SIZE 1000", "250 STARTTLS"])
        if verb == "STARTTLS":
            return changes.get("STARTTLS", "STARTTLS:220 2.0.0 Ready")
        if verb == "MAIL":
            return changes.get("MAIL", "250 2.1.0 Ok")
        if verb == "RCPT":
            if line.endswith("@example.test>"):
                return changes.get("LOCAL", "250 2.1.5 Ok")
            return changes.get("FOREIGN", "554 5.7.1 Relay access denied")
        return "221 2.0.0 Bye" if verb == "QUIT" else "250 2.0.0 Ok"

    return answer


def prove(port: Port, server: MailServer, expect: Expectations = EXPECT) -> PortResult:
    return prove_port(port, server.open, expect)


def smtp(certificate: Path, **changes: Answer) -> PortResult:
    return prove(SMTP, MailServer("220 mx", smtp_answers(**changes), tls=certificate))


def test_a_mail_exchange_that_takes_local_mail_and_refuses_to_relay_is_proven(certificate: Path) -> None:
    server = MailServer("220 mx", smtp_answers(), tls=certificate)
    result = prove(SMTP, server)
    assert (result.ok, result.outcome) == (True, "takes mail for 1 domain, refuses to relay")
    assert result.tls_version.startswith("TLSv1.")
    assert result.certificate is not None and result.certificate.names == (HOST,)
    assert not any(line.upper().startswith("DATA") for line in server.heard)


def test_a_server_that_accepts_a_foreign_recipient_is_an_open_relay(certificate: Path) -> None:
    result = smtp(certificate, FOREIGN="250 2.1.5 Ok")
    assert (result.ok, result.kind, result.evidence) == (False, "open-relay", ("250 2.1.5 Ok",))


def test_a_foreign_recipient_that_is_only_put_off_proves_nothing(certificate: Path) -> None:
    result = smtp(certificate, FOREIGN="450 4.1.2 Domain not found")
    assert (result.ok, result.kind, result.retry) == (False, "unproven", True)


def test_a_misspelt_restriction_shows_as_the_reply_to_the_recipient(certificate: Path) -> None:
    result = smtp(certificate, LOCAL="451 4.3.5 Server configuration error")
    assert result.outcome == "answered RCPT TO:<alice@example.test> with"
    assert result.evidence == ("451 4.3.5 Server configuration error",)
    assert "log names the setting" in result.hint


def test_a_login_offered_on_the_port_for_servers_is_not_accepted(certificate: Path) -> None:
    result = smtp(certificate, TLS_EHLO=["250-mx", "250 AUTH PLAIN"])
    assert (result.ok, result.mechanisms_after) == (False, ("PLAIN",))


def test_a_server_without_starttls_is_not_accepted(certificate: Path) -> None:
    result = smtp(certificate, EHLO=["250-mx", "250 SIZE 1000"])
    assert (result.ok, result.kind) == (False, "no-starttls")


def test_a_starttls_that_the_server_refuses_shows_its_reply(certificate: Path) -> None:
    reply = "454 4.7.0 TLS not available due to local problem"
    result = smtp(certificate, STARTTLS=reply)
    assert (result.ok, result.evidence) == (False, (reply,))
    assert "certificate" in result.hint


def test_plain_text_after_starttls_is_never_taken_for_tls(certificate: Path) -> None:
    result = smtp(certificate, STARTTLS=["220 Ready", "250 injected"])
    assert (result.ok, result.kind) == (False, "tls")
    assert "plain text" in result.outcome


def test_submission_offers_a_login_after_tls_and_takes_nothing_without_one(certificate: Path) -> None:
    good = smtp_answers(TLS_EHLO=["250-mx", "250 AUTH PLAIN LOGIN"], LOCAL="554 5.7.1 Access denied")
    result = prove(SUBMISSION, MailServer("220 mx", good, tls=certificate))
    assert (result.ok, result.mechanisms_before, result.mechanisms_after) == (True, (), ("PLAIN", "LOGIN"))


def test_submissions_begins_with_tls(certificate: Path) -> None:
    good = smtp_answers(TLS_EHLO=["250-mx", "250 AUTH PLAIN"], MAIL="530 5.7.0 Authentication required")
    result = prove(SUBMISSIONS, MailServer("220 mx", good, tls=certificate, implicit=True))
    assert result.ok, result.outcome


def test_a_login_before_tls_is_not_accepted(certificate: Path) -> None:
    answers = smtp_answers(EHLO=["250-mx", "250-STARTTLS", "250 AUTH=PLAIN"])
    result = prove(SUBMISSION, MailServer("220 mx", answers, tls=certificate))
    assert (result.ok, result.kind) == (False, "login-without-tls")


def test_submission_that_takes_mail_without_a_login_is_not_accepted(certificate: Path) -> None:
    answers = smtp_answers(TLS_EHLO=["250-mx", "250 AUTH PLAIN"])
    result = prove(SUBMISSION, MailServer("220 mx", answers, tls=certificate))
    assert (result.ok, result.kind) == (False, "mail-without-login")


def imap_answers(before: str, *, starttls: str = "OK begin") -> Callable[[str, bool], Answer]:
    def answer(line: str, tls: bool) -> Answer:
        tag, command = line.split(" ", 1)
        if command == "CAPABILITY":
            words = "AUTH=PLAIN" if tls else before
            return [f"* CAPABILITY IMAP4rev1 {words}", f"{tag} OK done"]
        return f"STARTTLS:{tag} {starttls}" if command == "STARTTLS" else f"{tag} OK done"

    return answer


def test_imap_is_proven_when_login_is_disabled_before_tls(certificate: Path) -> None:
    server = MailServer("* OK ready", imap_answers("STARTTLS LOGINDISABLED"), tls=certificate)
    result = prove(IMAP, server)
    assert (result.ok, result.outcome) == (True, "LOGINDISABLED before TLS")
    assert result.mechanisms_after == ("PLAIN",)


@pytest.mark.parametrize("offered", ["STARTTLS", "STARTTLS LOGINDISABLED AUTH=PLAIN"])
def test_imap_that_would_take_a_password_before_tls_is_not_accepted(certificate: Path, offered: str) -> None:
    result = prove(IMAP, MailServer("* OK ready", imap_answers(offered), tls=certificate))
    assert (result.ok, result.kind) == (False, "login-without-tls")


def test_a_client_from_the_host_itself_can_not_tell_what_strangers_are_offered(certificate: Path) -> None:
    server = MailServer("* OK ready", imap_answers("STARTTLS AUTH=PLAIN"), tls=certificate)
    result = prove(IMAP, server, replace(EXPECT, same_host=True))
    assert (result.ok, result.outcome) == (True, "before TLS not seen from outside")


def test_pop3_is_proven_without_a_login_before_stls(certificate: Path) -> None:
    def answer(line: str, tls: bool) -> Answer:
        if line == "CAPA":
            return ["+OK", "USER", "SASL PLAIN", "."] if tls else ["+OK", "STLS", "SASL", "."]
        return "STARTTLS:+OK begin" if line == "STLS" else "+OK"

    result = prove(POP3, MailServer("+OK ready", answer, tls=certificate))
    assert (result.ok, result.mechanisms_before, result.mechanisms_after) == (True, (), ("USER", "PLAIN"))


def test_pop3_that_takes_a_user_before_stls_is_not_accepted(certificate: Path) -> None:
    def answer(line: str, tls: bool) -> Answer:
        return ["+OK", "STLS", "USER", "."] if line == "CAPA" else "+OK"

    result = prove(POP3, MailServer("+OK ready", answer, tls=certificate))
    assert (result.ok, result.kind) == (False, "login-without-tls")


def test_managesieve_is_proven_by_its_capabilities_before_and_after_tls(certificate: Path) -> None:
    server = MailServer(
        ['"SASL" ""', '"STARTTLS"', 'OK "ready"'],
        lambda line, tls: 'STARTTLS:OK "begin"' if line == "STARTTLS" else 'OK "done"',
        tls=certificate,
        after_tls=['"SASL" "PLAIN"', 'OK "ready"'],
    )
    result = prove(SIEVE, server)
    assert (result.ok, result.mechanisms_after) == (True, ("PLAIN",))


def test_a_certificate_for_another_name_is_not_accepted(certificate: Path) -> None:
    server = MailServer("220 mx", smtp_answers(), tls=certificate)
    result = prove(SMTP, server, replace(EXPECT, hostname="mail.elsewhere.test"))
    assert (result.kind, result.outcome) == (
        "certificate-name", f"the certificate is for {HOST}, not for mail.elsewhere.test"
    )  # fmt: skip


def test_a_certificate_that_has_ended_is_not_accepted(tmp_path: Path) -> None:
    make_certificate(tmp_path / "old.pem", HOST, begins=timedelta(days=-9), ends=timedelta(days=-2))
    result = smtp(tmp_path / "old.pem")
    assert (result.ok, result.kind) == (False, "certificate-date")


def test_a_self_signed_certificate_is_not_trusted_where_a_public_one_is_expected(certificate: Path) -> None:
    server = MailServer("220 mx", smtp_answers(), tls=certificate)
    result = prove(SMTP, server, replace(EXPECT, trust=Trust(TrustKind.SYSTEM)))
    assert (result.ok, result.kind) == (False, "certificate-trust")
    assert result.certificate is not None and result.certificate.self_signed
    assert server.connections == 2


def test_a_certificate_of_the_own_authority_is_trusted(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path / "c.pem", HOST).public_bytes(Encoding.PEM).decode()
    server = MailServer("220 mx", smtp_answers(), tls=tmp_path / "c.pem")
    assert prove(SMTP, server, replace(EXPECT, trust=Trust(TrustKind.AUTHORITY, pem))).ok
    other = make_certificate(tmp_path / "o.pem", HOST).public_bytes(Encoding.PEM).decode()
    assert not prove(SMTP, server, replace(EXPECT, trust=Trust(TrustKind.AUTHORITY, other))).ok


def test_an_older_certificate_than_the_deployed_one_is_noticed(certificate: Path) -> None:
    server = MailServer("220 mx", smtp_answers(), tls=certificate)
    result = prove(SMTP, server, replace(EXPECT, trust=Trust(TrustKind.DEPLOYED, "00" * 32)))
    assert (result.ok, result.kind) == (False, "certificate-trust")


def test_a_port_that_stays_silent_ends_within_its_limit() -> None:
    started = time.monotonic()
    result = prove(SMTP, MailServer([], smtp_answers()))
    assert (result.ok, result.kind) == (False, "silent")
    assert time.monotonic() - started < 60


def test_a_port_that_hangs_up_says_after_which_command() -> None:
    def answer(line: str, tls: bool) -> Answer:
        return None

    result = prove(SMTP, MailServer("220 mx", answer))
    assert (result.kind, result.outcome) == ("closed", "the server closed the connection, after EHLO")


@pytest.mark.parametrize("flood", [["220-more"] * 5000, ["x" * 100_000], "SSH-2.0-OpenSSH", "220\x1b[2Jx"])
def test_a_hostile_greeting_is_bounded_and_never_a_crash(flood: Answer) -> None:
    result = prove(SMTP, MailServer(flood, lambda line, tls: None))
    assert not result.ok
    assert sum(map(len, result.transcript)) < 1_000_000


def test_a_server_that_drips_bytes_ends_within_the_limit_of_the_conversation() -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.05):
            try:
                theirs.sendall(b"2")
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    started = time.monotonic()
    result = prove_port(SMTP, lambda port: ours, replace(EXPECT, seconds=0.6))
    stop.set()
    assert (result.kind, time.monotonic() - started < 60) == ("silent", True)


def test_a_command_can_not_carry_a_second_one() -> None:
    wire = Wire(socket.socketpair()[0])
    with pytest.raises(ValueError, match="one line"):
        wire.send_line("RCPT TO:<a@b>\r\nDATA")


def test_what_is_secret_is_not_in_the_transcript() -> None:
    ours, theirs = socket.socketpair()
    wire = Wire(ours)
    wire.send_line("AUTH PLAIN c2VjcmV0", secret=True)
    assert wire.transcript == ["> …"]
    assert theirs.recv(100) == b"AUTH PLAIN c2VjcmV0\r\n"


def test_a_port_nobody_listens_on_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = replace(SMTP, number=free.getsockname()[1])
    (result,) = prove_ports([port], EXPECT, address="127.0.0.1")
    assert (result.kind, result.outcome) == ("unreachable", "nothing listens: connection refused")


class _Forwarder:
    def __init__(self, server: MailServer) -> None:
        self.server, self.asked = server, ("", 0)

    def open_tcp(self, address: str, port: int, timeout: float = 10.0) -> Stream:
        self.asked = (address, port)
        return self.server.open(port)


def test_a_port_that_is_blocked_on_the_way_is_reached_from_the_host_itself(certificate: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = replace(SMTP, number=free.getsockname()[1])
    forwarder = _Forwarder(MailServer("220 mx", smtp_answers(), tls=certificate))
    (result,) = prove_ports([port], EXPECT, address="127.0.0.1", outward="192.0.2.7", forwarder=forwarder)
    assert (result.ok, result.forwarded, forwarder.asked) == (True, True, ("192.0.2.7", port.number))
    assert "EHLO [192.0.2.7]" in forwarder.server.heard


def test_a_service_that_is_still_starting_is_asked_again(certificate: Path) -> None:
    calls: list[int] = []
    server = MailServer("220 mx", smtp_answers(), tls=certificate)

    class Starting(_Forwarder):
        def open_tcp(self, address: str, port: int, timeout: float = 10.0) -> Stream:
            calls.append(port)
            if len(calls) < 3:
                raise ConnectionRefusedError(111, "Connection refused")
            return self.server.open(port)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = replace(SMTP, number=free.getsockname()[1])
    (result,) = prove_ports([port], EXPECT, address="127.0.0.1", forwarder=Starting(server), patience=5)
    assert (result.ok, len(calls)) == (True, 3)


def test_a_conversation_error_of_the_way_is_a_result(certificate: Path) -> None:
    def refuse(port: int) -> Stream:
        raise ConversationError(Trouble.UNREACHABLE, "the host forwards nothing")

    result = prove_port(SMTP, refuse, EXPECT)
    assert (result.ok, result.outcome) == (False, "the host forwards nothing")


def test_where_neither_way_leads_to_a_port_both_reasons_are_given() -> None:
    class Forbidden(_Forwarder):
        def open_tcp(self, address: str, port: int, timeout: float = 10.0) -> Stream:
            raise NotTouched("root@192.0.2.7:22 forwards no connections")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = replace(SMTP, number=free.getsockname()[1])
    forwarder = Forbidden(MailServer("220 mx", smtp_answers()))
    (result,) = prove_ports([port], EXPECT, address="127.0.0.1", forwarder=forwarder)
    assert "nothing listens" in result.outcome
    assert "forwards no connections" in result.outcome
