"""What differs between two renderings of an inventory: which resource, how, and on which hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from provisioner.rendering import Offline
from provisioner.resources import Command, File, Link, Resource
from provisioner.roles.model import RELEASES, Desired


@dataclass(frozen=True, slots=True)
class Difference:
    """One change of one resource, the same on `hosts`."""

    resource: str
    """`file:/etc/postfix/main.cf`, as in the JSON of plan."""
    action: str
    """`create`, `update` or `delete`."""
    role: str
    hosts: tuple[str, ...]
    releases: tuple[str, ...] = ()
    """The Debian releases it is for, where it is not for all that were rendered."""
    diff: str = ""
    """Unified diff; empty for a sensitive file and for what is no file."""
    details: tuple[str, ...] = ()
    """Changes of owner, mode and other properties: `mode 0644 → 0600`."""
    sensitive: bool = False
    effects: tuple[str, ...] = ()
    """What takes the change up: `reload postfix`, `restart dovecot`."""


def differences(old: Offline | None, new: Offline | None, release: str | None = None) -> list[Difference]:
    """What differs between two renderings, the same change on several hosts once."""
    single: dict[Difference, list[str]] = {}
    for host, found in _by_host(old, new, release):
        for difference in found:
            single.setdefault(difference, []).append(host)
    return [replace(difference, hosts=tuple(hosts)) for difference, hosts in single.items()]


def _by_host(
    old: Offline | None, new: Offline | None, release: str | None
) -> Iterator[tuple[str, list[Difference]]]:
    before = {one.host.name: one.by_release for one in old.hosts} if old else {}
    after = {one.host.name: one.by_release for one in new.hosts} if new else {}
    for host in dict.fromkeys((*after, *before)):
        was, shall = before.get(host, {}), after.get(host, {})
        releases = _releases(was, shall, release)
        found: dict[Difference, list[str]] = {}
        for one in releases:
            sides = [state[one].resources if one in state else () for state in (was, shall)]
            for difference in compare_resources(*sides):
                found.setdefault(difference, []).append(one)
        yield (
            host,
            [
                difference if len(on) == len(releases) else replace(difference, releases=tuple(on))
                for difference, on in found.items()
            ],
        )


def _releases(was: Mapping[str, Desired], shall: Mapping[str, Desired], release: str | None) -> list[str]:
    """What to compare: the releases that both sides fit; of a host on one side only, the newest."""
    both = was.keys() & shall.keys()
    known = both or {*sorted(was, key=RELEASES.index)[-1:], *sorted(shall, key=RELEASES.index)[-1:]}
    if release is not None:
        known = {*was, *shall} & {release}
    return sorted(known, key=RELEASES.index)


def compare_resources(before: Iterable[Resource], after: Iterable[Resource]) -> list[Difference]:
    """What differs between two lists of resources, in the order of the second; `hosts` is left empty."""
    was = {resource.id: resource for resource in before}
    shall = {resource.id: resource for resource in after}
    found = [_difference(was.get(name), resource) for name, resource in shall.items()]
    found += [_difference(resource, None) for name, resource in was.items() if name not in shall]
    return [difference for difference in found if difference is not None]


def _difference(before: Resource | None, after: Resource | None) -> Difference | None:
    one = after or before
    if one is None or before == after:
        return None
    action = "update" if before and after else "create" if after else "delete"
    sensitive = any(isinstance(side, File) and side.sensitive for side in (before, after))
    diff = "" if sensitive else _content_diff(before, after)
    details = _details(before, after) if before and after else ()
    if isinstance(before, File) and isinstance(after, File) and before.content != after.content and not diff:
        hidden = _content_diff(before, after)
        changed = sum(line[:1] in "+-" for line in hidden.split("\n")[2:] if line)
        details = (
            f"{changed} lines added or removed, not shown" if hidden else "the last line's end",
            *details,
        )
    if action == "update" and not diff and not details:
        return None
    return Difference(one.id, action, one.role, (), (), diff, details, sensitive, _effects(one))


def _effects(resource: Resource) -> tuple[str, ...]:
    if not isinstance(resource, File | Link | Command):
        return ()
    verbs = (("reload", resource.reload), ("restart", resource.restart))
    return tuple(f"{verb} {name}" for verb, names in verbs for name in names)


def _content_diff(before: Resource | None, after: Resource | None) -> str:
    path = next((side.path for side in (after, before) if isinstance(side, File)), "")
    old, new = _lines(before), _lines(after)
    names = (f"a{path}" if before else "/dev/null", f"b{path}" if after else "/dev/null")
    lines = unified_diff(old, new, *names, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _lines(resource: Resource | None) -> Sequence[str]:
    if not isinstance(resource, File):
        return []
    return resource.content.decode("utf-8", "replace").split("\n")[
        : -1 if resource.content.endswith(b"\n") else None
    ]


_SHOWN = (
    "owner", "group", "mode", "target", "unit", "enabled", "running", "argv", "uid", "gid", "home", "shell",
    "groups", "timeout", "guard", "allow", "paths",
)  # fmt: skip
"""Properties of resources that are told when they change, besides the content of files."""


def _details(before: Resource, after: Resource) -> tuple[str, ...]:
    """Properties that changed, apart from the content and from what takes it up."""
    changed = []
    for name in _SHOWN:
        was, shall = getattr(before, name, None), getattr(after, name, None)
        if was != shall:
            changed.append(f"{name} {_property(name, was)} → {_property(name, shall)}")
    return tuple(changed)


def _property(name: str, value: object) -> str:
    if name == "mode" and isinstance(value, int):
        return f"{value:04o}"
    if isinstance(value, tuple):
        return " ".join(str(item) for item in value) or "none"
    return str(value)
