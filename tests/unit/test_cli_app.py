from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from provisioner import __version__
from provisioner.cli.app import COMMANDS, load, run


def test_help_lists_every_command_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    places = [out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert all(f"\n{entry.heading}:\n" in out for entry in COMMANDS.values())
    assert all(len(line) <= 80 for line in out.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_listed_exists_and_says_what_it_takes(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert load(name, COMMANDS[name]).name == name
    assert run([name, "--help"]) == 0
    assert f"Usage: provision {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained_in_its_own_help(name: str) -> None:
    module, _, attribute = COMMANDS[name].target.partition(":")
    assert getattr(import_module(module), attribute) is not None
    assert load(name, COMMANDS[name]).help


def test_a_mistyped_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plna"]) == 2
    assert "did you mean `plan`?" in capsys.readouterr().err


def test_a_wrong_option_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "inventory.yml", "--colour"]) == 2
    err = capsys.readouterr().err
    assert "--colour" in err and "provision plan --help" in err and "Traceback" not in err


def test_the_json_of_an_error_names_a_command_of_a_group_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["role", "show", "no-such-role", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["command"] == "role show"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: provision" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"provision {__version__}\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from provisioner.cli.app import run\n"
        "run(['--help'])\n"
        "heavy = {'paramiko', 'jinja2', 'jsonschema_rs', 'cryptography', 'dns', 'pytest', 'rich', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    program = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert program.stderr == "[]\n"


def test_a_command_of_a_group_is_explained_in_a_whole_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--help"]) == 0
    out = capsys.readouterr().out
    listed = out.partition("\nCommands:\n")[2]
    assert "up" in listed and "..." not in listed
    assert "--install-completion" not in out


HEAVY = ("paramiko", "jinja2", "yaml", "jsonschema_rs", "cryptography", "dns", "pytest", "pyrage", "argon2")


def test_help_loads_nothing_that_only_commands_need() -> None:
    """Help and completion are quick because of what they don't import; benchmarks/compare times them."""
    ours = (
        "import sys; sys.argv = ['provision', '--help']\n"
        "from provisioner.cli import main\n"
        "try: main()\nfinally: print('loaded', *sorted(set(sys.modules)), file=sys.stderr)"
    )
    said = subprocess.run(
        [sys.executable, "-c", ours], capture_output=True, check=True, timeout=60, text=True
    )
    loaded = set(said.stderr.split("loaded ", 1)[1].split())
    assert "typer" in loaded
    assert not loaded & set(HEAVY)
