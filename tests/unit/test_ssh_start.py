"""What importing the SSH side costs."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["transport", "login", "trust"])
def test_paramiko_comes_without_invoke_and_leaves_it_to_others(module: str) -> None:
    code = (
        f"import sys, provisioner.hosts.{module}, paramiko.config;"
        "assert 'invoke' not in sys.modules; import invoke; assert paramiko.config.invoke is None"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_settings_are_read_without_paramiko() -> None:
    code = "import sys, provisioner.hosts.connection; assert 'paramiko' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
