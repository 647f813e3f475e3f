"""ClientHellos, as OpenSSL and the RFCs read them."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.tls.flight import Reader
from provisioner.tls.hello import Hello, ssl2_hello
from provisioner.tls.versions import Version
from tests.unit.tls_server import RSA, TlsServer, context


def extensions(message: bytes) -> dict[int, bytes]:
    reader = Reader(message[4:])
    reader.take(34)
    reader.vector(1)
    reader.vector(2)
    reader.vector(1)
    found: dict[int, bytes] = {}
    listed = Reader(reader.vector(2) if reader.data else b"")
    while listed.data:
        kind = listed.number(2)
        found[kind] = listed.vector(2)
    assert not reader.data
    return found


def test_openssl_hears_the_name_that_was_asked_for() -> None:
    heard: list[str | None] = []
    server = context(RSA)
    server.sni_callback = lambda tls, name, its: heard.append(name)
    TlsServer(server).sendall(
        Hello(Version.TLS12, [0xC02F], [29], server_name="mx1.example.test.").record(bytes(32))
    )
    assert heard == ["mx1.example.test"]


@pytest.mark.parametrize("name", ["192.0.2.1", "2001:db8::1", "", "a..b", "x" * 70 + ".test"])
def test_what_is_no_name_is_left_out(name: str) -> None:
    hello = Hello(Version.TLS12, [0xC02F], [29], server_name=name)
    assert 0 not in extensions(hello.message(bytes(32)))


def test_ssl_3_has_no_extensions() -> None:
    assert extensions(Hello(Version.SSL3, [0x0005], [29]).message(bytes(32))) == {}


def test_tls_1_3_offers_nothing_else_and_compresses_nothing() -> None:
    message = Hello(Version.TLS13, [0x1301], [29]).message(bytes(32))
    assert extensions(message)[43] == b"\x02\x03\x04"
    assert b"\x00\x02\x13\x01\x01\x00" in message


def test_older_versions_ask_for_deflate_to_see_who_agrees() -> None:
    assert b"\x00\x02\xc0\x2f\x02\x01\x00" in Hello(Version.TLS12, [0xC02F], [29]).message(bytes(32))


@settings(max_examples=50, deadline=None)
@given(
    version=st.sampled_from([one for one in Version if one is not Version.SSL2]),
    suites=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=64),
    name=st.text("aé.-_x\0", max_size=70),
)
def test_every_hello_is_one_record_whose_lengths_add_up(
    version: Version, suites: list[int], name: str
) -> None:
    record = Hello(version, suites, [29, 23], server_name=name).record(bytes(32))
    reader = Reader(record[3:])
    message = reader.vector(2)
    assert not reader.data
    assert int.from_bytes(message[1:4], "big") == len(message) - 4
    extensions(message)


def test_the_hello_of_ssl_2_has_seven_suites() -> None:
    data = ssl2_hello(bytes(16))
    assert int.from_bytes(data[:2], "big") & 0x7FFF == len(data) - 2
    assert data[2:5] == b"\x01\x00\x02"
    assert int.from_bytes(data[5:7], "big") == 7 * 3


def test_a_server_with_sni_refuses_nothing_for_lack_of_it() -> None:
    server = TlsServer(context(RSA, lowest=ssl.TLSVersion.TLSv1_2))
    server.sendall(Hello(Version.TLS12, [0xC02F], [29]).record(bytes(32)))
    assert server.recv(65536)[0] == 0x16
