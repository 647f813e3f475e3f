"""MTA-STS (RFC 8461): whether a domain's policy says that mail to it must be encrypted, and to whom.

A TXT record at `_mta-sts.DOMAIN` says that there is a policy, and changes its `id` with it; the policy is
a file at `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. Senders keep it for `max_age` seconds, and with
`mode: enforce` deliver to no server that the policy does not name or whose certificate is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import null_mx_only
from provisioner.dns.https import FetchError, Response, Web
from provisioner.mail.mta_sts import Policy, parse_policy, parse_record

PRESENT = Check(
    "mta-sts.present",
    Severity.LOW,
    "The domain has an MTA-STS policy",
    "Without MTA-STS or DANE anybody on the way can make senders deliver without encryption. Gmail and"
    " Microsoft heed MTA-STS.",
    'Publish `_mta-sts TXT "v=STSv1; id=20260101T000000"`, and serve the policy at'
    " https://mta-sts.DOMAIN/.well-known/mta-sts.txt.",
    "RFC 8461 §3",
)
RECORD = Check(
    "mta-sts.record",
    Severity.MEDIUM,
    "The MTA-STS record can be read",
    "A record with a mistake, or a second one, counts as none: senders do not look for the policy.",
    'One record: `_mta-sts TXT "v=STSv1; id=20260101T000000"`, with a new id at each change of the policy.',
    "RFC 8461 §3.1",
)
FETCH = Check(
    "mta-sts.fetch",
    Severity.MEDIUM,
    "The policy can be fetched",
    "Senders that can't fetch it go on without protection, and those that have an old one keep to that.",
    "Serve the file at https://mta-sts.DOMAIN/.well-known/mta-sts.txt with status 200, without a redirect.",
    "RFC 8461 §3.3",
)
CERTIFICATE = Check(
    "mta-sts.certificate",
    Severity.MEDIUM,
    "The policy's web server has a valid certificate",
    "Senders ignore a policy from a server whose certificate is not valid for mta-sts.DOMAIN.",
    "Get a certificate for mta-sts.DOMAIN from a public authority, and renew it with the others.",
    "RFC 8461 §3.3",
)
MEDIA_TYPE = Check(
    "mta-sts.media-type",
    Severity.LOW,
    "The policy is served as text/plain",
    "Senders may refuse a policy of another type, since it may be some web page.",
    "nginx: `default_type text/plain;` for the location; Apache: `ForceType text/plain`.",
    "RFC 8461 §3.2",
)
POLICY = Check(
    "mta-sts.policy",
    Severity.MEDIUM,
    "The policy can be read",
    "A policy with a mistake counts as none.",
    "Lines `version: STSv1`, `mode: enforce`, `mx: mx1.example.org` for each MX, `max_age: 604800`.",
    "RFC 8461 §3.2",
)
MODE = Check(
    "mta-sts.mode",
    Severity.LOW,
    "The policy is enforced",
    "With `testing` senders deliver without encryption all the same, and only report. `none` ends a policy.",
    "When the TLS reports have shown no failure for two weeks: `mode: enforce`, and a new id in the record.",
    "RFC 8461 §5, §8.3",
)
MAX_AGE = Check(
    "mta-sts.max-age",
    Severity.LOW,
    "Senders keep the policy for at least a day",
    "Who keeps it for a short time only can be attacked whenever it is fetched again.",
    "`max_age: 604800` (a week) or more; a year is the most.",
    "RFC 8461 §3.2, §10.2",
)
MX = Check(
    "mta-sts.mx",
    Severity.HIGH,
    "The policy names every MX",
    "With `mode: enforce` senders deliver to no MX that the policy does not name.",
    "A line `mx: NAME` for each MX, and a new id in the record.",
    "RFC 8461 §4.1",
)
CHECKS = (PRESENT, RECORD, FETCH, CERTIFICATE, MEDIA_TYPE, POLICY, MODE, MAX_AGE, MX)

MOST_BYTES = 64 * 1024
DAY = 86400
YEAR = 31557600


def audit(domain: str, web: Web, mx_hosts: Sequence[str], *, port: int = 443) -> list[Finding]:
    """Judge the MTA-STS record and policy of a mail domain. Subject of each finding: the domain.

    `web` is the way to the policy: `Web(resolver, reach, tls_context())`. `mx_hosts` are the names in the
    domain's MX records.
    """
    reply = web.resolver.ask(f"_mta-sts.{domain}", "TXT")
    if not reply.answered:
        return [Finding(PRESENT, Outcome.ERROR, domain, "its MTA-STS record could not be asked for",
                        (reply.detail,))]  # fmt: skip
    # RFC 8461 §3.1: what does not begin with v=STSv1; is discarded; then there must be exactly one.
    records = [text for text in reply.texts() if text.startswith("v=STSv1;")]
    near = [text for text in reply.texts() if "sts" in text.lower() and text not in records]
    if not records and not near and null_mx_only(domain, web.resolver):
        return [Finding(PRESENT, Outcome.SKIPPED, domain, "takes no mail: there is none to protect")]
    if not records and not near:
        return [Finding(PRESENT, Outcome.FAIL, domain, "has no MTA-STS record")]
    evidence = tuple(f"_mta-sts.{domain} TXT {text[:200]}" for text in (records or near)[:5])
    findings = [Finding(PRESENT, Outcome.PASS, domain, "has an MTA-STS record", evidence)]
    findings.append(_record(domain, records, near, evidence))
    response, fetched = _fetched(domain, web, port)
    findings += fetched
    return findings + (_judged(domain, response, mx_hosts) if response is not None else [])


def _record(domain: str, records: list[str], near: list[str], evidence: tuple[str, ...]) -> Finding:
    if len(records) > 1:
        wrong = f"has {len(records)} MTA-STS records: senders ignore them all"
        return Finding(RECORD, Outcome.FAIL, domain, wrong, evidence)
    try:
        id_ = parse_record((records or near)[0])
    except ValueError as error:
        return Finding(RECORD, Outcome.FAIL, domain, f"its MTA-STS record can't be read: {error}", evidence)
    return Finding(RECORD, Outcome.PASS, domain, f"its policy has the id {id_}")


def _fetched(domain: str, web: Web, port: int) -> tuple[Response | None, list[Finding]]:
    """The policy's file, where there is one that a sender would take, and what is said of the way to it."""
    host = f"mta-sts.{domain}"
    url = f"https://{host}{'' if port == 443 else f':{port}'}/.well-known/mta-sts.txt"
    try:
        response = web.fetch(url)
    except FetchError as error:
        if error.kind == "certificate":
            return None, [Finding(CERTIFICATE, Outcome.FAIL, domain, "the policy's web server has no valid"
                                  " certificate: the policy is ignored", (str(error),))]  # fmt: skip
        return None, [Finding(FETCH, Outcome.FAIL, domain, "the policy can't be fetched", (str(error),))]
    until = f"{response.certificate.not_after:%Y-%m-%d}"
    found = [Finding(CERTIFICATE, Outcome.PASS, domain, f"{host} has a valid certificate until {until}")]
    found.append(_status(domain, url, response))
    return (response if found[-1].outcome is Outcome.PASS else None), found


