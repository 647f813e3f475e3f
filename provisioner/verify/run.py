"""Verify many hosts: connect, run the checks on them and reach their ports, all side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from provisioner.errors import InputError, NotTouched, ProvisionError
from provisioner.hosts.connection import Connection, ConnectionOptions, connect, connection_settings
from provisioner.inventory.model import Host
from provisioner.roles.model import Desired
from provisioner.verify.addresses import SCRIPT, parse_place, ways_to
from provisioner.verify.checks import Workers
from provisioner.verify.expectations import expectations, patient
from provisioner.verify.job import USER_TESTS, Job
from provisioner.verify.outside import port_checks, reach_ports
from provisioner.verify.result import Check, HostReport
from provisioner.verify.shell import Shell

PORTS_MORE_SECONDS = 10.0
"""How much longer than one conversation those of one host may take, which are held at the same time."""
SECRET = "<secret>"  # noqa: S105 (what stands where a secret was)
SHORTEST_SECRET = 4


class Subject(Protocol):
    """A host and what it shall be on each release; see `provisioner.apply.Candidates`."""

    @property
    def host(self) -> Host:
        """The host."""
        ...

    @property
    def by_release(self) -> Mapping[str, Desired]:
        """Release → what it shall be there."""
        ...


Report = Callable[[str, str, str], None]
"""Called with a host's name, a step and its detail: a number of checks so far, or with the last step,
`done`, what came of them."""


@dataclass(frozen=True)
class Verifying:
    """What is the same for every host of one run."""

    folder: Path
    """The inventory's folder; `tests/` in it are the user's own."""
    options: ConnectionOptions
    forks: int = 50
    report: Report = lambda _host, _step, _detail: None
    secrets: frozenset[str] = frozenset()
    """Texts that no message may hold."""

    @property
    def tests(self) -> Path | None:
        """The folder of the user's own tests, where there is one."""
        folder = (self.folder / USER_TESTS).absolute()
        return folder if folder.is_dir() else None


def verify_hosts(subjects: Sequence[Subject], run: Verifying) -> list[HostReport]:
    """Verify every host; the reports are in the order of `subjects`. Changes nothing."""
    if not subjects:
        return []
    with (
        ThreadPoolExecutor(min(run.forks, len(subjects)), thread_name_prefix="host") as pool,
        Workers(len(subjects)) as workers,  # ended first: an interrupted run waits for no test
    ):
        return list(pool.map(lambda subject: _verify_host(subject, run, workers), subjects))


def _verify_host(subject: Subject, run: Verifying, workers: Workers) -> HostReport:
    started = time.monotonic()
    name = subject.host.name
    try:
        run.report(name, "connecting", "")
        with connect(connection_settings(subject.host, run.options, run.folder)) as connection:
            report = _verify_connected(subject, run, workers, connection)
    except ProvisionError as error:
        report = HostReport(name, error=error)
    except OSError as error:
        report = HostReport(name, error=NotTouched(f"{name}: {error.strerror or error}"))
    report = replace(_without_secrets(report, run.secrets), seconds=time.monotonic() - started)
    run.report(name, "done", _in_short(report))
    return report


def _in_short(report: HostReport) -> str:
    if report.error is not None:
        return "✗ not verified"
    whole, failed = len(report.checks), len(report.failed)
    return f"✗ {failed} of {whole} checks failed" if failed else f"✓ {whole} checks"


def _verify_connected(
    subject: Subject, run: Verifying, workers: Workers, connection: Connection
) -> HostReport:
    name = subject.host.name
    checks: list[Check] = []
    with Shell(connection) as shell:
        place = parse_place(shell.run(SCRIPT.encode()).stdout.decode("utf-8", "replace"))
        desired = _desired(subject, place.release)
        ways = ways_to(connection.settings.address, place.addresses)
        ports = [port for port in desired.ports if port.public and port.protocol != "ssh"]
        expect = patient(expectations(desired, settled=True), run.options.timeout)
        limit = expect.seconds + PORTS_MORE_SECONDS
        run.report(name, "verifying", "")
        with ThreadPoolExecutor(1, thread_name_prefix="outside") as beside:
            outside = beside.submit(reach_ports, ports, expect, ways, connection, limit)
            workers.run(Job(desired, run.tests), shell, _counting(name, run.report, checks))
            results = outside.result()
    return HostReport(name, (*port_checks(results), *checks), results)


def _desired(subject: Subject, release: str) -> Desired:
    found = subject.by_release.get(release)
    if found is not None:
        return found
    known = " or ".join(subject.by_release)
    raise InputError(
        f"{subject.host.name} runs {release or 'an unknown system'}, but its roles are for {known}",
        where=subject.host.origins.find(("debian_release",)),
    )


def _counting(name: str, report: Report, checks: list[Check]) -> Callable[[Check], None]:
    lock = threading.Lock()

    def take(check: Check) -> None:
        with lock:
            checks.append(check)
            report(name, "verifying", str(len(checks)))

    return take


def _without_secrets(report: HostReport, secrets: frozenset[str]) -> HostReport:
    """The same report, with every secret text in it replaced."""
    lines = {line.strip() for text in secrets for line in text.splitlines()}
    telling = sorted((line for line in lines if len(line) >= SHORTEST_SECRET), key=len, reverse=True)
    if not telling:
        return report

    def clean(text: str) -> str:
        for line in telling:
            text = text.replace(line, SECRET)
        return text

    def clean_all(texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(clean, texts))

    return replace(
        report,
        checks=tuple(
            replace(check, message=clean(check.message), evidence=clean_all(check.evidence))
            for check in report.checks
        ),
        ports=tuple(
            replace(
                port,
                outcome=clean(port.outcome),
                evidence=clean_all(port.evidence),
                transcript=clean_all(port.transcript),
            )
            for port in report.ports
        ),
    )
