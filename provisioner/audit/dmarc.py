"""DMARC: whether receivers refuse mail that only pretends to be of the domain, and tell its owner of it.

Judged from the record that holds for the domain, its own or one above it (RFC 9989 §4.10).
"""

from __future__ import annotations

from provisioner.audit.dmarc_reports import (
    CONSENT,
    RECEIVERS,
    REPORTS,
    published,
    receivers,
    reports,
    rewritten,
)
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import MailUse, mail_use
from provisioner.authentication import dmarc
from provisioner.authentication.dmarc import Discovery, Policy, PolicyRecord
from provisioner.authentication.dmarc.record import REMOVED
from provisioner.authentication.lookup import Asks, texts
from provisioner.dns.resolver import Status

RECORD = Check(
    "dmarc.record",
    Severity.HIGH,
    "A DMARC record holds for the domain",
    "Without one, receivers have no word from the owner of what to do with forgeries, and large receivers"
    " refuse bulk mail.",
    'Begin with `_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.org"`.',
    "RFC 9989 §4.5, §4.10; Gmail and Yahoo sender requirements",
)
SYNTAX = Check(
    "dmarc.syntax",
    Severity.HIGH,
    "The DMARC record can be read",
    "Receivers go by the default for a value that can't be, and a wrong policy counts as none.",
    "Correct the tag.",
    "RFC 9989 §4.7, §4.8",
)
POLICY = Check(
    "dmarc.policy",
    Severity.MEDIUM,
    "The DMARC policy keeps forgeries out",
    "With `p=none` receivers deliver mail that pretends to be of the domain.",
    "When the reports show that your own mail passes, publish `p=quarantine`, and later `p=reject`.",
    "RFC 9989 §5.1.7, Internet.nl mail test: DMARC policy",
)
SUBDOMAINS = Check(
    "dmarc.subdomains",
    Severity.MEDIUM,
    "Subdomains are protected as the domain is",
    "Where `sp=` or `np=` asks for less than `p=`, forgers write from a subdomain, even an invented one.",
    "Take `sp=` and `np=` out, or make them as strict as `p=`.",
    "RFC 9989 §4.7",
)
TESTING = Check(
    "dmarc.testing",
    Severity.LOW,
    "The DMARC policy is not in testing",
    "With `t=y` receivers apply one step less than the policy says.",
    "Take `t=y` out when the reports show that your own mail passes.",
    "RFC 9989 §4.7, Appendix A.6",
)
REMOVED_TAGS = Check(
    "dmarc.removed-tags",
    Severity.LOW,
    "The DMARC record has only tags that count",
    "`pct`, `rf` and `ri` are no part of DMARC any more, and tags that nobody knows are ignored; who wrote"
    " them may count on them.",
    "Take them out. In place of `pct` there is `t=y`.",
    "RFC 9989 Appendix C.5.2, §4.7",
)
SUFFIX = Check(
    "dmarc.public-suffix",
    Severity.HIGH,
    "The domain does not call itself a public suffix",
    "With `psd=y` its subdomains count as other organisations: their mail and its own no longer align.",
    "Take `psd=y` out; only registries publish it.",
    "RFC 9989 §4.7, §4.10.2",
)
CHECKS = (
    RECORD, SYNTAX, POLICY, SUBDOMAINS, TESTING, REPORTS, CONSENT, RECEIVERS, REMOVED_TAGS, SUFFIX,
)  # fmt: skip


