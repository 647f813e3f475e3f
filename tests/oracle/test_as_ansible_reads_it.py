"""Hand-written inventories: we and Ansible must say the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from inventories import ALL, Case
from provisioner.inventory import load_inventory
from provisioner.inventory.listing import list_document


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_values_as_written_are_what_ansible_lists(case: Case, tmp_path: Path, ansible: Callable) -> None:
    path = case.write(tmp_path)

    ours = json.loads(json.dumps(list_document(load_inventory(path), raw=True)))

    assert ours == ansible(path).listed


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_values_come_to_what_ansible_makes_of_them(case: Case, tmp_path: Path, ansible: Callable) -> None:
    path = case.write(tmp_path)
    theirs = ansible(path)

    inventory = load_inventory(path)

    for host in inventory.hosts:
        ours = {name: value for name, value in host.variables.items() if name not in host.magic}
        wanted = theirs.resolved[host.name]
        assert {**ours} == {name: wanted.get(name, theirs.failed[host.name].get(name)) for name in ours}
        assert set(host.unresolved) == {n for n in theirs.failed[host.name] if n not in host.magic}
