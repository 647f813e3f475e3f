"""What is published against what the inventory's domains need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.dns.published import Answer
from provisioner.dns.records import Entry, rdata, text_tag

if TYPE_CHECKING:
    from dns.rdata import Rdata

OUTCOMES = ("differs", "missing", "unanswered", "published")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """All records of one name and type: `outcome` is one of `OUTCOMES`.

    `also` is published beside what is wanted and does no harm as such: another MX, another address.
    """

    name: str
    type: str
    outcome: str
    wanted: tuple[str, ...]
    found: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    error: str = ""


def compared(entries: Iterable[Entry], answers: Mapping[tuple[str, str], Answer]) -> tuple[Finding, ...]:
    """A finding for each name and type, worst first, else in the order of `entries`."""
    sets: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        sets.setdefault((entry.name, entry.type), []).append(entry)
    found = [_finding(same, answers[key]) for key, same in sets.items()]
    return tuple(sorted(found, key=lambda finding: OUTCOMES.index(finding.outcome)))


def _finding(entries: list[Entry], answer: Answer) -> Finding:
    name, type_ = entries[0].name, entries[0].type
    wanted = tuple(entry.value for entry in entries)
    if answer.error:
        return Finding(name, type_, "unanswered", wanted, error=answer.error)
    if type_ == "TXT":
        return _of_texts(name, wanted, tuple(_text(record) for record in answer.records))
    need = {rdata(entry) for entry in entries}
    have = set(answer.records)
    also = tuple(sorted(_shown(record) for record in have - need))
    if need <= have and (type_ != "CNAME" or need == have):
        return Finding(name, type_, "published", wanted, wanted, also)
    outcome = "differs" if have else "missing"
    return Finding(name, type_, outcome, wanted, tuple(sorted(_shown(record) for record in have)))


def _of_texts(name: str, wanted: tuple[str, ...], found: tuple[str, ...]) -> Finding:
    """TXT records are judged beside those of the same kind only: other people's proofs are none of ours.

    More than one of a kind is wrong even if ours is among them: receivers then ignore all of them.
    """
    tags = {text_tag(text) for text in wanted} - {""}
    rivals = tuple(text for text in found if text_tag(text) in tags)
    have = [_canonical(text) for text in found]
    if all(_canonical(text) in have for text in wanted) and len(rivals) == len(tags):
        return Finding(name, "TXT", "published", wanted, wanted)
    return Finding(name, "TXT", "differs" if rivals else "missing", wanted, rivals)


def _canonical(text: str) -> tuple[object, ...]:
    """What a TXT means: SPF in any case, the others' tags in any order, blanks or not (RFC 6376 §3.2)."""
    tag = text_tag(text)
    if not tag:
        return (text,)
    if tag == "v=spf1":
        return tuple(text.lower().split())
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    return tuple(sorted((key.strip().lower(), "".join(value.split())) for key, _, value in pairs))


def _text(record: Rdata) -> str:
    return b"".join(getattr(record, "strings", ())).decode("utf-8", "replace")


def _shown(record: Rdata) -> str:
    return record.to_text(origin=None, relativize=False)
