"""What the second exchange sends: the manifest of a transaction and the new files, as one tar."""

from __future__ import annotations

import secrets
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from io import BytesIO

from provisioner.hosts.probe import encode_record
from provisioner.hosts.wire import line
from provisioner.plan import Plan, written_after
from provisioner.resources import Command, Directory, File, Group, Link, Package, Resource, Service, User
from provisioner.resources.observed import ABSENT

SCRIPT = files("provisioner.hosts").joinpath("transaction.sh").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Meta:
    """Who changes what, from where: kept on the host with the transaction."""

    id: str
    when: datetime
    who: str
    commit: str = ""
    clean: bool = True
    back_to: str = ""
    """For a rollback: the id of the transaction that the host is as after, or `start`."""
    proof: bytes = b""
    """What the ports must show, for a rollback that comes back to this one."""


def new_id(when: datetime | None = None) -> str:
    """An id that sorts by time, to the millisecond: `20261124T230411-123f9a1c`."""
    at = when or datetime.now(UTC)
    return f"{at:%Y%m%dT%H%M%S}-{at.microsecond // 1000:03d}{secrets.token_hex(2)}"


def bundle(
    plan: Plan,
    meta: Meta,
    *,
    lock_timeout: int = 60,
    deadline: int = 120,
    together: int = 0,
    ignore_hold: bool = False,
) -> bytes:
    """The tar that the runner works from.

    `lock_timeout` and `deadline` are seconds: how long it waits for another transaction, and for
    the word of the control machine before it puts everything back. `together`, if not 0: how long it
    then waits for the other hosts of the run. `ignore_hold`: go on although a person holds the host.
    """
    contents = [r for r in _changed(plan) if isinstance(r, File)]
    manifest = "".join(_manifest(plan, meta, contents, lock_timeout, deadline))
    manifest += line("together", together) if together else ""
    manifest += "" if ignore_hold else line("heeds-holds", meta.who or "unknown")
    members = {
        "manifest": manifest.encode(),
        "record": encode_record(written_after(plan.desired) if plan.written is None else plan.written),
        "meta": _meta(meta).encode(),
        **({"proof": meta.proof} if meta.proof else {}),
        "transaction.sh": SCRIPT.encode(),
        **{f"new/{number}": file.content for number, file in enumerate(contents, 1)},
        **{f"base/{number}": content for number, content in enumerate(plan.bases, 1)},
    }
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, BytesIO(content))
    return buffer.getvalue()


def _meta(meta: Meta) -> str:
    return (
        f"id {meta.id}\nwhen {int(meta.when.timestamp())}\n"
        + line("who", meta.who or "unknown")
        + line("commit", meta.commit or "=")
        + line("clean", "yes" if meta.clean else "no")
        + (line("back-to", meta.back_to) if meta.back_to else "")
    )


def _changed(plan: Plan) -> list[Resource]:
    touched = {change.resource for change in plan.changes}
    return [resource for resource in plan.desired.resources if resource.id in touched]


def _manifest(
    plan: Plan, meta: Meta, contents: list[File], lock_timeout: int, deadline: int
) -> Iterable[str]:
    yield line("id", meta.id)
    yield line("holder", f"{meta.who or 'unknown'} since {meta.when:%Y-%m-%d %H:%M} UTC")
    yield line("lock-timeout", lock_timeout)
    yield line("deadline", deadline)
    yield line("cutoff", "yes" if plan.cuts_off else "no")
    numbers = {file.path: number for number, file in enumerate(contents, 1)}
    # What has an edit in it is not what the record says that roles brought; a rollback has to know it.
    brought = {(note.name, note.digest) for note in plan.written or ()}
    edits = {(file.path, file.digest) for file in contents if plan.written is not None} - brought
    for resource in _changed(plan):
        match resource:
            case Package():
                yield line("package", resource.name)
                if resource.warm_up:
                    yield line("warm-up", resource.name, *resource.warm_up)
            case Group():
                yield line("group", resource.name, _or_dash(resource.gid))
            case User():
                yield _user(resource)
            case Directory():
                yield line("directory", resource.path, resource.owner, resource.group, f"{resource.mode:04o}")
            case File():
                number = numbers[resource.path]
                mode = f"{resource.mode:04o}"
                yield line("file", resource.path, number, resource.owner, resource.group, mode)
                yield _expectation(plan, resource.path)
                if resource.sensitive:
                    yield line("sensitive", resource.path)
                if (resource.path, resource.digest) in edits:
                    yield line("edit", resource.path, resource.digest)
            case Link():
                yield line("link", resource.path, resource.target)
                yield _expectation(plan, resource.path)
    for path in plan.deletes:
        yield line("delete", path)
    for path in plan.empties:
        yield line("rmdir", path)
    for validator in plan.validators:
        yield line("validator", validator.name, validator.timeout, *validator.argv)
        for pattern in validator.allow:
            yield line("allow", validator.name, pattern)
    for command in plan.commands:
        yield line("command", command.name, command.timeout, *command.argv)
        # What has no guard ran for a changed file, and can run again for an earlier one.
        if command.guard is None or any(
            command.name in file.runs and command.role == file.role for file in contents
        ):
            yield line("again", command.name)
    if any(file.path.startswith("/etc/systemd/system/") for file in contents) or plan.deletes:
        yield line("daemon-reload", "yes")
    for unit in dict.fromkeys(action.unit for action in plan.services):
        yield line("unit", unit)
    for service in plan.desired.resources:
        if isinstance(service, Service) and service.running:
            yield line("watch", service.unit)
            if service.reload_holds:
                yield line("holds", service.unit, service.reload_holds)
    for role in dict.fromkeys(resource.role for resource in (*plan.services, *plan.desired.resources)):
        yield from _activation(plan, role)


def _activation(plan: Plan, role: str) -> Iterable[str]:
    """One role's services, then what proves them: the next role may lean on it."""
    for action in plan.services:
        if action.role == role:
            yield line("service", action.unit, action.action)
    for proof in plan.desired.resources:
        if isinstance(proof, Command) and proof.when == "prove" and proof.role == role:
            yield line("prove", proof.name, proof.timeout, *proof.argv)


def _or_dash(number: int | None) -> str:
    return "=" if number is None else str(number)


def _user(user: User) -> str:
    groups = ",".join(user.groups) or "="
    return line("user", user.name, _or_dash(user.uid), user.group or "=", groups, user.home, user.shell)


def _expectation(plan: Plan, path: str) -> str:
    """What the plan saw at a path: the transaction stops where that is no longer so.

    Not for a path that a package of this same transaction may bring: its defaults are ours to replace.
    """
    state = plan.observed.files.get(path, ABSENT)
    if state.kind == "absent" and any(change.action == "install" for change in plan.changes):
        return ""
    return line(
        "expect", path, state.digest if state.kind == "file" else state.kind.replace("directory", "other")
    )
