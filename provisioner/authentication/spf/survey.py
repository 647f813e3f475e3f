"""A record with all that it includes, counted as a receiver counts it in the worst case (RFC 7208 §4.6.4).

Whether a record stays within the limits depends on the message: a receiver stops at the term that
matches. An admin wants to know the worst that can happen, which is a message that nothing matches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from provisioner.authentication.lookup import Lookup, fits_dns, plain, texts
from provisioner.authentication.spf.evaluation import NAMES
from provisioner.authentication.spf.macros import has_macros
from provisioner.authentication.spf.record import Directive, Record, is_spf, parse
from provisioner.dns.resolver import Reply, Status

MOST = 60
"""Records that are read in one survey; far more than any receiver reads."""
QUESTIONS = 150
"""Look-ups of one survey: a hostile record may name thousands of hosts."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One record on the way. The first of a survey is the domain's own."""

    domain: str
    path: tuple[str, ...]
    """The domains that led here, the first one first."""
    term: str
    """The term that led here: `include:…` or `redirect=…`; `""` for the domain's own."""
    texts: tuple[str, ...]
    """Every SPF record of the domain, in an order that does not depend on the name server's."""
    record: Record | None
    """The one to go by; None where there is none, or where there are several (RFC 7208 §4.5)."""
    problem: str = ""
    """Why a receiver gives up here: no record, several, a loop, DNS silent."""
    silent: bool = False
    """The problem is that DNS did not answer."""
    granting: bool = True
    """Whether what it says can let a sender pass: all includes on the way have the qualifier `+`."""

    @property
    def where(self) -> str:
        """`example.org`, or `spf.example.net (include:spf.example.net)`."""
        return f"{self.domain} ({self.term})" if self.term else self.domain


@dataclass(frozen=True, slots=True)
class Term:
    """A term in the record where it stands."""

    domain: str
    text: str
    why: str = ""

    def __str__(self) -> str:
        """`ptr in spf.example.net`."""
        return f"{self.text[:120]} in {self.domain}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Survey:
    """What a domain publishes, and what it comes to."""

    domain: str
    reply: Reply
    """The answer for the domain's own TXT records."""
    visits: tuple[Visit, ...]
    """Empty where the domain has no record."""
    lookups: tuple[Term, ...]
    """Every term that looks something up, in the order a receiver comes to them."""
    voids: tuple[Term, ...]
    """Those of them that find nothing, whoever sends."""
    crowded: tuple[Term, ...]
    """Those of them that find more names than a receiver looks at."""
    everybody: tuple[Term, ...]
    """Terms that let every address pass."""
    complete: bool = True
    """False: there was more than a survey reads."""

    @property
    def own(self) -> Visit | None:
        """The domain's own record."""
        return self.visits[0] if self.visits else None

    @property
    def final(self) -> Visit | None:
        """The record that has the last word: the own, or the one that redirects lead to."""
        return next((one for one in self.visits if _is_last_word(one)), None)


def survey(domain: str, lookup: Lookup) -> Survey:
    """Read a domain's record and all that it draws in."""
    work = _Survey(lookup)
    name = plain(domain)
    reply = lookup(name, "TXT")
    if any(is_spf(text) for text in texts(reply)) or not reply.answered:
        work.visit(name, (), "", True)
    return Survey(
        name,
        reply,
        tuple(work.visits),
        tuple(work.lookups),
        tuple(work.voids),
        tuple(work.crowded),
        tuple(work.everybody),
        work.complete,
    )


def _is_last_word(visit: Visit) -> bool:
    by_redirect = not visit.term or visit.term.lower().startswith("redirect=")
    return by_redirect and (visit.record is None or not visit.record.redirect or bool(visit.problem))


