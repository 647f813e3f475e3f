"""DKIM signatures: the RFCs' own examples, dkimpy's signatures, and every way to fail."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from zone_making import Zone

from provisioner.audit import dkim as audited_dkim
from provisioner.authentication import dkim
from provisioner.authentication.dkim import DkimResult

LETTER = b"""From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
RFC8463_SIGNATURES = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
"""
RFC8463_KEYS = {
    "brisbane._domainkey.football.example.com TXT": [
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    ],
    "test._domainkey.football.example.com TXT": [
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bd"
        "OKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLz"
        "BfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    ],
}


def test_both_signatures_of_rfc_8463_appendix_a_are_right() -> None:
    found = dkim.verify(RFC8463_SIGNATURES + LETTER, Zone(RFC8463_KEYS).ask)

    assert [(one.result, one.selector, one.algorithm) for one in found] == [
        ("pass", "brisbane", "ed25519-sha256"),
        ("pass", "test", "rsa-sha256"),
    ]


RFC6376_SIGNATURE = b"""DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
"""
RFC6376_KEYS = {
    "brisbane._domainkey.example.com TXT": [
        "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
        "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
        "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
    ]
}


def test_the_signature_of_rfc_6376_appendix_a_is_right() -> None:
    # By erratum 3192 its body has one space where the appendix prints two.
    letter = LETTER.replace(b"game.  Are", b"game. Are")

    (found,) = dkim.verify(RFC6376_SIGNATURE + letter, Zone(RFC6376_KEYS).ask)

    assert found.result is DkimResult.PASS
    assert (found.domain, found.selector) == ("example.com", "brisbane")
    assert found.signature.identity == "joe@football.example.com"
    assert "1024 bits" in found.notes[0]


SHORT_PUBLIC = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM9JkEzeE4RZRV0Ala3vw8ralREtrhjk+gdI1pJXmyF+QUequhclS0CgY/POzg0q"
    "IDitBL6zLiVuaGMruVYxvTcCAwEAAQ=="
)
SHORT_SIGNED = b"""DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
 i=@example.org; q=dns/txt; s=s1; t=1795631331; h=from : to : subject :
 date : message-id : from;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=cHI5lig3hQ09Xnh0/+XucHU/wcxwMAva2hdl+HytKH4R5O16um+R5/evNgPot7T+SFzcj
 gtsktaQVQwGvQv38A==
