"""`scripts/demo` as a newcomer runs it: from nothing to mail, again without a change, and gone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.sandbox.state import State

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout with the same .venv."""
    stamp = Path(sys.prefix) / ".provision-test"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text().strip() != wanted:
        pytest.skip("this .venv isn't as scripts/setup makes it, and the demo would install into it")
    copy = tmp_path / "checkout"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(
            ".git", ".venv", ".*_cache", "__pycache__", "secrets.yml", "secrets.key", "host_vars"
        ),
    )
    (copy / "inventories/known_hosts").unlink(missing_ok=True)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A sandbox of its own, so that a demo that runs on this machine goes on; images and packages shared."""
    folder = tmp_path / "sandbox"
    folder.mkdir()
    for shared in ("images", "cache"):
        (folder / shared).symlink_to(State.open().folder / shared)
    return {**os.environ, "PROVISION_SANDBOX_DIR": str(folder), "NO_COLOR": "1"}


@pytest.mark.essential
def test_the_demo_serves_mail_changes_nothing_again_and_leaves_nothing(
    checkout: Path, environment: dict[str, str]
) -> None:
    def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(checkout / "scripts/demo"), *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    try:
        first, second = demo(), demo()
    finally:
        gone = demo("--down")

    assert first.returncode == 0, first.stdout + first.stderr
    for line in (
        "993  imaps        read by bob@demo.test, with a DKIM",
        "995  pop3s        read by bob@demo.test",
    ):
        assert line in first.stdout
    assert "scripts/demo --down" in first.stdout
    assert second.returncode == 0, second.stdout + second.stderr
    assert "1 unchanged" in second.stdout
    assert gone.returncode == 0, gone.stderr
    left = sorted(path.name for path in (checkout / "inventories").iterdir())
    assert left == ["demo.yml"]
    assert not list(Path(environment["PROVISION_SANDBOX_DIR"]).glob("hosts/*"))


def test_lines_of_other_hosts_stay_in_known_hosts(checkout: Path, environment: dict[str, str]) -> None:
    known_hosts = checkout / "inventories/known_hosts"
    known_hosts.write_text("mx.example.org ssh-ed25519 AAAA\n10.0.0.9 ssh-ed25519 BBBB provision-demo\n")
    argv = [
        sys.executable,
        str(checkout / "scripts/demo-host"),
        "--remove",
        str(checkout / "x.yml"),
        str(known_hosts),
    ]

    subprocess.run(argv, env=environment, check=True)

    assert known_hosts.read_text() == "mx.example.org ssh-ed25519 AAAA\n"
