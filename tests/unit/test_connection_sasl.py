"""The client's side of SASL, held against the examples of its standards."""

from __future__ import annotations

import socket

import pytest

from provisioner.connection import sasl
from provisioner.connection.speakers import SmtpSpeaker
from provisioner.mail.wire import Wire

SHA1 = (
    "fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
SHA256 = (
    "rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


def test_plain_has_an_empty_identity_to_act_as() -> None:
    assert list(sasl.plain("tim", "tanstaaftanstaaf")) == [b"\0tim\0tanstaaftanstaaf"]


def test_cram_md5_answers_as_in_rfc_2195() -> None:
    exchange = sasl.cram_md5("tim", "tanstaaftanstaaf")
    next(exchange)

    answer = exchange.send(b"<1896.697170952@postoffice.reston.mci.net>")

    assert answer == b"tim b913a602c7eda7a495b4e6e7334d3890"


@pytest.mark.parametrize(
    ("algorithm", "example"), [("sha1", SHA1), ("sha256", SHA256)], ids=["RFC 5802 §5", "RFC 7677 §3"]
)
def test_scram_answers_as_in_the_example(
    algorithm: str, example: tuple[str, bytes, bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    nonce, challenge, proof, signature = example
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: nonce)
    exchange = sasl.scram(algorithm)("user", "pencil")

    assert next(exchange) == f"n,,n=user,r={nonce}".encode()
    assert exchange.send(challenge) == proof
    assert exchange.send(signature) == b""


@pytest.mark.parametrize("last", [b"v=AAAA", b"", b"e=other-error", b"v=", b"x"])
def test_a_server_that_does_not_prove_that_it_knows_the_password_is_not_believed(
    last: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: SHA256[0])
    exchange = sasl.scram("sha256")("user", "pencil")
    next(exchange)
    exchange.send(SHA256[1])

    with pytest.raises(sasl.UnprovenError):
        exchange.send(last)


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=strange,s=QSXCR+Q6sek8bf92,i=4096",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=0",
        b"r=NONCEx,s=QSXCR+Q6sek8bf92,i=99999999",
        b"r=NONCEx,s=*,i=4096",
        b"r=NONCE,s=QSXCR+Q6sek8bf92,i=4096",
        b"\xff",
    ],
    ids=["another's nonce", "no rounds", "too many rounds", "no salt", "nothing of its own", "noise"],
)
def test_a_challenge_that_can_t_be_right_is_not_answered(
    challenge: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: "NONCE")
    exchange = sasl.scram("sha256")("user", "pencil")
    next(exchange)

    with pytest.raises(sasl.SaslError):
        exchange.send(challenge)


def test_a_login_that_is_taken_before_the_proof_is_not_believed() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"235 2.7.0 Welcome\r\n")

    with ours, theirs, pytest.raises(sasl.UnprovenError):
        SmtpSpeaker(Wire(ours)).login("SCRAM-SHA-256", "user", "pencil")


def test_a_comma_and_an_equals_sign_in_a_login_are_written_as_scram_wants_them() -> None:
    assert b"n,,n=a=3D=2Cb,r=" in next(sasl.scram("sha1")("a=,b", "pencil"))