"""


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def published(algorithm: str = "rsa", *, bits: int = 2048, extra: str = "") -> Zone:
    if algorithm == "rsa":
        raw = rsa_key(bits).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        raw = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = f"v=DKIM1; k={algorithm}; {extra}p={base64.b64encode(raw).decode()}"
    return Zone({"s1._domainkey.example.org TXT": [text]})


def signed(
    letter: bytes = LETTER, *, algorithm: bytes = b"rsa-sha256", bits: int = 2048, **more: object
) -> bytes:
    if algorithm == b"ed25519-sha256":
        raw = ed25519_key().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        pem = base64.b64encode(raw)
    else:
        pem = rsa_key(bits).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    field: bytes = dkimpy.sign(letter, b"s1", b"example.org", pem, signature_algorithm=algorithm, **more)
    return field + letter


CANONICALIZATIONS = [(a, b) for a in (b"simple", b"relaxed") for b in (b"simple", b"relaxed")]


@pytest.mark.parametrize("canonicalize", CANONICALIZATIONS)
@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_what_another_program_signed_is_right(algorithm: str, canonicalize: tuple[bytes, bytes]) -> None:
    message = signed(algorithm=f"{algorithm}-sha256".encode(), canonicalize=canonicalize)

    (found,) = dkim.verify(message, published(algorithm).ask)

    assert (found.result, found.problem, found.notes) == (DkimResult.PASS, "", ())


@given(
    st.lists(st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r\n ", b"b  c", b"\xff"]), max_size=12),
    st.sampled_from(CANONICALIZATIONS),
)
@settings(max_examples=40, deadline=None)
def test_a_body_of_any_white_space_is_hashed_as_another_program_does(
    parts: list[bytes], canonicalize: tuple[bytes, bytes]
) -> None:
    body = b"".join((*parts, b"\r\n")) if parts else b""  # SMTP has no body without a last line end
    letter = LETTER.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body

    message = signed(letter, algorithm=b"ed25519-sha256", canonicalize=canonicalize)

    assert [one.result for one in dkim.verify(message, published("ed25519").ask)] == ["pass"]


WORDS = st.lists(st.sampled_from(["a", "b c", " ", "\t", "\r\n ", "\r\n\t", "=?x?="]), max_size=8).map(
    "".join
)


@given(WORDS, WORDS, st.sampled_from(CANONICALIZATIONS))
@settings(max_examples=40, deadline=None)
def test_a_header_of_any_folding_is_hashed_as_another_program_does(
    subject: str, comment: str, canonicalize: tuple[bytes, bytes]
) -> None:
    head = f"From: a@example.org\r\nSubject:{subject}x\r\nX-A: 1\r\nx-a:{comment}2\r\n\r\nHi.\r\n"

    message = signed(
        head.encode(),
        algorithm=b"ed25519-sha256",
        canonicalize=canonicalize,
        include_headers=[b"from", b"subject", b"x-a", b"x-a", b"x-a"],
    )

    assert [one.result for one in dkim.verify(message, published("ed25519").ask)] == ["pass"]


def test_a_footer_that_was_added_is_told_from_a_subject_that_was_changed() -> None:
    message = signed()

    (footer,) = dkim.verify(message + b"-- \nmailing list\n", published().ask)
    (subject,) = dkim.verify(message.replace(b"Is dinner", b"[list] Is dinner"), published().ask)

    assert (footer.result, subject.result) == ("fail", "fail")
    assert "body was changed" in footer.problem
    assert "header was changed" in subject.problem


def test_a_second_from_is_noted_unless_it_is_signed_against() -> None:
    message = signed(include_headers=[b"from", b"subject"])

    (found,) = dkim.verify(b"From: ceo@example.org\n" + message, published().ask)

    assert found.passed
    assert "2 From fields" in found.notes[0]


def test_a_length_is_noted_and_only_that_much_counts() -> None:
    message = signed(length=True) + b"appended\n"

    (found,) = dkim.verify(message, published().ask)

    assert found.passed
    assert "10 octets at the end are unsigned" in found.notes[0]


def test_a_short_key_and_sha_1_count_for_nothing() -> None:
    key = {"s1._domainkey.example.org TXT": [f"v=DKIM1; p={SHORT_PUBLIC}"]}

    (sha1,) = dkim.verify(signed(algorithm=b"rsa-sha1"), published().ask)
    (short,) = dkim.verify(SHORT_SIGNED + LETTER, Zone(key).ask)

    assert (sha1.result, short.result) == ("policy", "policy")
    assert "RFC 8301 §3.1" in sha1.problem
    assert "512 bits" in short.problem


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("h=sha1; ", "allows only h=sha1"),
        ("s=tlsrpt; ", "not for mail"),
        ("t=y; ", ""),
    ],
)
def test_a_key_may_forbid_a_signature(tags: str, problem: str) -> None:
    (found,) = dkim.verify(signed(), published(extra=tags).ask)

    assert found.result == ("permerror" if problem else "pass")
    assert problem in found.problem
    assert ("testing" in " ".join(found.notes)) is (tags == "t=y; ")


def test_a_key_for_one_domain_forbids_identities_below_it() -> None:
    message = signed(identity=b"@news.example.org")

    (strict,) = dkim.verify(message, published(extra="t=s; ").ask)
    (relaxed,) = dkim.verify(message, published().ask)

    assert (strict.result, relaxed.result) == ("permerror", "pass")


@pytest.mark.parametrize(
    ("records", "result", "problem"),
    [
        ({}, "permerror", "there is no key at s1._domainkey.example.org"),
        ({"s1._domainkey.example.org TXT": ["v=DKIM1; p="]}, "permerror", "withdrawn"),
        ({"s1._domainkey.example.org TXT": ["v=DKIM1; p=MIGf"]}, "permerror", "no RSA key"),
        ({"s1._domainkey.example.org TXT": ["v=DKIM1; k=ed25519; p=MIGf"]}, "permerror", "32"),
        ({"s1._domainkey.example.org TXT": ["google-site-verification=abc"]}, "permerror", "no key"),
        (
            {"s1._domainkey.example.org CNAME": ["gone.example.net."]},
            "permerror",
            "alias of gone.example.net",
        ),
        ({"s1._domainkey.example.org TIMEOUT": []}, "temperror", "no answer"),
    ],
)
def test_a_missing_key_is_told_from_a_silent_name_server(
    records: dict[str, list[str]], result: str, problem: str
) -> None:
    (found,) = dkim.verify(signed(), Zone(records).ask)

    assert found.result == result
    assert problem in found.problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"v=1;", b"v=2;", "v=2 is not 1"),
        (b"a=rsa-sha256", b"a=rot13", "no algorithm"),
        (b"d=example.org", b"d=", "d= is missing"),
        (b"d=example.org", b"d=exa mple..org", "no domain name"),
        (b"v=1;", b"v=1; v=1;", "twice"),
        (b"v=1;", b"v=1; l=ten;", "no number"),
        (b"v=1;", b"v=1; x=5;", "expired before"),
        (b"i=@example.org", b"i=@example.net", "is not in d=example.org"),
        (b"c=relaxed/simple", b"c=loose", "no canonicalization"),
    ],
)
def test_a_signature_that_cant_be_read_says_why(old: bytes, new: bytes, problem: str) -> None:
    message = signed(canonicalize=(b"relaxed", b"simple"), identity=b"@example.org")
    assert old in message

    (found,) = dkim.verify(message.replace(old, new, 1), published().ask)

    assert found.result is DkimResult.NEUTRAL
    assert problem in found.problem


def test_a_signature_without_from_is_none() -> None:
    message = RFC6376_SIGNATURE.replace(b"Received : From", b"Received") + LETTER

    (found,) = dkim.verify(message, Zone(RFC6376_KEYS).ask)

    assert found.result is DkimResult.NEUTRAL
    assert "From is not among" in found.problem


def signed_with(tags: str) -> bytes:
    """A signature with tags that dkimpy doesn't write."""
    body_hash = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    own = f"v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from; bh={body_hash}; {tags}; b="
    data = f"from:Joe SixPack <joe@football.example.com>\r\ndkim-signature:{own}"
    value = base64.b64encode(ed25519_key().sign(hashlib.sha256(data.encode()).digest())).decode()
    return f"DKIM-Signature: {own}{value}\r\n".encode() + LETTER


