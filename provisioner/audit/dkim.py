"""DKIM: whether the keys that a domain publishes let receivers verify its mail, and keep others from signing.

Keys are looked for as `dkim_keys.py` says. With a message that the domain has sent, its signatures are
verified too.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.audit.dkim_keys import Keys, Looked, keys_of
from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.mail_use import MailUse, mail_use
from provisioner.authentication import dkim
from provisioner.authentication import message as messages
from provisioner.authentication.dkim import DkimResult, KeyRecord, SignatureResult
from provisioner.authentication.dkim.key import GOOD_BITS, LEAST_BITS
from provisioner.authentication.lookup import Asks
from provisioner.dns.resolver import Status

PRESENT = Check(
    "dkim.present",
    Severity.HIGH,
    "The domain publishes a DKIM key",
    "Without a signature, mail that is forwarded fails DMARC, and large receivers refuse or sort out what"
    " comes in numbers.",
    "Sign with Rspamd or OpenDKIM, and publish the public key at `SELECTOR._domainkey`.",
    "RFC 6376 §3.6; Gmail and Yahoo sender requirements",
)
KEY = Check(
    "dkim.key",
    Severity.HIGH,
    "The DKIM key record can be read",
    "A key that is cut off, or a record with a mistake, makes every signature with it fail.",
    "Publish the record again, as one TXT record of several strings where it is longer than 255 characters.",
    "RFC 6376 §3.6.1, §3.6.2.2",
)
STRENGTH = Check(
    "dkim.strength",
    Severity.HIGH,
    "The DKIM key is strong",
    "A short RSA key can be broken, and then anybody signs as the domain. Below 1024 bits a signature counts"
    " for nothing.",
    "Make a key of 2048 bits under a new selector, sign with it, and withdraw the old one after a week.",
    "RFC 8301 §3.1, §3.2",
)
TESTING = Check(
    "dkim.testing",
    Severity.MEDIUM,
    "The DKIM key is not in testing",
    "With `t=y` receivers treat the mail as if it were not signed.",
    "Take `t=y` out of the key record.",
    "RFC 6376 §3.6.1",
)
ONE = Check(
    "dkim.one-record",
    Severity.MEDIUM,
    "A selector has one key record",
    "With two, it is chance which of them a receiver takes: signatures fail now and then.",
    "Delete all but the key that you sign with; give another key another selector.",
    "RFC 6376 §3.6.2.2",
)
WITHDRAWN = Check(
    "dkim.withdrawn",
    Severity.HIGH,
    "A key that is in use is not withdrawn",
    "An empty `p=` says that the key is not to be trusted any more: every signature with it fails.",
    "Publish the key that you sign with, or sign with another one.",
    "RFC 6376 §3.6.1",
)
SERVICE = Check(
    "dkim.service",
    Severity.HIGH,
    "The DKIM key is for mail",
    "A service type `s=` without `email` or `*` keeps receivers from using the key for mail.",
    "Take `s=` out of the key record.",
    "RFC 6376 §3.6.1",
)
ALIAS = Check(
    "dkim.alias",
    Severity.MEDIUM,
    "A DKIM alias leads to a key",
    "A CNAME to a service that has no key there any more does nothing; whoever gets the name it points at"
    " can sign as the domain.",
    "Delete the CNAME if the service is no longer used, else follow its set-up again.",
    "RFC 6376 §3.6.2",
)
TAGS = Check(
    "dkim.tags",
    Severity.LOW,
    "The DKIM key record has no tags that mean nothing",
    "Receivers ignore tags that they don't know; `g=` was given up, and old verifiers take it for a limit.",
    "Take the tag out.",
    "RFC 6376 §3.6.1, Appendix C",
)
RSA = Check(
    "dkim.rsa",
    Severity.MEDIUM,
    "There is an RSA key for receivers that know no other",
    "Many large receivers don't verify Ed25519 signatures yet; to them the mail is unsigned.",
    "Sign with an RSA key of 2048 bits as well, under a selector of its own.",
    "RFC 8463 §5, RFC 8301 §3.1",
)
SIGNATURE = Check(
    "dkim.signature",
    Severity.HIGH,
    "The message is signed by its domain, and the signature is right",
    "A signature that fails is treated as none.",
    "Let nothing change a message after it was signed: sign last, on the server that sends.",
    "RFC 6376 §6",
)
CHECKS = (PRESENT, KEY, STRENGTH, TESTING, ONE, WITHDRAWN, SERVICE, ALIAS, TAGS, RSA, SIGNATURE)

_KNOWN = frozenset({"v", "k", "p", "h", "s", "t", "n"})
MOST_BITS = 4096
"""Verifiers must be able to use keys up to this size (RFC 8301 §3.2)."""


def audit(
    domain: str,
    resolver: Asks,
    *,
    selectors: Iterable[str] = (),
    message: bytes | None = None,
) -> list[Finding]:
    """Judge the keys of a mail domain. Subject: the domain, the name of the key, or the message.

    `selectors` are those that the user names; `message` is one that the domain sent. Whether a signature
    had expired is judged by when the message came.
    """
    whole = messages.split(message) if message is not None else None
    signatures = dkim.verify(whole, resolver.ask, now=messages.came(whole)) if whole is not None else ()
    own = [one for one in signatures if _of(one, domain)]
    named = [(selector, domain) for selector in selectors]
    keys = keys_of(domain, resolver, [*named, *((one.selector, one.domain) for one in own if one.domain)])
    findings = [_present(keys, mail_use(domain, resolver))]
    findings += _rsa(keys)
    for looked in keys.looked:
        findings += _key(looked)
    if message is not None:
        findings += _signatures(domain, own, len(signatures))
    return findings


def _of(one: SignatureResult, domain: str) -> bool:
    return one.domain == domain or one.domain.endswith("." + domain) or domain.endswith("." + one.domain)


def _present(keys: Keys, use: MailUse) -> Finding:
    usable = [one for one in keys.looked if not one.found.problem]
    names = tuple(f"{one.found.name}{f' ({one.used_by})' if one.used_by else ''}" for one in usable)
    if usable:
        return Finding(PRESENT, Outcome.PASS, keys.domain, f"has {_count(len(usable), 'key')}", names)
    if use is MailUse.PARKED:
        return Finding(PRESENT, Outcome.PASS, keys.domain, "sends no mail, and has no key")
    if not keys.node.answered:
        return Finding(PRESENT, Outcome.ERROR, keys.domain, "its keys could not be asked for",
                       (keys.node.detail or keys.node.status,))  # fmt: skip
    if keys.node.status is Status.NXDOMAIN:
        said = "has no DKIM key: there is nothing under `_domainkey`"
        if keys.doubled:
            twice = f"_domainkey.{keys.domain}.{keys.domain}"
            fix = "In the zone file, put a dot at the end of the key's name, or leave the domain out of it."
            said = f"has its keys under {twice}, where nobody looks"
            return Finding(PRESENT, Outcome.FAIL, keys.domain, said, fix=fix)
        return Finding(PRESENT, Outcome.FAIL, keys.domain, said, (f"_domainkey.{keys.domain}: NXDOMAIN",))
    if any(one.meant for one in keys.looked):
        return Finding(PRESENT, Outcome.FAIL, keys.domain, "has no key that can be used where one was named")
    said = f"has keys under `_domainkey`, at none of the {keys.tried} selectors that are often used"
    if keys.wildcard is not None:
        said = "answers for every selector, so its keys can't be told by trying"
    fix = (
        "Name it with --selector, or give a message that the domain has sent with --message: its"
        " DKIM-Signature says the selector (s=)."
    )
    return Finding(PRESENT, Outcome.SKIPPED, keys.domain, said, fix=fix)


def _rsa(keys: Keys) -> list[Finding]:
    kinds = {one.found.key.key_type for one in keys.looked if one.found.key and not one.found.problem}
    if not kinds:
        return []
    if "rsa" in kinds:
        return [Finding(RSA, Outcome.PASS, keys.domain, "has an RSA key")]
    said = "has only Ed25519 keys where we looked, which many receivers don't verify"
    return [Finding(RSA, Outcome.WARN, keys.domain, said)]


def _key(looked: Looked) -> list[Finding]:
    """Everything about one selector."""
    found, name = looked.found, looked.found.name
    if not found.keys:
        if found.reply.aliases:
            evidence = (f"{name} CNAME {found.reply.canonical}",)
            return [Finding(ALIAS, Outcome.FAIL, name, "is an alias that leads to no key", evidence)]
        outcome = Outcome.ERROR if found.temporary else Outcome.FAIL
        return [Finding(KEY, outcome, name, "has no key", (found.problem,))]
    findings = [_one(looked)]
    if found.reply.aliases:
        said = f"is an alias of {found.reply.canonical}, where there is a key"
        findings.append(Finding(ALIAS, Outcome.PASS, name, said))
    # Of several records receivers take one by chance (RFC 6376 §3.6.2.2): each is judged.
    return [*findings, *(finding for key in found.keys for finding in _record(looked, key))]


def _record(looked: Looked, key: KeyRecord) -> list[Finding]:
    """Everything about one key record."""
    name = looked.found.name
    evidence = (f'{name} TXT "{key.text[:500]}"',)
    findings = [_readable(looked, key, evidence)]
    if key.revoked:
        outcome = Outcome.FAIL if looked.meant else Outcome.PASS
        said = "was withdrawn" + (", and is in use" if looked.meant else "")
        return [*findings, Finding(WITHDRAWN, outcome, name, said, evidence)]
    if key.mistakes:
        return findings
    return [*findings, _strength(name, key, evidence), *_flags(name, key, evidence)]


def _one(looked: Looked) -> Finding:
    found = looked.found
    count = len(found.keys)
    if count == 1:
        return Finding(ONE, Outcome.PASS, found.name, "has one record")
    evidence = tuple(f'{found.name} TXT "{key.text[:300]}"' for key in found.keys[:5])
    return Finding(ONE, Outcome.FAIL, found.name, f"has {count} records", evidence)


def _readable(looked: Looked, key: KeyRecord, evidence: tuple[str, ...]) -> Finding:
    if key.mistakes:
        said = f"can't be used: {key.mistakes[0]}"
        return Finding(KEY, Outcome.FAIL, looked.found.name, said, (*evidence, *key.mistakes[1:5]))
    return Finding(KEY, Outcome.PASS, looked.found.name, f"can be read ({_kind(key)})", evidence)


def _kind(key: KeyRecord) -> str:
    if key.revoked:
        return "withdrawn"
    return "Ed25519" if key.key_type == "ed25519" else f"RSA, {key.bits} bits"


def _strength(name: str, key: KeyRecord, evidence: tuple[str, ...]) -> Finding:
    if key.hashes and "sha256" not in key.hashes:
        said = f"allows only {', '.join(key.hashes)}, which counts for nothing any more"
        return Finding(STRENGTH, Outcome.FAIL, name, said, evidence, "Take `h=` out of the key record.")
    if key.key_type == "ed25519":
        return Finding(STRENGTH, Outcome.PASS, name, "is an Ed25519 key")
    said = f"has {key.bits} bits"
    if key.bits < LEAST_BITS:
        return Finding(STRENGTH, Outcome.FAIL, name, f"{said}: its signatures count for nothing", evidence)
    if key.bits < GOOD_BITS:
        return Finding(STRENGTH, Outcome.WARN, name, f"{said}, where {GOOD_BITS} are advised", evidence,
                       severity=Severity.MEDIUM)  # fmt: skip
    if key.bits > MOST_BITS:
        said += f"; receivers need not know more than {MOST_BITS}"
        return Finding(STRENGTH, Outcome.WARN, name, said, evidence, severity=Severity.LOW,
                       fix=f"Make a key of {GOOD_BITS} bits under a new selector.")  # fmt: skip
    return Finding(STRENGTH, Outcome.PASS, name, said)


def _flags(name: str, key: KeyRecord, evidence: tuple[str, ...]) -> list[Finding]:
    testing = (
        Finding(TESTING, Outcome.FAIL, name, "is in testing (t=y)", evidence)
        if key.testing
        else Finding(TESTING, Outcome.PASS, name, "is not in testing")
    )
    service = (
        Finding(SERVICE, Outcome.PASS, name, "is for mail")
        if key.for_mail
        else Finding(SERVICE, Outcome.FAIL, name, f"is only for s={key.tags.get('s')[:40]}", evidence)
    )
    odd = [f"{tag}=" for tag in key.tags.order if tag not in _KNOWN]
    tags = (
        Finding(TAGS, Outcome.WARN, name, f"has tags that mean nothing: {', '.join(odd[:5])}", evidence)
        if odd
        else Finding(TAGS, Outcome.PASS, name, "has no tags that mean nothing")
    )
    return [testing, service, tags]


def _signatures(domain: str, own: list[SignatureResult], count: int) -> list[Finding]:
    if not own:
        said = f"is not signed by {domain}" + (f", but {_count(count, 'time')} by others" if count else "")
        return [Finding(SIGNATURE, Outcome.FAIL, "the message", said)]
    findings = []
    for one in own:
        subject = f"the message, {one.selector}._domainkey.{one.domain}"
        if one.result is DkimResult.PASS:
            outcome = Outcome.WARN if any(note.startswith("l=") for note in one.notes) else Outcome.PASS
            said = f"is signed, {one.algorithm}" + (f"; {one.notes[0]}" if one.notes else "")
        else:
            outcome = Outcome.ERROR if one.result is DkimResult.TEMPERROR else Outcome.FAIL
            said = f"fails: {one.problem}"
        findings.append(Finding(SIGNATURE, outcome, subject, said, one.notes))
    return findings


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
