"""Read roles from their folders and check each against the format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from provisioner.errors import InputError, Location, Mistakes
from provisioner.resources import Resource
from provisioner.roles.consistency import inner_mistakes, variable_mistakes, wrong_references
from provisioner.roles.document import Document, read_document
from provisioner.roles.folders import built_in_folder, file_inside
from provisioner.roles.format import ROLE, choose
from provisioner.roles.mistakes import schema_mistakes
from provisioner.roles.model import RELEASES, Role, Variable
from provisioner.roles.templates import Templates

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Roles(Mapping[str, Role]):
    """All roles that an inventory may name, and the templates that they share."""

    def __init__(self, roles: Mapping[str, Role], inventory_folder: Path, templates: Templates) -> None:
        """`inventory_folder` is where roles, templates and files beside the inventory lie."""
        self._roles = dict(roles)
        self.inventory_folder = inventory_folder
        self.templates = templates
        self._shared: dict[Resource, Resource] = {}

    def shared(self, resource: Resource) -> Resource:
        """`resource`, or an equal one of another host: a thousand hosts then keep most files once."""
        return self._shared.setdefault(resource, resource)

    def __getitem__(self, name: str) -> Role:
        """The role of that name; KeyError where there is none."""
        return self._roles[name]

    def __iter__(self) -> Iterator[str]:
        """Names, sorted."""
        return iter(sorted(self._roles))

    def __len__(self) -> int:
        """How many roles there are."""
        return len(self._roles)

    def with_required(self, names: tuple[str, ...]) -> tuple[Role, ...]:
        """The named roles and those they require, required ones first, each once. Names must exist."""
        found: dict[str, Role] = {}

        def visit(name: str) -> None:
            if name not in found:
                for required in self._roles[name].requires:
                    visit(required)
                found[name] = self._roles[name]

        for name in names:
            visit(name)
        return tuple(found.values())


def load_roles(inventory_folder: Path) -> Roles:
    """The built-in roles and those in `roles/` beside the inventory, where a name of theirs wins.

    A folder without role.yml (a role of Ansible's, say) is none of ours. Raises Mistakes with all
    that is wrong in any of them.
    """
    beside = inventory_folder / "roles"
    built_in = built_in_folder("roles")
    folders = {folder.name: folder for root in (built_in, beside) for folder in _role_folders(root)}
    roles: dict[str, Role] = {}
    mistakes: list[InputError] = []
    for name, folder in sorted(folders.items()):
        try:
            roles[name] = read_role(folder, built_in=folder.parent == built_in)
        except Mistakes as error:
            mistakes.extend(error.mistakes)
        except InputError as error:
            mistakes.append(error)
    mistakes.extend(wrong_references(roles, set(folders)))
    if mistakes:
        raise Mistakes(in_order(mistakes))
    return Roles(roles, inventory_folder, Templates(inventory_folder))


def _role_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [folder for folder in root.iterdir() if (folder / "role.yml").is_file()]


def read_role(folder: Path, *, built_in: bool = True) -> Role:
    """Read and check one role. Raises Mistakes with everything wrong in its role.yml."""
    file = file_inside(folder, "role.yml", folder)
    if not _NAME.fullmatch(folder.name):
        raise InputError(
            f"`{folder.name}` can't be the name of a role",
            where=Location(str(file)),
            hint="Variables begin with it, so it is made of small letters, digits and `_`.",
        )
    document = read_document(file)
    if not isinstance(document.value, Mapping):
        raise InputError("a role is a mapping that begins with `description:`", where=document.locate(()))
    declared = {release: cast("Mapping[str, Any]", choose(document.value, release)) for release in RELEASES}
    if mistakes := _format_mistakes(document, declared):
        raise Mistakes(in_order(mistakes))
    top = declared[RELEASES[-1]]
    role = Role(
        name=folder.name,
        folder=folder,
        document=document,
        description=str(top["description"]).strip(),
        doc=str(top.get("doc", "")).strip(),
        requires=tuple(top.get("requires", ())),
        variables={name: _variable(name, spec) for name, spec in top.get("variables", {}).items()},
        names=dict(top.get("names", {})),
        declared=declared,
        built_in=built_in,
    )
    if mistakes := [*variable_mistakes(role), *inner_mistakes(role)]:
        raise Mistakes(in_order(mistakes))
    return role


def in_order(mistakes: Iterable[InputError]) -> list[InputError]:
    """Each mistake once, in the order of files and lines; those without a place come last."""
    once = {(mistake.message, mistake.where): mistake for mistake in mistakes}.values()

    def place(mistake: InputError) -> tuple[bool, str, int, int]:
        where = mistake.where
        return (
            where is None,
            where.file if where else "",
            (where and where.line) or 0,
            (where and where.column) or 0,
        )

    return sorted(once, key=place)


def _variable(name: str, spec: Mapping[str, Any]) -> Variable:
    return Variable(
        name=name,
        schema=spec["schema"],
        default=spec.get("default"),
        required=spec.get("required", False),
        doc=str(spec["doc"]).strip(),
        example=spec.get("example"),
    )


def _format_mistakes(document: Document, declared: Mapping[str, Mapping[str, Any]]) -> list[InputError]:
    found: dict[tuple[object, str], InputError] = {}
    for release in RELEASES:
        for mistake in schema_mistakes(declared[release], ROLE):
            where = document.locate(mistake.path, (release,))
            what = ".".join(str(step) for step in mistake.path[-2:])
            message = (
                mistake.message if mistake.message.startswith("unknown") else f"{what}: {mistake.message}"
            )
            found.setdefault(
                (where, message), InputError(message.removeprefix(": "), where=where, note=mistake.note)
            )
    return list(found.values())
