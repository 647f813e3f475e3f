"""CAA (RFC 8659): which authorities may issue certificates for a mail server's name.

The records nearest up the tree from the name count (§3), aliases followed; where there are none, any
authority may issue. `issue` is about certificates for names, `issuewild` for wildcards, `iodef` about where
refused requests are reported. `issuemail` (RFC 9495) is about S/MIME, and says nothing about servers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.resolver import Reply, Resolver, Status

if TYPE_CHECKING:
    from dns.rdata import Rdata

PRESENT = Check(
    "caa.present",
    Severity.LOW,
    "The domain says which authorities may issue certificates",
    "Without CAA any of a hundred authorities may issue a certificate for the server to whoever fools its"
    " checks once.",
    'Publish `@ CAA 0 issue "letsencrypt.org"` with the authority that you use, and'
    ' `@ CAA 0 iodef "mailto:postmaster@example.org"`.',
    "RFC 8659 §3, Internet.nl mail test: CAA",
)
SYNTAX = Check(
    "caa.syntax",
    Severity.MEDIUM,
    "The CAA records can be read",
    "An authority must refuse where it does not understand a record marked critical; a mistake in a value"
    " forbids every authority, and the next renewal fails.",
    'Write each record as `@ CAA 0 issue "letsencrypt.org"`: flags 0, the tag in lower case, the'
    " authority's domain in quotes.",
    "RFC 8659 §4",
)
ISSUE = Check(
    "caa.issue",
    Severity.LOW,
    "An authority is named",
    "Only `issue` says who may issue certificates for names. Without it, the other CAA records restrict"
    " nothing.",
    'Publish `@ CAA 0 issue "letsencrypt.org"` with the authority that you use.',
    "RFC 8659 §4.2",
)
IODEF = Check(
    "caa.iodef",
    Severity.INFO,
    "Authorities are told whom to tell of a refused request",
    "A refused request means that somebody has tried to get a certificate for your server.",
    'Publish `@ CAA 0 iodef "mailto:postmaster@example.org"`.',
    "RFC 8659 §4.4",
)
CHECKS = (PRESENT, SYNTAX, ISSUE, IODEF)

KNOWN = frozenset({"issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"})
"""Tags in IANA's registry of certification authority restriction properties."""
CRITICAL = 128
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.IGNORECASE)
_PARAMETER = re.compile(r"[a-z0-9-]+\s*=\s*[\x21-\x3a\x3c-\x7e]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Property:
    """One record: `tag` in lower case, `value` as written."""

    flags: int
    tag: str
    value: str

    def __str__(self) -> str:
        return f'CAA {self.flags} {self.tag} "{self.value}"'

    @property
    def fault(self) -> str:
        """What is wrong with it; `""` where nothing is."""
        if self.tag not in KNOWN:
            return "is marked critical, and no authority knows the tag" if self.flags & CRITICAL else ""
        if self.tag in ("issue", "issuewild") and not _is_issuer(self.value):
            return "names no authority's domain, and so forbids all"
        if self.tag == "iodef" and not re.match(r"(mailto:\S+@\S+|https?://\S+)$", self.value):
            return "is neither mailto: nor a web address"
        return ""


def _is_issuer(value: str) -> bool:
    """Whether it is an authority's domain, or none, with parameters after it (RFC 8659 §4.2)."""
    domain, *parameters = (part.strip() for part in value.split(";"))
    known = not domain or (len(domain) < 254 and _DOMAIN.fullmatch(domain))
    return bool(known) and all(not one or _PARAMETER.fullmatch(one) for one in parameters)


def relevant(name: str, resolver: Resolver) -> tuple[str, tuple[Property, ...], Reply]:
    """Climb the tree from `name`: where records were found, these records, and the last reply."""
    labels = name.rstrip(".").lower().split(".")
    reply = None
    for at in range(len(labels)):
        owner = ".".join(labels[at:])
        reply = resolver.ask(owner, "CAA")
        if not reply.answered or reply.status is Status.FOUND:
            return owner, tuple(_property(record) for record in reply.records), reply
    assert reply is not None
    return "", (), reply


def _property(record: Rdata) -> Property:
    return Property(
        record.flags,  # type: ignore[attr-defined]  # a CAA record
        record.tag.decode("ascii", "backslashreplace").lower(),  # type: ignore[attr-defined]
        record.value.decode("utf-8", "backslashreplace"),  # type: ignore[attr-defined]
    )


def audit(host: str, resolver: Resolver) -> list[Finding]:
    """Judge the CAA records that hold for the name of a mail server. Subject of each finding: the name."""
    owner, records, reply = relevant(host, resolver)
    if not reply.answered:
        return [Finding(PRESENT, Outcome.ERROR, host, "its CAA records could not be asked for",
                        (reply.detail,))]  # fmt: skip
    if not records:
        return [Finding(PRESENT, Outcome.WARN, host, "any authority may issue a certificate for it")]
    evidence = tuple(f"{owner} {record}"[:300] for record in records[:20])
    faults = [(record, fault) for record in records if (fault := record.fault)]
    findings = [Finding(PRESENT, Outcome.PASS, host, f"the CAA records of {owner} hold for it", evidence)]
    if faults:
        said = tuple(f"{owner} {record}: {fault}"[:300] for record, fault in faults)
        wrong = f"has a CAA record that {faults[0][1]}"
        findings.append(Finding(SYNTAX, Outcome.FAIL, host, wrong, said))
    else:
        findings.append(Finding(SYNTAX, Outcome.PASS, host, "its CAA records can be read"))
    return [*findings, _issue(host, records, evidence), _iodef(host, records)]


def _issue(host: str, records: tuple[Property, ...], evidence: tuple[str, ...]) -> Finding:
    values = [record.value.partition(";")[0].strip() for record in records if record.tag == "issue"]
    if not values:
        return Finding(ISSUE, Outcome.WARN, host, "its CAA records name no authority", evidence)
    if not any(values):
        return Finding(
            ISSUE, Outcome.WARN, host, "its CAA records forbid every authority", evidence,
            fix="That is right for a name without a certificate. Otherwise name the authority:"
            ' `CAA 0 issue "letsencrypt.org"`.',
        )  # fmt: skip
    return Finding(ISSUE, Outcome.PASS, host, f"{', '.join(filter(None, values))} may issue certificates")


def _iodef(host: str, records: tuple[Property, ...]) -> Finding:
    where = [record.value for record in records if record.tag == "iodef"]
    if where:
        return Finding(IODEF, Outcome.PASS, host, f"refused requests are reported to {', '.join(where)}")
    return Finding(IODEF, Outcome.WARN, host, "nobody is told of refused requests")
