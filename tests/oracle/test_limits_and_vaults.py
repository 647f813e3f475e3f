"""Patterns, vaults, JSON lists and the program `ansible-inventory` itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from generated import patterns
from hypothesis import HealthCheck, given, settings

from inventories import Case
from provisioner.errors import InputError
from provisioner.inventory import load_inventory, select
from provisioner.inventory.listing import host_document, list_document
from provisioner.secrets.vault import VaultPasswords

FLEET = """
all:
  hosts: {h1: , h2: }
  children:
    mail: {hosts: {mx1.example.org: , h1: }, children: {a: }}
    web_1: {hosts: {192.0.2.7: , h2: }}
    b: {hosts: {h3: , h4: , h5: }}
    c: {children: {b: }}
a: {hosts: {db-1: }}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory for patterns to choose from."""
    path = tmp_path_factory.mktemp("fleet") / "inventory.yml"
    path.write_text(FLEET)
    return path


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(pattern=patterns)
def test_a_pattern_selects_the_hosts_that_ansible_selects(
    pattern: str, fleet: Path, ansible: Callable, manager: Callable
) -> None:
    try:
        theirs = [host.name for host in manager(fleet).get_hosts(pattern)]
    except Exception:
        theirs = []
    try:
        ours = [host.name for host in select(load_inventory(fleet), pattern)]
    except InputError:
        ours = []

    assert ours == theirs


@pytest.fixture(scope="module")
def manager() -> Callable:
    """Ansible's own reader of inventories, kept between patterns."""
    kept: dict[Path, object] = {}

    def make(path: Path) -> object:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader

        if path not in kept:
            kept[path] = InventoryManager(loader=DataLoader(), sources=[str(path)])
        return kept[path]

    return make


def sealed(text: str, password: str, label: str | None = None) -> str:
    """A text as ansible-vault encrypts it."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    secret = VaultSecret(password.encode())
    return VaultLib([(label or "default", secret)]).encrypt(text, secret, label).decode()


def test_vault_values_and_files_are_read_as_ansible_reads_them(tmp_path: Path, ansible: Callable) -> None:
    def value(text: str) -> str:
        return "!vault |\n" + "".join(f"      {line}\n" for line in text.splitlines())

    case = Case(
        "vaults",
        {
            "inventory.yml": "all: {hosts: {h: }}\n",
            "group_vars/all/plain.yml": "clear: 1\nuse: 'p-{{ one }}{{ three }}'\n",
            "group_vars/all/one.yml": f"one: {value(sealed('first', 'horse'))}"
            f"two: {value(sealed('ünïcode', 'battery', 'prod'))}",
            "group_vars/all/whole.yml": sealed("three: third\nfour: [1, '{{ clear }}']\n", "horse"),
        },
    )
    path = case.write(tmp_path)
    theirs = ansible(path, {"default": "horse", "prod": "battery"})

    known = VaultPasswords((("default", b"horse"), ("prod", b"battery")))
    [host] = load_inventory(path, vault=known).hosts

    assert host.variables == theirs.resolved["h"]
    shown = json.loads(json.dumps(host_document(host, raw=True, show_secrets=True)))
    assert shown == theirs.listed["_meta"]["hostvars"]["h"]
    assert host_document(host)["use"] == "<secret>"


LISTED = [
    "all:\n  children:\n    web: {hosts: {a: {x: '{{ y }}', z: !unsafe '{{ n }}'}, b: }, vars: {y: 5}}\n",
    FLEET,
]


@pytest.mark.parametrize("text", LISTED)
def test_what_ansible_inventory_lists_is_an_inventory_again(
    tmp_path: Path, text: str, ansible: Callable
) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(text)
    listed = ansible(path).listed
    again = tmp_path / "listed.json"
    again.write_text(json.dumps(listed))

    assert json.loads(json.dumps(list_document(load_inventory(again), raw=True))) == listed


def run(program: str, *arguments: str, cwd: Path) -> str:
    """What a program of this environment prints."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ANSIBLE_INVENTORY_ENABLED": "yaml,ini"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("limit", [None, "mail:&h*"])
def test_the_programs_print_the_same_list(tmp_path: Path, limit: str | None) -> None:
    (tmp_path / "inventory.yml").write_text(FLEET)
    options = ["--limit", limit] if limit else []

    theirs = json.loads(run("ansible-inventory", "-i", "inventory.yml", "--list", *options, cwd=tmp_path))
    ours = json.loads(
        run("provision", "inventory", "inventory.yml", "--raw", "--json", *options, cwd=tmp_path)
    )

    theirs["_meta"].pop("profile", None)
    assert ours == theirs


def test_the_programs_print_the_same_graph_and_host(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(
        FLEET.replace("h1: ,", "h1: {x: 1, y: [a, '{{ x }}'], u: !unsafe '{{'},", 1)
    )

    assert run("provision", "inventory", "inventory.yml", "--graph", cwd=tmp_path) == run(
        "ansible-inventory", "-i", "inventory.yml", "--graph", cwd=tmp_path
    )
    ours = run("provision", "inventory", "inventory.yml", "--host", "h1", "--raw", "--json", cwd=tmp_path)
    theirs = run("ansible-inventory", "-i", "inventory.yml", "--host", "h1", cwd=tmp_path)
    assert json.loads(ours) == json.loads(theirs)


def test_a_list_on_standard_input_is_an_inventory(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(FLEET)
    listed = run("ansible-inventory", "-i", "inventory.yml", "--list", cwd=tmp_path)

    with tempfile.TemporaryFile("w+") as file:
        file.write(listed)
        file.seek(0)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "provision"), "inventory", "-", "--raw", "--json"],
            stdin=file,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert json.loads(done.stdout)["mail"] == json.loads(listed)["mail"]
