"""Block lists: whether a mail server's address or a mail domain is on one that receivers heed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.blocklists.ask import check
from provisioner.blocklists.lists import known_lists
from provisioner.blocklists.result import Answer, Asks, Impact, Verdict
from provisioner.dns.resolver import Resolver

ADDRESS = Check(
    "blocklist.address",
    Severity.HIGH,
    "The address is on no block list",
    "Receivers that heed the list refuse this server's mail, or file it as spam.",
    "Find and end the cause, then ask the list for removal; `provision blocklist` names the steps.",
    "RFC 5782, RFC 6471 §2.1",
)
NAME = Check(
    "blocklist.name",
    Severity.HIGH,
    "The name is on no block list",
    "Messages from the domain, or with a link to it, are refused or filed as spam, whoever sends them.",
    "Find and end the cause, then ask the list for removal; `provision blocklist` names the steps.",
    "RFC 5782 §3",
)
CHECKS = (ADDRESS, NAME)

_SEVERITY = {Impact.HIGH: Severity.HIGH, Impact.MEDIUM: Severity.MEDIUM, Impact.LOW: Severity.LOW}


def audit(
    addresses: Sequence[str],
    names: Sequence[str],
    resolver: Resolver,
    keys: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Ask every list that can be asked about addresses of mail servers and names (domains, MX hosts).

    `keys` are for lists that want one, by owner (`blocklists.keys.read_keys`). Subject of each finding: the
    address or name. One finding for each; what several lists say stands in its evidence.
    """
    answers = check(addresses, names, known_lists(), keys or {}, resolver)
    subjects = dict.fromkeys([*addresses, *names, *(answer.subject for answer in answers)])
    judged = [_judged(subject, [one for one in answers if one.subject == subject]) for subject in subjects]
    return [finding for finding in judged if finding is not None]


def _judged(subject: str, answers: Sequence[Answer]) -> Finding | None:
    asked = [answer for answer in answers if not answer.list.white]
    if not asked:
        return None
    kind = ADDRESS if asked[0].list.asks is Asks.ADDRESS else NAME
    listed = [answer for answer in asked if answer.verdict is Verdict.LISTED]
    noted = [answer for answer in asked if answer.verdict is Verdict.NOTED]
    unknown = [answer for answer in asked if answer.verdict is Verdict.UNKNOWN]
    evidence = tuple(_said(answer) for answer in (*listed, *noted))
    if listed:
        worst = min((_SEVERITY[answer.list.impact] for answer in listed), key=lambda one: one.rank)
        titles = ", ".join(answer.list.title for answer in listed)
        return Finding(kind, Outcome.FAIL, subject, f"is listed by {titles}", evidence, _fix(listed), worst)
    if len(unknown) == len(asked):
        said = tuple(f"{answer.list.title}: {answer.detail}"[:200] for answer in unknown[:10])
        return Finding(kind, Outcome.ERROR, subject, "no block list could be asked", said)
    count = len(asked) - len(unknown)
    rest = f"; {len(unknown)} could not be asked" if unknown else ""
    return Finding(kind, Outcome.PASS, subject, f"is on none of {count} block lists{rest}", evidence)


def _said(answer: Answer) -> str:
    codes = ", ".join(f"{meaning.code} ({meaning.means})" for meaning in answer.meanings)
    return f"{answer.list.title}: {codes}" + (f". {answer.reason}" if answer.reason else "")


def _fix(listed: Sequence[Answer]) -> str:
    return " ".join(f"{answer.list.title}: {' '.join(answer.steps)}" for answer in listed[:3])
