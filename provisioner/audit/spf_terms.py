"""SPF, term by term: those that let too many pass, and those that receivers skip.

`spf.py` judges the record as a whole, and calls these.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.authentication import spf
from provisioner.authentication.spf.survey import Survey, Term, Visit

EVERYBODY = Check(
    "spf.everybody",
    Severity.CRITICAL,
    "The SPF record does not let everybody pass",
    "Whoever wants to send in the name of the domain passes SPF, and by that DMARC.",
    "Take the term out, and name the servers that send.",
    "RFC 7208 §5.1, §11.4",
)
RANGES = Check(
    "spf.ranges",
    Severity.MEDIUM,
    "The SPF record names no huge networks",
    "Every machine in a network that is named may send for the domain, those of strangers too.",
    "Name the addresses that send, not the network they are in.",
    "RFC 7208 §10.1.2, §11.4",
)
PRIVATE = Check(
    "spf.private-addresses",
    Severity.LOW,
    "The SPF record names addresses of the internet",
    "No receiver sees mail come from a private or reserved address: the term is a mistake or a leftover.",
    "Write the address that your mail leaves with, and take the private one out.",
    "RFC 7208 §10.1.2, RFC 6890",
)
PTR = Check(
    "spf.ptr",
    Severity.MEDIUM,
    "The SPF record doesn't use ptr",
    "ptr is slow, costs the owners of other zones look-ups, and is skipped by some receivers.",
    "Name the hosts by `a:`, `ip4:` or `ip6:` instead.",
    "RFC 7208 §5.5",
)
ORDER = Check(
    "spf.order",
    Severity.LOW,
    "Nothing stands behind all in the SPF record",
    "Receivers stop at `all`; terms behind it and a redirect beside it are never looked at.",
    "Move `all` to the end; take the redirect out.",
    "RFC 7208 §5.1, §6.1",
)
MODIFIERS = Check(
    "spf.modifiers",
    Severity.LOW,
    "The SPF record has no modifiers that nobody knows",
    "Receivers ignore them; where one is a slip for a mechanism (`include=` for `include:`), the servers it"
    " stands for are missing.",
    "Correct it to the mechanism that was meant, or take it out.",
    "RFC 7208 §6",
)
WIDEST = {4: 16, 6: 32}
"""Prefixes that a network of one's own seldom goes beyond; providers have wider ones in their includes."""
WIDEST_INCLUDED = {4: 8, 6: 19}


def judge_terms(found: Survey) -> list[Finding]:
    """Every check of this module, on a domain that has a record."""
    checks = (_everybody, _ranges, _private, _ptr, _order, _modifiers)
    return [check(found) for check in checks]


def _everybody(found: Survey) -> Finding:
    terms = found.everybody
    said = "lets everybody pass SPF"
    fix = without(found, terms)
    own = own_visit(found).record
    if own is not None and any(
        term.domain == found.domain and term.text.lower() in ("all", "+all") for term in terms
    ):
        fix = f'Publish `{found.domain}. TXT "{spf.rewritten(own, ending="-all")}"`.'
    return judged(EVERYBODY, found, terms, "does not let everybody pass SPF", said, fix)


def _ranges(found: Survey) -> Finding:
    wide = []
    for visit, one in _directives(found):
        widest = WIDEST_INCLUDED if visit.term.lower().startswith("include:") else WIDEST
        prefixes = {4: one.prefix4, 6: one.prefix6}
        if one.network is not None:
            prefixes = {one.network.version: one.network.prefixlen}
        too_wide = any(0 < prefix < widest[version] for version, prefix in prefixes.items())
        private = one.network is not None and not _reaches_internet(one.network)
        if too_wide and one.qualifier != "-" and not private:
            wide.append(Term(visit.domain, one.text, _how_many(prefixes)))
    return judged(
        RANGES,
        found,
        wide,
        "names no huge networks in its SPF record",
        "names huge networks in its SPF record",
        outcome=Outcome.WARN,
    )


def _how_many(prefixes: dict[int, int]) -> str:
    version, prefix = min(prefixes.items(), key=lambda item: item[1] / (32 if item[0] == 4 else 128))
    return f"{2 ** (32 - prefix):,} addresses" if version == 4 else f"a /{prefix} of IPv6"


def _private(found: Survey) -> Finding:
    terms = [
        Term(visit.domain, one.text, "a private or reserved network")
        for visit, one in _directives(found)
        if one.network is not None and one.network.prefixlen and not _reaches_internet(one.network)
    ]
    return judged(
        PRIVATE,
        found,
        terms,
        "names no private addresses",
        "names addresses in its SPF record that no receiver ever sees",
        without(found, terms),
        Outcome.WARN,
    )


