"""Findings as people want them: what several ports or targets share is one problem, told once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.judgement import WRONG, Judgement, worst_first
from provisioner.report.layout import counted

_VERBS = frozenset({"was", "were", "can", "can't", "could", "may", "must", "only", "still", "also", "never"})
_NO_VERBS = frozenset({"its", "this", "addresses", "servers", "ports", "mails", "as", "others"})


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen alike at one subject or more."""

    subjects: tuple[str, ...]
    summary: str
    place: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One check that came to the same for one subject or more."""

    first: Finding
    findings: tuple[Finding, ...]
    """Each subject once, in the order they were found."""
    targets: tuple[str, ...]
    """Whose report it is in."""

    @property
    def check(self) -> Check:
        """What was asked."""
        return self.first.check

    @property
    def subjects(self) -> tuple[str, ...]:
        """What it is about, each once; a port that is so over IPv4 and IPv6 is so."""
        return both_families(finding.subject for finding in self.findings)

    @property
    def sightings(self) -> list[Sighting]:
        """What was seen, once for all subjects where it was the same."""
        alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
        for one in self.findings:
            alike.setdefault((one.summary, one.place, one.evidence), []).append(one.subject)
        return [Sighting(both_families(subjects), *seen) for seen, subjects in alike.items()]


def problems(judgements: Sequence[Judgement], *outcomes: Outcome) -> list[Problem]:
    """The findings of all targets with one of `outcomes` (default: what is wrong), worst first.

    Findings of one check and severity with the same remedy are one problem; a server that many
    targets share is in it once.
    """
    return _grouped([(j.target, finding) for j in judgements for finding in j.of(*(outcomes or WRONG))])


def _grouped(chosen: Iterable[tuple[str, Finding]]) -> list[Problem]:
    by_key: dict[tuple[str, str, str, str], list[tuple[str, Finding]]] = {}
    for target, finding in chosen:
        key = (finding.check.id, finding.outcome, finding.weight, _general(finding, target))
        by_key.setdefault(key, []).append((target, finding))
    found = [
        Problem(
            group[0][1],
            tuple({(f.subject, f.summary): f for _, f in group}.values()),
            tuple(dict.fromkeys(target for target, _ in group)),
        )
        for group in by_key.values()
    ]
    place = {id(finding): number for number, finding in enumerate(worst_first(p.first for p in found))}
    return sorted(found, key=lambda problem: place[id(problem.first)])


def _general(finding: Finding, target: str) -> str:
    """The remedy without the name of whom it is for, so that the same one for many is one."""
    names = sorted({finding.subject, finding.subject.partition(":")[0], target} - {""}, key=len, reverse=True)
    return reduce(lambda text, name: text.replace(name, "…"), names, finding.remedy)


def counts(findings: Iterable[Finding]) -> list[str]:
    """`1 critical`, `4 medium`, `71 passed`, `3 could not be run`, `2 skipped`: what there is of each.

    What is wrong at several ports is one problem; what passed at several ports passed as often.
    """
    several = list(findings)
    wrong = Counter(one.first.weight for one in _grouped(("", f) for f in several if f.outcome in WRONG))
    said = [f"{wrong[severity]} {severity}" for severity in Severity if wrong[severity]]
    outcomes = Counter(finding.outcome for finding in several)
    for outcome, words in (
        (Outcome.PASS, "passed"),
        (Outcome.ERROR, "could not be run"),
        (Outcome.SKIPPED, "skipped"),
    ):
        if outcomes[outcome]:
            said.append(f"{outcomes[outcome]} {words}")
    return said


def both_families(subjects: Iterable[str]) -> tuple[str, ...]:
    """The subjects, each once; `mx:25` in place of `mx:25 (IPv4)` and `mx:25 (IPv6)`."""
    several = dict.fromkeys(subjects)
    found: dict[str, None] = {}
    for subject in several:
        plain = re.sub(r" \(IPv[46]\)$", "", subject)
        both = f"{plain} (IPv4)" in several and f"{plain} (IPv6)" in several
        found[plain if both else subject] = None
    return tuple(found)


def headline(problem: Problem) -> str:
    """What the first finding says, of all families of addresses that it is true of."""
    return told_of(problem.subjects[0], problem.first.summary)


def sentence(finding: Finding) -> str:
    """The summary with its subject in front, unless the summary names it: `example.org has no SPF record`."""
    return told_of(finding.subject, finding.summary)


def told_of(subject: str, summary: str) -> str:
    """A summary as a sentence about its subject: most are verbs and what follows, some are sentences."""
    if re.search(rf"(?<![\w.-]){re.escape(subject)}(?![\w-]|\.\w)", summary, re.IGNORECASE):
        return summary
    word = summary.partition(" ")[0]
    verb = word in _VERBS or (word.islower() and word.endswith("s") and word not in _NO_VERBS)
    return f"{subject}{'' if verb else ':'} {summary}"


def verdict(judgement: Judgement) -> str:
    """What a judgement comes to, in a few words."""
    if judgement.error is not None:
        return "could not be audited"
    worst = next(iter(judgement.wrong), None)
    if worst is None:
        return "nothing is wrong" if judgement.score is not None else "nothing could be judged"
    number = len(problems([judgement]))
    return f"{counted(number, 'problem')}, the worst {worst.weight}"
