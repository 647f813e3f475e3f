"""Many hosts: resolve all, read all, plan all; then change those that differ, side by side.

Bad input is refused whole before any host is contacted. One host's trouble never stops the others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from provisioner.errors import (
    AnswerIsNo,
    Defect,
    HostError,
    InputError,
    Interrupted,
    Locked,
    Mistakes,
    NotBegun,
    NotPutBack,
    NotTouched,
    ProvisionError,
    PutBack,
)
from provisioner.hosts import probe
from provisioner.hosts.bundle import Meta, new_id
from provisioner.hosts.connection import Connection, ConnectionOptions, connect, connection_settings
from provisioner.hosts.edits import with_edits
from provisioner.hosts.hold import sentence
from provisioner.hosts.together import ALL_OR_NONE, Company, Stop, Together
from provisioner.hosts.transaction import Answer, Ended, repair, run_transaction
from provisioner.inventory.model import Host
from provisioner.outcome import called_off, failure_of, locked
from provisioner.plan import Plan, make_plan
from provisioner.preflight import look, supported
from provisioner.resources import Service
from provisioner.resources.change import Change
from provisioner.resources.observed import Observed
from provisioner.roles.loading import Roles
from provisioner.roles.model import RELEASES, Desired, SecretStore
from provisioner.rollout import Rollout, Rules, Share
from provisioner.verify.addresses import SCRIPT, parse_place
from provisioner.verify.expectations import patient
from provisioner.verify.ports import prove_ports
from provisioner.verify.proof import Proof, decode, encode, proof_of
from provisioner.verify.result import PortResult

HELD_BACK = frozenset({"silent", "closed", "unreachable"})
"""How a port looks whose process died under an earlier configuration: Postfix starts none for 60 s."""
PROOF_PATIENCE = 6.0
"""Seconds that a port may take to come up after its service did."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Something that happened to a host while it was worked on; step `done` is its last."""

    host: str
    step: str
    detail: str = ""


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Candidates:
    """What a host shall be, on each release it may turn out to run."""

    host: Host
    by_release: Mapping[str, Desired]
    mistakes: Mapping[str, InputError] = field(default_factory=dict)
    """Releases that the inventory's settings do not fit, and why."""


@dataclass
class Planned:
    """One host after reading: its plan, or why there is none. The connection stays open for the change."""

    host: Host
    plan: Plan | None = None
    error: ProvisionError | None = None
    connection: Connection | None = None
    repaired: str = ""
    """The id of a broken transaction that was put back before planning."""
    seconds: float = 0.0

    @property
    def round_trips(self) -> int:
        """Exchanges with the host so far."""
        return self.connection.round_trips if self.connection else 0


@dataclass(frozen=True)
class HostOutcome:
    """What came of one host."""

    host: str
    status: str
    """`unchanged`, `changed`, `failed`, `rolled-back`, `unreachable` or `skipped`, as in the JSON."""
    changes: tuple[Change, ...] = ()
    error: ProvisionError | None = None
    seconds: float = 0.0
    round_trips: int = 0
    ports: tuple[PortResult, ...] = ()
    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    service_ms: Mapping[str, int] = field(default_factory=dict)
    """Service → milliseconds that its restart or reload took, as the host measured them."""


@dataclass(frozen=True)
class Run:
    """What is the same for every host of one run."""

    folder: Path
    options: ConnectionOptions
    forks: int = 50
    report: Report = lambda _event: None
    who: str = ""
    commit: str = ""
    clean: bool = True
    force: bool = False
    """Go on although the pre-flight says that mail would not work."""
    lock_timeout: int = 60
    """Seconds to wait for another transaction on the same host."""
    ignore_lock: bool = False
    """Go on although a person has locked the host."""
    serial: tuple[Share, ...] = ()
    """Sizes of the batches that hosts are changed in; none: side by side, `forks` at a time."""
    max_fail: Share | None = None
    """How many hosts may fail before no further one is begun."""
    atomic: bool = False
    """All hosts keep their change, or none does."""
    stop: Stop = field(default_factory=Stop)
    id: str = ""
    """What this run's transactions are called, so that a rollback finds them all; else each has its own."""


