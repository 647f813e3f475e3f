"""Audits: each target gets its time, its jobs and its judgement; targets run side by side.

`audit(target) -> Judgement` is the whole interface. A host that is to be looked at from inside too has one
more job for that, beside those of its ports.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.audit.case import Asked, Case, Run, no_way
from provisioner.audit.catalogue import COMPLETE, OUTSIDE, place
from provisioner.audit.domain import domain_jobs
from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.inside import judge as inside
from provisioner.audit.judgement import Judgement, Kind, worst_first
from provisioner.audit.servers import Server, labels, server_jobs
from provisioner.audit.services import BY_NUMBER, SERVICES, Service
from provisioner.audit.targets import AddressTarget, Outside
from provisioner.audit.work import Job, Worked, work
from provisioner.dns.resolver import Status
from provisioner.errors import NotTouched, ProvisionError

if TYPE_CHECKING:
    from provisioner.hosts.settings import Settings

THREADS = 96
"""Jobs of all targets at once; most of the time each waits for a server."""
NAMED = 5
"""Jobs that are named where some were not done."""


@dataclass(frozen=True)
class HostTarget:
    """A host that the user has named with the way to it: one of an inventory, or one to log in to."""

    text: str
    name: str
    addresses: tuple[str, ...]
    domain: str = ""
    promised: frozenset[int] | None = None
    """The mail ports that are deployed; None where nobody knows."""
    deployed: frozenset[int] | None = None
    """All TCP ports that are deployed for the network; None where nobody knows."""
    login: Settings | None = field(default=None, repr=False)
    """The way in over SSH; None where it is judged from outside alone."""


@dataclass(frozen=True)
class DomainTarget:
    """A name of which it is known that it is a mail domain."""

    text: str
    name: str


Auditable = Outside | HostTarget | DomainTarget
Report = Callable[[str, Judgement], None]
"""Told of each target when it is done."""


def audit_all(
    targets: Sequence[Auditable], run: Run, at_once: int, report: Report = lambda _target, _judgement: None
) -> list[Judgement]:
    """Audit every target, `at_once` of them side by side; the judgements in the order of the targets.

    An interrupt ends every conversation at once.
    """
    with (
        ThreadPoolExecutor(max(1, min(at_once, len(targets))), "audit-target") as lanes,
        ThreadPoolExecutor(THREADS, "audit-job") as pool,
    ):

        def one(target: Auditable) -> Judgement:
            judgement = audit(target, run, pool)
            report(target.text, judgement)
            return judgement

        try:
            return list(lanes.map(one, targets))
        except BaseException:  # Ctrl-C: nobody shall wait for servers that nobody wants to hear
            run.gate.stop()
            lanes.shutdown(wait=False, cancel_futures=True)
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def audit(target: Auditable, run: Run, pool: Executor) -> Judgement:
    """Judge one target. Nothing that a server or a record does raises."""
    started = time.monotonic()
    case = Case(run, started + run.asked.target_seconds)
    kind = Kind.HOST
    try:
        kind, jobs, case = _begin(target, case)
    except ProvisionError as error:
        return Judgement(target.text, kind, seconds=time.monotonic() - started, error=error)
    worked = work(jobs, pool, case.ends)
    incomplete = _incomplete(target.text, worked)
    findings = _chosen([*worked.findings, *incomplete], case)
    missing = (f"{one.summary[:1].upper()}{one.summary[1:]}." for one in incomplete)
    away: ProvisionError | None = _unreached(target, kind, findings, case.asked)
    shut = worked.errors[0] if worked.errors else None
    notes = [*worked.notes, *missing, *_notes(findings)]
    if isinstance(target, HostTarget) and _has_no_address(target, case):
        notes.append(f"Nothing was judged from outside: DNS knows no address of {target.name}.")
    if away is not None and (shut or any(finding.check.area in inside.NAMES for finding in findings)):
        notes.append(f"From outside, {away.message}.")  # a host without mail ports has an inside all the same
        away = None
    if shut is not None and all(finding.check is COMPLETE for finding in findings):
        away, shut = shut, None
    seconds = time.monotonic() - started
    return Judgement(target.text, kind, findings, seconds, away, tuple(dict.fromkeys(notes)), shut)


def _begin(target: Auditable, case: Case) -> tuple[Kind, tuple[Job, ...], Case]:
    """What a target is, and the jobs to begin with. Raises `NotTouched` where it is nowhere."""
    if isinstance(target, DomainTarget):
        return Kind.DOMAIN, domain_jobs(target.name, case), case
    if isinstance(target, HostTarget):
        return Kind.HOST, (*_inside_jobs(target, case), *_outside_jobs(target, case)), case
    wanted = SERVICES if target.port is None else (_service(target.port),)
    if isinstance(target, AddressTarget):
        return _host(target, _name_of(target.address, case), (target.address,), wanted, case)
    # Together, so that a resolver that is silent is waited for once.
    found, *_ = case.run.resolver.ask_all([(target.name, rdtype) for rdtype in ("MX", "A", "AAAA")])
    if target.port is None and found.status is Status.FOUND:
        return Kind.DOMAIN, domain_jobs(target.name, case), case
    addresses = case.run.resolver.addresses(target.name)
    if addresses:
        return _host(target, target.name, addresses, wanted, case)
    if found.status is Status.SERVFAIL and _answers_unchecked(target.name, case):
        return Kind.DOMAIN, domain_jobs(target.name, case), case
    if not found.answered:
        raise NotTouched(f"DNS gives no answer about {target.name}: {found.detail}", hint=_RESOLVER)
    if found.status is Status.NXDOMAIN:
        raise NotTouched(f"{target.name} does not exist in DNS", hint="Is it spelt right?")
    return Kind.DOMAIN, domain_jobs(target.name, case), case


def _inside_jobs(target: HostTarget, case: Case) -> tuple[Job, ...]:
    if target.login is None or not case.asked.wants(*inside.NAMES):
        return ()
    return (inside.inside_job(target.login, inside.Known(target.name, target.deployed), case),)


def _outside_jobs(target: HostTarget, case: Case) -> tuple[Job, ...]:
    if not target.addresses or not case.asked.wants(*OUTSIDE):
        return ()
    name = _name_of(target.name, case) if _is_address(target.name) else target.name
    return _host(target, name, target.addresses, SERVICES, case)[1]


def _has_no_address(target: HostTarget, case: Case) -> bool:
    """Whether only SSH knows the way, by a jump host or a file of its own; a host without mail needs none."""
    without_mail = target.promised is not None and not target.promised
    return not target.addresses and not without_mail and case.asked.wants(*OUTSIDE)


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _answers_unchecked(name: str, case: Case) -> bool:
    """Whether only DNSSEC is broken: the report says so, where giving up would say nothing."""
    return case.run.resolver.ask(name, "MX", checking_disabled=True).answered


_RESOLVER = "--resolver ADDRESS asks another name server."


def _service(port: int) -> Service:
    return BY_NUMBER.get(port) or Service(port, "smtp")


def _name_of(address: str, case: Case) -> str:
    """The name that an address calls itself by, where that leads back to it; else the address."""
    for name in case.run.resolver.reverse(address).texts()[:3]:
        if address in case.run.resolver.addresses(name.rstrip(".")):
            return name.rstrip(".").lower()
    return address


def _host(
    target: Auditable, name: str, addresses: Sequence[str], wanted: Sequence[Service], case: Case
) -> tuple[Kind, tuple[Job, ...], Case]:
    """A host that the user named may be at any address, private ones too."""
    addresses = [one for one in addresses if not no_way(one)] or addresses
    promised = getattr(target, "promised", None)
    domain = getattr(target, "domain", "")
    servers = [
        Server(
            name,
            address,
            domain,
            label=label,
            services=tuple(wanted),
            promised=promised or _named(target),
            known=promised is not None,
        )
        for address, label in labels(tuple(dict.fromkeys(addresses))).items()
    ]
    return Kind.HOST, tuple(job for server in servers for job in server_jobs(server, case)), case


def _named(target: Auditable) -> frozenset[int]:
    port = getattr(target, "port", None)
    return frozenset() if port is None else frozenset({port})


def _incomplete(target: str, worked: Worked) -> list[Finding]:
    missing = [*worked.late, *worked.broken]
    if not missing:
        return []
    named = ", ".join(sorted(missing)[:NAMED])
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    why = "since the time was up" if worked.late else "for a defect in provision (please report it)"
    evidence = tuple(f"{name}: {defect.message}" for name, defect in worked.broken.items())
    said = f"not everything could be asked, {why}: {named}{more}"
    return [Finding(COMPLETE, Outcome.ERROR, target, said, evidence)]


def _chosen(findings: Iterable[Finding], case: Case) -> tuple[Finding, ...]:
    """Those that were asked for, each once, in the catalogue's order and then worst first."""
    wanted = set(case.asked.checks)
    kept = dict.fromkeys(f for f in findings if not wanted or f.check.id in wanted or f.check is COMPLETE)
    return worst_first(sorted(kept, key=lambda finding: (place(finding.check.id), finding.subject)))


def _notes(findings: Sequence[Finding]) -> list[str]:
    """Port 25 answers nowhere, and other ports do: most access networks let nobody out there."""
    answers = [finding for finding in findings if finding.check.id == "smtp.answers"]
    others = any(finding.check.area in ("imap", "submission", "pop3") for finding in findings)
    if answers and others and all(finding.outcome is Outcome.ERROR for finding in answers):
        return [
            "Port 25 could not be reached anywhere. Most access networks close it: run this from a server."
        ]
    return []


def _unreached(target: Auditable, kind: Kind, findings: Sequence[Finding], asked: Asked) -> NotTouched | None:
    """A host none of whose ports answers; a domain always has records to be judged."""
    if isinstance(target, HostTarget) and target.login is not None and not target.addresses:
        return None  # its name may be one that only SSH's configuration knows
    ports = {"smtp", "submission", "imap", "pop3", "managesieve", "tls", "certificate"}
    if kind is Kind.DOMAIN or not asked.wants(*ports):
        return None
    if any(finding.check.area in ports for finding in findings):
        return None
    return NotTouched(
        f"no mail port of {getattr(target, 'name', target.text)} answers",
        hint="Is it up, and does a firewall let this machine in? --timeout SECONDS waits longer.",
    )
