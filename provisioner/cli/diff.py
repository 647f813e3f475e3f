"""`provision diff`: what changes between git revisions in the rendered files of each host."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from provisioner.cli.options import InventoryPath, Json, Limit, VaultId, VaultPasswordFile
from provisioner.cli.render import Release, known_release

if TYPE_CHECKING:
    from provisioner.report.diff import Trace
    from provisioner.revisions import Comparison


class Format(StrEnum):
    """How the comparison is written."""

    text = "text"
    markdown = "markdown"
    json = "json"


def diff_command(
    inventory: InventoryPath,
    before: Annotated[
        str, typer.Argument(metavar="REV", help="A commit, branch or tag; by default the last commit.")
    ] = "HEAD",
    after: Annotated[
        str | None,
        typer.Argument(metavar="REV", help="What to compare it with; by default the work tree."),
    ] = None,
    release: Release = None,
    format_: Annotated[
        Format, typer.Option("--format", help="Markdown is for a comment on a proposal.")
    ] = Format.text,
    limit: Limit = None,
    as_json: Json = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Show what changes between git revisions, without a connection and without a key.

    Both are rendered here; a change that many hosts share is shown once. What is on the hosts
    now is plan's business. Exits 0 whether something changes or not.
    """
    from provisioner.cli.asking import vault_passwords
    from provisioner.report.revisions import comparison_document, comparison_lines, comparison_markdown
    from provisioner.report.terminal import standard
    from provisioner.revisions import compare_revisions

    known_release(release)
    comparison = compare_revisions(
        inventory,
        before,
        after,
        limit=limit,
        vault=vault_passwords(vault_password_file, vault_id),
        release=release,
    )
    screen = standard()
    if as_json or format_ is Format.json:
        screen.document(comparison_document(comparison))
    elif format_ is Format.markdown:
        screen.result(comparison_markdown(comparison))
    else:
        screen.result(*comparison_lines(comparison, screen.width, lambda host: _trace_on(comparison, host)))


def _trace_on(comparison: Comparison, name: str) -> Trace:
    """For lines of files on a host: the line of the inventory in the work tree that made them."""
    from provisioner.cli.errors import shortest_name
    from provisioner.roles import trace

    host = comparison.after_hosts.get(name)

    def source(line: str) -> str:
        found = trace(line, host) if host is not None else None
        if found is None:
            return ""
        path, place = found
        return f"{shortest_name(place.file)}:{place.line} {path[0]}"

    return source
