"""The pytest plugin that runs checks on a host: fixtures `host`, `variables`, `desired`, and results.

A role's checks run on each host that has the role; the user's own tests on every host, or on those
that `testinfra_hosts = ["mx*", "a_group"]` in the file names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from testinfra.host import Host

from provisioner.roles.model import Desired
from provisioner.verify.backend import Backend
from provisioner.verify.job import USER_TESTS, Job
from provisioner.verify.result import Check

MESSAGE_CHARACTERS = 2000
EVIDENCE_LINES = 12
LOADING_LINES = 4
_BACKEND = re.compile(r"^(ansible|paramiko|ssh|safe-ssh)://")


class Plugin:
    """Runs `job`; `send` is called with each check as it ends."""

    def __init__(self, job: Job, channel: Connection, send: Callable[[Check], None]) -> None:
        """`channel` is the way for commands."""
        self._desired = job.desired
        self._send = send
        self._folders = job.folders()
        self._host = Host(Backend(job.desired.host.name, channel))
        self._ids: dict[str, tuple[str, str]] = {}
        self._seconds: dict[str, float] = {}
        self._reports: dict[str, pytest.TestReport] = {}

    # --- fixtures

    @pytest.fixture(scope="session")
    def host(self) -> Host:
        """testinfra's host, over our own connection."""
        return self._host

    @pytest.fixture(scope="session")
    def variables(self) -> Mapping[str, object]:
        """The host's variables, those of its roles with their defaults filled in."""
        return {**self._desired.host.variables, **self._desired.variables}

    @pytest.fixture(scope="session")
    def desired(self) -> Desired:
        """Everything the host shall be: `desired.ports`, `desired.resources` …"""
        return self._desired

    # --- which test, under which id

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop what is for other hosts, and give each check its id."""
        items[:] = [item for item in items if self._is_meant(item)]
        taken: Counter[str] = Counter()
        for item in items:
            role = self._role_of(item.path)
            check_id = _id(role, item, whole=role == USER_TESTS)
            taken[check_id] += 1
            self._ids[item.nodeid] = role, _id(role, item, whole=True) if taken[check_id] > 1 else check_id

    def _is_meant(self, item: pytest.Item) -> bool:
        module = item.getparent(pytest.Module)
        wanted = getattr(module.obj, "testinfra_hosts", None) if module is not None else None
        if not isinstance(wanted, Sequence) or isinstance(wanted, str):
            return True
        names = (self._desired.host.name, "all", *self._desired.host.groups)
        plain = [_BACKEND.sub("", pattern) for pattern in wanted if isinstance(pattern, str)]
        return any(fnmatchcase(name, pattern) for pattern in plain for name in names)

    def _role_of(self, path: Path) -> str:
        roles = (role for folder, role in self._folders.items() if path.is_relative_to(folder))
        return next(roles, USER_TESTS)

    # --- what came of it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Three reports for each test, setup, call and teardown: the worst of them counts."""
        name = report.nodeid
        self._seconds[name] = self._seconds.get(name, 0.0) + report.duration
        kept = self._reports.get(name)
        if kept is None or report.failed or (report.skipped and not kept.failed):
            self._reports[name] = report
        if report.when == "teardown" and name in self._ids:
            check = _check(*self._ids[name], self._reports.pop(name))
            self._send(replace(check, seconds=self._seconds.pop(name)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that can't be loaded is a failed check, and so is one that says why it is skipped."""
        if report.passed:
            return
        path = Path(str(report.fspath))
        role = self._role_of(path if path.is_absolute() else Path.cwd() / path)
        outcome = "skipped" if report.skipped else "fail"
        if isinstance(report.longrepr, tuple):
            lines: tuple[str, ...] = (report.longrepr[2].removeprefix("Skipped: "),)
        else:
            lines = tuple(line.removeprefix("E   ") for line in _lines(report.longreprtext))
        why = lines[-1] if lines else "no reason given"
        message = why if report.skipped else f"{path.name} can't be loaded: {why}"
        name = f"{role}.{path.stem.removeprefix('test_')}"
        self._send(Check(name, role, outcome, message, lines[-LOADING_LINES:-1]))


def _id(role: str, item: pytest.Item, *, whole: bool) -> str:
    """`role.test_name`; with `whole`, the file's name between them."""
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    file = [item.path.stem.removeprefix("test_")] if whole else []
    return ".".join((role, *file, *classes, item.name))


def _check(role: str, check_id: str, report: pytest.TestReport) -> Check:
    known = getattr(report, "wasxfail", None)
    if known is not None and not report.failed:
        said = f"known to fail: {known}" if known else "known to fail"
        return Check(check_id, role, "skipped" if report.skipped else "pass", said)
    if report.passed:
        return Check(check_id, role, "pass")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return Check(check_id, role, "skipped", reason.removeprefix("Skipped: ")[:MESSAGE_CHARACTERS])
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = _lines(crash.message if crash is not None else report.longreprtext)
    first = lines[0].removeprefix("AssertionError: ") if lines else "failed"
    if report.when != "call":
        first = f"{report.when} failed: {first}"
    place = (f"at {Path(crash.path).name}:{crash.lineno}",) if crash is not None else ()
    return Check(check_id, role, "fail", first, (*lines[1:EVIDENCE_LINES], *place))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text[: MESSAGE_CHARACTERS * 4].splitlines() if line.strip())