def _status(domain: str, url: str, response: Response) -> Finding:
    evidence = (f"{url}: status {response.status}",)
    if 300 <= response.status < 400:
        where = (*evidence, f"Location: {response.headers.get('location', '')[:200]}")
        return Finding(FETCH, Outcome.FAIL, domain, "the policy is redirected: senders do not follow", where)
    if response.status != 200:
        wrong = f"the policy can't be fetched: status {response.status}"
        return Finding(FETCH, Outcome.FAIL, domain, wrong, evidence)
    if len(response.body) > MOST_BYTES:
        return Finding(FETCH, Outcome.FAIL, domain, "the policy has more than 64 KiB", evidence)
    return Finding(FETCH, Outcome.PASS, domain, "the policy can be fetched", evidence)


def _judged(domain: str, response: Response, mx_hosts: Sequence[str]) -> list[Finding]:
    findings = []
    shown = response.headers.get("content-type", "")[:80]
    if shown.partition(";")[0].strip().lower() == "text/plain":
        findings.append(Finding(MEDIA_TYPE, Outcome.PASS, domain, "the policy is served as text/plain"))
    else:
        wrong = f"the policy is served as {shown or 'no type'}"
        findings.append(Finding(MEDIA_TYPE, Outcome.FAIL, domain, wrong))
    text = response.body.decode("utf-8", "backslashreplace")
    lines = tuple(text.splitlines()[:20])
    try:
        policy = parse_policy(text)
    except ValueError as error:
        wrong = f"the policy can't be read: {error}"
        return [*findings, Finding(POLICY, Outcome.FAIL, domain, wrong, tuple(line[:200] for line in lines))]
    findings.append(Finding(POLICY, Outcome.PASS, domain, "the policy can be read", lines))
    findings += [_mode(domain, policy), _max_age(domain, policy)]
    return [*findings, _mx(domain, policy, mx_hosts)] if mx_hosts and policy.mode != "none" else findings


def _mode(domain: str, policy: Policy) -> Finding:
    if policy.mode == "enforce":
        return Finding(MODE, Outcome.PASS, domain, "the policy is enforced")
    return Finding(MODE, Outcome.WARN, domain, f"the policy is not enforced: mode {policy.mode}")


def _max_age(domain: str, policy: Policy) -> Finding:
    said = f"senders keep the policy for {policy.max_age} s"
    if policy.max_age > YEAR:
        return Finding(
            MAX_AGE, Outcome.FAIL, domain, f"its max_age of {policy.max_age} s is more than a year"
        )
    if policy.max_age < DAY and policy.mode == "enforce":
        return Finding(MAX_AGE, Outcome.WARN, domain, f"{said} only")
    return Finding(MAX_AGE, Outcome.PASS, domain, said)


def _mx(domain: str, policy: Policy, mx_hosts: Sequence[str]) -> Finding:
    missing = [host for host in mx_hosts if not policy.names(host)]
    if not missing:
        return Finding(MX, Outcome.PASS, domain, "the policy names every MX")
    enforced = policy.mode == "enforce"
    return Finding(
        MX, Outcome.FAIL, domain, f"the policy does not name {', '.join(missing[:5])}",
        tuple(f"mx: {pattern}" for pattern in policy.mx[:20]),
        fix="Add to the policy: " + ", ".join(f"`mx: {host}`" for host in missing[:5])
        + "; then give the record a new id.",
        severity=None if enforced else Severity.MEDIUM,
    )  # fmt: skip
