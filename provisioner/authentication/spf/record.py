"""An SPF record, taken apart (RFC 7208 §4.6.1, §5, §6, §12). Every mistake is found, not only the first."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import cached_property

from provisioner.authentication.spf.macros import domain_fault, string_fault

LOOKUP_MECHANISMS = frozenset({"include", "a", "mx", "ptr", "exists"})
"""These, and redirect, count against the limit of ten (§4.6.4)."""
MECHANISMS = LOOKUP_MECHANISMS | {"all", "ip4", "ip6"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_VERSION = re.compile(r"v=spf1(?= |$)", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)")
_DIRECTIVE = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)(.*)")
_CIDR = re.compile(r"(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?$")
_NETWORK = re.compile(r":([^/]*)(?:/(0|[1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier: `-all`, `ip4:192.0.2.0/24`, `a:mail.example.org/28//64`."""

    text: str
    """As written."""
    qualifier: str
    """`+`, `-`, `~` or `?`."""
    mechanism: str
    """Lower case."""
    domain: str = ""
    """The domain-spec, macros not expanded; `""` means the domain of the record."""
    network: Network | None = None
    """Of ip4 and ip6."""
    prefix4: int = 32
    prefix6: int = 128

    @property
    def looks_up(self) -> bool:
        """Whether it counts against the limit of ten."""
        return self.mechanism in LOOKUP_MECHANISMS


@dataclass(frozen=True, slots=True)
class Modifier:
    """`redirect=…`, `exp=…`, or one that nobody knows and everybody ignores (§6)."""

    text: str
    name: str
    """Lower case."""
    value: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A term that makes the whole record a permanent error."""

    term: str
    why: str

    def __str__(self) -> str:
        """`ip4:192.0.2: not an IPv4 network`."""
        return f"{self.term[:80]}: {self.why}"


@dataclass(frozen=True)
class Record:
    """A record that begins with `v=spf1`."""

    text: str
    terms: tuple[Directive | Modifier, ...]
    mistakes: tuple[Mistake, ...]

    @cached_property
    def directives(self) -> tuple[Directive, ...]:
        """The mechanisms, in order."""
        return tuple(term for term in self.terms if isinstance(term, Directive))

    @cached_property
    def modifiers(self) -> tuple[Modifier, ...]:
        """The modifiers, in order; their place means nothing (§6)."""
        return tuple(term for term in self.terms if isinstance(term, Modifier))

    def modifier(self, name: str) -> str:
        """The value of a modifier; `""` where there is none."""
        return next((one.value for one in self.modifiers if one.name == name), "")

    @property
    def all(self) -> Directive | None:
        """The `all` that ends the evaluation."""
        return next((one for one in self.directives if one.mechanism == "all"), None)

    @property
    def redirect(self) -> str:
        """The redirect that counts: one beside `all` doesn't (§6.1)."""
        return "" if self.all is not None else self.modifier("redirect")


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record (§4.5)."""
    return _VERSION.match(text) is not None


def parse(text: str) -> Record:
    """Take a record apart; `text` must be one by `is_spf`."""
    terms: list[Directive | Modifier] = []
    mistakes: list[Mistake] = []
    once: set[str] = set()
    for word in filter(None, text[len("v=spf1") :].split(" ")):
        term = _term(word)
        if isinstance(term, Modifier) and term.name in once:
            term = Mistake(word, f"{term.name}= is there twice (§6)")
        if isinstance(term, Mistake):
            mistakes.append(term)
        else:
            terms.append(term)
        if isinstance(term, Modifier) and term.name in ("redirect", "exp"):
            once.add(term.name)
    return Record(text, tuple(terms), tuple(mistakes))


def _term(word: str) -> Directive | Modifier | Mistake:
    if not word.isascii() or not word.isprintable():
        return Mistake(word, "has a character that is not printable ASCII")
    match = _MODIFIER.fullmatch(word)
    if match is not None:
        name, value = match[1].lower(), match[2]
        why = domain_fault(value) if name in ("redirect", "exp") else string_fault(value)
        return Mistake(word, why) if why else Modifier(word, name, value)
    match = _DIRECTIVE.fullmatch(word)
    if match is None or match[2].lower() not in MECHANISMS:
        return Mistake(word, _unknown(word))
    return _directive(word, match[1] or "+", match[2].lower(), match[3])


def _unknown(word: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F:.]+(/\d+)?", word):
        return "an address needs ip4: or ip6: before it"
    return "no such mechanism"


def _directive(word: str, qualifier: str, name: str, rest: str) -> Directive | Mistake:
    if name == "all":
        return Mistake(word, "all takes nothing after it") if rest else Directive(word, qualifier, name)
    if name in ("ip4", "ip6"):
        network = _network(name, rest)
        if isinstance(network, str):
            return Mistake(word, network)
        return Directive(word, qualifier, name, network=network)
    prefix4, prefix6 = 32, 128
    if name in ("a", "mx"):
        cidr = _CIDR.search(rest)
        assert cidr is not None
        prefix4, prefix6 = int(cidr[1] or 32), int(cidr[2] or 128)
        rest = rest[: cidr.start()]
    if prefix4 > 32 or prefix6 > 128:
        return Mistake(word, "a prefix that is too long")
    if rest and not rest.startswith(":"):
        return Mistake(word, "only a colon or a prefix length may follow the mechanism")
    why = domain_fault(rest[1:]) if rest or name in ("include", "exists") else ""
    return Mistake(word, why) if why else Directive(word, qualifier, name, rest[1:], None, prefix4, prefix6)


def _network(name: str, rest: str) -> Network | str:
    """The network of `ip4:` or `ip6:`, or why it is none."""
    kind, bits = ("IPv4", 32) if name == "ip4" else ("IPv6", 128)
    match = _NETWORK.fullmatch(rest)
    if match is None:
        return f"not an {kind} network"
    try:
        address = ipaddress.ip_address(match[1])
    except ValueError:
        return f"not an {kind} address"
    if f"IPv{address.version}" != kind or "%" in match[1]:
        return f"not an {kind} address"
    prefix = int(match[2] or bits)
    if prefix > bits:
        return "a prefix that is too long"
    return ipaddress.ip_network((address, prefix), strict=False)
