"""The role of docs/writing-a-role.md on a real host: applied, proven, verified; put back when it is wrong."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest
import yaml

from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost

PAGE = (Path(__file__).parents[2] / "docs/writing-a-role.md").read_text()


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trixie_host: SandboxHost) -> SandboxHost:
    """The files of the tutorial in the current folder, its host being a real one."""
    monkeypatch.chdir(tmp_path)
    for name, how, text in re.findall(
        r"^```\w+ file=(\S+)( append)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    ):
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if how else "") + text)
    connection = {
        "ansible_host": trixie_host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(trixie_host.key),
    }
    Path("host_vars").mkdir()
    Path("host_vars/mx1.example.org.yml").write_text(yaml.safe_dump(connection))
    Path("known_hosts").write_text(trixie_host.known_hosts)
    return trixie_host


def test_the_tutorials_role_is_applied_proven_and_verified(
    tutorial: SandboxHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "inventory.yml", "--yes"]) == 0, capsys.readouterr()
    with urllib.request.urlopen(f"http://{tutorial.address}/", timeout=10) as answer:
        assert b"Write to postmaster@example.org." in answer.read()
    capsys.readouterr()
    assert run(["plan", "inventory.yml"]) == 0, capsys.readouterr()
    assert run(["verify", "inventory.yml"]) == 0, capsys.readouterr()


def test_a_faulty_page_of_the_tutorial_is_put_back(
    tutorial: SandboxHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "inventory.yml", "--yes", "--no-verify"]) == 0, capsys.readouterr()
    template = Path("templates/contact_page/index.html.j2")
    template.write_text(template.read_text().replace("{{ contact_page_email | e }}", "nobody"))
    assert run(["apply", "inventory.yml", "--yes", "--no-verify"]) == 4
    with urllib.request.urlopen(f"http://{tutorial.address}/", timeout=10) as answer:
        assert b"Write to postmaster@example.org." in answer.read()
