"""The jobs of one target: side by side, each may lead to more, all of them end with the target's time.

A job that fails or is late never takes the rest with it: it is named, as what could not be run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from provisioner.audit.finding import Finding
from provisioner.errors import Defect, ProvisionError


@dataclass(frozen=True)
class Done:
    """What a job came to."""

    findings: tuple[Finding, ...] = ()
    more: tuple[Job, ...] = ()
    """What is to be done now that this is known."""
    notes: tuple[str, ...] = ()
    error: ProvisionError | None = None
    """Why it could not be done at all, in words for a person."""


@dataclass(frozen=True)
class Job:
    """One piece of work; `name` says it in words (`TLS of mx1.example.org:25`)."""

    name: str
    run: Callable[[], Done]


@dataclass
class Worked:
    """All jobs together."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    errors: list[ProvisionError] = field(default_factory=list)
    """Why jobs could not be done at all."""
    late: list[str] = field(default_factory=list)
    """Jobs that were not done in time."""
    broken: dict[str, Defect] = field(default_factory=dict)
    """Jobs that ended by a defect of ours."""


def work(jobs: Iterable[Job], pool: Executor, ends: float) -> Worked:
    """Run `jobs`, and what they lead to, until `ends` (of `time.monotonic()`)."""
    worked = Worked()
    under_way: dict[Future[Done], Job] = {}

    def begin(some: Iterable[Job]) -> None:
        under_way.update({pool.submit(job.run): job for job in some})

    begin(jobs)
    while under_way:
        done, _ = wait(under_way, max(0.0, ends - time.monotonic()), FIRST_COMPLETED)
        if not done:
            break
        for future in done:
            job = under_way.pop(future)
            try:
                result = future.result()
            except Exception as problem:  # a defect in one check says nothing about the others
                worked.broken[job.name] = Defect.of(problem)
                continue
            worked.findings += result.findings
            worked.notes += result.notes
            worked.errors += [result.error] if result.error else []
            begin(result.more)
    for future, job in under_way.items():
        future.cancel()
        worked.late.append(job.name)
    return worked
