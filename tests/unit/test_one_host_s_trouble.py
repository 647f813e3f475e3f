"""A defect met on one host is that host's outcome, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.apply import Candidates, Run, apply_hosts, exit_code, plan_hosts
from provisioner.errors import Defect, NotTouched
from provisioner.hosts.connection import ConnectionOptions
from provisioner.inventory.model import Host


def host(name: str, **variables: object) -> Candidates:
    nowhere = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "root"}
    return Candidates(Host(name, {**nowhere, **variables}, {}), {})


def test_the_others_are_still_reported(tmp_path: Path) -> None:
    run = Run(tmp_path, ConnectionOptions(timeout=2, ssh_config=None, system_ssh_config=None, agent=False))
    broken = host("mx1")
    object.__setattr__(broken.host, "variables", None)  # what no inventory gives: the program trips over it

    first, second = apply_hosts(plan_hosts([broken, host("mx2")], run), run)

    assert isinstance(first.error, Defect) and first.status == "failed"
    assert "AttributeError" in first.error.message or "TypeError" in first.error.message
    assert isinstance(second.error, NotTouched) and second.status == "unreachable"
    assert exit_code([first]) == 1 and exit_code([first, second]) == 5


def test_a_traceback_is_to_be_had_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_DEBUG", "1")
    broken = host("mx1")
    object.__setattr__(broken.host, "variables", None)
    with pytest.raises((AttributeError, TypeError)):
        plan_hosts([broken], Run(tmp_path, ConnectionOptions()))


def test_a_defect_says_where_but_tells_no_value() -> None:
    try:
        raise ValueError("correct horse battery staple")
    except ValueError as problem:
        said = Defect.of(problem).message
    assert "ValueError" in said and "horse" not in said
