"""Judging what a server's TLS offers, by NCSC-NL's guidelines and Mozilla's intermediate profile.

On port 25 TLS is opportunistic: a server that can't agree with us on a suite gets the mail from
senders in plain text, so that an old version there is a smaller evil than on a port where people log
in, and weighs one step less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioner.audit import tls_checks as checks
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.tls_checks import CHECKS
from provisioner.audit.tls_grades import (
    BROKEN,
    MOZILLA_GROUPS,
    MOZILLA_SUITES,
    Grade,
    grade_dh,
    grade_group,
    grade_suite,
    grade_version,
    weakness,
)
from provisioner.tls.result import Answer, Order, Speech, TlsScan
from provisioner.tls.suites import CipherSuite
from provisioner.tls.versions import Version

__all__ = ["CHECKS", "audit_tls"]

RELAY_PORT = 25


def audit_tls(scan: TlsScan, host: str, port: int) -> list[Finding]:
    """Judge a scan of `host`:`port`. Every check that applies is there, passed ones too."""
    subject = f"{host}:{port}"
    if scan.speech is Speech.NOT_OFFERED:
        return [Finding(checks.OFFERED, Outcome.FAIL, subject, "offers no TLS", (scan.trouble,))]
    if scan.speech is Speech.FAILED:
        summary = "could not be asked about TLS"
        return [Finding(checks.OFFERED, Outcome.ERROR, subject, summary, (scan.trouble,))]
    if all(one.answer is not Answer.YES for one in scan.versions):
        return [_no_version(scan, subject)]
    findings = [
        Finding(checks.OFFERED, Outcome.PASS, subject, "offers TLS"),
        _versions(scan, subject),
        _ciphers(scan, subject),
        _cipher_order(scan, subject),
        _groups(scan, subject),
        _kex_hash(scan, subject),
        *_answers(scan, subject),
        _fallback(scan, subject),
        _mozilla(scan, subject),
        _post_quantum(scan, subject),
    ]
    return [_milder(finding) for finding in findings] if port == RELAY_PORT else findings


def _no_version(scan: TlsScan, subject: str) -> Finding:
    """STARTTLS is there and then nothing fits: a certificate that can't be read, most often."""
    evidence = tuple(f"{one.version}: {one.why}" for one in scan.versions if one.why)
    if any(one.answer is Answer.UNKNOWN for one in scan.versions):
        summary = "could not be asked about TLS"
        return Finding(checks.OFFERED, Outcome.ERROR, subject, summary, evidence)
    fix = "Read the server's log: most often its key or certificate can't be read or don't fit together."
    return Finding(checks.OFFERED, Outcome.FAIL, subject, "agrees to no version of TLS", evidence, fix)


def _milder(finding: Finding) -> Finding:
    """One step less severe, for what opportunistic TLS takes rather than plain text."""
    if finding.outcome not in (Outcome.FAIL, Outcome.WARN) or finding.check is checks.OFFERED:
        return finding
    if finding.check is checks.CIPHERS and finding.severity is None:
        # Not broken, only old: still better than the plain text that comes instead.
        finding = replace(finding, outcome=Outcome.WARN)
    steps = list(Severity)
    milder = steps[min(finding.weight.rank + 1, steps.index(Severity.LOW))]
    return finding if finding.weight.rank >= milder.rank else replace(finding, severity=milder)


def _listed(things: Iterable[object], most: int = 6) -> str:
    texts = [str(thing) for thing in things]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _versions(scan: TlsScan, subject: str) -> Finding:
    spoken = [one.version for one in scan.versions if one.answer is Answer.YES]
    unknown = [one for one in scan.versions if one.answer is Answer.UNKNOWN]
    old = [version for version in spoken if grade_version(version) is Grade.INSUFFICIENT]
    evidence = tuple(f"{one.version}: {one.answer}, {one.why}".rstrip(", ") for one in scan.versions)
    if old:
        only = "speaks only" if len(old) == len(spoken) else "still speaks"
        broken = min(old) <= Version.SSL3 or len(old) == len(spoken)
        severity = Severity.HIGH if broken else None
        return Finding(
            checks.VERSION, Outcome.FAIL, subject, f"{only} {_listed(old)}", evidence, severity=severity
        )
    if unknown:
        summary = f"could not be asked for {_listed(one.version for one in unknown)}"
        return Finding(checks.VERSION, Outcome.ERROR, subject, summary, evidence)
    return Finding(checks.VERSION, Outcome.PASS, subject, f"speaks {_listed(spoken)}", evidence)


