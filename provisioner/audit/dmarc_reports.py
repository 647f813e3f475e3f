"""DMARC reports: whether somebody gets them, has agreed to, and takes mail at all. Called by `dmarc.py`."""

from __future__ import annotations

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import MailUse, takes_no_mail
from provisioner.authentication import dmarc
from provisioner.authentication.dmarc import Discovery, PolicyRecord
from provisioner.authentication.dmarc.record import ReportUri
from provisioner.authentication.lookup import Asks
from provisioner.dns.resolver import Status

REPORTS = Check(
    "dmarc.reports",
    Severity.LOW,
    "Reports go to somebody",
    "Without reports nobody learns which of the domain's own mail fails, nor who forges it.",
    "Add `rua=mailto:ADDRESS` with an address that somebody, or a program, reads.",
    "RFC 9989 §5.1.3, RFC 9990",
)
CONSENT = Check(
    "dmarc.report-consent",
    Severity.MEDIUM,
    "Those who are to get reports have agreed to",
    "Reports to another organisation are only sent if it says in DNS that it wants them.",
    "Have the receiver publish the record, or send the reports to an address of your own.",
    "RFC 9990 §4",
)
RECEIVERS = Check(
    "dmarc.report-receivers",
    Severity.MEDIUM,
    "The addresses for reports take mail",
    "Reports to a domain that takes no mail are lost.",
    "Write an address whose domain has an MX.",
    "RFC 9989 §4.7",
)


def published(found: Discovery, text: str) -> str:
    """The advice to publish a record where the one that holds stands."""
    where = found.found.domain if found.found is not None else found.domain
    return f'Publish `_dmarc.{where}. TXT "{text}"`.'


def rewritten(record: PolicyRecord, *, without: tuple[str, ...] = (), **tags: str) -> str:
    """The record with other tags, in the order it has."""
    values = {name: record.tags.get(name) for name in record.tags.order if name not in without} | tags
    return "; ".join(f"{name}={value}" for name, value in values.items())


def reports(found: Discovery, record: PolicyRecord, use: MailUse, evidence: tuple[str, ...]) -> list[Finding]:
    """Whether anybody gets reports."""
    if record.rua:
        where = ", ".join(uri.text[:80] for uri in record.rua[:5])
        return [Finding(REPORTS, Outcome.PASS, found.domain, f"has its reports sent to {where}")]
    if use is MailUse.PARKED:
        return [Finding(REPORTS, Outcome.PASS, found.domain, "sends no mail, and needs no reports")]
    fix = published(found, rewritten(record, rua=f"mailto:dmarc-reports@{found.domain}"))
    return [Finding(REPORTS, Outcome.FAIL, found.domain, "gets no reports", evidence, fix)]


def receivers(found: Discovery, record: PolicyRecord, resolver: Asks) -> list[Finding]:
    """Consent, and whether mail gets there at all."""
    where = found.found.domain if found.found is not None else found.domain
    consents = dmarc.consents(where, record, resolver.ask)
    if not consents:
        return []
    external = [one for one in consents if one.external]
    refused = [one for one in external if not one.given]
    names = tuple(
        f"{one.uri.text[:120]}: {one.problem or f'no DMARC record at {one.name}'}" for one in refused
    )
    if refused:
        outcome = Outcome.ERROR if all(one.problem for one in refused) else Outcome.FAIL
        fix = f'{refused[0].uri.domain} has to publish `{refused[0].name}. TXT "v=DMARC1;"`.'
        said = f"sends reports to {refused[0].uri.domain}, which has not agreed to get them"
        consent = Finding(CONSENT, outcome, found.domain, said, names, fix)
    else:
        said = (
            "all who are to get reports have agreed" if external else "keeps its reports in its organisation"
        )
        consent = Finding(CONSENT, Outcome.PASS, found.domain, said)
    return [consent, _deliverable(found.domain, [one.uri for one in consents], resolver)]


def _deliverable(domain: str, uris: list[ReportUri], resolver: Asks) -> Finding:
    lost = [uri for uri in uris if uri.scheme == "mailto" and not _takes_mail(uri.domain, resolver)]
    if lost:
        names = tuple(f"{uri.text[:120]}: {uri.domain} takes no mail" for uri in lost)
        said = f"has reports sent to {lost[0].domain}, which takes no mail"
        return Finding(RECEIVERS, Outcome.FAIL, domain, said, names)
    return Finding(RECEIVERS, Outcome.PASS, domain, "has its reports sent to domains that take mail")


def _takes_mail(domain: str, resolver: Asks) -> bool:
    """An MX, or an address in its place (RFC 5321 §5.1); DNS that is silent is no proof of the contrary."""
    mx = resolver.ask(domain, "MX")
    if not mx.answered or not takes_no_mail(mx):
        return True
    if mx.status is Status.FOUND:
        return False  # the null MX
    return any(
        resolver.ask(domain, rdtype).status in (Status.FOUND, Status.TIMEOUT) for rdtype in ("A", "AAAA")
    )
