"""The well-known finite fields."""

from __future__ import annotations

import pytest

from provisioner.tls.primes import _known, known_prime

SHORT = [(prime, name) for prime, name in _known().items() if prime.bit_length() <= 2048]


@pytest.mark.parametrize(("prime", "name"), SHORT, ids=[name for _, name in SHORT])
def test_each_is_a_safe_prime(prime: int, name: str) -> None:
    # Fermat's test, to the base 2 and 3: a slip in a formula does not come out prime.
    assert all(pow(base, prime - 1, prime) == 1 for base in (2, 3)), name
    half = (prime - 1) // 2
    assert pow(3, half - 1, half) == 1, name


def test_the_second_oakley_group_is_recognised_by_its_first_and_last_digits() -> None:
    names = {name: f"{prime:X}" for prime, name in _known().items()}
    assert names["modp1024"].startswith("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD1")
    assert names["modp1024"].endswith("49286651ECE65381FFFFFFFFFFFFFFFF")
    assert names["ffdhe2048"].startswith("FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1")
    assert names["ffdhe2048"].endswith("886B423861285C97FFFFFFFFFFFFFFFF")


def test_a_field_of_one_s_own_has_no_name() -> None:
    assert known_prime((1 << 2047).to_bytes(256, "big")) == ""