def _ciphers(scan: TlsScan, subject: str) -> Finding:
    suites = _distinct(suite for one in scan.versions for suite in one.suites)
    evidence = tuple(f"{one.version}: {_listed(one.suites, 100)}" for one in scan.versions if one.suites)
    bad = [suite for suite in suites if grade_suite(suite) is Grade.INSUFFICIENT]
    old = [suite for suite in suites if grade_suite(suite) is Grade.PHASE_OUT]
    if bad:
        summary = f"accepts weak suites: {_by_weakness(bad)}"
        severity = Severity.HIGH if any(weakness(suite) in BROKEN for suite in bad) else None
        return Finding(checks.CIPHERS, Outcome.FAIL, subject, summary, evidence, severity=severity)
    if old:
        summary = f"accepts suites to be phased out: {_by_weakness(old)}"
        return Finding(checks.CIPHERS, Outcome.WARN, subject, summary, evidence)
    if any(not one.complete for one in scan.versions):
        summary = "could not be asked for all suites"
        return Finding(checks.CIPHERS, Outcome.ERROR, subject, summary, (*scan.troubles, *evidence))
    return Finding(
        checks.CIPHERS, Outcome.PASS, subject, f"accepts {len(suites)} suites, all strong", evidence
    )


def _by_weakness(suites: list[CipherSuite]) -> str:
    """`without forward secrecy (AES128-SHA and 7 more), with 3DES (DES-CBC3-SHA)`."""
    kinds: dict[str, list[CipherSuite]] = {}
    for suite in suites:
        kinds.setdefault(weakness(suite), []).append(suite)
    return ", ".join(f"{kind} ({_listed(found, 1)})" for kind, found in kinds.items())


def _distinct(suites: Iterable[CipherSuite]) -> list[CipherSuite]:
    return list(dict.fromkeys(suites))


def _cipher_order(scan: TlsScan, subject: str) -> Finding:
    check = checks.CIPHER_ORDER
    older = [one for one in scan.versions if one.version < Version.TLS13 and one.suites]
    suites = older[-1].suites if older else ()
    grades = {grade_suite(suite) for suite in suites}
    if len(grades) < 2 and Grade.INSUFFICIENT not in grades and Grade.PHASE_OUT not in grades:
        return Finding(check, Outcome.SKIPPED, subject, "accepts only strong suites: the order is no matter")
    if scan.misordered:
        pairs = tuple(f"{weak} before {strong}" for weak, strong in scan.misordered)
        return Finding(check, Outcome.FAIL, subject, "prefers weak suites over strong ones", pairs)
    if scan.order is Order.CLIENT:
        summary = "leaves the choice among strong and weak suites to the client"
        return Finding(check, Outcome.FAIL if len(grades) > 1 else Outcome.PASS, subject, summary)
    if scan.order is Order.UNKNOWN:
        return Finding(check, Outcome.ERROR, subject, "did not show its order", scan.troubles)
    return Finding(check, Outcome.PASS, subject, "puts strong suites first")


def _groups(scan: TlsScan, subject: str) -> Finding:
    check = checks.FS_PARAMS
    graded = {str(one): grade_group(one) for one in scan.groups}
    for field in scan.dh:
        known = f" ({field.name})" if field.name else ""
        graded[f"DHE with {field.bits} bits{known}"] = grade_dh(field)
    if not graded:
        return Finding(check, Outcome.SKIPPED, subject, "agrees on no keys that are forgotten afterwards")
    evidence = tuple(graded)
    short = any(field.bits < 2048 for field in scan.dh)
    for grade, outcome, words in (
        (Grade.INSUFFICIENT, Outcome.FAIL, "agrees on keys in weak groups"),
        (Grade.PHASE_OUT, Outcome.WARN, "agrees on keys in groups to be phased out"),
    ):
        if found := [name for name, its in graded.items() if its is grade]:
            # A field of 2048 bits is out of favour, not broken.
            severity = (
                None
                if short or any(one.kind == "curve" and one.bits < 224 for one in scan.groups)
                else Severity.LOW
            )
            return Finding(check, outcome, subject, f"{words}: {_listed(found)}", evidence, severity=severity)
    return Finding(check, Outcome.PASS, subject, f"agrees on keys in {_listed(graded)}", evidence)


