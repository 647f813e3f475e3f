"""Logging in with an access token: what is sent, and what a refusal is taken for."""

from __future__ import annotations

import json
import socket
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from provisioner.connection import sasl, token
from provisioner.connection.exchange import Said
from provisioner.connection.login import login
from provisioner.connection.speakers import ImapSpeaker, Pop3Speaker, SieveSpeaker, SmtpSpeaker, Speaker
from provisioner.connection.target import Encryption, Protocol, Target
from provisioner.connection.walker import Ended, Walker, Wish
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver
from provisioner.mail.wire import Wire

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="  # RFC 7628 §4.1
INVALID = '{"status":"invalid_token","scope":"example_scope"}'


def spoken(
    speaker: Callable[[Wire], Speaker], lines: list[str], mechanism: str, secret: str = TOKEN
) -> tuple[Said, list[str]]:
    """What comes of a login at a server that says these lines, and what it was sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall("".join(f"{line}\r\n" for line in lines).encode())
        talk = speaker(Wire(ours))
        if isinstance(talk, SieveSpeaker):
            talk.greeting()
        said = talk.login(mechanism, "user@example.com", secret)
        ours.shutdown(socket.SHUT_WR)
        sent = theirs.makefile("rb").read().decode()
    return said, sent.splitlines()


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_oauthbearer_is_written_as_in_rfc_7628() -> None:
    exchange = sasl.oauthbearer("user@example.com", TOKEN)

    assert next(exchange) == f"n,a=user@example.com,\x01auth=Bearer {TOKEN}\x01\x01".encode()
    assert exchange.send(INVALID.encode()) == b"\x01"


def test_a_comma_and_an_equals_sign_in_a_login_are_escaped() -> None:
    assert next(sasl.oauthbearer("a=,b", "t")).startswith(b"n,a=a=3D=2Cb,\x01")


def test_xoauth2_acknowledges_a_refusal_by_nothing() -> None:
    exchange = sasl.xoauth2("user@example.com", TOKEN)

    assert next(exchange) == f"user=user@example.com\x01auth=Bearer {TOKEN}\x01\x01".encode()
    assert exchange.send(INVALID.encode()) == b""


def test_a_token_that_fits_goes_along_with_auth() -> None:
    said, sent = spoken(SmtpSpeaker, ["235 2.7.0 Accepted"], "XOAUTH2")

    assert said.ok and len(sent) == 1
    assert b64decode(sent[0].removeprefix("AUTH XOAUTH2 ")).startswith(b"user=user@example.com\x01")


@pytest.mark.parametrize(
    ("speaker", "lines"), [(SmtpSpeaker, ["334 ", "235 2.7.0 Accepted"]), (Pop3Speaker, ["+ ", "+OK"])]
)
def test_a_token_too_long_for_the_line_of_auth_is_sent_after_it(
    speaker: Callable[[Wire], Speaker], lines: list[str]
) -> None:
    """RFC 4954 §4, RFC 5034 §4: 512 and 255 octets."""
    said, sent = spoken(speaker, lines, "OAUTHBEARER", "t" * 2000)

    assert said.ok
    assert sent[0] == "AUTH OAUTHBEARER" and b64decode(sent[1]).count(b"t" * 2000) == 1


def test_imap_without_initial_response_sends_it_when_asked() -> None:
    said, sent = spoken(ImapSpeaker, ["+ ", "p1 OK Logged in."], "OAUTHBEARER")

    assert said.ok and sent[0] == "p1 AUTHENTICATE OAUTHBEARER" and b64decode(sent[1]).startswith(b"n,a=user")


@pytest.mark.parametrize(
    ("speaker", "lines"),
    [
        (SmtpSpeaker, [f"334 {b64(INVALID)}", "535 5.7.8 Error: authentication failed"]),
        (Pop3Speaker, [f"+ {b64(INVALID)}", "-ERR [AUTH] Authentication failed."]),
        (ImapSpeaker, ["+ ", f"+ {b64(INVALID)}", "p1 NO [AUTHENTICATIONFAILED] Authentication failed."]),
        (SieveSpeaker, ['"SASL" "OAUTHBEARER"', "OK", f'"{b64(INVALID)}"', 'NO "Authentication failed."']),
        (
            SieveSpeaker,
            [
                '"SASL" "XOAUTH2"',
                "OK",
                f"{{{len(b64(INVALID))}}}",
                b64(INVALID),
                'NO "Authentication failed."',
            ],
        ),
    ],
    ids=["SMTP", "POP3", "IMAP", "ManageSieve, quoted", "ManageSieve, literal"],
)
def test_a_refusal_is_acknowledged_and_its_json_kept(
    speaker: Callable[[Wire], Speaker], lines: list[str]
) -> None:
    said, sent = spoken(speaker, lines, "OAUTHBEARER")

    assert (said.ok, said.challenge) == (False, INVALID)
    assert sent[-1] == "AQ=="


def test_a_server_that_goes_on_asking_is_given_no_more() -> None:
    with pytest.raises(sasl.SaslError):
        spoken(SmtpSpeaker, [f"334 {b64(INVALID)}"] * 3, "OAUTHBEARER")


# --- what it means ----------------------------------------------------------------------------


def jwt(**claims: object) -> str:
    """A token whose claims can be read; its signature is none."""
    return ".".join(
        urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"RS256"}', json.dumps(claims).encode(), b"signature")
    )


NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (jwt(exp=NOW.timestamp() - 60), datetime(2026, 11, 26, 7, 59, tzinfo=UTC)),
        (jwt(exp=NOW.timestamp() + 60), None),
        (jwt(sub="alice"), None),
        (jwt(exp="soon"), None),
        (jwt(exp=1e300), None),
        (TOKEN, None),
        ("a.b.c", None),
        ("a.!.c", None),
    ],
    ids=["expired", "valid", "no end", "no number", "no date", "opaque", "no JSON", "no base64"],
)
def test_a_token_says_itself_whether_it_has_expired(given: str, end: datetime | None) -> None:
    assert token.expired(given, NOW) == end


@pytest.mark.parametrize("challenge", ["", "x", "[]", '"x"', "[" * 10_000, "\udcff", '{"status": 1}'])
def test_a_challenge_that_is_no_json_object_says_nothing(challenge: str) -> None:
    assert token.reasons(challenge) == {}


def refused(
    lines: list[str], secret: str, *, mechanism: str = "", offers: str = "XOAUTH2 OAUTHBEARER"
) -> Walker:
    """A walk that ended at the login of an SMTP server that says these lines."""
    ours, theirs = socket.socketpair()
    wish = Wish(user="alice@example.test", token=secret, mechanism=mechanism)
    target = Target("mail.example.test", 587, Protocol.SMTP, Encryption.STARTTLS)
    walker = Walker(target, wish, Resolver("192.0.2.53"), Reach(()), server_name="mail.example.test")
    with ours, theirs:
        hello = ["250-mail.example.test", f"250 AUTH {offers}"]
        theirs.sendall("".join(f"{line}\r\n" for line in [*hello, *lines]).encode())
        talk = SmtpSpeaker(Wire(ours))
        talk.hello("localhost")
        walker.speaker = talk
        with pytest.raises(Ended):
            login(walker)
    return walker


WRONG = "535 5.7.8 Error: authentication failed"


@pytest.mark.parametrize(
    ("challenge", "answer", "secret", "kind", "words"),
    [
        (INVALID, WRONG, TOKEN, "token-refused", "status invalid_token, scope example_scope"),
        ('{"status":"insufficient_scope","scope":"mail"}', WRONG, TOKEN, "token-scope", "asks for mail"),
        (
            '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}',
            "535 5.7.8 Username and Password not accepted. https://support.google.com/mail/?p=BadCredentials",
            TOKEN,
            "token-refused",
            "status 400, scope https://mail.google.com/",
        ),
        ('{"schemes":"bearer","status":"403","scope":"mail"}', WRONG, TOKEN, "token-scope", "asks for mail"),
        ('{"status":"internal_failure"}', WRONG, TOKEN, "login-unavailable", "check logins now"),
        ('{"schemes":"bearer","status":"500"}', WRONG, TOKEN, "login-unavailable", "check logins now"),
        (INVALID, WRONG, jwt(exp=1_700_000_000), "token-expired", "14 Nov 2023 22:13 UTC"),
        ("", "535 5.7.3 Authentication unsuccessful", TOKEN, "token-refused", "Authentication unsuccessful"),
        ("", "454 4.7.0 Temporary authentication failure", TOKEN, "login-unavailable", "check logins now"),
        (
            "",
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            TOKEN,
            "login-disabled-by-admin",
            "turned off",
        ),
    ],
)
def test_a_refused_token_is_explained(
    challenge: str, answer: str, secret: str, kind: str, words: str
) -> None:
    lines = [f"334 {b64(challenge)}"] if challenge else []

    (step,) = refused([*lines, answer], secret).steps

    assert step.kind is not None and step.kind.id == kind
    assert words in step.kind.says
    assert secret not in f"{step.detail}{step.kind}"
    assert challenge in step.detail


def test_a_server_that_takes_no_tokens_says_what_it_takes() -> None:
    (step,) = refused([], TOKEN, offers="PLAIN LOGIN").steps

    assert step.kind is not None and step.kind.id == "login-mechanism"
    assert step.detail == "neither OAUTHBEARER nor XOAUTH2 is among PLAIN, LOGIN"


def test_the_way_that_was_wished_for_is_taken() -> None:
    (step,) = refused([], TOKEN, mechanism="XOAUTH2", offers="OAUTHBEARER").steps

    assert step.detail == "XOAUTH2 is not among OAUTHBEARER"


def test_an_answer_that_would_be_a_success_elsewhere_is_no_success_of_the_login() -> None:
    (step,) = refused(["221 2.0.0 Bye"], TOKEN).steps

    assert step.kind is not None and step.kind.id == "server-fault"
