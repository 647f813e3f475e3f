"""What the answers of TLS 1.2 and below show beside the suite: keys, signatures, extensions, certificates."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TypeVar

from provisioner.tls.flight import Flight, KeyExchange, NotTls, ServerHello, read_key_exchange
from provisioner.tls.groups import Group, group
from provisioner.tls.primes import known_prime
from provisioner.tls.result import Answer, Chain, DhParameters
from provisioner.tls.signatures import scheme_name
from provisioner.tls.suites import CipherSuite, suite
from provisioner.tls.versions import Version

T = TypeVar("T")
_EXTENDED_MASTER_SECRET, _RENEGOTIATION = 23, 0xFF01


class Seen:
    """Facts that gather flight by flight."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.groups: list[Group] = []
        self.dh: list[DhParameters] = []
        self.signatures: list[str] = []
        self.schemes: list[int] = []
        self.chains: dict[tuple[str, tuple[bytes, ...]], Chain] = {}
        self.hellos: list[ServerHello] = []
        self.troubles: list[str] = []

    def learn(self, flights: Iterable[Flight]) -> None:
        """Take in what each flight shows."""
        for flight in flights:
            if flight.hello is not None:
                self.hellos.append(flight.hello)
                self._certificates(flight, suite(flight.hello.suite))
                self._key_exchange(flight, suite(flight.hello.suite), flight.hello.version)

    def _certificates(self, flight: Flight, chosen: CipherSuite) -> None:
        if flight.certificates:
            key = "ECDSA" if "ECDSA" in chosen.name else "DSA" if "DSS" in chosen.name else "RSA"
            self.add_chain(Chain(key, flight.certificates, flight.status))

    def add_chain(self, chain: Chain) -> None:
        """Keep it, unless the same was seen before."""
        index = (chain.key, chain.certificates)
        if index not in self.chains or not self.chains[index].ocsp:
            self.chains[index] = chain

    def _key_exchange(self, flight: Flight, chosen: CipherSuite, version: int) -> None:
        exchange = key_exchange_of(flight, chosen, version)
        if isinstance(exchange, str):
            self.troubles.append(f"{chosen}: {exchange}")
        if not isinstance(exchange, KeyExchange):
            return
        if exchange.curve is not None:
            _once(self.groups, group(exchange.curve))
        elif exchange.prime:
            _once(self.dh, _parameters(exchange))
        if exchange.signature is not None:
            _once(self.schemes, exchange.signature)
            _once(self.signatures, scheme_name(exchange.signature))

    def extension(self, number: int, version: Version | None = None) -> Answer:
        """Whether every ServerHello (of a version) had it."""
        asked = [hello for hello in self.hellos if version is None or hello.version == version]
        asked = [hello for hello in asked if hello.version > Version.SSL3]
        if not asked:
            return Answer.UNKNOWN
        return Answer.YES if all(number in hello.extensions for hello in asked) else Answer.NO

    @property
    def secure_renegotiation(self) -> Answer:
        """RFC 5746 §3.4."""
        return self.extension(_RENEGOTIATION)

    @property
    def extended_master_secret(self) -> Answer:
        """RFC 7627 §5.1, in TLS 1.2."""
        return self.extension(_EXTENDED_MASTER_SECRET, Version.TLS12)

    @property
    def compression(self) -> Answer:
        """Whether DEFLATE, which we offer in every hello, was ever chosen."""
        if not self.hellos:
            return Answer.UNKNOWN
        return Answer.YES if any(hello.compression for hello in self.hellos) else Answer.NO


def _once(known: list[T], one: T) -> None:
    if one not in known:
        known.append(one)


def key_exchange_of(flight: Flight, chosen: CipherSuite, version: int) -> KeyExchange | str | None:
    """The ServerKeyExchange, None where there is none to read, or why it can't be read."""
    if not flight.key_exchange or not chosen.ephemeral or "EXPORT" in chosen.name:
        return None
    curve = chosen.key_exchange.startswith("EC")
    signed = version >= Version.TLS12 and not chosen.anonymous
    try:
        return read_key_exchange(flight.key_exchange, curve=curve, signed_by_name=signed)
    except NotTls as error:
        return str(error)


def _parameters(exchange: KeyExchange) -> DhParameters:
    bits = int.from_bytes(exchange.prime, "big").bit_length()
    prime = sha256(exchange.prime).hexdigest()
    return DhParameters(bits, exchange.generator, known_prime(exchange.prime), prime)
