"""DMARC (RFC 9989): does what SPF and DKIM have shown belong to the domain that the reader sees?

A domain says at `_dmarc.DOMAIN` what receivers shall do with mail that has it in From and that
neither SPF nor DKIM ties to it (`p=`), and where they send reports (`rua=`). Which record holds for
a subdomain, and whether two domains are of one organisation, is found by walking up the DNS tree
(§4.10), not from a list of public suffixes.
"""

from __future__ import annotations

from provisioner.authentication.dmarc.evaluation import (
    Alignment,
    DmarcResult,
    Outcome,
    evaluate,
    evaluate_message,
)
from provisioner.authentication.dmarc.record import Policy, PolicyRecord, is_dmarc, parse
from provisioner.authentication.dmarc.reports import Consent, consents
from provisioner.authentication.dmarc.tree import Discovery, Found, discover, organizational_domain, walk

__all__ = [
    "Alignment",
    "Consent",
    "Discovery",
    "DmarcResult",
    "Found",
    "Outcome",
    "Policy",
    "PolicyRecord",
    "consents",
    "discover",
    "evaluate",
    "evaluate_message",
    "is_dmarc",
    "organizational_domain",
    "parse",
    "walk",
]