def audit(domain: str, resolver: Asks) -> list[Finding]:
    """Judge the DMARC policy that holds for a mail domain. Subject of each finding: the domain."""
    found = dmarc.discover(domain, resolver.ask)
    use = mail_use(domain, resolver)
    if found.problem:
        return [Finding(RECORD, Outcome.ERROR, domain, "its DMARC record could not be asked for",
                        (found.problem,))]  # fmt: skip
    several = next((step for step in found.steps if len(step.texts) > 1), None)
    record = found.record
    if several is not None or record is None or found.found is None:
        return [_missing(found, use, _misplaced(domain, resolver))]
    where = found.found.domain
    evidence = (f'_dmarc.{where} TXT "{record.text[:500]}"',)
    said = f"is under the record of {where}" if found.inherited else "has a DMARC record"
    findings = [
        Finding(RECORD, Outcome.PASS, domain, said, evidence),
        _syntax(found, record, evidence),
        _policy(found, record, use, evidence),
        _subdomains(found, record, evidence),
        _testing(found, record, evidence),
        _tags(found, record, evidence),
        *reports(found, record, use, evidence),
        *receivers(found, record, resolver),
    ]
    return [*findings, *_suffix(found, record, evidence)]


def _misplaced(domain: str, resolver: Asks) -> str:
    """Where the record is that was meant: the zone's name twice, or the domain itself; `""` where nowhere."""
    for name in (f"_dmarc.{domain}.{domain}", domain):
        reply = resolver.ask(name, "TXT")
        if reply.status is Status.FOUND and any(dmarc.is_dmarc(text) for text in texts(reply)):
            return name
    return ""


def _missing(found: Discovery, use: MailUse, misplaced: str) -> Finding:
    domain, own = found.domain, found.steps[0]
    text = f"v=DMARC1; p=none; rua=mailto:dmarc-reports@{domain}"
    if use is MailUse.PARKED:
        text = "v=DMARC1; p=reject"
    fix = f'Publish `_dmarc.{domain}. TXT "{text}"`.'
    for step in found.steps:
        if len(step.texts) > 1:
            evidence = tuple(f'_dmarc.{step.domain} TXT "{one[:300]}"' for one in step.texts[:5])
            whose = "has" if step.domain == domain else f"is under {step.domain}, which has"
            said = f"{whose} {len(step.texts)} DMARC records: receivers ignore them all"
            return Finding(RECORD, Outcome.FAIL, domain, said, evidence, "Delete all but one of them.")
    near = [one for one in own.others if "dmarc" in one.lower()][:3]
    if near:
        said = "has no DMARC record that counts: what looks like one does not begin with `v=DMARC1;`"
        evidence = tuple(f'_dmarc.{domain} TXT "{one[:300]}"' for one in near)
        return Finding(RECORD, Outcome.FAIL, domain, said, evidence, fix)
    if misplaced:
        said = f"has its DMARC record at {misplaced}, where nobody looks"
        fix = f"Move it to `_dmarc.{domain}.`; in a zone file, a name without a dot at its end is lengthened."
        return Finding(RECORD, Outcome.FAIL, domain, said, fix=fix)
    asked = tuple(f"_dmarc.{step.domain} TXT: no DMARC record" for step in found.steps)
    return Finding(RECORD, Outcome.FAIL, domain, "has no DMARC record, nor has a domain above it", asked, fix)


def _syntax(found: Discovery, record: PolicyRecord, evidence: tuple[str, ...]) -> Finding:
    if record.mistakes:
        said = f"its record has a mistake: {record.mistakes[0]}"
        return Finding(SYNTAX, Outcome.FAIL, found.domain, said, (*evidence, *record.mistakes[1:6]))
    if record.policy is None:
        said = "its record has neither a policy nor an address for reports: receivers ignore it"
        fix = published(found, rewritten(record, p="none", rua=f"mailto:dmarc-reports@{found.domain}"))
        return Finding(SYNTAX, Outcome.FAIL, found.domain, said, evidence, fix)
    return Finding(SYNTAX, Outcome.PASS, found.domain, "its record can be read")


