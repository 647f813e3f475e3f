"""BIMI: whether a domain's logo can be shown beside its mail. A domain without a record lacks nothing."""

from __future__ import annotations

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.authentication import bimi, dmarc
from provisioner.authentication.bimi import BimiRecord
from provisioner.authentication.dmarc import Policy
from provisioner.authentication.lookup import Asks

RECORD = Check(
    "bimi.record",
    Severity.LOW,
    "The BIMI record can be read",
    "With a mistake in the record, no mail program shows the logo.",
    'One record, of this form: `default._bimi TXT "v=BIMI1; l=https://example.org/logo.svg; a="`.',
    "draft-brand-indicators-for-message-identification §4.2",
)
POLICY = Check(
    "bimi.policy",
    Severity.LOW,
    "The DMARC policy allows a logo",
    "Receivers show logos only of domains that forbid forgeries, themselves and their subdomains.",
    "Publish `p=quarantine` or `p=reject` without a weaker `sp=`, and without `pct` below 100.",
    "draft-brand-indicators-for-message-identification §5.1, Gmail and Yahoo BIMI requirements",
)
EVIDENCE = Check(
    "bimi.evidence",
    Severity.INFO,
    "A certificate vouches for the logo",
    "Gmail and Apple Mail show only logos with a certificate (VMC or CMC).",
    "Get a certificate for the logo and publish its address in `a=`, or leave it: others show the logo all"
    " the same.",
    "draft-brand-indicators-for-message-identification §4.2",
)
CHECKS = (RECORD, POLICY, EVIDENCE)


def audit(domain: str, resolver: Asks, selector: str = "default") -> list[Finding]:
    """Judge the BIMI record of a mail domain; the image and certificate are not fetched.

    Subject of each finding: the domain.
    """
    found = bimi.find(domain, resolver.ask, selector)
    if not found.reply.answered:
        return [Finding(RECORD, Outcome.ERROR, domain, "its BIMI record could not be asked for",
                        (found.reply.detail or found.reply.status,))]  # fmt: skip
    if not found.records:
        return [Finding(RECORD, Outcome.SKIPPED, domain, "publishes no logo (BIMI), and need not")]
    evidence = tuple(f'{found.name} TXT "{one.text[:300]}"' for one in found.records[:5])
    if len(found.records) > 1:
        said = f"has {len(found.records)} BIMI records: none counts"
        return [Finding(RECORD, Outcome.FAIL, domain, said, evidence, "Delete all but one of them.")]
    (record,) = found.records
    if record.mistakes:
        said = f"its BIMI record has a mistake: {record.mistakes[0]}"
        return [Finding(RECORD, Outcome.FAIL, domain, said, (*evidence, *record.mistakes[1:5]))]
    read = Finding(RECORD, Outcome.PASS, domain, "its BIMI record can be read", evidence)
    if record.declined:
        said = "says that it wants no logo"
        return [Finding(RECORD, Outcome.PASS, domain, said, evidence)]
    return [read, _policy(domain, resolver), _certificate(domain, record)]


def _policy(domain: str, resolver: Asks) -> Finding:
    discovery = dmarc.discover(domain, resolver.ask)
    record = discovery.record
    if discovery.problem:
        said = "its DMARC policy could not be asked for"
        return Finding(POLICY, Outcome.ERROR, domain, said, (discovery.problem,))
    if record is None or discovery.found is None:
        return Finding(POLICY, Outcome.FAIL, domain, "has a logo, and no DMARC policy")
    evidence = (f'_dmarc.{discovery.found.domain} TXT "{record.text[:500]}"',)
    weak = next(
        (
            f"{name}={policy}"
            for name, policy in (("p", discovery.disposition), ("sp", record.subdomain_policy))
            if policy in (None, Policy.NONE)
        ),
        "",
    )
    percent = record.tags.get("pct", "100")
    if percent != "100":
        weak = weak or f"pct={percent[:10]}"
    if weak:
        said = f"has a logo, and a DMARC policy too weak for it ({weak})"
        return Finding(POLICY, Outcome.FAIL, domain, said, evidence)
    return Finding(POLICY, Outcome.PASS, domain, "its DMARC policy allows a logo")


def _certificate(domain: str, record: BimiRecord) -> Finding:
    if not record.evidence:
        return Finding(EVIDENCE, Outcome.WARN, domain, "has a logo without a certificate")
    return Finding(EVIDENCE, Outcome.PASS, domain, f"names a certificate, {record.evidence[:200]}")
