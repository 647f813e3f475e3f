"""One run of plan or apply: calls the engine, hands what it returns to the report, knows the exit code."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli.edited import HINT, Edits, keep_what_can_be, leave_out_edited
from provisioner.cli.interrupt import ending_at_once, finishing
from provisioner.errors import AnswerIsNo, Interrupted, ProvisionError

if TYPE_CHECKING:
    from rich.text import Text

    from provisioner.apply import HostOutcome, Planned, Run
    from provisioner.plan import Plan
    from provisioner.prepare import Prepared
    from provisioner.report.live import Live
    from provisioner.report.redact import Redaction
    from provisioner.report.terminal import Terminal
    from provisioner.rollout import Share
    from provisioner.verify.result import HostReport

PENDING = AnswerIsNo.exit_code


@dataclass(frozen=True, slots=True)
class Connecting:
    """What the command line says about reaching hosts."""

    timeout: float
    ssh_key: Path | None
    known_hosts: Path | None
    trust_on_first_use: bool
    forks: int
    force: bool


@dataclass(frozen=True, slots=True)
class Rolling:
    """What the command line says about many hosts, and about hosts that somebody else is at work on."""

    lock_timeout: int = 60
    ignore_lock: bool = False
    serial: tuple[Share, ...] = ()
    max_fail: Share | None = None
    atomic: bool = False


class ChangeRun:
    """One run of plan or apply: calls the engine, hands what it returns to the report."""

    planning, changing = "plan", "apply"
    """What the commands are called in JSON."""
    hint = HINT
    """What to do where somebody edited what would be overwritten."""

    def __init__(
        self,
        prepared: Prepared,
        connecting: Connecting,
        *,
        as_json: bool,
        verbose: int,
        edits: Edits | None = None,
        rolling: Rolling | None = None,
    ) -> None:
        """Nothing is contacted yet."""
        from provisioner.report.live import Live
        from provisioner.report.terminal import standard

        self.started = time.monotonic()
        self.screen: Terminal = standard()
        self.prepared = prepared
        self.as_json = as_json
        self.verbose = verbose
        self.edits = edits or Edits()
        self.hosts = [one.host for one in prepared.candidates]
        self.live: Live = Live(self.screen, [host.name for host in self.hosts], quiet=verbose > 0)
        self.run = self._run(connecting, rolling or Rolling())

    def plan(self) -> int:
        """Show the plan; the exit code."""
        planned = self.planned()
        self._show_plan(planned)
        return _code_of_plan(planned)

    def planned(self) -> list[Planned]:
        """Every host's plan. Changes nothing, and leaves no connection open."""
        from provisioner.apply import close

        planned = self._read(mend=False)
        if self.edits.keep:
            keep_what_can_be(planned)
        close(planned)
        return planned

    def apply(self, yes: bool, verify: bool | None) -> int:
        """Ask, change, verify and report; the exit code. `verify`: all hosts, none, or those that changed."""
        from provisioner.apply import apply_hosts, close, exit_code
        from provisioner.cli.prepare import keep
        from provisioner.report.apply import note_lines

        # Mending an unfinished transaction is a change too: not where this can only end as a plan.
        planned = self._read(mend=yes or self.screen.interactive)
        if self.edits.keep:
            keep_what_can_be(planned)
        self.screen.progress(*note_lines(planned, self.screen.err.width, warnings=yes))
        changing = [one for one in planned if one.plan is not None and one.plan.changes]
        if changing and not yes:
            if not self.screen.interactive:
                close(planned)
                self._show_plan(planned)
                self.screen.progress("Not applied: nobody can be asked here. --yes applies without asking.")
                return _code_of_plan(planned)
            self.screen.progress(*self.plan_lines(planned))
            if not self._ask(len(changing)):
                close(planned)
                self.screen.progress("Not applied.")
                if self.as_json:
                    self._show_plan(planned)
                return _code_of_plan(planned)
            self.started = time.monotonic()
        if not self.edits.overwrite:
            asked = self._confirm if changing and not yes else lambda _question: False
            leave_out_edited(planned, asked, self.hint)
        keep(self.prepared.secrets)
        with self.live, finishing(self.run.stop, self.live):
            outcomes = apply_hosts(planned, self.run)
        elapsed = time.monotonic() - self.started
        if not self.as_json:
            self._show_outcomes(outcomes, elapsed)
        reports = [] if self.run.stop.no_more.is_set() else self._verify(outcomes, verify)
        if self.as_json:
            self._print_document(planned, outcomes, reports, elapsed)
        if self.run.stop.no_more.is_set():
            return Interrupted.exit_code
        return max([exit_code(outcomes), *(report.exit_code for report in reports)])

    def _verify(self, outcomes: Sequence[HostOutcome], wanted: bool | None) -> Sequence[HostReport]:
        from provisioner.cli.verify import run_verification, show

        fit = ("unchanged", "changed") if wanted else ("changed",)
        names = {one.host for one in outcomes if one.status in fit and wanted is not False}
        if not names:
            return []
        some = [one for one in self.prepared.candidates if one.host.name in names]
        began = time.monotonic()
        prepared = replace(self.prepared, candidates=tuple(some))
        reports = run_verification(prepared, self.run.options, self.run.forks, self.screen, self.live)
        if not self.as_json:
            self.screen.result("")
            show(reports, self.screen, time.monotonic() - began, as_json=False, verbose=self.verbose > 0)
        return reports

    def _read(self, mend: bool) -> list[Planned]:
        from provisioner.apply import plan_hosts

        if not self.hosts:
            without = len(self.prepared.without_roles)
            self.screen.progress(
                f"None of {without} hosts has a role, so there is nothing to do." if without else "No hosts.",
                "Say what they are for: `roles: [mail_server]` under `vars`. provision role list shows all.",
            )
        with self.live, ending_at_once(self.live):
            return plan_hosts(self.prepared.candidates, self.run, mend=mend)

    def _run(self, connecting: Connecting, rolling: Rolling) -> Run:
        from provisioner.apply import Run
        from provisioner.cli.asking import Asking
        from provisioner.git import author, inventory_revision
        from provisioner.hosts.bundle import new_id
        from provisioner.hosts.settings import ConnectionOptions

        folder = self.prepared.inventory.folder
        asking = Asking(self.screen, self.live.paused) if self.screen.interactive else None
        revision = inventory_revision(folder)
        return Run(
            folder,
            ConnectionOptions(
                timeout=connecting.timeout,
                ssh_key=connecting.ssh_key,
                known_hosts=connecting.known_hosts,
                trust_on_first_use=connecting.trust_on_first_use,
                ask_password=asking.password if asking else None,
                confirm_host_key=asking.confirm if asking else None,
            ),
            forks=connecting.forks,
            report=self.live,
            who=revision.who if revision else author(folder),
            commit=revision.commit if revision else "",
            clean=revision.clean if revision else True,
            force=connecting.force,
            lock_timeout=rolling.lock_timeout,
            ignore_lock=rolling.ignore_lock,
            serial=rolling.serial,
            max_fail=rolling.max_fail,
            atomic=rolling.atomic,
            id=new_id(),
        )

    def _ask(self, hosts: int) -> bool:
        from provisioner.report.layout import counted

        return self._confirm(f"Apply these changes to {counted(hosts, 'host')}?")

    def _confirm(self, question: str) -> bool:
        from provisioner.cli.asking import Asking

        return Asking(self.screen).confirm(question)

    def plan_lines(self, planned: Sequence[Planned]) -> list[Text]:
        """The plan as `plan` shows it."""
        from provisioner.cli.errors import shortest_name
        from provisioner.cli.origin import origin_of
        from provisioner.report.plan import View, plan_lines

        view = View(width=self.screen.width, whole=self.verbose > 0, trace=origin_of, name=shortest_name)
        return plan_lines(self._results(planned), view)

    def _show_plan(self, planned: Sequence[Planned]) -> None:
        if not self.as_json:
            self.screen.result(*self.plan_lines(planned))
            return
        self.screen.document(self.plan_document(planned))

    def plan_document(self, planned: Sequence[Planned]) -> dict[str, object]:
        """The plan as `plan --json` prints it."""
        from provisioner.report.json_output import document, planned_host

        results = self._results(planned)
        hosts = {
            one.host.name: planned_host(results[one.host.name], one.seconds, one.round_trips)
            for one in planned
        }
        return document(self.planning, hosts, time.monotonic() - self.started)

    def _show_outcomes(self, outcomes: Sequence[HostOutcome], elapsed: float) -> None:
        from provisioner.cli.errors import shortest_name
        from provisioner.report.apply import outcome_lines, totals, way_back

        self.screen.result(*outcome_lines(outcomes, self.screen.width, shortest_name))
        self.screen.result(
            *way_back(
                totals(outcomes, elapsed),
                outcomes,
                shortest_name(self.prepared.inventory.path),
                self.screen.width,
            )
        )

    def _print_document(
        self,
        planned: Sequence[Planned],
        outcomes: Sequence[HostOutcome],
        reports: Sequence[HostReport],
        elapsed: float,
    ) -> None:
        from provisioner.report.json_output import applied_host, document
        from provisioner.report.verify import host_document

        redact = self._redaction()
        verified = {report.host: {"verify": host_document(report)} for report in reports}
        warnings = {one.host.name: one.plan.warnings for one in planned if one.plan is not None}
        hosts = {
            one.host: applied_host(replace(one, changes=redact(one.changes)), warnings.get(one.host, ()))
            | verified.get(one.host, {})
            for one in outcomes
        }
        self.screen.document(document(self.changing, hosts, elapsed))

    def _results(self, planned: Sequence[Planned]) -> Mapping[str, Plan | ProvisionError]:
        """Each host's plan, without secrets, or why there is none; in the inventory's order."""

        redact = self._redaction()
        results: dict[str, Plan | ProvisionError] = {}
        for one in planned:
            if one.plan is not None:
                changes = redact(one.plan.changes)
                results[one.host.name] = replace(one.plan, changes=changes)
            elif one.error is not None:
                results[one.host.name] = one.error
        return results

    def _redaction(self) -> Redaction:
        from provisioner.report.redact import Redaction

        return Redaction(self.prepared.secrets.texts().union(*(host.secret_texts for host in self.hosts)))


def _code_of_plan(planned: Sequence[Planned]) -> int:
    """The highest code that applies: 3 where changes are pending, 5 where a host could not be read."""
    return max(
        (
            one.error.exit_code if one.error is not None else PENDING if one.plan and one.plan.changes else 0
            for one in planned
        ),
        default=0,
    )