def candidates(hosts: Iterable[Host], roles: Roles, secrets: SecretStore) -> list[Candidates]:
    """Render every host for each release it may run. Raises Mistakes with those of all hosts.

    The variable `debian_release` names the release in advance and saves rendering the others.
    A setting that only some releases know is a mistake only on hosts that run another.
    """
    from provisioner.roles import resolve

    found: list[Candidates] = []
    mistakes: list[InputError] = []
    for host in hosts:
        named = host.variables.get("debian_release")
        desired: dict[str, Desired] = {}
        wrong: dict[str, InputError] = {}
        for release in [named] if isinstance(named, str) and named in RELEASES else RELEASES:
            try:
                desired[release] = resolve(host, roles, secrets, release)
            except InputError as error:
                wrong[release] = error
        if desired:
            found.append(Candidates(host, desired, wrong))
        else:
            mistakes += [one for error in wrong.values() for one in _each(error)]
    if mistakes:
        raise Mistakes(list({(m.message, m.where): m for m in mistakes}.values()))
    return found


def _each(error: InputError) -> tuple[InputError, ...]:
    return error.mistakes if isinstance(error, Mistakes) else (error,)


def plan_hosts(prepared: Sequence[Candidates], run: Run, *, mend: bool = False) -> list[Planned]:
    """Connect to every host, read it and plan it. `mend` puts back what a dead transaction left."""
    if not prepared:
        return []
    with ThreadPoolExecutor(min(run.forks, len(prepared)), thread_name_prefix="host") as pool:
        return list(pool.map(lambda one: _plan_host(one, run, mend), prepared))


def apply_hosts(planned: Sequence[Planned], run: Run) -> list[HostOutcome]:
    """Change every host whose plan has changes, as the run's rules say. Closes the connections."""
    for one in planned:
        one.error = one.error or _held(one, run)
    changing = [one for one in planned if one.error is None and one.plan is not None and one.plan.changes]
    together = Together(frozenset(one.host.name for one in changing)) if run.atomic else None
    if together is not None and (amiss := [one.host.name for one in planned if one.error is not None]):
        for one in changing:
            one.error = NotBegun(f"{ALL_OR_NONE}, and {', '.join(amiss[:3])} can't be changed now")
        changing = []
    rollout: Rollout[Planned, HostOutcome] = Rollout(
        Rules(run.forks, run.serial, run.max_fail),
        run.stop,
        change=lambda one, settled: _apply_host(one, run, Company(run.stop, together, settled)),
        skip=lambda one, why: _apply_host(replace(one, error=why), run, Company()),
        failed=lambda outcome: outcome.host if isinstance(outcome.error, HostError) else "",
        together=together,
    )
    begun = {one.host.name for one in changing}
    rest = [one for one in planned if one.host.name not in begun]
    outcomes = {one.host.name: _apply_host(one, run, Company()) for one in rest}
    outcomes |= {outcome.host: outcome for outcome in rollout.run(changing)}
    return [outcomes[one.host.name] for one in planned]


def _held(one: Planned, run: Run) -> Locked | None:
    """Why a host with changes is left alone: a person has locked it, and not the one who applies."""
    hold = one.plan.observed.hold if one.plan is not None and one.plan.changes else None
    return None if hold is None or run.ignore_lock or hold.who == run.who else locked(sentence(hold))


def close(planned: Iterable[Planned]) -> None:
    """End the connections that planning left open."""
    for one in planned:
        if one.connection is not None:
            one.connection.close()


def _plan_host(one: Candidates, run: Run, mend: bool) -> Planned:
    started = time.monotonic()
    result = Planned(one.host)
    try:
        run.report(Progress(one.host.name, "connecting"))
        result.connection = connect(connection_settings(one.host, run.options, run.folder))
        run.report(Progress(one.host.name, "reading"))
        wanted = tuple(one.by_release.values())
        seen = read(result.connection, wanted)
        if seen.unfinished and mend and not seen.unfinished_runs:
            run.report(Progress(one.host.name, "repairing", seen.unfinished))
            put_back_unfinished(result.connection, seen.unfinished)
            result.repaired = seen.unfinished
            seen = read(result.connection, wanted)
        result.plan = _plan(one, seen, run)
    except ProvisionError as error:
        result.error = error
    except Exception as problem:  # one host's trouble never stops the others
        result.error = _defect(problem)
    result.seconds = time.monotonic() - started
    return result


