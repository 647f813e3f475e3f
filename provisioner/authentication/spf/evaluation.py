"""check_host() (RFC 7208 §4): may this address send for this domain?"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.authentication.lookup import Lookup, a_label, fits_dns, plain, texts
from provisioner.authentication.spf.macros import Address, Values, expand, expand_name, string_fault
from provisioner.authentication.spf.record import Directive, Record, is_spf, parse
from provisioner.authentication.spf.result import Question, Result, SpfResult
from provisioner.dns.resolver import Reply, Status

TERMS = 10
"""Terms that look something up: §4.6.4."""
NAMES = 10
"""Names of one MX or PTR answer: §4.6.4."""
VOIDS = 2
"""Answers without records: §4.6.4."""
SECONDS = 20.0
"""The least that a receiver should allow for one check: §4.6.4."""


_OF_QUALIFIER = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFTFAIL, "?": Result.NEUTRAL}


def evaluate(
    ip: str,
    mail_from: str,
    helo: str,
    lookup: Lookup,
    *,
    receiver: str = "unknown",
    now: int = 0,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> SpfResult:
    """Check the sender of a message, as a receiver does.

    `ip` is the address that connected; `mail_from` the reverse-path without `<>`, empty for a bounce;
    `helo` the name it greeted with. `receiver` and `now` (seconds since 1970) only appear in explanations.
    Raises ValueError where `ip` is no address.
    """
    address: Address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # §5: mapped addresses are IPv4
    identity = "mailfrom" if mail_from else "helo"
    local, _, domain = mail_from.rpartition("@") if mail_from else ("", "", helo)
    domain = domain if domain.isascii() else a_label(domain)  # §4.3: as DNS has it
    check = _Check(address, f"{local or 'postmaster'}@{domain}", helo, receiver, now, lookup, clock, seconds)
    return check.whole(domain.removesuffix("."), identity)


class _Stop(Exception):
    """The evaluation ends here, with a result that nothing overrides."""

    def __init__(self, result: Result, problem: str) -> None:
        super().__init__(problem)
        self.result = result
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Match:
    """What one record came to."""

    result: Result
    term: str = ""
    domain: str = ""
    record: Record | None = None
    problem: str = ""


@dataclass
class _Check:
    """One evaluation, with its counters."""

    ip: Address
    sender: str
    helo: str
    receiver: str
    now: int
    lookup: Lookup
    clock: Callable[[], float]
    seconds: float
    questions: list[Question] = field(default_factory=list)
    terms: int = 0
    voids: int = 0
    ends: float = 0.0
    _validated: tuple[str, ...] | None = None

    def whole(self, domain: str, identity: str) -> SpfResult:
        """The result with all that led to it."""
        self.ends = self.clock() + self.seconds
        text = ""
        try:
            match = self.host(domain)
            text = match.record.text if match.record is not None else ""
            explanation = self.explanation(match) if match.result is Result.FAIL else ""
        except _Stop as stop:
            match, explanation = _Match(stop.result, problem=stop.problem), ""
        return SpfResult(
            match.result,
            plain(domain),
            identity,
            text,
            match.term,
            match.domain,
            explanation,
            match.problem,
            tuple(self.questions),
            self.terms,
            self.voids,
        )

    def host(self, domain: str) -> _Match:
        """check_host() for one domain; the record of a redirect or an include comes through here too."""
        if not _multi_label(domain):
            return _Match(Result.NONE, problem=f"{domain[:80]!r} is no domain")
        reply = self.ask(domain, "TXT", counts=False)
        found = [text for text in texts(reply) if is_spf(text)]
        if not found:
            return _Match(Result.NONE, problem=f"{domain} has no SPF record")
        if len(found) > 1:
            raise _Stop(Result.PERMERROR, f"{domain} has {len(found)} SPF records (RFC 7208 §4.5)")
        record = parse(found[0])
        if record.mistakes:
            raise _Stop(Result.PERMERROR, f"the record of {domain}: {record.mistakes[0]}")
        return self.terms_of(record, domain)

    def terms_of(self, record: Record, domain: str) -> _Match:
        """The first term that matches (§4.6.2), the redirect (§6.1), or neutral (§4.7)."""
        for directive in record.directives:
            if directive.looks_up:
                self.count()
            if self.matches(directive, domain):
                return _Match(_OF_QUALIFIER[directive.qualifier], directive.text, plain(domain), record)
        if not record.redirect:
            return _Match(Result.NEUTRAL, record=record)
        self.count()
        target = expand_name(record.redirect, self.values(domain), domain)
        match = self.host(target)
        if match.result is Result.NONE:
            raise _Stop(Result.PERMERROR, f"redirect={target[:80]} of {domain} leads to no SPF record (§6.1)")
        return match

    def count(self) -> None:
        """One more term that looks something up."""
        self.terms += 1
        if self.terms > TERMS:
            raise _Stop(Result.PERMERROR, f"more than {TERMS} terms that look something up (§4.6.4)")

    def ask(self, name: str, rdtype: str, *, counts: bool = True, strict: bool = True) -> Reply:
        """A look-up; `strict` ones that get no answer are a temporary error (§5), void ones count."""
        if self.clock() > self.ends:
            raise _Stop(Result.TEMPERROR, f"the check took more than {self.seconds:g} s (§4.6.4)")
        reply = self.lookup(name, rdtype)
        self.questions.append(Question(plain(name), rdtype, reply.status))
        if strict and not reply.answered:
            raise _Stop(Result.TEMPERROR, f"{plain(name)} {rdtype}: {reply.detail or reply.status}")
        if counts and reply.status in (Status.NODATA, Status.NXDOMAIN):
            self.voids += 1
            if self.voids > VOIDS:
                raise _Stop(Result.PERMERROR, f"more than {VOIDS} look-ups that found nothing (§4.6.4)")
        return reply

    def matches(self, directive: Directive, domain: str) -> bool:
        """Whether a mechanism matches the address (§5)."""
        name = directive.mechanism
        if name == "all":
            return True
        if directive.network is not None:
            return self.ip in directive.network
        target = expand_name(directive.domain, self.values(domain), domain) if directive.domain else domain
        if name == "include":
            return self.include(target)
        if not fits_dns(target):
            return False  # a name that can't exist: as if DNS had said so (§4.8)
        if name == "exists":
            return self.ask(target, "A").status is Status.FOUND  # §5.7: A, for IPv6 clients too
        if name == "ptr":
            return any(_within(found, target) for found in self.validated())
        hosts = [target] if name == "a" else self.exchanges(target)
        return any(self.in_prefix(host, directive) for host in hosts)

    def include(self, target: str) -> bool:
        """Whether the included record passes (§5.2)."""
        result = self.host(target).result
        if result is Result.NONE:
            raise _Stop(Result.PERMERROR, f"include:{target[:80]} leads to no SPF record (§5.2)")
        return result is Result.PASS

    def exchanges(self, target: str) -> list[str]:
        """The hosts of an MX answer; more than ten are a permanent error (§4.6.4)."""
        records = self.ask(target, "MX").records
        if len(records) > NAMES:
            raise _Stop(Result.PERMERROR, f"{target} has more than {NAMES} MX records (§4.6.4)")
        in_order = sorted(records, key=lambda record: int(getattr(record, "preference", 0)))
        names = (plain(getattr(record, "exchange", "")) for record in in_order)
        return [name for name in names if name]

    def in_prefix(self, host: str, directive: Directive) -> bool:
        """Whether an address of `host` is the client's, as far as the prefix tells (§5.3)."""
        rdtype, prefix = ("A", directive.prefix4) if self.ip.version == 4 else ("AAAA", directive.prefix6)
        shift = self.ip.max_prefixlen - prefix
        found = (_address(record) for record in self.ask(host, rdtype).records)
        return any(one is not None and int(one) >> shift == int(self.ip) >> shift for one in found)

    def validated(self) -> tuple[str, ...]:
        """The names of the address that lead back to it (§5.5); errors only make them fewer."""
        if self._validated is None:
            reply = self.ask(plain(self.ip.reverse_pointer), "PTR", strict=False)
            names = [plain(getattr(record, "target", "")) for record in reply.records[:NAMES]]
            self._validated = tuple(filter(self.leads_back, names))
        return self._validated

    def leads_back(self, name: str) -> bool:
        """Whether an address of `name` is the client's."""
        rdtype = "A" if self.ip.version == 4 else "AAAA"
        if not fits_dns(name):
            return False
        reply = self.ask(name, rdtype, counts=False, strict=False)
        return any(_address(record) == self.ip for record in reply.records)

    def values(self, domain: str) -> Values:
        """What macros stand for in a record of `domain`."""

        def name_of_client() -> str:
            """`%{p}`: the domain itself, else a name below it, else any (§7.3)."""
            found = self.validated()
            below = [name for name in found if _within(name, domain)]
            exact = [name for name in found if name == plain(domain)]
            return next(iter((*exact, *below, *found)), "unknown")

        return Values(self.ip, self.sender, self.helo, self.receiver, self.now, name_of_client)

    def explanation(self, match: _Match) -> str:
        """What the domain says to those who fail (§6.2); any fault on the way means silence."""
        spec = match.record.modifier("exp") if match.record is not None else ""
        if not spec:
            return ""
        try:
            values = self.values(match.domain)
            name = expand_name(spec, values, match.domain)
            if not fits_dns(name):
                return ""
            found = texts(self.ask(name, "TXT", counts=False))
            if len(found) != 1 or not _explains(found[0]):
                return ""
            return expand(found[0], values, match.domain)
        except _Stop:
            return ""


def _explains(text: str) -> bool:
    return text.isascii() and not string_fault(text, explanation=True)


def _multi_label(domain: str) -> bool:
    """§4.3: a domain to ask about has more than one label, and no address literal is one."""
    return "." in domain and fits_dns(domain) and re.fullmatch(r"[^\s\[\]]+", domain) is not None


def _within(name: str, domain: str) -> bool:
    return name == plain(domain) or name.endswith("." + plain(domain))


def _address(record: object) -> Address | None:
    try:
        return ipaddress.ip_address(getattr(record, "address", ""))
    except ValueError:
        return None
