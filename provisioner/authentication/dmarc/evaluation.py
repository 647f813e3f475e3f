"""Whether a message passes DMARC, and what its domain wants done if not (RFC 9989 §5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from enum import StrEnum

from provisioner.authentication import message as messages
from provisioner.authentication.dkim.verification import DkimResult, SignatureResult
from provisioner.authentication.dmarc.record import Policy
from provisioner.authentication.dmarc.tree import Discovery, discover, organizational_domain
from provisioner.authentication.lookup import Lookup, a_label
from provisioner.authentication.message import Message
from provisioner.authentication.spf.result import Result, SpfResult
from provisioner.dns.resolver import Reply

LENGTH = 10_000
"""Characters of a From field that are read."""


class Outcome(StrEnum):
    """What a message comes to (RFC 8601 §2.7.6 names them so)."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NONE = "none"
    """The domain has no policy, or From names no one domain."""
    TEMPERROR = "temperror"
    """DNS did not answer."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """One thing that SPF or DKIM has shown, or has not, and whether it belongs to the author."""

    method: str
    """`spf` or `dkim`."""
    domain: str
    passed: bool
    aligned: bool
    """In the mode that the record asks for, whether or not it passed."""
    strict: bool
    selector: str = ""

    @property
    def counts(self) -> bool:
        """Whether it makes the message pass."""
        return self.passed and self.aligned


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """What a message comes to. `disposition` is what receivers are asked to do with it."""

    outcome: Outcome
    from_domain: str
    discovery: Discovery | None
    alignments: tuple[Alignment, ...] = ()
    problem: str = ""

    @property
    def disposition(self) -> Policy | None:
        """None where the domain asks for nothing: the message passes, or there is no policy."""
        if self.outcome is not Outcome.FAIL or self.discovery is None:
            return None
        return self.discovery.disposition


def evaluate(
    from_domain: str, spf: SpfResult | None, signatures: Sequence[SignatureResult], lookup: Lookup
) -> DmarcResult:
    """Judge a message with `from_domain` in From by what SPF and DKIM have shown.

    `spf` is None where the sender is not known (a message from a file). Where DNS was silent on the way
    and nothing else passes, the outcome is `temperror` (§5.3.6).
    """
    author = a_label(from_domain)
    if not author:
        return DmarcResult(Outcome.NONE, from_domain, None, problem=f"{from_domain[:80]!r} is no domain")
    discovery = discover(author, lookup)
    if discovery.record is None or discovery.policy is None:
        outcome = Outcome.TEMPERROR if discovery.problem else Outcome.NONE
        problem = discovery.problem or f"{author} has no DMARC policy, and none above it"
        return DmarcResult(outcome, author, discovery, problem=problem)
    silent: list[str] = []

    def noting(name: str, rdtype: str) -> Reply:
        reply = lookup(name, rdtype)
        if not reply.answered:
            silent.append(f"{name} {rdtype}: {reply.detail or reply.status}")
        return reply

    alignments = _alignments(author, discovery, spf, signatures, noting)
    if any(one.counts for one in alignments):
        return DmarcResult(Outcome.PASS, author, discovery, alignments)
    silent += [spf.problem] if spf is not None and spf.result is Result.TEMPERROR else []
    silent += [one.problem for one in signatures if one.result is DkimResult.TEMPERROR]
    if silent:
        return DmarcResult(Outcome.TEMPERROR, author, discovery, alignments, silent[0] or "DNS was silent")
    return DmarcResult(Outcome.FAIL, author, discovery, alignments, _why_not(author, alignments))


def evaluate_message(
    message: bytes | Message, spf: SpfResult | None, signatures: Sequence[SignatureResult], lookup: Lookup
) -> DmarcResult:
    """The same with the domain of the message's From; none or several domains can't be judged (§5.3.1)."""
    whole = messages.split(message) if isinstance(message, bytes) else message
    domains = author_domains(whole)
    if len(domains) != 1:
        which = ", ".join(domains[:5]) or "no domain"
        return DmarcResult(Outcome.NONE, "", None, problem=f"From names {which}, where it must name one")
    return evaluate(domains[0], spf, signatures, lookup)


def author_domains(message: Message) -> tuple[str, ...]:
    """The domains in From, plain, each once."""
    addresses = getaddresses([field.text[:LENGTH] for field in message.named("From")[:10]])
    found = (a_label(address.rpartition("@")[2]) for _, address in addresses if "@" in address)
    return tuple(dict.fromkeys(filter(None, found)))


def _alignments(
    author: str,
    discovery: Discovery,
    spf: SpfResult | None,
    signatures: Sequence[SignatureResult],
    lookup: Lookup,
) -> tuple[Alignment, ...]:
    record = discovery.record
    assert record is not None
    found = []
    if spf is not None and spf.domain:
        aligned = _aligned(author, spf.domain, record.strict_spf, lookup)
        passed = spf.result is Result.PASS
        found.append(Alignment("spf", spf.domain, passed, aligned, record.strict_spf))
    for one in signatures:
        if one.domain:
            aligned = _aligned(author, one.domain, record.strict_dkim, lookup)
            found.append(Alignment("dkim", one.domain, one.passed, aligned, record.strict_dkim, one.selector))
    return tuple(found)


def _aligned(author: str, domain: str, strict: bool, lookup: Lookup) -> bool:
    """Strict: the same domain; relaxed: the same organisation (§4.10.2)."""
    if author == domain:
        return True
    if strict or author.rpartition(".")[2] != domain.rpartition(".")[2]:
        return False
    return organizational_domain(author, lookup) == organizational_domain(domain, lookup)


def _why_not(author: str, alignments: Sequence[Alignment]) -> str:
    if not alignments:
        return "there is neither an SPF result nor a signature"
    passed = [one for one in alignments if one.passed]
    if passed:
        names = ", ".join(dict.fromkeys(f"{one.method} {one.domain}" for one in passed))
        return f"{names} passed, and does not belong to {author}"
    return f"nothing that belongs to {author} passed SPF or DKIM"
