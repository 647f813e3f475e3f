"""What a rollback changes: the way back set against what is there now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provisioner.drift.edits import annotate
from provisioner.history.way_back import Unit, WayBack
from provisioner.inventory.model import Host
from provisioner.plan import Plan, ServiceAction
from provisioner.resources import Directory, File, Link, Resource
from provisioner.resources.change import Change
from provisioner.resources.observed import Observed, UnitState
from provisioner.roles.model import Desired

RUNNING = ("active", "reloading", "activating")
EARLIER = "earlier"
"""What the plan files a path under whose role is not known any more."""
SYSTEMD = {"start": "restart"}
"""Words for systemd where they are not those of the plan: a restart also takes up what was written since."""


def make_plan(host: Host, way: WayBack, resources: Sequence[Resource], seen: Observed) -> Plan:
    """What brings the host, as it is `seen`, back. Pure."""
    shown = [_unshown(resource, seen) for resource in resources]
    changes = [
        _edit_of(change, resource, seen, way) if isinstance(resource, File) else change
        for resource in shown
        if isinstance(resource, File | Link | Directory) and (change := resource.compare(seen))
    ]
    deletes, empties = _gone(way, seen)
    changes += [
        _edit_of(
            Change(f"{seen.files[path].kind}:{path}", "delete", _role(way, path), why="was not there before"),
            None,
            seen,
            way,
        )
        for path in deletes
    ]
    changes += [
        Change(f"directory:{path}", "delete", _role(way, path), why="goes if nothing is in it")
        for path in empties
    ]
    files = bool(changes)
    commands = way.commands if files else ()
    changes += [Change(command.id, "run", EARLIER) for command in commands]
    services = _service_changes(way, seen, files)
    changes += services
    return Plan(
        desired=Desired(host, seen.facts.release, (*shown, *way.proves)),
        observed=seen,
        changes=tuple(changes),
        services=tuple(
            ServiceAction(
                change.resource.split(":", 1)[1], SYSTEMD.get(change.action, change.action), EARLIER
            )
            for change in services
        ),
        commands=commands,
        validators=way.validators if files else (),
        deletes=tuple(deletes),
        empties=tuple(empties),
        written=way.written,
        back_to=way.to,
        proof=way.proof,
    )


def _edit_of(change: Change, wanted: File | None, seen: Observed, way: WayBack) -> Change:
    """`change` with what is known of an edit; a rollback brings what was, and merges nothing into it."""
    said = annotate(change, wanted, seen)
    path = change.resource.partition(":")[2]
    if said.edited is None or (path, seen.files[path].digest) in way.edits:
        return change
    return replace(said, edited=replace(said.edited, merged="", mergeable=False, inventory=()))


def _role(way: WayBack, path: str) -> str:
    return way.roles.get(path, EARLIER)


def _unshown(resource: Resource, seen: Observed) -> Resource:
    """A file that not everybody may read on the host is not shown here either."""
    if isinstance(resource, File) and resource.path in seen.files:
        state = seen.files[resource.path]
        if state.kind == "file" and not state.mode & 0o004:
            return replace(resource, sensitive=True)
    return resource


def _gone(way: WayBack, seen: Observed) -> tuple[list[str], list[str]]:
    """Paths that go, and directories that go if they are empty, the innermost first."""
    deletes = []
    empties: dict[str, None] = {}
    for place in way.places:
        if place.kind != "absent":
            continue
        kind = seen.files[place.path].kind
        if kind == "directory":
            empties[place.path] = None
        elif kind != "absent":
            deletes.append(place.path)
        empties.update(dict.fromkeys(p for p in place.parents if seen.files[p].kind == "directory"))
    return deletes, sorted(empties, key=len, reverse=True)


def _service_changes(way: WayBack, seen: Observed, files: bool) -> list[Change]:
    """What services are told: stops first; what ran goes on running, with its files taken up."""
    stops: list[Change] = []
    others: list[Change] = []
    for unit in way.units:
        for action in _actions(unit, seen.units.get(unit.unit, UnitState()), files):
            to = stops if action in ("stop", "disable") else others
            holds = way.holds.get(unit.unit, 0) if action == "reload" else 0
            role = _role(way, unit.unit)
            to.append(Change(f"service:{unit.unit}", action, role, holds=holds))  # type: ignore[arg-type]
    return [*stops, *others]


def _actions(unit: Unit, now: UnitState, files: bool) -> Iterable[str]:
    if unit.active not in RUNNING and now.active in RUNNING:
        yield "stop"
    if unit.enabled != "enabled" and now.enabled == "enabled":
        yield "disable"
    if unit.enabled == "enabled" and now.enabled != "enabled":
        yield "enable"
    if unit.active in RUNNING and now.active not in RUNNING:
        yield "start"
    elif unit.active in RUNNING and files:
        yield from [action for action in ("restart", "reload") if action in unit.actions][:1]
