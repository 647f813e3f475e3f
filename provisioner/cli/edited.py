"""What apply does about files that somebody edited on a host: ask, keep, overwrite, or leave the host out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.errors import EditedOnHost

if TYPE_CHECKING:
    from provisioner.apply import Planned

KeepEdits = Annotated[
    bool,
    typer.Option(
        "--keep-edits",
        help="Keep what was edited on a host, merged with what is wanted, where the two do not conflict.",
    ),
]
OverwriteEdits = Annotated[
    bool,
    typer.Option("--overwrite-edits", help="Overwrite what was edited on a host; its history keeps it."),
]

HINT = (
    "plan shows the edit. --keep-edits keeps it where nothing conflicts, --overwrite-edits replaces it; "
    "the history of the host keeps it in either case."
)
HINT_OF_ROLLBACK = (
    "--check shows the edit. --overwrite-edits replaces it; the history of the host keeps it all the same."
)


@dataclass(frozen=True, slots=True)
class Edits:
    """What the command line says about them; both: keep what can be kept, overwrite the rest."""

    keep: bool = False
    overwrite: bool = False


def keep_what_can_be(planned: Sequence[Planned]) -> None:
    """Make each plan one that keeps edits."""
    from provisioner.plan import keep_edits

    for one in planned:
        if one.plan is not None:
            one.plan = keep_edits(one.plan)


def leave_out_edited(planned: Sequence[Planned], agreed: Callable[[str], bool], hint: str = HINT) -> None:
    """Leave out hosts where an edit would be lost, unless `agreed` says yes to the question that it gets."""
    found = {one.host.name: paths for one in planned if (paths := _edited(one))}
    if not found or agreed(_question(found)):
        return
    for one in planned:
        if one.host.name in found:
            paths = found[one.host.name]
            one.error = EditedOnHost(
                f"{_listed(paths)} {'was' if len(paths) == 1 else 'were'} edited on the host",
                hint=hint,
            )


def _edited(one: Planned) -> list[str]:
    changes = one.plan.changes if one.plan is not None and one.error is None else ()
    return [change.resource.partition(":")[2] for change in changes if change.edited is not None]


def _question(found: dict[str, list[str]]) -> str:
    from provisioner.report.layout import names

    paths = list(dict.fromkeys(path for some in found.values() for path in some))
    return f"Overwrite what was edited on {names(list(found))}: {_listed(paths)}?"


def _listed(paths: Sequence[str]) -> str:
    from provisioner.report.layout import names

    return names(paths)
