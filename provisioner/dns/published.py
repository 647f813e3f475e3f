"""What DNS says now of records that are needed: questions to one resolver, with a limit on time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.dns.resolver import Resolver

if TYPE_CHECKING:
    from dns.rdata import Rdata


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one name and type; `error` says why there is no answer, and is `""` otherwise."""

    records: tuple[Rdata, ...] = ()
    error: str = ""


def ask(
    questions: Iterable[tuple[str, str]], resolver: str | None = None, seconds: float = 5.0
) -> Mapping[tuple[str, str], Answer]:
    """The answers to `(name, type)` questions, aliases followed by the resolver.

    `resolver` (`ADDRESS[:PORT]`) is then the only one asked. `seconds` is the limit for one question;
    three times as much for all together.
    """
    wanted = list(dict.fromkeys(questions))
    replies = Resolver(resolver, seconds=seconds, within=3 * seconds, budget=len(wanted)).ask_all(wanted)
    return {
        question: Answer(reply.records, "" if reply.answered else reply.detail)
        for question, reply in zip(wanted, replies, strict=True)
    }
