"""Generated inventories: we and Ansible must say the same of each."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from generated import cases, ini_cases
from hypothesis import HealthCheck, given, settings

from inventories import Case
from provisioner.inventory import load_inventory
from provisioner.inventory.listing import list_document

relaxed = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def hold_against(case: Case, ansible: Callable) -> None:
    """Compare what is written and what it comes to, for every host."""
    with tempfile.TemporaryDirectory() as folder:
        path = case.write(Path(folder))
        theirs = ansible(path)
        if not theirs.resolved:
            return
        inventory = load_inventory(path)

        assert json.loads(json.dumps(list_document(inventory, raw=True))) == theirs.listed
        for host in inventory.hosts:
            ours = {name: value for name, value in host.variables.items() if name not in host.magic}
            failed = {name: text for name, text in theirs.failed[host.name].items() if name not in host.magic}
            assert ours == theirs.resolved[host.name], failed
            assert set(host.unresolved) == set(failed)


@relaxed
@given(case=cases())
def test_a_generated_yaml_inventory_reads_as_with_ansible(case: Case, ansible: Callable) -> None:
    hold_against(case, ansible)


@relaxed
@given(case=ini_cases())
def test_a_generated_ini_inventory_reads_as_with_ansible(case: Case, ansible: Callable) -> None:
    hold_against(case, ansible)
