"""A host from inside, as jobs of an audit: log in and read once, then each area judges what was read.

An area whose judgement breaks takes nothing else with it, as with the jobs from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from provisioner.audit.case import Case
from provisioner.audit.finding import Check, Finding
from provisioner.audit.inside import (
    accounts,
    bans,
    clock,
    disk,
    dovecot_logins,
    dovecot_services,
    files,
    firewall,
    logs,
    postfix_identity,
    postfix_limits,
    postfix_recipients,
    postfix_relay,
    postfix_tables,
    postfix_tls,
    queue,
    renewal,
    restarts,
    sockets,
    software,
    ssh,
    updates,
)
from provisioner.audit.inside.seen import Inside
from provisioner.audit.work import Done, Job
from provisioner.errors import ProvisionError

if TYPE_CHECKING:
    from provisioner.audit.inside.reading import Reading
    from provisioner.hosts.settings import Settings


class Area(Protocol):
    """A module of checks from inside."""

    @property
    def CHECKS(self) -> tuple[Check, ...]: ...
    @property
    def audit(self) -> Callable[[Inside, str], Iterable[Finding]]: ...


AREAS: tuple[Area, ...] = (
    software,
    postfix_relay,
    postfix_tls,
    postfix_identity,
    postfix_recipients,
    postfix_limits,
    postfix_tables,
    dovecot_logins,
    dovecot_services,
    accounts,
    files,
    updates,
    restarts,
    sockets,
    firewall,
    ssh,
    bans,
    clock,
    disk,
    queue,
    renewal,
    logs,
)
"""In the order of reports. A new one: a module with `CHECKS` and `audit(inside, subject)`, a line here."""
CHECKS: tuple[Check, ...] = tuple(check for area in AREAS for check in area.CHECKS)
NAMES = tuple(dict.fromkeys(check.area for check in CHECKS))
"""First words of the ids."""


@dataclass(frozen=True)
class Known:
    """What we know of a host beforehand."""

    name: str
    """What findings are about."""
    ports: frozenset[int] | None = None
    """TCP ports that the inventory deploys for the network; None for a server of others."""


def inside_job(settings: Settings, known: Known, case: Case) -> Job:
    """The job that logs in, reads, and leads to a job for each area that is wanted."""
    return Job(f"{known.name} from inside", partial(_read, settings, known, case))


def _read(settings: Settings, known: Known, case: Case) -> Done:
    from provisioner.audit.inside.reading import read
    from provisioner.hosts.connection import connect

    try:
        with connect(settings) as connection:
            case.run.gate.closes(connection)
            # Sooner than the target's time is up, so that the reason is told and not only the lateness.
            reading = read(connection, max(1.0, case.left - 1))
    except ProvisionError as error:
        return Done(error=error)
    note = software.note(reading.inside)
    return Done(more=judging(reading, known, case), notes=(note,) if note else ())


def judging(reading: Reading, known: Known, case: Case) -> tuple[Job, ...]:
    """A job for each area of which a check is wanted."""
    wanted = (area for area in AREAS if case.asked.wants(*{check.area for check in area.CHECKS}))
    return tuple(
        Job(f"{area.CHECKS[0].area} of {known.name}", partial(_judge, area, reading, known))
        for area in wanted
    )


def _judge(area: Area, reading: Reading, known: Known) -> Done:
    return Done(tuple(findings(area, reading, known)))


def findings(area: Area, reading: Reading, known: Known) -> Iterable[Finding]:
    """What one area finds. Pure."""
    if area is sockets:
        return sockets.audit(reading.inside, known.name, known.ports)
    if area is clock:
        return clock.audit(reading.inside, known.name, reading.exchange)
    return area.audit(reading.inside, known.name)
