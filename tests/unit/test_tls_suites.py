"""The table of cipher suites, held against OpenSSL's."""

from __future__ import annotations

import ssl

import pytest

from provisioner.tls.enumerate import BATCH, batches
from provisioner.tls.suites import CipherSuite, suite, suites_for
from provisioner.tls.versions import Version


def of_openssl() -> dict[int, str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return {one["id"] & 0xFFFF: one["name"] for one in context.get_ciphers()}


def test_names_and_numbers_are_those_of_openssl() -> None:
    theirs = {
        number: name for number, name in of_openssl().items() if "PSK" not in name and "SRP" not in name
    }
    assert len(theirs) > 60
    assert {number: str(suite(number)) for number in theirs} == theirs


def test_authenticated_suites_are_for_tls_1_2_only() -> None:
    assert all(
        one.fits(Version.TLS12) and not one.fits(Version.TLS11)
        for one in suites_for(Version.TLS12)
        if one.aead
    )
    assert {one.name for one in suites_for(Version.SSL3)} < {one.name for one in suites_for(Version.TLS12)}


@pytest.mark.parametrize(
    ("number", "exchange", "ephemeral", "rank"),
    [
        (0xC02F, "ECDHE", True, 0),  # ECDHE-RSA-AES128-GCM-SHA256
        (0xCCA9, "ECDHE", True, 0),  # ECDHE-ECDSA-CHACHA20-POLY1305
        (0xC027, "ECDHE", True, 1),  # ECDHE-RSA-AES128-SHA256
        (0x009E, "DHE", True, 1),  # DHE-RSA-AES128-GCM-SHA256
        (0xC013, "ECDHE", True, 2),  # ECDHE-RSA-AES128-SHA
        (0xC0AE, "ECDHE", True, 2),  # ECDHE-ECDSA-AES128-CCM8
        (0x009C, "RSA", False, 2),  # AES128-GCM-SHA256
        (0x00A6, "DH", True, 2),  # ADH-AES128-GCM-SHA256
        (0xC004, "ECDH", False, 2),  # ECDH-ECDSA-AES128-SHA
        (0x1301, "", True, 0),  # TLS_AES_128_GCM_SHA256
    ],
)
def test_a_name_says_what_a_suite_is(number: int, exchange: str, ephemeral: bool, rank: int) -> None:
    found = suite(number)
    assert (found.key_exchange, found.ephemeral, found.rank) == (exchange, ephemeral, rank)


def test_a_number_that_nobody_knows_is_named_by_it() -> None:
    assert str(suite(0xABCD)) == "TLS_UNKNOWN_WITH_0xABCD"


def test_batches_hold_everything_once_and_mix_no_ranks() -> None:
    parts = batches(Version.TLS12)
    assert sorted(one.number for part in parts for one in part) == sorted(
        one.number for one in suites_for(Version.TLS12)
    )
    assert all(len(part) <= BATCH and len({one.rank for one in part}) == 1 for part in parts)


def test_a_suite_shows_the_name_that_logs_use() -> None:
    assert str(CipherSuite(0xC02F, "TLS_A_WITH_B", "A-B")) == "A-B"
    assert str(CipherSuite(0xC02F, "TLS_A_WITH_B")) == "TLS_A_WITH_B"