def put_back_unfinished(connection: Connection, transaction: str) -> None:
    """Put back what a dead transaction left, or finish one that was to stay. Raises NotPutBack."""
    ended = repair(connection, transaction, lambda *_: None)
    if ended.outcome not in ("undone", "kept"):
        left = ", ".join(ended.left) or "unknown"
        raise NotPutBack(
            f"transaction {transaction} died and can't be put back: {left}",
            hint=f"What was there before lies in /var/lib/provision/history/{transaction}/saved on the host. "
            "Mend it there, then remove the link /var/lib/provision/current.",
        )


def read(connection: Connection, wanted: Sequence[Desired]) -> Observed:
    """Read everything that `wanted` speaks of, and what earlier transactions left, in one exchange.

    Where something was left that nothing speaks of any more, a second exchange looks at that; where
    somebody edited a file of ours, another one.
    """
    request = probe.Request(wanted)
    seen = _ask(connection, request)
    known = set(request.paths)
    forgotten = [note for note in seen.written if note.kind in ("file", "link") and note.name not in known]
    units = {w.name for w in seen.written if w.kind in ("service", "timer")} - seen.units.keys()
    if forgotten or units:
        seen = _ask(connection, probe.Request(wanted, seen.written))
    return with_edits(connection, seen, [resource for one in wanted for resource in one.resources])


def _ask(connection: Connection, request: probe.Request) -> Observed:
    answer = connection.run(
        probe.SCRIPT, request.encode(), argv0="provision-read", limit_bytes=probe.ANSWER_LIMIT
    )
    return probe.parse(answer.stdout, request)


def _plan(one: Candidates, seen: Observed, run: Run) -> Plan:
    if why := supported(seen):
        raise NotTouched(f"{one.host.name} can't be managed: {why}")
    desired = one.by_release.get(seen.facts.release)
    if desired is None:
        raise one.mistakes.get(seen.facts.release) or InputError(
            f"debian_release says otherwise, but {one.host.name} runs {seen.facts.release}",
            where=one.host.origins.find(("debian_release",)),
        )
    plan = make_plan(desired, seen)
    warnings = []
    if seen.hold is not None:
        warnings.append(sentence(seen.hold))
    if seen.unfinished and not seen.unfinished_runs:
        warnings.append(f"transaction {seen.unfinished} did not end; apply puts it back before it plans")
    if seen.last is None and not seen.written:
        flight = look(desired, seen, time.time())
        warnings += flight.warnings
        if flight.stops and not run.force:
            raise NotTouched(
                "mail would not work on this host: " + "; ".join(flight.stops),
                hint="Mend that first, or say --force to go on all the same.",
            )
        warnings += flight.stops
    return replace(plan, warnings=tuple(warnings))


def _apply_host(one: Planned, run: Run, company: Company) -> HostOutcome:
    started = time.monotonic() - one.seconds
    outcome = HostOutcome(one.host.name, "unchanged")
    try:
        if one.error is not None:
            outcome = _not_planned(one)
        elif one.plan is not None and one.plan.changes:
            outcome = _change(one, one.plan, run, company)
    except NotTouched as error:
        if company.together is not None:
            company.together.fail(one.host.name)
        outcome = replace(outcome, status="unreachable", error=error)
    except Exception as problem:
        if company.together is not None:
            company.together.fail(one.host.name)
        outcome = replace(outcome, status="failed", error=_defect(problem))
    finally:
        trips = one.round_trips
        if one.connection is not None:
            one.connection.close()
    run.report(Progress(one.host.name, "done", outcome.status))
    return replace(outcome, seconds=time.monotonic() - started, round_trips=trips)


def _defect(problem: Exception) -> Defect:
    """The defect as this host's error; with PROVISION_DEBUG, the traceback at once."""
    if os.environ.get("PROVISION_DEBUG"):
        raise problem
    return Defect.of(problem)


def _not_planned(one: Planned) -> HostOutcome:
    kinds = {NotTouched: "unreachable", NotPutBack: "failed", Defect: "failed"}
    status = next((status for kind, status in kinds.items() if isinstance(one.error, kind)), "skipped")
    return HostOutcome(one.host.name, status, error=one.error)


