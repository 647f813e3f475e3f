"""Whether those who are to get reports agree to it (RFC 9990 §4; RFC 9989 Appendix B.2.3)."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.authentication.dmarc.record import PolicyRecord, ReportUri, is_dmarc
from provisioner.authentication.dmarc.tree import organizational_domain
from provisioner.authentication.lookup import Lookup, texts

RECEIVERS = 10
"""Addresses of a record that are looked at."""


@dataclass(frozen=True, slots=True)
class Consent:
    """One receiver of reports. `external` ones must publish a record, or get nothing."""

    uri: ReportUri
    external: bool
    name: str = ""
    """Where the consent of an external one is looked for."""
    given: bool = True
    problem: str = ""
    """Why it can't be known."""


def consents(domain: str, record: PolicyRecord, lookup: Lookup) -> tuple[Consent, ...]:
    """Each receiver of the reports about `domain`, where the record stands."""
    uris = tuple(dict.fromkeys((*record.rua, *record.ruf)))[:RECEIVERS]
    organization = organizational_domain(domain, lookup) if uris else domain
    return tuple(_consent(domain, organization, uri, lookup) for uri in uris)


def _consent(domain: str, organization: str, uri: ReportUri, lookup: Lookup) -> Consent:
    host = uri.domain
    if not host or host == domain or organizational_domain(host, lookup) == organization:
        return Consent(uri, external=False)
    name = f"{domain}._report._dmarc.{host}"
    reply = lookup(name, "TXT")
    if not reply.answered:
        return Consent(uri, True, name, False, f"{name} TXT: {reply.detail or reply.status}")
    return Consent(uri, True, name, any(is_dmarc(text) for text in texts(reply)))
