"""`provision role list|show`: what roles there are, and everything that one of them declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import Json

if TYPE_CHECKING:
    from provisioner.roles import Roles
    from provisioner.roles.model import Role

app = typer.Typer(no_args_is_help=True, help="The roles there are: built in, and beside the inventory.")


def complete_role(incomplete: str) -> list[str]:
    """Names of roles that go on from what was typed."""
    from provisioner.roles.folders import built_in_folder

    folders = (built_in_folder("roles"), Path("roles"))
    return sorted({file.parent.name for folder in folders for file in folder.glob(f"{incomplete}*/role.yml")})


Beside = Annotated[
    Path,
    typer.Option(
        "--inventory", "-i", metavar="PATH", help="Inventory, or its folder, whose own roles count too."
    ),
]


@app.command("list")
def list_command(beside: Beside = Path(), as_json: Json = False) -> None:
    """List the roles with what each is for."""
    from provisioner.report.roles import list_lines
    from provisioner.report.terminal import standard

    roles = _roles(beside)
    screen = standard()
    if as_json:
        found = {
            name: {"description": role.description, "built_in": role.built_in} for name, role in roles.items()
        }
        screen.document({"format": 1, "command": "role list", "roles": found})
    else:
        screen.result(*list_lines(roles, screen.width))


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A role.", autocompletion=complete_role)],
    beside: Beside = Path(),
    as_json: Json = False,
) -> None:
    """Show a role: its variables with types and defaults, ports, DNS records, files, checks."""
    from provisioner.report.roles import role_lines
    from provisioner.report.terminal import standard
    from provisioner.roles.reference import role_document

    document = role_document(_role(_roles(beside), name))
    screen = standard()
    if as_json:
        screen.document({"format": 1, "command": "role show", "role": document})
    else:
        screen.result(*role_lines(document, screen.width))


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of role.yml, for editors."""
    from provisioner.report.terminal import standard
    from provisioner.roles.format import editor_schema

    standard().document(editor_schema())


def _roles(beside: Path) -> Roles:
    from provisioner.roles import load_roles

    return load_roles(beside if beside.is_dir() else beside.parent)


def _role(roles: Roles, name: str) -> Role:
    from provisioner.errors import InputError
    from provisioner.roles import nearest

    if name not in roles:
        near = nearest(name, roles)
        note = f"did you mean `{near}`?" if near else ""
        raise InputError(f"there is no role `{name}`", note=note, hint="provision role list shows all.")
    return roles[name]
