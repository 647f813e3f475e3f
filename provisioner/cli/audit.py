"""`provision audit`: judge mail servers and domains, and compare two reports."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from provisioner.cli.audit_options import (
    AnswerTimeout,
    Authorities,
    Checks,
    Connections,
    Everything,
    FailOn,
    FixPlanToo,
    Format,
    Intrusive,
    Message,
    Output,
    OutsideOnly,
    ReportFormat,
    Selectors,
    TargetForks,
    Targets,
    Threshold,
    TimeLimit,
    User,
)
from provisioner.cli.options import (
    DEFAULT_TIMEOUT,
    Json,
    KnownHosts,
    Limit,
    ReachNetworks,
    Resolver,
    SshKey,
    TrustOnFirstUse,
    VaultId,
    VaultPasswordFile,
)
from provisioner.errors import AnswerIsNo, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.audit.case import Asked, Run
    from provisioner.audit.finding import Severity
    from provisioner.audit.judgement import Judgement
    from provisioner.audit.outside import Auditable
    from provisioner.cli.audit_targets import Named, Ways
    from provisioner.report.terminal import Terminal

INTRUSIVE = (
    "Some checks do what an attacker would try: mail from and to strangers (up to RCPT), messages to"
    " postmaster with false ends, commands hidden before TLS, VRFY, and wrong logins. Where that is logged"
    " or counted, it shows; a ban for this machine's address may follow. Run them against {} too?"
)


def audit_command(
    targets: Targets,
    format_: ReportFormat = None,
    output: Output = None,
    fail_on: Threshold = FailOn.high,
    check: Checks = None,
    outside_only: OutsideOnly = False,
    fix_plan: FixPlanToo = False,
    intrusive: Intrusive = None,
    user: User = "",
    selector: Selectors = None,
    message: Message = None,
    authorities: Authorities = None,
    reach: ReachNetworks = None,
    resolver: Resolver = None,
    timeout: AnswerTimeout = DEFAULT_TIMEOUT,
    time_limit: TimeLimit = 90.0,
    connections: Connections = 4,
    forks: TargetForks = 25,
    limit: Limit = None,
    ssh_key: SshKey = None,
    known_hosts: KnownHosts = None,
    trust_on_first_use: TrustOnFirstUse = False,
    as_json: Json = False,
    verbose: Everything = False,
    vault_password_file: VaultPasswordFile = None,
    vault_id: VaultId = None,
) -> None:
    """Judge mail domains and servers, ours or not, from outside and from inside. Changes nothing.

    A domain is judged by its records and by every port of every server they lead to; a host by its
    ports; USER@HOST and the hosts of an inventory also from inside, as root. `provision audit diff
    OLD.json NEW.json` compares two reports. With --fix-plan, what is wrong on servers of an inventory
    comes with the change that ends it, and with the plan of applying that. Exits 3 where something is
    wrong that is as severe as --fail-on, 5 where a target could not be audited.
    """
    from provisioner.audit.case import Asked
    from provisioner.audit.catalogue import chosen
    from provisioner.cli.audit_report import chosen_form, compare_reports, put_report
    from provisioner.cli.audit_targets import Ways
    from provisioner.cli.change import Connecting
    from provisioner.cli.fix_plan import FixPlan, mended_by_edits, refuse_without_inventory
    from provisioner.cli.target import connection_options
    from provisioner.report.terminal import standard

    screen = standard()
    form = Format.json if as_json else format_
    if targets[0] == "diff":
        raise typer.Exit(compare_reports(targets[1:], screen, form, output))
    form, output = chosen_form(form, output)
    asked = Asked(
        timeout=timeout,
        target_seconds=time_limit,
        user=user,
        selectors=tuple(selector or ()),
        message=_read(message, "message") if message else None,
        authorities=_text(_read(authorities, "file of authorities")) if authorities else None,
        blocklist_keys=_blocklist_keys(),
        checks=chosen(check or ()),
    )
    began = time.monotonic()
    logins = None if outside_only else connection_options(timeout, ssh_key, known_hosts, trust_on_first_use)
    ways = Ways(logins, limit, vault_password_file, vault_id)
    run, named = _run(targets, asked, screen, intrusive, (resolver, reach, connections), ways)
    if fix_plan:
        refuse_without_inventory(named, form, output)
    mended = mended_by_edits(_audited(named.targets, run, forks, screen), named.inventories)
    connecting = Connecting(timeout, ssh_key, known_hosts, trust_on_first_use, forks, force=True)
    fixes = FixPlan(mended, named.inventories[0], connecting, verbose=verbose) if fix_plan else None
    threshold, elapsed = _severity(fail_on), time.monotonic() - began
    put_report(mended.judgements, elapsed, form, output, threshold, screen, verbose=verbose, fixes=fixes)
    raise typer.Exit(exit_code(mended.judgements, threshold))


def _blocklist_keys() -> dict[str, str]:
    import os

    from provisioner.blocklists.keys import read_keys
    from provisioner.blocklists.lists import known_lists

    return read_keys({one.key for one in known_lists() if one.key}, os.environ)


def exit_code(judgements: Sequence[Judgement], threshold: Severity | None) -> int:
    """The highest that applies: a target that could not be audited, something wrong, nothing."""
    codes = [error.exit_code for judgement in judgements for error in judgement.errors]
    codes += [AnswerIsNo.exit_code for judgement in judgements if judgement.reaches(threshold)]
    return max(codes, default=0)


def _severity(fail_on: FailOn) -> Severity | None:
    from provisioner.audit.finding import Severity

    return None if fail_on is FailOn.none else Severity(fail_on.value)


def _text(pem: bytes) -> str:
    return pem.decode("ascii", "replace")


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the {what} {path} can't be read: {error.strerror}") from None


def _run(
    targets: list[str],
    asked: Asked,
    screen: Terminal,
    intrusive: bool | None,
    network: tuple[str | None, list[str] | None, int],
    ways: Ways,
) -> tuple[Run, Named]:
    """The run, and everything it audits; the question about intrusive checks is asked here, once."""
    from provisioner.audit.case import Run
    from provisioner.audit.catalogue import OUTSIDE
    from provisioner.audit.gate import Gate
    from provisioner.audit.outside import HostTarget
    from provisioner.audit.targets import AddressTarget
    from provisioner.cli.audit_targets import named_targets
    from provisioner.dns.reach import Reach
    from provisioner.dns.resolver import BUDGET
    from provisioner.dns.resolver import Resolver as Dns

    server, networks, connections = network
    seconds = min(asked.timeout, 5.0)
    told = named_targets(targets, Dns(server, seconds=seconds), ways)
    if not asked.wants(*OUTSIDE):  # a domain has no inside
        hosts: list[Auditable] = [target for target in told.targets if isinstance(target, HostTarget)]
        told = replace(told, targets=hosts or told.targets)
    found = told.targets
    dns = Dns(server, seconds=seconds, budget=BUDGET + 300 * len(found))
    named = [target.address for target in found if isinstance(target, AddressTarget)]
    named += [address for target in found if isinstance(target, HostTarget) for address in target.addresses]
    asked = replace(asked, intrusive=_intrusive(intrusive, found, asked, screen))
    gate = Gate(at_once=connections, timeout=asked.timeout)
    return Run(asked, dns, Reach(networks or (), named), gate), told


def _intrusive(told: bool | None, targets: Sequence[Auditable], asked: Asked, screen: Terminal) -> bool:
    from provisioner.audit.catalogue import INTRUSIVE as TRIED
    from provisioner.cli.asking import Asking
    from provisioner.report.layout import names

    if told is not None or not screen.interactive or not asked.wants(*{check.area for check in TRIED}):
        return bool(told)
    return Asking(screen).confirm(INTRUSIVE.format(names([target.text for target in targets])))


def _audited(targets: Sequence[Auditable], run: Run, forks: int, screen: Terminal) -> list[Judgement]:
    from provisioner.audit.outside import audit_all
    from provisioner.report.audit_findings import verdict
    from provisioner.report.escape import escape
    from provisioner.report.layout import seconds

    def report(target: str, judgement: Judgement) -> None:
        if len(targets) > 1:
            screen.progress(f"{escape(target)}   {verdict(judgement)}   {seconds(judgement.seconds)}")

    if len(targets) == 1:
        screen.progress(f"Auditing {escape(targets[0].text)} …")
    return audit_all(targets, run, forks, report)