@dataclass
class _Survey:
    """The walk, depth first, as a receiver goes."""

    lookup: Lookup
    visits: list[Visit] = field(default_factory=list)
    lookups: list[Term] = field(default_factory=list)
    voids: list[Term] = field(default_factory=list)
    crowded: list[Term] = field(default_factory=list)
    everybody: list[Term] = field(default_factory=list)
    complete: bool = True
    asked: int = 0

    def ask(self, name: str, rdtype: str) -> Reply:
        """A look-up, while there are any left."""
        self.asked += 1
        if self.asked > QUESTIONS:
            self.complete = False
            return Reply(
                name, rdtype, Status.OVER_BUDGET, detail=f"more than {QUESTIONS} look-ups for one record"
            )
        return self.lookup(name, rdtype)

    def visit(self, domain: str, path: tuple[str, ...], term: str, granting: bool) -> None:
        """Read one record and go on to those it draws in."""
        if len(self.visits) >= MOST:
            self.complete = False
            return
        one = self.read(domain, path, term, granting)
        self.visits.append(one)
        if one.record is None or domain in path:
            return
        for directive in _reached(one.record):
            self.directive(directive, one)
        if one.record.redirect:
            text = f"redirect={one.record.redirect}"
            self.lookups.append(Term(domain, text))
            self.follow(one.record.redirect, one, text, granting)

    def read(self, domain: str, path: tuple[str, ...], term: str, granting: bool) -> Visit:
        """The record of a domain, or why there is none to go by."""
        if domain in path:
            return Visit(domain, path, term, (), None, f"leads back to {domain}: a loop", granting=granting)
        reply = self.ask(domain, "TXT") if fits_dns(domain) else None
        if reply is None or not reply.answered:
            problem = reply.detail or str(reply.status) if reply is not None else "no domain name"
            return Visit(domain, path, term, (), None, problem, reply is not None, granting)
        found = tuple(sorted(text for text in texts(reply) if is_spf(text)))
        problem = (
            "" if len(found) == 1 else f"has {len(found) or 'no'} SPF record{'s' if len(found) > 1 else ''}"
        )
        record = parse(found[0]) if len(found) == 1 else None
        if term and reply.status in (Status.NODATA, Status.NXDOMAIN):
            self.voids.append(Term(path[-1], term, f"{domain} has no TXT record"))
        return Visit(domain, path, term, found, record, problem, granting=granting)

    def directive(self, one: Directive, visit: Visit) -> None:
        """Count one mechanism, and see what it finds."""
        grants = visit.granting and one.qualifier == "+"
        if grants and _matches_all(one):
            self.everybody.append(Term(visit.domain, one.text))
        if not one.looks_up:
            return
        self.lookups.append(Term(visit.domain, one.text))
        target = plain(one.domain) if one.domain else visit.domain
        if has_macros(target):
            return
        if one.mechanism == "include":
            self.follow(target, visit, one.text, grants)
        elif one.mechanism == "exists":
            self.exists(one, visit.domain, target, grants)
        elif one.mechanism == "a":
            self.void_unless_addressed(Term(visit.domain, one.text), target)
        elif one.mechanism == "mx":
            self.exchangers(Term(visit.domain, one.text), target)

    def follow(self, target: str, visit: Visit, term: str, granting: bool) -> None:
        """Go on to another record, unless its name depends on the message."""
        if not has_macros(target):
            self.visit(plain(target), (*visit.path, visit.domain), term, granting)

    def exists(self, one: Directive, domain: str, target: str, grants: bool) -> None:
        """Without a macro, `exists` is the same for every sender."""
        found = self.ask(target, "A").status
        if found is Status.FOUND and grants:
            self.everybody.append(Term(domain, one.text, f"{target} exists, whoever sends"))
        elif found in (Status.NODATA, Status.NXDOMAIN):
            self.voids.append(Term(domain, one.text, f"{target} has no address"))

    def exchangers(self, term: Term, target: str) -> None:
        """An mx without MX is void; so is each exchanger without addresses."""
        reply = self.ask(target, "MX")
        if reply.status in (Status.NODATA, Status.NXDOMAIN):
            self.voids.append(Term(term.domain, term.text, f"{target} has no MX"))
        if len(reply.records) > NAMES:
            self.crowded.append(Term(term.domain, term.text, f"{target} has {len(reply.records)} MX records"))
        for record in reply.records[:NAMES]:
            host = plain(getattr(record, "exchange", ""))
            if host:
                self.void_unless_addressed(term, host)

    def void_unless_addressed(self, term: Term, host: str) -> None:
        """Without addresses of both kinds, every sender's question is void."""
        if not fits_dns(host):
            return
        found = [self.ask(host, rdtype).status for rdtype in ("A", "AAAA")]
        if all(status in (Status.NODATA, Status.NXDOMAIN) for status in found):
            self.voids.append(Term(term.domain, term.text, f"{host} has no address"))


def _reached(record: Record) -> Iterator[Directive]:
    """The mechanisms up to `all`; what stands behind it is never looked at (§5.1)."""
    for one in record.directives:
        yield one
        if one.mechanism == "all":
            return


def _matches_all(one: Directive) -> bool:
    """Whether a mechanism matches every address (of one family)."""
    if one.mechanism == "all":
        return True
    if one.network is not None:
        return one.network.prefixlen == 0
    return one.mechanism in ("a", "mx") and 0 in (one.prefix4, one.prefix6)
