"""The finite fields that everybody knows, worked out from the formulas that define them.

RFC 7919 §A makes its primes from e, RFC 2409 §6 and RFC 3526 make theirs from pi; each adds a
small number to reach a safe prime.
"""

from __future__ import annotations

from functools import lru_cache

_FROM_E = {2048: 560316, 3072: 2625351, 4096: 5736041, 6144: 15705020, 8192: 10965728}
"""RFC 7919 §A.1 to §A.5: bits and the number added."""
_FROM_PI_1998 = {768: 149686, 1024: 129093}
"""RFC 2409 §6.1 and §6.2."""
_FROM_PI_2003 = {1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484, 8192: 4743158}
"""RFC 3526 §2 to §7."""


def known_prime(prime: bytes) -> str:
    """`ffdhe2048` or `modp2048` for a prime in big-endian bytes; `""` for any other."""
    return _known().get(int.from_bytes(prime, "big"), "")


@lru_cache(maxsize=1)
def _known() -> dict[int, str]:
    e, pi = _e(8192), _pi(8192)
    from_pi = (*_FROM_PI_1998.items(), *_FROM_PI_2003.items())
    known = {_prime(bits, e, added): f"ffdhe{bits}" for bits, added in _FROM_E.items()}
    return known | {_prime(bits, pi, added): f"modp{bits}" for bits, added in from_pi}


def _prime(bits: int, constant: int, added: int) -> int:
    """2^bits - 2^(bits-64) - 1 + 2^64 * (floor(2^(bits-130) * constant) + added)."""
    return (1 << bits) - (1 << bits - 64) - 1 + ((constant >> 8192 - (bits - 130)) + added << 64)


def _e(bits: int) -> int:
    """floor(2^bits * e), by the series of 1/n!."""
    spare = 64
    term = total = 1 << bits + spare
    divisor = 1
    while term:
        term //= divisor
        total += term
        divisor += 1
    return total >> spare


def _pi(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula: pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    spare = 64
    one = 1 << bits + spare
    return (16 * _arctan_inverse(5, one) - 4 * _arctan_inverse(239, one)) >> spare


def _arctan_inverse(x: int, one: int) -> int:
    power = total = one // x
    divisor, sign = 1, 1
    while power:
        power //= x * x
        divisor += 2
        sign = -sign
        total += sign * (power // divisor)
    return total
