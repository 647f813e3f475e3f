"""Reading a server's answers: real ones, cut ones, and wild ones."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.tls.flight import (
    HELLO_RETRY,
    NotTls,
    is_ssl2_hello,
    read_flight,
    read_key_exchange,
    read_server_hello,
    read_status,
)
from provisioner.tls.groups import CURVES
from provisioner.tls.hello import Hello
from provisioner.tls.primes import known_prime
from provisioner.tls.tls13 import Share, read_encrypted
from provisioner.tls.versions import Version
from tests.unit.tls_server import ECDSA, INTERMEDIATE, RSA, TlsServer, context

ECDHE_RSA, ECDHE_ECDSA, DHE_RSA = 0xC02F, 0xC02B, 0x009E
_NUMBERS = [one.number for one in CURVES]


def answer(hello: Hello, **settings: object) -> bytes:
    server = TlsServer(context(**settings))  # type: ignore[arg-type]
    server.sendall(hello.record(os.urandom(32)))
    data = b""
    while True:
        try:
            more = server.recv(65536)
        except TimeoutError:
            return data
        if not more:
            return data
        data += more


@cache
def recorded() -> bytes:
    return answer(Hello(Version.TLS12, [ECDHE_RSA], _NUMBERS))


def test_a_flight_of_tls_1_2_shows_suite_certificates_and_key_exchange() -> None:
    flight = read_flight(recorded())
    assert flight.finished
    assert flight.hello is not None
    assert (flight.hello.version, flight.hello.suite) == (Version.TLS12, ECDHE_RSA)
    assert flight.certificates == (RSA.der, INTERMEDIATE.der)
    exchange = read_key_exchange(flight.key_exchange, curve=True, signed_by_name=True)
    assert exchange.curve == 29


def test_the_prime_of_a_finite_field_is_read() -> None:
    flight = read_flight(answer(Hello(Version.TLS12, [DHE_RSA], _NUMBERS)))
    exchange = read_key_exchange(flight.key_exchange, curve=False, signed_by_name=True)
    assert known_prime(exchange.prime) == "ffdhe2048"
    assert exchange.generator == 2


def test_tls_1_3_without_a_key_share_names_a_group() -> None:
    flight = read_flight(answer(Hello(Version.TLS13, [0x1301], [24, 23])))
    assert flight.finished
    assert flight.hello is not None
    assert flight.hello.retry
    assert flight.hello.group in (23, 24)


@pytest.mark.parametrize("group", [29, 23, 24, 25, 30])
@pytest.mark.parametrize("number", [0x1301, 0x1302, 0x1303])
def test_the_certificates_of_tls_1_3_are_decrypted(group: int, number: int) -> None:
    share = Share.new(group)
    record = Hello(Version.TLS13, [number], [group], key_shares=[(group, share.public)]).record(
        os.urandom(32)
    )
    server = TlsServer(context(ECDSA))
    server.sendall(record)
    found = read_encrypted(read_flight(server.recv(65536)), record[5:], share)
    assert found.finished
    assert found.certificates == (ECDSA.der, INTERMEDIATE.der)
    assert found.signature == 0x0403


def test_an_alert_is_named() -> None:
    only_12 = {"lowest": ssl.TLSVersion.TLSv1_2}
    flight = read_flight(answer(Hello(Version.TLS10, [0x002F]), **only_12))
    assert flight.alert_name == "protocol_version"
    assert flight.finished


def test_a_warning_does_not_end_the_flight() -> None:
    warning = b"\x15\x03\x03\x00\x02\x01\x70"
    flight = read_flight(warning + recorded())
    assert flight.alert is None
    assert flight.certificates


@settings(deadline=None)
@given(cut=st.integers(0, 5000))
def test_a_flight_that_is_cut_is_not_finished(cut: int) -> None:
    data = recorded()[:cut]
    assert read_flight(data).finished is (len(data) == len(recorded()))


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 900), max_size=30))
def test_how_messages_lie_in_records_makes_no_difference(sizes: list[int]) -> None:
    whole = read_flight(recorded())
    left, records = whole.handshake, b""
    for size in [*sizes, 16000]:
        part, left = left[:size], left[size:]
        records += b"\x16\x03\x03" + len(part).to_bytes(2, "big") + part
    assert read_flight(records).certificates == whole.certificates


READERS: list[Callable[[bytes], object]] = [
    read_flight,
    read_server_hello,
    read_status,
    is_ssl2_hello,
    lambda data: read_key_exchange(data, curve=True, signed_by_name=True),
    lambda data: read_key_exchange(data, curve=False, signed_by_name=False),
]


@pytest.mark.parametrize("read", READERS)
@settings(deadline=None)
@given(data=st.binary(max_size=600))
def test_wild_bytes_raise_nothing_but_not_tls(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except NotTls as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 4000), value=st.integers(0, 255), count=st.integers(1, 4))
def test_a_flight_with_wrong_bytes_raises_nothing_but_not_tls(place: int, value: int, count: int) -> None:
    data = bytearray(recorded())
    place %= len(data)
    data[place : place + count] = bytes([value]) * count
    try:
        flight = read_flight(bytes(data))
    except NotTls:
        return
    assert all(isinstance(one, bytes) for one in flight.certificates)


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_a_wild_encrypted_part_raises_nothing_but_not_tls(data: bytes) -> None:
    share = Share.new(29)
    record = Hello(Version.TLS13, [0x1301], [29], key_shares=[(29, share.public)]).record(bytes(32))
    server = TlsServer(context(ECDSA))
    server.sendall(record)
    try:
        found = read_encrypted(read_flight(server.recv(65536)[:127] + data), record[5:], share)
    except NotTls:
        return
    assert not found.finished


def test_a_record_that_is_announced_too_long_is_refused_at_once() -> None:
    with pytest.raises(NotTls, match="longer than TLS allows"):
        read_flight(b"\x16\x03\x03\xff\xff")


def test_an_answer_without_end_is_refused() -> None:
    with pytest.raises(NotTls, match="longer than 128 KiB"):
        read_flight(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 20000)


def test_an_ssl_2_hello_is_known_by_its_suites() -> None:
    body = bytes.fromhex("04 00 01 0002 0000 0003 0010") + b"\x01\x00\x80" + bytes(16)
    record = (0x8000 | len(body)).to_bytes(2, "big") + body
    assert is_ssl2_hello(record)
    assert not is_ssl2_hello(record[:9] + b"\x00\x00" + record[11:])


def test_the_random_of_a_retry_is_the_one_of_the_rfc() -> None:
    assert HELLO_RETRY.hex().startswith("cf21ad74e59a6111be1d8c021e65b891")
