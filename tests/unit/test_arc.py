"""ARC chains: sealed here, judged by our verifier and by dkimpy's alike, whole and damaged."""

from __future__ import annotations

import base64
import hashlib

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dkim_verification import LETTER, rsa_key
from zone_making import Zone

from provisioner.authentication import arc
from provisioner.authentication.arc import ChainStatus

LETTER_ON_WIRE = LETTER.replace(b"\n", b"\r\n")
KINDS = ("ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal")


def key_record() -> str:
    raw = rsa_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(raw).decode()}"


def zone() -> Zone:
    names = [f"{selector}._domainkey.{domain}" for selector, domain in SEALERS.values()]
    return Zone({f"{name} TXT": [key_record()] for name in names})


SEALERS = {1: ("s1", "list.example.net"), 2: ("s2", "forward.example.com"), 3: ("s3", "third.example.org")}


def signed(data: str) -> str:
    return base64.b64encode(rsa_key().sign(data.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def relaxed(name: str, value: str) -> str:
    return f"{name.lower()}:{' '.join(value.split())}"


def sealed(message: bytes, number: int, *, chain: str = "", footer: bytes = b"") -> bytes:
    """The message with one more set on top, after `footer` was added to the body."""
    message += footer
    head, _, body = message.partition(b"\r\n\r\n")
    fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
    selector, domain = SEALERS[number]
    results = f"i={number}; mx.{domain}; spf=pass smtp.mailfrom=example.org; dkim=fail (was changed)"
    body_hash = base64.b64encode(hashlib.sha256(body).digest()).decode()
    common = f"i={number}; a=rsa-sha256; d={domain}; s={selector};"
    signature = f"{common} c=relaxed/simple; h=from:subject; bh={body_hash}; b="
    wanted = [next(pair for pair in reversed(fields) if pair[0] == name) for name in ("From", "Subject")]
    data = "".join(relaxed(*pair) + "\r\n" for pair in wanted)
    signature += signed(data + relaxed(KINDS[1], signature))
    chain = chain or ("none" if number == 1 else "pass")
    seal = f"{common} cv={chain}; b="
    before = [
        next(pair for pair in fields if pair[0] == kind and pair[1].startswith(f"i={earlier};"))
        for earlier in range(1, number)
        for kind in KINDS
    ]
    covered = [*before, (KINDS[0], results), (KINDS[1], signature)]
    seal += signed("".join(relaxed(*pair) + "\r\n" for pair in covered) + relaxed(KINDS[2], seal))
    new = f"{KINDS[2]}: {seal}\r\n{KINDS[1]}: {signature}\r\n{KINDS[0]}: {results}\r\n"
    return new.encode() + message


def by_dkimpy(message: bytes) -> str:
    def txt(name: bytes, **_: object) -> bytes | None:
        texts = zone().ask(name.decode().rstrip("."), "TXT").texts()
        return texts[0].encode() if texts else None

    status: bytes = dkimpy.arc_verify(message, dnsfunc=txt)[0]
    return status.decode()


ONE = sealed(LETTER_ON_WIRE, 1)
TWO = sealed(ONE, 2)
THREE = sealed(TWO, 3)


@pytest.mark.parametrize(("message", "count"), [(ONE, 1), (TWO, 2), (THREE, 3)])
def test_a_whole_chain_passes_and_says_who_vouches(message: bytes, count: int) -> None:
    found = arc.verify(message, zone().ask)

    assert (found.status, found.problem, found.oldest_pass) == (ChainStatus.PASS, "", 0)
    assert found.sealers == tuple(domain for _, domain in SEALERS.values())[:count]
    assert by_dkimpy(message) == "pass"


def test_a_set_tells_what_the_forwarder_saw() -> None:
    (first,) = arc.verify(ONE, zone().ask).instances

    assert first.results.authserv_id == "mx.list.example.net"
    assert [(one.method, one.result) for one in first.results.results] == [("spf", "pass"), ("dkim", "fail")]
    assert first.chain == "none"


def test_a_message_without_sets_has_no_chain() -> None:
    assert arc.verify(LETTER, zone().ask).status is ChainStatus.NONE


def test_a_footer_between_two_forwarders_is_told_by_the_oldest_pass() -> None:
    message = sealed(ONE, 2, footer=b"-- \r\nthe list\r\n")

    found = arc.verify(message, zone().ask)

    assert (found.status, found.oldest_pass) == (ChainStatus.PASS, 2)
    assert "body was changed" in found.instances[0].message_signature.problem
    assert by_dkimpy(message) == "pass"


def test_a_footer_behind_the_last_forwarder_breaks_the_chain() -> None:
    message = TWO + b"-- \r\nfooter\r\n"

    found = arc.verify(message, zone().ask)

    assert found.status is ChainStatus.FAIL
    assert "the message signature of set 2" in found.problem
    assert by_dkimpy(message) == "fail"


DAMAGED = {
    "an earlier claim was changed": TWO.replace(b"list.example.net; spf=pass", b"list.example.net; spf=fail"),
    "a set is missing": b"\r\n".join(line for line in TWO.split(b"\r\n") if b": i=1;" not in line),
    "a field is missing": TWO.replace(b"ARC-Seal: i=1;", b"X-Seal: i=1;"),
    "a field is there twice": b"ARC-Seal: i=2; cv=pass\r\n" + TWO,
    "the first says that there was a chain": sealed(LETTER_ON_WIRE, 1, chain="pass"),
    "the second says that there was none": sealed(ONE, 2, chain="none"),
    "there are too many": TWO.replace(b"i=2;", b"i=51;"),
    "a number is none": TWO.replace(b"i=2;", b"i=two;"),
    "a seal has h=": ONE.replace(b"cv=none;", b"cv=none; h=from;"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_chain_fails_and_says_why(damage: str) -> None:
    found = arc.verify(DAMAGED[damage], zone().ask)

    assert found.status is ChainStatus.FAIL
    assert found.problem


@pytest.mark.parametrize(
    "damage", [name for name in DAMAGED if name not in ("there are too many", "a number is none")]
)
def test_another_program_finds_the_same_damage(damage: str) -> None:
    assert by_dkimpy(DAMAGED[damage]) == "fail"


def test_a_sealer_that_gave_the_chain_up_ends_it() -> None:
    found = arc.verify(sealed(ONE, 2, chain="fail"), zone().ask)

    assert found.status is ChainStatus.FAIL
    assert found.problem == "forward.example.com says that the chain had failed before it"


def test_a_missing_key_is_named() -> None:
    found = arc.verify(ONE, Zone({}).ask)

    assert found.status is ChainStatus.FAIL
    assert "there is no key at s1._domainkey.list.example.net" in found.problem


@given(st.sampled_from(range(len(TWO))), st.binary(min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_no_damage_makes_it_fail_in_another_way(at: int, noise: bytes) -> None:
    found = arc.verify(TWO[:at] + noise + TWO[at + 1 :], zone().ask)

    assert found.status in ChainStatus
