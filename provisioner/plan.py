"""The difference between what a host shall be and what it is, as an ordered list of changes.

What `plan` prints and what `apply` does are this one value. Pure: the same desired and
observed state give the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from provisioner.drift.edits import annotate, kept
from provisioner.inventory.model import Host
from provisioner.resources import Command, Directory, File, Group, Link, Package, Service, Timer, User
from provisioner.resources.change import Change
from provisioner.resources.observed import LastApplied, Observed, UnitState, Written
from provisioner.roles.model import Desired

CUT_OFF_ROLES = frozenset({"firewall"})
CUT_OFF_PATHS = ("/etc/ssh/", "/etc/network/", "/etc/systemd/network/", "/etc/nftables", "/etc/netplan/")
"""What could cut our own connection when it changes: such a change is confirmed over a new one."""


@dataclass(frozen=True, slots=True)
class ServiceAction:
    """One thing asked of systemd while activating, in order."""

    unit: str
    action: str
    role: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What changes on one host, and all that the transaction needs to do it."""

    desired: Desired
    observed: Observed
    changes: tuple[Change, ...] = ()
    services: tuple[ServiceAction, ...] = ()
    commands: tuple[Command, ...] = ()
    validators: tuple[Command, ...] = ()
    deletes: tuple[str, ...] = ()
    """Paths that earlier transactions wrote and no role brings any more."""
    empties: tuple[str, ...] = ()
    """Directories that go if nothing is in them."""
    written: tuple[Written, ...] | None = None
    """What the host shall remember as ours, where that is not what `desired` brings."""
    bases: tuple[bytes, ...] = ()
    """What roles brought of files that are written with somebody's edit in them."""
    back_to: str = ""
    """For a rollback: the id of the transaction that the host will be as after, or `start`."""
    proof: bytes | None = None
    """For a rollback: what the ports must show; None where `desired` says it."""
    warnings: tuple[str, ...] = ()

    @property
    def host(self) -> Host:
        """The host it is for."""
        return self.desired.host

    @property
    def release(self) -> str:
        """The Debian release, by its code name."""
        return self.desired.release

    @property
    def debian(self) -> str:
        """The Debian version as the host says it: `12.12`."""
        return self.observed.facts.debian

    @property
    def last(self) -> LastApplied | None:
        """What was applied last, when, by whom and from which commit."""
        return self.observed.last

    @property
    def cuts_off(self) -> bool:
        """Whether this could end our own way in, so that a new connection must confirm it."""
        return any(
            change.role in CUT_OFF_ROLES or change.resource.partition(":")[2].startswith(CUT_OFF_PATHS)
            for change in self.changes
        )

    def changed(self, resource_id: str) -> bool:
        """Whether the resource is among the changes."""
        return any(change.resource == resource_id for change in self.changes)


def make_plan(desired: Desired, seen: Observed, keeping: frozenset[str] = frozenset()) -> Plan:
    """Everything that turns `seen` into `desired`, in the order it is done in.

    Of the paths in `keeping` somebody's edit stays: `desired` has it already, or the file is not deleted.
    """
    plain = [
        annotate(change, resource, seen)
        if isinstance(resource, File) and resource.path not in keeping
        else change
        for resource in desired.resources
        if isinstance(resource, Package | Group | User | Directory | File | Link)
        and (change := resource.compare(seen))
    ]
    gone = [
        annotate(change, None, seen)
        for change in _no_longer_brought(desired, seen)
        if change.action != "delete" or change.resource.partition(":")[2] not in keeping
    ]
    touched = {change.resource for change in plain}
    commands = _commands_to_run(desired, seen, touched)
    states = [
        change
        for resource in desired.resources
        if isinstance(resource, Service | Timer)
        for change in resource.compare(seen)
    ]
    kicks = _reloads_and_restarts(desired, seen, touched, commands, (*states, *gone))
    runs = [Change(command.id, "run", command.role) for command in commands]
    changes = (*plain, *gone, *runs, *states, *kicks)
    return Plan(
        desired=desired,
        observed=seen,
        changes=changes,
        services=_service_actions(desired, changes),
        commands=tuple(commands),
        validators=_validators(desired, touched),
        deletes=tuple(c.resource.split(":", 1)[1] for c in gone if not c.resource.startswith("service:")),
    )


def keep_edits(plan: Plan) -> Plan:
    """`plan` with every edit kept that can be: what roles bring is merged into it, nothing edited is deleted.

    What roles bring is remembered as ours all the same, so that the edit shows at the next plan again.
    """
    merged = {
        resource.path: (resource, with_edit)
        for resource in plan.desired.resources
        if isinstance(resource, File)
        and any(change.edited and change.resource == resource.id for change in plan.changes)
        and (with_edit := kept(resource, plan.observed.edits))
    }
    spared = {
        change.resource.partition(":")[2]
        for change in plan.changes
        if change.edited and change.action == "delete"
    }
    if not merged and not spared:
        return plan
    resources = tuple(
        merged[resource.path][1] if isinstance(resource, File) and resource.path in merged else resource
        for resource in plan.desired.resources
    )
    again = make_plan(
        replace(plan.desired, resources=resources), plan.observed, frozenset((*merged, *spared))
    )
    notes = (note for note in plan.observed.written if note.kind == "file" and note.name in spared)
    stays = (f"{path} keeps what was edited on the host" for path in (*merged, *sorted(spared)))
    return replace(
        again,
        written=(*written_after(plan.desired), *notes),
        bases=tuple(file.content for file, _ in merged.values() if again.changed(file.id)),
        warnings=(*plan.warnings, *stays),
    )


