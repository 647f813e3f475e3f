"""What is wrong with the variables of an inventory's hosts, seen from their roles; all of it at once.

Judged are hosts that have roles, and of their variables those that a role declares, and names that
look like one: they begin with the name of one of the host's roles, or are one slip from one of its
variables. All other variables are the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from provisioner.errors import InputError, Location
from provisioner.inventory.model import Host, Inventory
from provisioner.mail.domains import Mail
from provisioner.roles.known_names import unknown_names
from provisioner.roles.loading import Roles, in_order
from provisioner.roles.mistakes import schema_mistakes
from provisioner.roles.model import RELEASES, Role, Variable
from provisioner.roles.names import is_one_slip, nearest

_WORD = re.compile(r"[A-Za-z_]\w*")


def check_hosts(inventory: Inventory, roles: Roles) -> list[InputError]:
    """Every mistake in the roles and role variables of the inventory's hosts, in the order of lines.

    What several hosts share is said once, with their names.
    """
    found: dict[tuple[str, Location | None], tuple[InputError, list[str]]] = {}
    referred = _Referred(inventory)
    for host in inventory.hosts:
        for mistake in _of_host(host, roles, referred):
            key = (mistake.message, mistake.where)
            found.setdefault(key, (mistake, []))[1].append(host.name)
    return in_order(_for_hosts(mistake, names) for mistake, names in found.values())


class _WrongValue(InputError):
    """A wrong value: the hosts belong behind its name, before what is wrong with it."""

    def __init__(self, name: str, what: str, *, where: Location | None, note: str) -> None:
        super().__init__(f"{name}: {what}", where=where, note=note)
        self.name, self.what = name, what


class _AboutMail(InputError):
    """A mistake in `mail_domains`, which says itself what it is about: an address."""


def said_once(names: list[str]) -> str:
    """Names of hosts for a sentence: `mx1, mx2 and 14 more`."""
    if len(names) <= 3:
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{names[0]}, {names[1]} and {len(names) - 2} more"


def _for_hosts(mistake: InputError, names: list[str]) -> InputError:
    if isinstance(mistake, _AboutMail):
        return mistake
    hosts = said_once(names)
    message = f"{mistake.message} for {hosts}"
    if isinstance(mistake, _WrongValue):
        message = f"`{mistake.name}` for {hosts}: {mistake.what}"
    return InputError(message, where=mistake.where, hint=mistake.hint, note=mistake.note)


def _of_host(host: Host, roles: Roles, referred: _Referred) -> Iterator[InputError]:
    if (wrong_list := host.unresolved.get("roles")) is not None:
        yield wrong_list
    known = []
    for index, name in enumerate(host.roles):
        if name in roles:
            known.append(name)
            continue
        near = nearest(name, roles)
        note = f"did you mean `{near}`?" if near else f"there are: {', '.join(roles)}"
        where = host.role_places[index] if host.role_places else host.origins.find(("roles", index))
        yield InputError(f"unknown role `{name}`", where=where, note=note)
    if not known:
        return
    own = roles.with_required(tuple(known))
    yield from _unresolved(host, own)
    yield from _wrong_names(host, own, roles, referred)
    for role in own:
        for variable in role.variables.values():
            yield from _wrong_value(host, role, variable)
    yield from _located_names(host, own)
    if any(role.name == "mail" for role in own):
        weak = host.variables.get("mail_weak_hashes") is True
        for mistake in Mail.mistakes(host.variables.get("mail_domains"), weak_hashes=weak):
            where = host.origins.find(mistake.path)
            yield _AboutMail(mistake.message, where=where, note=mistake.note, hint=mistake.hint)


def _unresolved(host: Host, own: tuple[Role, ...]) -> Iterator[InputError]:
    declared = {name for role in own for name in role.variables}
    yield from (error for name, error in host.unresolved.items() if name in declared)


def _located_names(host: Host, own: tuple[Role, ...]) -> Iterator[InputError]:
    for mistake in unknown_names(host, own, RELEASES):
        message = mistake.message.removesuffix(f" (for {host.name})")
        yield InputError(message, where=mistake.where, note=mistake.note)


def _wrong_names(
    host: Host, own: tuple[Role, ...], roles: Roles, referred: _Referred
) -> Iterator[InputError]:
    right = {name for role in own for name in role.variables}
    anyones = {name for role in roles.values() for name in role.variables}
    for name in dict.fromkeys((*host.variables, *host.unresolved)):
        if name in anyones or name.startswith("ansible_"):
            continue
        claimed = any(name.startswith(f"{role.name}_") for role in own)
        slip = next((variable for variable in sorted(right) if is_one_slip(name, variable)), None)
        if not claimed and (slip is None or name in referred):
            continue
        near = slip or nearest(name, sorted(right))
        note = f"did you mean `{near}`?" if near else "no role of this host has a variable of that name"
        where = _with_width(host.origins.find((name,)), name)
        yield InputError(f"unknown variable `{name}`", where=where, note=note)


def _with_width(where: Location | None, name: str) -> Location | None:
    if where is None or where.width > 1:
        return where
    return Location(where.file, where.line, where.column, len(name))


def _wrong_value(host: Host, role: Role, variable: Variable) -> Iterator[InputError]:
    name = variable.name
    if name not in host.variables:
        if variable.required and name not in host.unresolved:
            yield InputError(
                f"role {role.name} needs `{name}`, which is not set",
                where=host.origins.find(("roles",)),
                hint=variable.doc.split("\n")[0],
            )
        return
    value = host.variables[name]
    for mistake in schema_mistakes(value, variable.schema, partial(_is_secret, host.secret_texts)):
        shown = mistake.path[:-1] if mistake.message.startswith("unknown key") else mistake.path
        way = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in shown)
        where = host.origins.find((name, *mistake.path))
        yield _WrongValue(f"{name}{way}", mistake.message, where=where, note=mistake.note)


def _is_secret(secrets: frozenset[str], value: object) -> bool:
    return isinstance(value, str | int | float) and str(value) in secrets


class _Referred:
    """Names that templates in the inventory's values, or beside it, refer to; read when first asked."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._words: set[str] | None = None

    def __contains__(self, name: str) -> bool:
        if self._words is None:
            self._words = set(self._all())
        return name in self._words

    def _all(self) -> Iterator[str]:
        for host in self._inventory.hosts:
            for text in _templated(host.raw.values()):
                yield from _WORD.findall(text)
        for folder in ("templates", "roles"):
            for file in sorted((self._inventory.folder / folder).rglob("*")):
                if file.is_file() and file.stat().st_size < 1 << 20:
                    yield from _WORD.findall(file.read_text(encoding="utf-8", errors="replace"))


def _templated(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            if "{{" in value or "{%" in value:
                yield value
        elif isinstance(value, Mapping):
            yield from _templated(value.values())
        elif isinstance(value, list | tuple):
            yield from _templated(value)