def _reaches_internet(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    # Those of examples (RFC 5737, RFC 3849) are not global either, and stand in documentation and tests.
    examples = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    if any(_inside(network, ipaddress.ip_network(example)) for example in examples):
        return True
    return not (network.is_private or network.is_multicast or network.is_reserved or network.is_loopback)


def _inside(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    outer: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> bool:
    return network.version == outer.version and network.network_address in outer


def _ptr(found: Survey) -> Finding:
    terms = [Term(visit.domain, one.text) for visit, one in _directives(found) if one.mechanism == "ptr"]
    return judged(
        PTR,
        found,
        terms,
        "does not use ptr",
        "uses ptr in its SPF record, which is not to be published any more",
        without(found, terms),
        Outcome.WARN,
    )


def _order(found: Survey) -> Finding:
    terms = []
    for visit in found.visits:
        record = visit.record
        if record is None or record.all is None:
            continue
        behind = record.directives[record.directives.index(record.all) + 1 :]
        terms += [Term(visit.domain, one.text, f"stands behind {record.all.text}") for one in behind]
        if record.modifier("redirect"):
            text = f"redirect={record.modifier('redirect')}"
            terms.append(Term(visit.domain, text, f"means nothing beside {record.all.text}"))
    own = own_visit(found).record
    fix = f'Publish `{found.domain}. TXT "{spf.rewritten(own)}"`.' if own is not None else ""
    return judged(
        ORDER,
        found,
        terms,
        "has nothing behind all",
        "has terms in its SPF record that are never looked at",
        fix,
        Outcome.WARN,
    )


def _modifiers(found: Survey) -> Finding:
    terms = [
        Term(visit.domain, one.text, _meant(one.name))
        for visit in found.visits
        if visit.record is not None
        for one in visit.record.modifiers
        if one.name not in ("redirect", "exp")
    ]
    return judged(
        MODIFIERS,
        found,
        terms,
        "has no unknown modifiers",
        "has modifiers in its SPF record that receivers ignore",
        outcome=Outcome.WARN,
    )


def _meant(name: str) -> str:
    mechanisms = ("include", "ip4", "ip6", "a", "mx", "exists", "ptr")
    if name == "v":
        return "two records were pasted into one"
    return f"write {name}: with a colon" if name in mechanisms else ""


def judged(
    check: Check,
    found: Survey,
    wrong: Iterable[Term],
    good: str,
    bad: str,
    fix: str = "",
    outcome: Outcome = Outcome.FAIL,
) -> Finding:
    """Pass where nothing is wrong; else the terms as evidence."""
    terms = tuple(wrong)
    if not terms:
        return Finding(check, Outcome.PASS, found.domain, good)
    elsewhere = all(term.domain != found.domain for term in terms)
    if elsewhere:
        where = terms[0].domain
        fix = f"Correct the record of {where} if it is yours; else tell its owner, or include it no more."
    return Finding(check, outcome, found.domain, bad, listed(terms), fix)


def without(found: Survey, terms: Iterable[Term]) -> str:
    """The own record without terms of it; `""` where none of them is its own."""
    terms = tuple(terms)
    texts_ = {term.text for term in terms if term.domain == found.domain}
    own = own_visit(found).record
    if not texts_ or own is None:
        return ""
    record = spf.rewritten(own, keep=lambda term: term.text not in texts_)
    others = ", ".join(dict.fromkeys(term.domain for term in terms if term.domain != found.domain))
    rest = f" The others are in the record of {others}." if others else ""
    return f'Without them the record is `{found.domain}. TXT "{record}"`; name there what still sends.{rest}'


def _directives(found: Survey) -> Iterable[tuple[Visit, spf.Directive]]:
    """Every mechanism of every record, each once."""
    seen = set()
    for visit in found.visits:
        for one in visit.record.directives if visit.record is not None else ():
            if (visit.domain, one.text) not in seen:
                seen.add((visit.domain, one.text))
                yield visit, one


def own_visit(found: Survey) -> Visit:
    """The domain's own record; `audit` has looked before that there is one."""
    own = found.own
    if own is None:
        raise ValueError(f"{found.domain} has no record")
    return own


def listed(terms: Iterable[Term]) -> tuple[str, ...]:
    """Terms as evidence, not too many."""
    return tuple(str(term) for term in terms)[:20]
