"""The resources of several roles on one host: the same thing twice is one, a contradiction is a mistake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioner.errors import InputError, Location
from provisioner.resources import Command, Directory, File, Link, Resource, User


def merged(
    resources: Iterable[tuple[Resource, Location]],
) -> tuple[tuple[Resource, ...], list[InputError]]:
    """`resources` in their order, each id and each path once; and what contradicts each other.

    Each comes with the place that declares it.

    Two declarations of a thing agree when they differ in nothing but the role and in what takes
    the thing up; then the first stays and takes up what both name.
    """
    found: dict[str, Resource] = {}
    contradictions: list[InputError] = []
    for resource, place in resources:
        key = _key(resource)
        first = found.get(key)
        if first is None:
            found[key] = resource
        elif _bare(first) == _bare(resource):
            found[key] = _taken_up_by_both(first, resource)
        else:
            contradictions.append(_contradiction(first, resource, place))
    return tuple(found.values()), contradictions


def _key(resource: Resource) -> str:
    return resource.path if isinstance(resource, File | Directory | Link) else resource.id


def _bare(resource: Resource) -> Resource:
    if isinstance(resource, File):
        return replace(resource, role="", reload=(), restart=(), runs=(), template="", sensitive=False)
    if isinstance(resource, Link | Command):
        return replace(resource, role="", reload=(), restart=())
    if isinstance(resource, User):
        return replace(resource, role="", groups=())
    return replace(resource, role="")


def _taken_up_by_both(first: Resource, second: Resource) -> Resource:
    def both(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*getattr(first, name), *getattr(second, name))))

    if isinstance(first, File) and isinstance(second, File):
        sensitive = first.sensitive or second.sensitive
        return replace(
            first, reload=both("reload"), restart=both("restart"), runs=both("runs"), sensitive=sensitive
        )
    if isinstance(first, Link | Command):
        return replace(first, reload=both("reload"), restart=both("restart"))
    if isinstance(first, User):
        return replace(first, groups=both("groups"))
    return first


def _contradiction(first: Resource, second: Resource, place: Location) -> InputError:
    what = second.id if first.id == second.id else f"{first.id} and {second.id}"
    if first.role == second.role:
        message = f"role {first.role} declares {what} twice, and differently"
    else:
        message = f"roles {first.role} and {second.role} declare {what}, and differently"
    return InputError(message, where=place, hint="Leave it to one of them, or make both say the same.")
