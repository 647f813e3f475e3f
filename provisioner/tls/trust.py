"""From a server's certificate to an authority: which of the certificates it sent lead there, and which not.

Our own path building (RFC 5280 §6.1, RFC 4158), since a library says "unable to get local issuer
certificate" where an admin wants to hear which certificate is missing. Not checked: name constraints,
policies, revocation lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from provisioner.mail.certificate import unreadable

UNREADABLE = unreadable()
"""What `cryptography` raises for a certificate that is broken."""
LONGEST = 10
"""Certificates in one path."""


@dataclass(frozen=True, slots=True)
class Path:
    """`used` are the positions of the server's certificates on the way, its own (0) first.

    `fault` says why the way does not lead to an authority, `""` where it does; `authority` is that
    one's subject, and `missing` the issuer's where the way ends for want of its certificate.
    """

    used: tuple[int, ...]
    fault: str = ""
    authority: str = ""
    missing: str = ""

    @property
    def trusted(self) -> bool:
        """Whether it leads to an authority."""
        return not self.fault


@lru_cache(maxsize=8)
def read_authorities(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text; those that can't be read are left out."""
    found: list[x509.Certificate] = []
    for part in pem.split("-----BEGIN CERTIFICATE-----")[1:]:
        body = part.partition("-----END CERTIFICATE-----")[0]
        text = f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----\n"
        try:
            found.append(x509.load_pem_x509_certificate(text.encode()))
        except ValueError:
            continue
    return tuple(found)


def find_path(
    chain: Sequence[x509.Certificate], authorities: Iterable[x509.Certificate], now: datetime
) -> Path:
    """The way from `chain[0]` to one of `authorities`, valid at `now` (with a time zone).

    Where there are several, one without fault is taken; else the longest.
    """
    anchors: dict[bytes, list[x509.Certificate]] = {}
    for authority in authorities:
        anchors.setdefault(_name(authority.subject), []).append(authority)
    return _Search(chain, anchors, now).extend((0,))


class _Search:
    def __init__(
        self, chain: Sequence[x509.Certificate], anchors: dict[bytes, list[x509.Certificate]], now: datetime
    ) -> None:
        self.chain = chain
        self.anchors = anchors
        self.now = now
        self.steps = 0

    def extend(self, used: tuple[int, ...]) -> Path:
        """The best way that begins with the certificates at `used`."""
        self.steps += 1
        last = self.chain[used[-1]]
        if last in self.anchors.get(_name(last.subject), ()):
            return Path(used, self._date_fault(last), last.subject.rfc4514_string())
        for anchor in self.anchors.get(_name(last.issuer), ()):
            if issued(last, anchor):
                return Path(used, self._date_fault(anchor), anchor.subject.rfc4514_string())
        ways = [self._through(used, one) for one in self._issuers(used, last)]
        trusted = [way for way in ways if way.trusted]
        return (trusted or sorted(ways, key=lambda way: -len(way.used)) or [self._dead_end(used, last)])[0]

    def _issuers(self, used: tuple[int, ...], last: x509.Certificate) -> list[int]:
        if len(used) >= LONGEST or self.steps > 100:
            return []
        rest = (number for number in range(len(self.chain)) if number not in used)
        return [number for number in rest if issued(last, self.chain[number])]

    def _through(self, used: tuple[int, ...], number: int) -> Path:
        issuer = self.chain[number]
        fault = self._date_fault(issuer) or authority_fault(issuer, below=len(used) - 1)
        way = self.extend((*used, number))
        return Path(way.used, fault, way.authority, way.missing) if fault else way

    def _dead_end(self, used: tuple[int, ...], last: x509.Certificate) -> Path:
        if last.subject == last.issuer:
            what = (
                "self-signed"
                if len(used) == 1
                else f"signed by {_short(last.subject)}, which nobody vouches for"
            )
            return Path(used, what)
        missing = last.issuer.rfc4514_string()
        return Path(
            used, f"the certificate of {_short(last.issuer)} is neither sent nor known here", missing=missing
        )

    def _date_fault(self, one: x509.Certificate) -> str:
        if self.now > one.not_valid_after_utc:
            return f"the certificate of {_short(one.subject)} ended on {one.not_valid_after_utc:%Y-%m-%d}"
        if self.now < one.not_valid_before_utc:
            return f"the certificate of {_short(one.subject)} begins on {one.not_valid_before_utc:%Y-%m-%d}"
        return ""


def issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed `one`, by name and by signature."""
    if _name(one.issuer) != _name(issuer.subject):
        return False
    try:
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, *UNREADABLE):
        return False
    return True


def authority_fault(one: x509.Certificate, below: int) -> str:
    """Why a certificate may not sign others (RFC 5280 §4.2.1.9, §4.2.1.3); `below`: authorities under it."""
    try:
        constraints = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = one.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        if error.oid == x509.KeyUsage.oid:
            return _limit(one, constraints, below)
        return f"{_short(one.subject)} is no authority (basicConstraints is missing)"
    except UNREADABLE:
        return f"the extensions of {_short(one.subject)} can't be read"
    if not usage.key_cert_sign:
        return f"{_short(one.subject)} may not sign certificates (keyUsage)"
    return _limit(one, constraints, below)


def _limit(one: x509.Certificate, constraints: x509.BasicConstraints, below: int) -> str:
    if not constraints.ca:
        return f"{_short(one.subject)} is no authority (basicConstraints)"
    if constraints.path_length is not None and below > constraints.path_length:
        return f"{_short(one.subject)} may have only {constraints.path_length} authorities below it"
    return ""


def _name(name: x509.Name) -> bytes:
    return name.public_bytes()


def _short(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string() or "a nameless authority"
