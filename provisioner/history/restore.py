"""Plan a rollback: read a host's history, find the way back, and set it against what is there now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from provisioner.apply import Planned, Progress, Run, put_back_unfinished
from provisioner.errors import NotTouched, ProvisionError
from provisioner.history.comparison import EARLIER, RUNNING, make_plan
from provisioner.history.way_back import Place, WayBack, find
from provisioner.hosts import probe
from provisioner.hosts.connection import Connection, connect, connection_settings
from provisioner.hosts.edits import with_edits
from provisioner.hosts.history import WHOLE, Answer, read, saved_question, transactions_question
from provisioner.hosts.hold import sentence
from provisioner.inventory.model import Host
from provisioner.plan import Plan
from provisioner.resources import Directory, File, Link, Resource, Service
from provisioner.resources.observed import Observed, Written
from provisioner.roles.model import Desired
from provisioner.verify.proof import decode

TIME = "20261124T230411"
"""The form of a time; an id goes on after it."""


def plan_rollbacks(hosts: Sequence[Host], run: Run, to: str = "", *, mend: bool = False) -> list[Planned]:
    """Plan every host's way back; the results are in the order of `hosts`, connections stay open.

    Without `to` it is the last run that is gone behind: hosts that it did not change have nothing to do.
    `to` is a transaction's id, `start`, or a time in the form of an id; a host that has no transaction of
    that id goes behind its later ones. Where no host has one, that is an error of each.
    """
    if not hosts:
        return []
    with ThreadPoolExecutor(min(run.forks, len(hosts)), thread_name_prefix="host") as pool:
        histories = list(pool.map(lambda host: _read(host, run, mend), hosts))
        unknown = len(to) > len(TIME) and not any(_keeps(answer, to) for _, answer in histories)
        last = max(
            (a.transactions[n].id for _, a in histories if a and (n := _last_kept(a)) is not None), default=""
        )
        if unknown:
            return [_refused(planned, to) for planned, _ in histories]
        return list(pool.map(lambda one: _plan(one[0], one[1], to, last), histories))


def _keeps(answer: Answer | None, transaction: str) -> bool:
    return any(o.id == transaction and o.outcome == "kept" for o in (answer.transactions if answer else ()))


def _refused(planned: Planned, to: str) -> Planned:
    planned.error = planned.error or NotTouched(
        f"there is no kept transaction {to}", hint="provision history shows what there is to go back to."
    )
    return planned


def _last_kept(answer: Answer) -> int | None:
    kept = [number for number, one in enumerate(answer.transactions) if one.outcome == "kept"]
    return kept[-1] if kept else None


def _read(host: Host, run: Run, mend: bool) -> tuple[Planned, Answer | None]:
    started = time.monotonic()
    planned, answer = Planned(host), None
    try:
        run.report(Progress(host.name, "connecting"))
        planned.connection = connect(connection_settings(host, run.options, run.folder))
        run.report(Progress(host.name, "reading"))
        answer = read(planned.connection, transactions_question(WHOLE))
        if answer.current and not answer.current_runs and mend:
            run.report(Progress(host.name, "repairing", answer.current))
            put_back_unfinished(planned.connection, answer.current)
            planned.repaired = answer.current
            answer = read(planned.connection, transactions_question(WHOLE))
    except ProvisionError as error:
        planned.error = error
    planned.seconds = time.monotonic() - started
    return planned, answer


def _plan(planned: Planned, answer: Answer | None, to: str, last: str) -> Planned:
    started = time.monotonic()
    if planned.error is None and planned.connection is not None and answer is not None:
        try:
            planned.plan = _plan_host(planned.host, planned.connection, answer, to, last)
        except ProvisionError as error:
            planned.error = error
        except (ValueError, TypeError, IndexError) as error:
            planned.error = NotTouched(
                f"what the host has kept of its transactions makes no sense: {error}"[:300],
                hint="/var/lib/provision/history on the host is damaged.",
            )
    planned.seconds += time.monotonic() - started
    return planned


def _plan_host(host: Host, connection: Connection, answer: Answer, to: str, last: str) -> Plan:
    number = _last_kept(answer)
    if not to and (number is None or answer.transactions[number].id != last):
        return Plan(Desired(host, "", ()), Observed())
    try:
        way = find(answer.transactions, to)
    except LookupError as error:
        raise NotTouched(f"the history does not reach back so far: {error}") from error
    if way is None:
        return Plan(Desired(host, "", ()), Observed())
    decode(way.proof)  # now, not in the middle of the transaction
    saved = _read_saved(connection, way)
    resources, warnings = _resources(way, saved)
    seen = _observe(connection, host, way, resources)
    if answer.current and not answer.current_runs:
        warnings.append(f"transaction {answer.current} did not end; rollback puts it back before it plans")
    if seen.hold is not None:
        warnings.append(sentence(seen.hold))
    return replace(make_plan(host, way, resources, seen), warnings=tuple(warnings))


def _read_saved(connection: Connection, way: WayBack) -> Answer:
    copies = [saved_question(*place.source) for place in way.places if place.kind == "copy"]
    numbers = {
        f"account {database} {number}"
        for place in way.places
        if place.kind == "attributes"
        for database, number in zip(("passwd", "group"), place.owner, strict=True)
    }
    return read(connection, *copies, *sorted(numbers)) if copies or numbers else Answer()


def _resources(way: WayBack, saved: Answer) -> tuple[list[Resource], list[str]]:
    """What was there, as resources, and what can't be brought back."""
    resources: list[Resource] = []
    warnings: list[str] = []
    for place in way.places:
        if place.kind == "absent":
            continue
        resource = _resource(place, way, saved)
        if isinstance(resource, str):
            warnings.append(resource)
        else:
            resources.append(resource)
    resources += [
        Service(
            unit.unit,
            unit.unit,
            way.roles.get(unit.unit, EARLIER),
            reload_holds=way.holds.get(unit.unit, 0),
        )
        for unit in way.units
        if unit.active in RUNNING
    ]
    if way.stays:
        warnings.append(f"what was installed or made stays: {', '.join(dict.fromkeys(way.stays))}")
    return resources, warnings


