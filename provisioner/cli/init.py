"""`provision init`: begin a repository for mail servers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Forge(StrEnum):
    """Whose CI the workflow is for."""

    github = "github"
    gitlab = "gitlab"
    forgejo = "forgejo"


def init_command(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; by default here.", show_default=False)
    ] = Path(),
    ci: Annotated[
        Forge | None,
        typer.Option("--ci", help="Add a workflow that plans proposals, applies merges.", show_default=False),
    ] = None,
) -> None:
    """Start a git repository for mail servers: inventory, key for secrets, README, CI workflow.

    Nothing that is there is overwritten; running it again adds what is missing.
    """
    from provisioner.report.terminal import standard
    from provisioner.starter import start
    from provisioner.starter.content import installed_from

    started = start(folder, ci.value if ci else "")
    screen = standard()
    screen.result(*(f"wrote  {folder / path}" for path in started.written))
    screen.result(*(f"kept   {folder / path}, which was there" for path in started.kept))
    if started.notice:
        screen.progress(started.notice)
    if started.git != "committed":
        screen.progress(f"Not committed: {started.why}.")
    if ci and not installed_from():
        screen.progress("Say in the workflow where `provision` is to be installed from (PROVISION_SOURCE).")
    screen.progress(f"Now edit {folder / 'inventory.yml'}; README.md beside it says how to go on.")
