from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.cli.completion import patterns


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yml"
    path.write_text(
        "all: {children: {mail: {hosts: {mx1.test: , mx2.test: }}, web: {hosts: {www.test: }}}}\n"
    )
    return path


@pytest.mark.parametrize(
    ("begun", "offered"),
    [
        ("mx", ["mx1.test", "mx2.test"]),
        ("m", ["mail", "mx1.test", "mx2.test"]),
        ("web:!w", ["web:!web", "web:!www.test"]),
        ("all:&ma", ["all:&mail"]),
        ("zz", []),
    ],
)
def test_a_pattern_goes_on_with_hosts_and_groups(inventory: Path, begun: str, offered: list[str]) -> None:
    assert patterns(inventory, begun) == offered


def test_an_inventory_with_a_mistake_offers_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "inventory.yml"
    broken.write_text("all: [")
    assert patterns(broken, "m") == []


def complete(line: str, number: int, folder: Path) -> list[str]:
    """What bash would offer for word `number` of `line`."""
    environ = {
        **os.environ,
        "_PROVISION_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(number),
    }
    program = [sys.executable, "-c", "from provisioner.cli import main; main()"]
    done = subprocess.run(program, env=environ, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout.split()


def test_the_shell_completes_commands_and_hosts(inventory: Path) -> None:
    assert complete("provision pl", 1, inventory.parent) == ["plan"]
    assert complete("provision plan inventory.yml --limit mx2", 4, inventory.parent) == ["mx2.test"]