def _policy(found: Discovery, record: PolicyRecord, use: MailUse, evidence: tuple[str, ...]) -> Finding:
    policy, domain = found.policy, found.domain
    tag = "sp" if found.inherited and "sp" in record.tags else "p"
    if policy is None:
        return Finding(POLICY, Outcome.FAIL, domain, "asks receivers for nothing", evidence)
    what = "do nothing with" if policy is Policy.NONE else policy
    said = f"asks receivers to {what} forgeries ({tag}={policy})"
    if use is MailUse.PARKED and policy is not Policy.REJECT:
        said, fix = f"sends no mail, and {said}", _wanted(found, record, Policy.REJECT)
        return Finding(POLICY, Outcome.FAIL, domain, said, evidence, fix)
    if policy is not Policy.NONE:
        return Finding(POLICY, Outcome.PASS, domain, said, evidence)
    fix = _wanted(found, record, Policy.QUARANTINE)
    if record.rua:
        # Monitoring mode (RFC 9989 §3.2.12) is how everybody begins; it is no end.
        said = f"watches only: receivers deliver forgeries and send reports ({tag}=none)"
        fix = f"When the reports show that your own mail passes: {fix[0].lower()}{fix[1:]}"
        return Finding(POLICY, Outcome.WARN, domain, said, evidence, fix, Severity.LOW)
    return Finding(POLICY, Outcome.FAIL, domain, f"{said}, and gets no reports", evidence, fix)


def _wanted(found: Discovery, record: PolicyRecord, policy: Policy) -> str:
    """The record with another policy; under somebody else's record, one of the domain's own."""
    if found.inherited:
        reports_to = f"; rua={record.tags.get('rua')}" if record.rua else ""
        return f'Publish `_dmarc.{found.domain}. TXT "v=DMARC1; p={policy}{reports_to}"`.'
    return published(found, rewritten(record, p=policy))


def _subdomains(found: Discovery, record: PolicyRecord, evidence: tuple[str, ...]) -> Finding:
    domain = found.domain
    policy, below, absent = record.policy, record.subdomain_policy, record.nonexistent_policy
    if found.inherited:
        return Finding(SUBDOMAINS, Outcome.SKIPPED, domain, "is a subdomain itself")
    if policy is None or below is None or absent is None or policy is Policy.NONE:
        return Finding(SUBDOMAINS, Outcome.SKIPPED, domain, "has no policy that subdomains could fall behind")
    if below.rank < policy.rank or absent.rank < policy.rank:
        said = f"protects itself by p={policy}, existing subdomains by {below}, others by {absent}"
        fix = published(found, rewritten(record, without=("sp", "np")))
        outcome = Outcome.FAIL if Policy.NONE in (below, absent) else Outcome.WARN
        return Finding(SUBDOMAINS, outcome, domain, said, evidence, fix)
    return Finding(SUBDOMAINS, Outcome.PASS, domain, "protects subdomains as itself")


def _testing(found: Discovery, record: PolicyRecord, evidence: tuple[str, ...]) -> Finding:
    if record.testing and found.policy is not Policy.NONE:
        said = f"is in testing (t=y): receivers apply {found.disposition} instead of {found.policy}"
        fix = published(found, rewritten(record, without=("t",)))
        return Finding(TESTING, Outcome.WARN, found.domain, said, evidence, fix)
    return Finding(TESTING, Outcome.PASS, found.domain, "is not in testing")


def _tags(found: Discovery, record: PolicyRecord, evidence: tuple[str, ...]) -> Finding:
    if not record.warnings:
        return Finding(REMOVED_TAGS, Outcome.PASS, found.domain, "its record has only tags that count")
    removed = tuple(name for name in record.tags.order if name in REMOVED)
    fix = published(found, rewritten(record, without=removed)) if removed else ""
    said = f"its record has what does not count: {record.warnings[0]}"
    return Finding(REMOVED_TAGS, Outcome.WARN, found.domain, said, (*evidence, *record.warnings[1:6]), fix)


def _suffix(found: Discovery, record: PolicyRecord, evidence: tuple[str, ...]) -> list[Finding]:
    """Only where the record is the domain's own: a registry's says it rightly."""
    if found.inherited:
        return []
    if record.psd == "y" and "." in found.domain:
        fix = published(found, rewritten(record, without=("psd",)))
        return [Finding(SUFFIX, Outcome.FAIL, found.domain, "calls itself a public suffix", evidence, fix)]
    return [Finding(SUFFIX, Outcome.PASS, found.domain, "does not call itself a public suffix")]