def test_a_signature_expires_only_where_the_time_is_known() -> None:
    message, zone = signed_with("t=1000; x=2000"), published("ed25519")

    (unknown,) = dkim.verify(message, zone.ask)
    (before,) = dkim.verify(message, zone.ask, now=2000)
    (after,) = dkim.verify(message, zone.ask, now=2001)

    assert [one.result for one in (unknown, before, after)] == ["pass", "pass", "fail"]
    assert "expired" in after.problem


@pytest.mark.parametrize(
    ("received", "outcome"),
    [
        ("from a by b; Thu, 1 Jan 1970 00:33:20 +0000", "pass"),
        ("from a by b; Thu, 1 Jan 1970 02:33:21 +0200", "fail"),
        ("from a by b; some time", "pass"),
        ("from a by b", "pass"),
    ],
)
def test_an_audit_takes_a_signature_for_expired_by_when_the_message_came(received: str, outcome: str) -> None:
    later = b"Received: from c by a; Sat, 3 Jan 1970 00:00:00 +0000\r\n"
    message = f"Received: {received}\r\n".encode() + later + signed_with("t=1000; x=2000")

    found = audited_dkim.audit("example.org", published("ed25519"), message=message)

    (signature,) = [one for one in found if one.check.id == "dkim.signature"]
    assert signature.outcome == outcome


def test_a_length_beyond_the_body_is_wrong() -> None:
    (found,) = dkim.verify(signed_with("l=100000"), published("ed25519").ask)

    assert found.result is DkimResult.FAIL
    assert "the body has only" in found.problem


def test_a_message_without_signatures_has_no_results() -> None:
    assert dkim.verify(LETTER, Zone({}).ask) == ()


@given(st.binary(max_size=400))
@settings(max_examples=80, deadline=None)
def test_no_message_makes_it_fail(noise: bytes) -> None:
    for message in (noise, b"DKIM-Signature: " + noise, RFC8463_SIGNATURES + noise):
        for one in dkim.verify(message, Zone(RFC8463_KEYS).ask):
            assert not one.passed