def _resource(place: Place, way: WayBack, saved: Answer) -> Resource | str:
    role = way.roles.get(place.path, EARLIER)
    if place.kind == "attributes":
        owner, group = (
            saved.accounts.get((database, number), str(number))
            for database, number in zip(("passwd", "group"), place.owner, strict=True)
        )
        return Directory(place.path, role, owner, group, place.mode)
    copy = saved.saved.get(place.source)
    if copy is None:
        raise NotTouched(
            f"the host has not kept what was at {place.path} before transaction {place.source[0]}",
            hint="Somebody removed it from /var/lib/provision/history.",
        )
    if copy.kind == "link":
        return Link(place.path, copy.target, role)
    if copy.kind == "directory":
        return f"{place.path} was a directory before; it is left as it is now"
    if not copy.whole:
        raise NotTouched(
            f"what was at {place.path} is too large to be brought back from here",
            hint=f"On the host: /var/lib/provision/history/{place.source[0]}/saved/{place.source[1]}.",
        )
    secret = place.path in way.sensitive or not copy.mode & 0o004
    return File(place.path, copy.content, role, copy.owner, copy.group, copy.mode, secret)


def _observe(connection: Connection, host: Host, way: WayBack, resources: Sequence[Resource]) -> Observed:
    absent = [Written("file", path, "-", "") for path in _absent_paths(way)]
    units = [Written("service", unit.unit, "-", "") for unit in way.units]
    request = probe.Request([Desired(host, "", tuple(resources))], [*absent, *units])
    answer = connection.run(
        probe.SCRIPT, request.encode(), argv0="provision-read", limit_bytes=probe.ANSWER_LIMIT
    )
    return with_edits(connection, probe.parse(answer.stdout, request), resources)


def _absent_paths(way: WayBack) -> Iterable[str]:
    for place in way.places:
        if place.kind == "absent":
            yield place.path
            yield from place.parents
