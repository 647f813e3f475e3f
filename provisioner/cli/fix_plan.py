"""`provision audit --fix-plan`: the change to the inventory that ends what is wrong, and its plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli.audit_options import Format
from provisioner.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from provisioner.apply import Planned
    from provisioner.audit.finding import Finding
    from provisioner.audit.judgement import Judgement
    from provisioner.audit.mending import Mended
    from provisioner.cli.audit_targets import Named
    from provisioner.cli.change import ChangeRun, Connecting
    from provisioner.prepare import Prepared


class FixPlan:
    """What would end the findings of one audit. Changes nothing: neither the inventory nor a host."""

    def __init__(self, mended: Mended, prepared: Prepared, connecting: Connecting, *, verbose: int) -> None:
        """Reads every host and plans it as if the inventory had the edits."""
        from provisioner.apply import candidates
        from provisioner.cli.change import ChangeRun

        self.mended = mended
        hosts = {host.name: host for host in mended.hosts}
        as_edited = candidates(
            [hosts[one.host.name] for one in prepared.candidates], prepared.roles, prepared.secrets
        )
        self._work: ChangeRun = ChangeRun(
            replace(prepared, candidates=tuple(as_edited)), connecting, as_json=False, verbose=verbose
        )
        self._planned: list[Planned] = self._work.planned()

    def left(self) -> list[Finding]:
        """What is wrong on servers of ours and neither an edit nor the plan ends."""
        from provisioner.audit.mending import concerns, mended_by

        plans = [one.plan for one in self._planned if one.plan is not None]
        return [
            finding
            for judgement in self.mended.judgements
            for finding in judgement.wrong
            if not finding.inventory
            and not any(
                concerns(judgement.target, finding.subject, plan.host) and mended_by(plan, finding)
                for plan in plans
            )
        ]

    def lines(self, width: int) -> list[Text]:
        """For a terminal."""
        from rich.text import Text

        from provisioner.report.audit_fix_plan import edit_lines, left_lines

        return [
            *edit_lines(self.mended.edits, width),
            Text(),
            Text("Then apply would do this" if self.mended.edits else "Apply would do this", "bold"),
            Text(),
            *self._work.plan_lines(self._planned),
            *left_lines(self.left(), width),
        ]

    def document(self) -> dict[str, object]:
        """For `--json`."""
        from provisioner.report.audit_fix_plan import fix_plan_document

        return fix_plan_document(self.mended.edits, self._work.plan_document(self._planned), self.left())


def mended_by_edits(judgements: Sequence[Judgement], inventories: Sequence[Prepared]) -> Mended:
    """The judgements, with the changes to the inventories that end what is wrong on their servers."""
    from provisioner.audit.mending import mend

    return mend(judgements, [one.host for prepared in inventories for one in prepared.candidates])


def refuse_without_inventory(named: Named, form: Format, output: Path | None) -> None:
    """Raises `InputError` where there is nothing to plan, or no place to show it."""
    if len(named.inventories) != 1:
        raise InputError(
            f"--fix-plan needs one inventory, and {len(named.inventories) or 'none'} was named",
            hint="For a server that has none, provision adopt USER@HOST writes one.",
        )
    if output is None and form not in (Format.table, Format.json):
        raise InputError(
            f"a report in {form} has no place for a plan",
            hint="--output FILE writes the report and prints the plan; --json has both.",
        )
