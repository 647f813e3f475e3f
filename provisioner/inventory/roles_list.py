"""`roles: [mail_server]`: what is deployed on a host, added up over its groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from provisioner.errors import InputError, Location
from provisioner.inventory.values import Written, place


def names_of_roles(
    written: Iterable[Written], resolve: Callable[[Written], object]
) -> tuple[dict[str, Location], list[InputError]]:
    """The roles of all the lists, each once, in order, with their places; and what is wrong."""
    roles: dict[str, Location] = {}
    mistakes: list[InputError] = []
    for one in written:
        try:
            value = resolve(one)
        except InputError as error:
            mistakes.append(error)
            continue
        if value is None:
            continue
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            note = "write it as [mail_server]"
            mistakes.append(InputError("`roles` must be a list of names", where=one.where, note=note))
            continue
        for number, name in enumerate(value):
            roles.setdefault(name, _place(one, number))
    return roles, mistakes


def _place(written: Written, number: int) -> Location:
    inside = (written.mark.inside if written.mark else None) or {}
    return place(written.file, inside.get(number, written.mark))
