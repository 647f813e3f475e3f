"""SPF: whether a domain's record says which servers may send for it, and every receiver can work it out.

Judged from `authentication/spf/survey.py`: the record with all that it includes, counted for the worst
case. What the terms mean is in `provisioner/authentication/spf`.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import MailUse, mail_use
from provisioner.audit.spf_terms import (
    EVERYBODY,
    MODIFIERS,
    ORDER,
    PRIVATE,
    PTR,
    RANGES,
    judge_terms,
    judged,
    listed,
    own_visit,
    without,
)
from provisioner.authentication import spf
from provisioner.authentication.lookup import Asks, strings, texts
from provisioner.authentication.spf.evaluation import TERMS, VOIDS
from provisioner.authentication.spf.survey import Survey, Term, Visit
from provisioner.dns.resolver import Status

RECORD = Check(
    "spf.record",
    Severity.HIGH,
    "The domain has one SPF record",
    "Without it anybody may send in the name of the domain, and the large receivers refuse or sort out its"
    " mail. With two of them receivers can't tell which is meant, and take neither.",
    'Publish one TXT record at the domain: `@ TXT "v=spf1 mx -all"` if only its MX hosts send.',
    "RFC 7208 §3, §4.5",
)
SYNTAX = Check(
    "spf.syntax",
    Severity.HIGH,
    "The SPF record can be read",
    "One mistake makes the whole record a permanent error, wherever it stands: no message passes.",
    "Correct the term, or take it out.",
    "RFC 7208 §4.6, §12",
)
INCLUDES = Check(
    "spf.includes",
    Severity.HIGH,
    "Everything that the SPF record includes is there",
    "An include or redirect that leads to no record, to several or in a circle is a permanent error: no"
    " message passes.",
    "Take the include out, or write the name that the service gives in its documentation today.",
    "RFC 7208 §5.2, §6.1",
)
LOOKUPS = Check(
    "spf.lookups",
    Severity.HIGH,
    "The SPF record needs no more than 10 look-ups",
    "Receivers stop at the eleventh, and mail from servers that are named late fails. What is included"
    " counts too, and grows without notice.",
    "Take out services that no longer send; put addresses (`ip4:`, `ip6:`) in place of `a` and `mx` of hosts"
    " you run; give a service its own subdomain with its own record.",
    "RFC 7208 §4.6.4",
)
VOID = Check(
    "spf.void-lookups",
    Severity.MEDIUM,
    "The SPF record looks for nothing that is not there",
    "More than two look-ups without an answer are a permanent error at many receivers. Most are left over"
    " from hosts and services that are gone.",
    "Take out the terms that find nothing.",
    "RFC 7208 §4.6.4",
)
POLICY = Check(
    "spf.policy",
    Severity.MEDIUM,
    "The SPF record says what servers that it doesn't name are",
    "Without `-all` or `~all` at its end the record keeps nobody from sending in the name of the domain.",
    "End the record with `-all`, or with `~all` while you find out who sends.",
    "RFC 7208 §5.1, §4.7; M3AAWG Email Authentication Recommended Best Practices",
)
SIZE = Check(
    "spf.size",
    Severity.LOW,
    "The SPF record is of a size that every resolver brings",
    "The answer holds all TXT records of the domain. Beyond about 450 octets it may not fit into one"
    " datagram of old resolvers and firewalls.",
    "Shorten the record, or move long lists to a name of their own and include it.",
    "RFC 7208 §3.4",
)
TYPE = Check(
    "spf.type",
    Severity.LOW,
    "The domain has no records of the type SPF",
    "The type SPF (99) was given up: no receiver asks for it, and what it says is forgotten there.",
    "Delete the record of type SPF; only the TXT record counts.",
    "RFC 7208 §3.1",
)
CHECKS = (
    RECORD, SYNTAX, INCLUDES, LOOKUPS, VOID, POLICY, SIZE, TYPE,
    EVERYBODY, RANGES, PRIVATE, PTR, ORDER, MODIFIERS,
)  # fmt: skip

OCTETS = 450
"""RFC 7208 §3.4: name and all TXT records together."""


def audit(domain: str, resolver: Asks) -> list[Finding]:
    """Judge the SPF record of a mail domain. Subject of each finding: the domain."""
    found = spf.survey(domain, resolver.ask)
    if not found.reply.answered:
        return [Finding(RECORD, Outcome.ERROR, domain, "its SPF record could not be asked for",
                        (found.reply.detail or found.reply.status,))]  # fmt: skip
    use = mail_use(domain, resolver)
    if found.own is None or not found.own.texts:
        return [_missing(found, use), _type(domain, resolver)]
    if found.own.record is None:  # several: a permanent error whatever stands in them (RFC 7208 §4.5)
        return [_record(found), _size(found), _type(domain, resolver)]
    whole = (_record, _syntax, _includes, _lookups, _voids)
    rest = [_policy(found, use), _size(found), _type(domain, resolver)]
    return [*(check(found) for check in whole), *judge_terms(found), *rest]


def _missing(found: Survey, use: MailUse) -> Finding:
    near = [text for text in texts(found.reply) if "spf1" in text.lower()][:3]
    fix = f'Publish `{found.domain}. TXT "v=spf1 mx -all"` if only its MX hosts send; add what else does.'
    if use is MailUse.SILENT:
        fix = (
            f'If it sends no mail, publish `{found.domain}. TXT "v=spf1 -all"`. If it does, name the servers:'
            ' `"v=spf1 a:mail.example.org -all"`.'
        )
    said = "has no SPF record"
    if near:
        said = "has no SPF record that counts: what looks like one does not begin with `v=spf1` and a space"
    return Finding(RECORD, Outcome.FAIL, found.domain, said, _quoted(found.domain, near), fix)


def _record(found: Survey) -> Finding:
    own = own_visit(found)
    evidence = _quoted(found.domain, own.texts)
    if len(own.texts) == 1:
        return Finding(RECORD, Outcome.PASS, found.domain, "has one SPF record", evidence)
    one = spf.merged([spf.parse(text) for text in own.texts])
    return Finding(
        RECORD,
        Outcome.FAIL,
        found.domain,
        f"has {len(own.texts)} SPF records: a permanent error, no message passes",
        evidence,
        f'Delete all but one, which holds what all of them allow: `{found.domain}. TXT "{one}"`.',
    )


def _syntax(found: Survey) -> Finding:
    wrong = [
        Term(visit.domain, mistake.term, mistake.why + _split(visit, mistake.term, found))
        for visit in found.visits
        if visit.record is not None
        for mistake in visit.record.mistakes
    ]
    own = own_visit(found).record
    fix = ""
    if own is not None and own.mistakes:
        fix = f'Correct the terms. Without them the record is `{found.domain}. TXT "{spf.rewritten(own)}"`.'
    return judged(
        SYNTAX, found, wrong, "has an SPF record that can be read",
        "has a mistake in its SPF record: a permanent error, no message passes", fix,
    )  # fmt: skip


def _split(visit: Visit, term: str, found: Survey) -> str:
    """Whether the mistake comes of a record that was cut into strings without a space (RFC 7208 §3.3)."""
    if visit is not found.own:
        return ""
    for parts in strings(found.reply):
        text, end = b"".join(parts).decode("latin-1"), 0
        start = text.find(term) if text in visit.texts else -1
        for part in parts[:-1]:
            end += len(part)
            if start < end < start + len(term):
                return "; the record's strings are joined without a space, so put one at the end of the first"
    return ""


def _includes(found: Survey) -> Finding:
    wrong = [visit for visit in found.visits[1:] if visit.problem]
    silent = [visit for visit in wrong if visit.silent]
    if silent and len(silent) == len(wrong):
        said = "has an SPF record that could not be worked out: a name server does not answer"
        evidence = tuple(f"{one.where}: {one.problem}" for one in silent[:10])
        return Finding(INCLUDES, Outcome.ERROR, found.domain, said, evidence)
    terms = [Term(visit.path[-1], visit.term, f"{visit.domain} {visit.problem}") for visit in wrong]
    said = "includes SPF records that are not there: a permanent error, no message passes"
    return judged(INCLUDES, found, terms, "includes only what is there", said, without(found, terms))


def _lookups(found: Survey) -> Finding:
    count = len(found.lookups)
    evidence = tuple(f"{number}. {term}" for number, term in enumerate(found.lookups[:40], start=1))
    if found.crowded:
        evidence += tuple(str(term) for term in found.crowded)
        said = "has more than 10 hosts behind one mx of its SPF record: a permanent error"
        return Finding(LOOKUPS, Outcome.FAIL, found.domain, said, evidence)
    if count > TERMS:
        more = "" if found.complete else "at least "
        said = f"needs {more}{count} look-ups for SPF where receivers make {TERMS}"
        return Finding(LOOKUPS, Outcome.FAIL, found.domain, said, evidence)
    if count == TERMS:
        said = "needs all 10 look-ups for SPF: one more include anywhere, by anybody, and mail fails"
        return Finding(LOOKUPS, Outcome.WARN, found.domain, said, evidence, severity=Severity.LOW)
    return Finding(LOOKUPS, Outcome.PASS, found.domain, f"needs {count} of 10 look-ups for SPF", evidence)


def _voids(found: Survey) -> Finding:
    count = len(found.voids)
    if count <= VOIDS:
        said = (
            "looks for nothing that is not there" if not count else f"has {count} look-ups that find nothing"
        )
        outcome = Outcome.WARN if count else Outcome.PASS
        severity = Severity.LOW if count else None
        return Finding(VOID, outcome, found.domain, said, listed(found.voids),
                       without(found, found.voids), severity)  # fmt: skip
    said = f"has {count} SPF look-ups that find nothing, where receivers bear {VOIDS}"
    return Finding(VOID, Outcome.FAIL, found.domain, said, listed(found.voids), without(found, found.voids))


def _policy(found: Survey, use: MailUse) -> Finding:
    last = found.final
    record = last.record if last is not None else None
    own = own_visit(found).record
    if record is None or own is None:
        return Finding(POLICY, Outcome.SKIPPED, found.domain, "its redirect leads to no record that counts")
    evidence = _quoted(last.domain if last is not None else found.domain, (record.text,))
    closing = record.all
    fix = f'Publish `{found.domain}. TXT "{spf.rewritten(own, ending="-all")}"`.'
    if closing is None:
        said = (
            "has an SPF record without all at its end: what it doesn't name is neither allowed nor forbidden"
        )
        return Finding(POLICY, Outcome.FAIL, found.domain, said, evidence, fix)
    if closing.qualifier in "+?":
        said = f"has an SPF record that ends with {closing.text}, which forbids nobody"
        return Finding(POLICY, Outcome.FAIL, found.domain, said, evidence, fix)
    if use is not MailUse.PARKED and spf.rewritten(own) == "v=spf1 -all" and closing is own.all:
        said = "takes mail, and forbids every server to send: nobody can answer from this domain"
        fix = "Leave it so if nobody ever writes from this domain; else name the servers before `-all`."
        return Finding(POLICY, Outcome.WARN, found.domain, said, evidence, fix, Severity.LOW)
    return Finding(
        POLICY, Outcome.PASS, found.domain, f"has an SPF record that ends with {closing.text}", evidence
    )


def _size(found: Survey) -> Finding:
    sizes = [sum(map(len, parts)) for parts in strings(found.reply)]
    total = len(found.domain) + sum(sizes)
    own = sum(map(len, own_visit(found).texts))
    if total > OCTETS:
        said = f"has {total} octets of TXT records, {own} of them for SPF"
        return Finding(SIZE, Outcome.WARN, found.domain, said)
    return Finding(SIZE, Outcome.PASS, found.domain, f"has {total} octets of TXT records")


def _type(domain: str, resolver: Asks) -> Finding:
    reply = resolver.ask(domain, "SPF")
    if reply.status is Status.FOUND:
        evidence = tuple(f"{domain} SPF {text[:300]}" for text in texts(reply)[:5])
        return Finding(
            TYPE, Outcome.WARN, domain, "has a record of the type SPF, which nobody reads", evidence
        )
    if not reply.answered:
        # Some servers refuse types they don't know; nothing depends on this one.
        return Finding(TYPE, Outcome.SKIPPED, domain, "was not told whether it has a record of the type SPF")
    return Finding(TYPE, Outcome.PASS, domain, "has no record of the type SPF")


def _quoted(domain: str, records: Iterable[str]) -> tuple[str, ...]:
    return tuple(f'{domain} TXT "{text[:500]}"' for text in records)[:5]
