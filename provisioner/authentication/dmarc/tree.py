"""The walk up the DNS tree (RFC 9989 §4.10): which policy holds, and where an organisation begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.authentication.dmarc.record import Policy, PolicyRecord, is_dmarc, parse
from provisioner.authentication.lookup import Lookup, plain, texts
from provisioner.dns.resolver import Status

LABELS = 8
"""A name with this many labels or more is cut to one fewer after the first question (§4.10, step 4)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What `_dmarc.DOMAIN` holds."""

    domain: str
    texts: tuple[str, ...]
    """Every TXT record that is a DMARC record; two or more count as none (step 2)."""
    record: PolicyRecord | None
    others: tuple[str, ...] = ()
    """TXT records there that are none, perhaps by a slip."""
    problem: str = ""
    """Why nothing is known: DNS did not answer."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The policy that holds for an author domain (§4.10.1)."""

    domain: str
    found: Found | None
    """Where the record that holds was found; None where there is none."""
    steps: tuple[Found, ...]
    """Every place that was asked."""
    exists: bool = True
    """False: the author domain is not in DNS (NXDOMAIN), and `np` holds. Only asked where it matters."""

    @property
    def record(self) -> PolicyRecord | None:
        """The record that holds."""
        return self.found.record if self.found is not None else None

    @property
    def inherited(self) -> bool:
        """Whether it is the record of a domain above."""
        return self.found is not None and self.found.domain != self.domain

    @property
    def policy(self) -> Policy | None:
        """The policy for mail from the domain, `t=` left aside; None where DMARC does not apply."""
        record = self.record
        if record is None:
            return None
        if not self.inherited:
            return record.policy
        return record.subdomain_policy if self.exists else record.nonexistent_policy

    @property
    def disposition(self) -> Policy | None:
        """The policy that receivers apply: with `t=y`, one step less (§4.7)."""
        policy, record = self.policy, self.record
        if policy is None or record is None or not record.testing or policy is Policy.NONE:
            return policy
        return Policy.NONE if policy is Policy.QUARANTINE else Policy.QUARANTINE

    @property
    def problem(self) -> str:
        """Why the policy can't be known: a question on the way got no answer."""
        return next((step.problem for step in self.steps if step.problem), "")


def targets(domain: str) -> Iterator[str]:
    """The domains that a walk asks about, at most eight: the domain itself, then upwards."""
    labels = plain(domain).split(".")
    yield ".".join(labels)
    for at in range(max(1, len(labels) - LABELS + 1), len(labels)):
        yield ".".join(labels[at:])


def at(domain: str, lookup: Lookup) -> Found:
    """The DMARC record of one domain."""
    reply = lookup(f"_dmarc.{domain}", "TXT")
    if not reply.answered:
        return Found(domain, (), None, problem=f"_dmarc.{domain} TXT: {reply.detail or reply.status}")
    everything = texts(reply) if reply.status is Status.FOUND else ()
    found = tuple(text for text in everything if is_dmarc(text))
    others = tuple(text for text in everything if not is_dmarc(text))
    return Found(domain, found, parse(found[0]) if len(found) == 1 else None, others)


def walk(domain: str, lookup: Lookup) -> Iterator[Found]:
    """Each step of a walk; it ends at a record with `psd=y` or `psd=n` (steps 2 and 6)."""
    for target in targets(domain):
        found = at(target, lookup)
        yield found
        if found.record is not None and found.record.psd in ("y", "n"):
            return


def organizational_domain(domain: str, lookup: Lookup) -> str:
    """The domain at the top of its organisation (§4.10.2)."""
    return top(plain(domain), tuple(walk(domain, lookup)))


def top(domain: str, steps: tuple[Found, ...]) -> str:
    """The organisational domain that the steps of a walk tell."""
    found = [step for step in steps if step.record is not None]
    for step in found:
        if step.record is not None and step.record.psd == "n":
            return step.domain
        if step.record is not None and step.record.psd == "y" and step.domain != domain:
            return _one_below(step.domain, domain)
    return found[-1].domain if found else domain


def discover(domain: str, lookup: Lookup) -> Discovery:
    """The record that holds for an author domain: its own, its organisation's, its suffix's (§4.10.1)."""
    author = plain(domain)
    own = at(author, lookup)
    if own.record is not None or own.problem:
        return Discovery(author, own if own.record is not None else None, (own,))
    steps = [own]
    for target in tuple(targets(author))[1:]:
        steps.append(at(target, lookup))
        record = steps[-1].record
        if steps[-1].problem or (record is not None and record.psd in ("y", "n")):
            break
    above = [step for step in steps if step.record is not None]
    if not above:
        return Discovery(author, None, tuple(steps))
    organization = top(author, tuple(steps))
    holds = next((step for step in above if step.domain == organization), above[-1])
    exists = lookup(author, "A").status is not Status.NXDOMAIN
    return Discovery(author, holds, tuple(steps), exists)


def _one_below(suffix: str, domain: str) -> str:
    count = len(suffix.split(".")) + 1
    return ".".join(domain.split(".")[-count:])