def _kex_hash(scan: TlsScan, subject: str) -> Finding:
    check, evidence = checks.KEX_HASH, scan.signatures
    if scan.offers(Version.TLS12) is not Answer.YES:
        if scan.offers(Version.TLS13) is Answer.YES:
            return Finding(check, Outcome.PASS, subject, "speaks TLS 1.3, which has no SHA-1", evidence)
        return Finding(
            check, Outcome.FAIL, subject, "signs with SHA-1, as versions before TLS 1.2 do", evidence
        )
    if scan.weak_signatures is Answer.UNKNOWN:
        signed = any(one.ephemeral and not one.anonymous for one in scan.suites(Version.TLS12))
        outcome = Outcome.ERROR if signed else Outcome.SKIPPED
        summary = "did not show its signatures" if signed else "signs no key exchange"
        return Finding(check, outcome, subject, summary, evidence)
    weak = [name for name in scan.signatures if name.endswith(("SHA-1", "MD5"))]
    if weak:
        return Finding(check, Outcome.FAIL, subject, f"agrees to sign by {_listed(weak)}", evidence)
    if scan.weak_signatures is Answer.YES:
        return Finding(check, Outcome.WARN, subject, "agrees to sign with SHA-224", evidence)
    return Finding(check, Outcome.PASS, subject, "signs only with SHA-256 or longer", evidence)


def _answers(scan: TlsScan, subject: str) -> list[Finding]:
    """The checks that are one answer each: which is right, and the words for right and wrong."""
    older = any(scan.offers(version) is Answer.YES for version in Version if version < Version.TLS13)
    rows = (
        (checks.COMPRESSION, scan.compression, Answer.NO, "does not compress", "compresses"),
        (
            checks.RENEGOTIATION_SECURE,
            scan.secure_renegotiation,
            Answer.YES,
            "binds renegotiation to the connection",
            "does not know secure renegotiation",
        ),
        (
            checks.RENEGOTIATION_CLIENT,
            scan.client_renegotiation,
            Answer.NO,
            "does not renegotiate when a client asks",
            "renegotiates when a client asks",
        ),
        (
            checks.EXTENDED_MASTER_SECRET,
            scan.extended_master_secret,
            Answer.YES,
            "binds keys to the whole handshake",
            "does not know the extended master secret",
        ),
    )
    return [_answer(subject, older, *row) for row in rows]


def _answer(
    subject: str, older: bool, check: Check, found: Answer, right: Answer, yes: str, no: str
) -> Finding:
    if not older:
        return Finding(check, Outcome.PASS, subject, "speaks only TLS 1.3, where this can't be wrong")
    if found is Answer.UNKNOWN:
        return Finding(check, Outcome.SKIPPED, subject, "can't be asked: it offers nothing to ask it with")
    return Finding(
        check, Outcome.PASS if found is right else Outcome.FAIL, subject, yes if found is right else no
    )


def _fallback(scan: TlsScan, subject: str) -> Finding:
    check = checks.FALLBACK
    spoken = [one.version for one in scan.versions if one.answer is Answer.YES]
    if len([version for version in spoken if version > Version.SSL2]) < 2:
        return Finding(
            check, Outcome.SKIPPED, subject, "speaks one version: there is nothing to step down to"
        )
    if scan.fallback_scsv is Answer.UNKNOWN:
        return Finding(check, Outcome.ERROR, subject, "did not show whether it notices", scan.troubles)
    if scan.fallback_scsv is Answer.YES:
        return Finding(check, Outcome.PASS, subject, "refuses a client that was made to step down")
    return Finding(check, Outcome.FAIL, subject, "takes a client that was made to step down")


def _mozilla(scan: TlsScan, subject: str) -> Finding:
    old = [one.version for one in scan.versions if one.answer is Answer.YES and one.version < Version.TLS12]
    suites = _distinct(suite for one in scan.versions for suite in one.suites)
    beyond = {
        "versions": [str(version) for version in old],
        "suites": [str(suite) for suite in suites if suite.name not in MOZILLA_SUITES],
        "groups": [one.name for one in scan.groups if one.name not in MOZILLA_GROUPS],
        "finite fields": [f"{field.bits} bits" for field in scan.dh],
    }
    evidence = tuple(f"{what}: {_listed(names, 100)}" for what, names in beyond.items() if names)
    if evidence:
        more = ", ".join(f"{len(names)} {what}" for what, names in beyond.items() if names)
        return Finding(
            checks.MOZILLA, Outcome.WARN, subject, f"offers more than the profile: {more}", evidence
        )
    return Finding(checks.MOZILLA, Outcome.PASS, subject, "offers nothing beyond the profile")


def _post_quantum(scan: TlsScan, subject: str) -> Finding:
    hybrids = [one.name for one in scan.groups if one.kind == "hybrid"]
    if hybrids:
        return Finding(checks.POST_QUANTUM, Outcome.PASS, subject, f"offers {_listed(hybrids)}")
    return Finding(checks.POST_QUANTUM, Outcome.WARN, subject, "offers no hybrid of a curve and ML-KEM")