def written_after(desired: Desired) -> tuple[Written, ...]:
    """What the host will remember as ours, so that it can be taken away when no role brings it."""
    notes = []
    for resource in desired.resources:
        match resource:
            case File():
                notes.append(Written("file", resource.path, resource.digest, resource.role))
            case Link():
                notes.append(Written("link", resource.path, "-", resource.role))
            case Service():
                notes.append(Written("service", resource.unit, resource.enables, resource.role))
            case Timer():
                notes.append(Written("timer", resource.unit, "-", resource.role))
    return tuple(notes)


def _no_longer_brought(desired: Desired, seen: Observed) -> list[Change]:
    """What we once wrote and no role brings any more. Packages and mailboxes stay."""
    # By path: a link in the place of a file is a change of it, not its end.
    kept = {note.name for note in written_after(desired)}
    gone = []
    for note in seen.written:
        if note.name in kept:
            continue
        why = "no role brings it any more"
        if note.kind in ("service", "timer"):
            if seen.units.get(note.name, UnitState()).active in ("active", "reloading"):
                gone.append(Change(f"service:{note.name}", "stop", note.role, why=why))
        elif note.name in seen.files and seen.files[note.name].kind != "absent":
            gone.append(Change(f"{note.kind}:{note.name}", "delete", note.role, why=why))
    return gone


def _commands_to_run(desired: Desired, seen: Observed, touched: set[str]) -> list[Command]:
    """Commands that a changed file names, or whose guard says there is work."""
    named = {
        (file.role, name)
        for file in desired.resources
        if isinstance(file, File) and file.id in touched
        for name in file.runs
    }
    return [
        command
        for command in desired.resources
        if isinstance(command, Command)
        and command.when == "commit"
        and ((command.role, command.name) in named or (command.guard and command.name not in seen.met))
    ]


def _validators(desired: Desired, touched: set[str]) -> tuple[Command, ...]:
    """The checkers of whatever changes."""
    paths = [resource.split(":", 1)[1] for resource in touched if resource.startswith(("file:", "link:"))]
    return tuple(
        command
        for command in desired.resources
        if isinstance(command, Command)
        and command.when == "validate"
        and any(_covers(pattern, path) for pattern in command.paths for path in paths)
    )


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern) if pattern.endswith("/") else path == pattern


def _reloads_and_restarts(
    desired: Desired, seen: Observed, touched: set[str], commands: Iterable[Command], others: Iterable[Change]
) -> list[Change]:
    """Each service once: restarted, or else reloaded, when what it reads changed or it missed a change.

    `others` are starts, and deletions: what a role read before, its services have to let go of.
    """
    starting = {change.resource for change in others if change.action == "start"}
    smaller = {change.role for change in others if change.action == "delete"}
    ran = set(commands)
    kicks = []
    for service in desired.resources:
        if not isinstance(service, Service) or not service.running or service.id in starting:
            continue
        unit = seen.units.get(service.unit, UnitState())
        wants_restart = ""
        wants_reload = "-" if service.role in smaller else ""
        for source in desired.resources:
            if isinstance(source, File | Link):
                fresh = source.id in touched
                lost = "runs an older configuration than its files say"
                changed = seen.files[source.path].changed if source.path in seen.files else 0.0
                if service.name in source.restart and (fresh or changed > unit.started > 0):
                    wants_restart = wants_restart or ("-" if fresh else lost)
                if service.name in source.reload and (fresh or changed > unit.state_changed > 0):
                    wants_reload = wants_reload or ("-" if fresh else lost)
            elif isinstance(source, Command) and source in ran:
                wants_restart = wants_restart or ("-" if service.name in source.restart else "")
                wants_reload = wants_reload or ("-" if service.name in source.reload else "")
        if wants_restart or (wants_reload and not service.can_reload):
            why = (wants_restart or wants_reload).strip("-")
            kicks.append(Change(service.id, "restart", service.role, why=why))
        elif wants_reload:
            why = wants_reload.strip("-")
            kicks.append(Change(service.id, "reload", service.role, why=why, holds=service.reload_holds))
    return kicks


def _service_actions(desired: Desired, changes: Iterable[Change]) -> tuple[ServiceAction, ...]:
    """The changes of services as words for systemd: stops first, then each service in role order."""
    by_resource: dict[str, list[Change]] = {}
    for change in changes:
        by_resource.setdefault(change.resource, []).append(change)
    actions = [
        ServiceAction(change.resource.split(":", 1)[1], action, change.role)
        for change in changes
        if change.action == "stop" and change.why
        for action in ("stop", "disable")
    ]
    for resource in desired.resources:
        for change in by_resource.get(resource.id, ()):
            if isinstance(resource, Timer):
                actions += [
                    ServiceAction(resource.unit, action, resource.role) for action in ("enable", "restart")
                ]
            elif isinstance(resource, Service):
                unit = resource.enables if change.action in ("enable", "disable") else resource.unit
                # A package that starts its service itself was held back; `restart` starts it and
                # also takes up what was written since, should it run already.
                action = "restart" if change.action == "start" else change.action
                actions.append(ServiceAction(unit, action, resource.role))
    return tuple(actions)