def _change(one: Planned, plan: Plan, run: Run, company: Company) -> HostOutcome:
    if one.connection is None or not one.connection.is_alive():  # lost while earlier batches were at work
        one.connection = connect(connection_settings(one.host, run.options, run.folder))
    ports: list[PortResult] = []
    fresh: list[Connection] = []

    def prove() -> Answer:
        again = not ports and any(action.action == "reload" for action in plan.services)
        ports[:] = _prove(plan, one.connection, run)
        if all(result.ok for result in ports):
            return "keep"
        return "again" if again and any(result.kind in HELD_BACK for result in ports) else "undo"

    def reconnect() -> Connection:
        fresh.append(connect(connection_settings(one.host, run.options, run.folder)))
        return fresh[-1]

    proof = encode(_proof(plan))
    meta = Meta(run.id or new_id(), datetime.now(UTC), run.who, run.commit, run.clean, plan.back_to, proof)
    try:
        ended = run_transaction(
            one.connection,
            plan,
            meta,
            prove=prove,
            reconnect=reconnect,
            progress=lambda step, detail: run.report(Progress(plan.host.name, step, detail)),
            lock_timeout=run.lock_timeout,
            ignore_hold=run.ignore_lock,
            company=company,
        )
    finally:
        for connection in fresh:
            connection.close()
    outcome = _outcome(plan, ended, tuple(ports), company)
    if company.together is not None and outcome.error is not None:
        company.together.fail(one.host.name)
    return outcome


def _prove(plan: Plan, connection: Connection | None, run: Run) -> list[PortResult]:
    """Hold a real conversation with every port that the host's roles open."""
    if connection is None:
        return []
    settings = connection.settings
    done: list[str] = []

    def show(result: PortResult) -> None:
        done.append(f"{result.port.number} {'✓' if result.ok else '✗'}")
        run.report(Progress(plan.host.name, "proving", "  ".join(done)))

    proof = _proof(plan)
    return prove_ports(
        proof.ports,
        patient(proof.expect, run.options.timeout),
        address=settings.address,
        outward=_outward(connection),
        forwarder=connection,
        seconds=60.0,
        patience=PROOF_PATIENCE,
        report=show,
    )


def _outward(connection: Connection) -> str:
    """The host's own address, where SSH comes to it through a port forwarded from loopback.

    From the host, that loopback address would be the host's own, which it trusts: no proof.
    """
    if not connection.settings.address.startswith(("127.", "::1", "localhost")):
        return ""
    said = connection.run(SCRIPT, argv0="provision-place", needs_root=False).stdout
    return next(iter(parse_place(said.decode("utf-8", "replace")).addresses), "")


def _proof(plan: Plan) -> Proof:
    """What the ports must show; of a rollback, what they had to show then."""
    return proof_of(plan.desired) if plan.proof is None else decode(plan.proof)


def _outcome(plan: Plan, ended: Ended, ports: tuple[PortResult, ...], company: Company) -> HostOutcome:
    name = plan.host.name
    if ended.outcome == "kept":
        return HostOutcome(name, "changed", plan.changes, ports=ports, service_ms=_by_service(plan, ended))
    error = called_off(ended, company) or failure_of(plan, ended, ports)
    if isinstance(error, AnswerIsNo | Interrupted):
        return HostOutcome(name, "skipped", error=error)
    status = "rolled-back" if isinstance(error, PutBack) else "failed"
    log = ended.failure.log if ended.failure else ()
    return HostOutcome(name, status, plan.changes, error, ports=ports, left=ended.left, log=log)


def _by_service(plan: Plan, ended: Ended) -> Mapping[str, int]:
    """How long each service took, by the name that its changes have."""
    services = [resource for resource in plan.desired.resources if isinstance(resource, Service)]
    return {one.name: ended.service_ms[one.unit] for one in services if one.unit in ended.service_ms}


def exit_code(outcomes: Iterable[HostOutcome]) -> int:
    """The highest exit code that applies."""
    counted = (HostError, InputError, AnswerIsNo)
    return max((type(o.error).exit_code for o in outcomes if isinstance(o.error, counted)), default=0)
