"""Ansible itself, in this process, as the judge of how inventories read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ansible", reason="ansible-core is a test dependency: pip install .[test]")


@dataclass(frozen=True)
class View:
    """What Ansible makes of one inventory: the document of `--list`, and resolved values by host."""

    listed: dict[str, Any]
    resolved: dict[str, dict[str, Any]]
    failed: dict[str, dict[str, str]]
    warnings: tuple[str, ...]


@pytest.fixture(scope="session", autouse=True)
def quiet_ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No configuration, no home and no colour of the machine's reach Ansible."""
    home = tmp_path_factory.mktemp("ansible-home")
    (home / "ansible.cfg").write_text("")
    wanted = {
        "ANSIBLE_LOCAL_TEMP": str(home),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INVENTORY_ENABLED": "host_list,auto,yaml,ini",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def ansible(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., View]:
    """`ansible(path, passwords)`: the inventory at `path` as Ansible sees it."""

    def view(path: Path, passwords: dict[str, str] | None = None, limit: str | None = None) -> View:
        return _view(path, passwords or {}, limit, tmp_path_factory.mktemp("empty"), monkeypatch)

    return view


def _view(
    path: Path, passwords: dict[str, str], limit: str | None, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> View:
    from ansible import context
    from ansible.cli.inventory import InventoryCLI
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.vault import VaultSecret, VaultSecretsContext
    from ansible.utils.display import Display
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    warnings: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda self, msg, *a, **k: warnings.append(str(msg)))
    monkeypatch.setattr(Display, "error_as_warning", lambda self, msg, *a, **k: warnings.append(str(msg)))
    monkeypatch.setattr(Display, "deprecated", lambda self, *a, **k: None)
    monkeypatch.setattr(
        context,
        "CLIARGS",
        {"export": False, "basedir": None, "yaml": False, "toml": False, "subset": limit, "show_vars": False},
    )
    loader = DataLoader()
    loader.set_basedir(str(empty))
    secrets = [(label, VaultSecret(text.encode())) for label, text in passwords.items()]
    loader.set_vault_secrets(secrets)
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(secrets))
    manager = InventoryManager(loader=loader, sources=[str(path)])
    if limit:
        manager.subset(limit)
    variables = VariableManager(loader=loader, inventory=manager)
    HostVars(manager, variables, loader)
    cli = InventoryCLI(["ansible-inventory", "--list"])
    cli.loader, cli.inventory, cli.vm = loader, manager, variables
    listed = json.loads(InventoryCLI.dump(cli.json_inventory(cli._get_group("all"))))
    listed["_meta"].pop("profile", None)
    resolved: dict[str, dict[str, Any]] = {}
    failed: dict[str, dict[str, str]] = {}
    for host in manager.get_hosts():
        resolved[host.name], failed[host.name] = _resolve(loader, variables, host)
    return View(listed, resolved, failed, tuple(warnings))


def _resolve(loader: Any, variables: Any, host: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Every variable of a host as a task's `debug` would say it."""
    from ansible import constants
    from ansible._internal._templating._engine import TemplateEngine

    known = variables.get_vars(host=host)
    engine = TemplateEngine(loader=loader, variables=known)
    resolved, failed = {}, {}
    for name, value in known.items():
        if name in constants.INTERNAL_STATIC_VARS or name in ("hostvars", "groups"):
            continue
        try:
            resolved[str(name)] = _plain(engine.template(value))
        except Exception as error:
            failed[str(name)] = f"{type(error).__name__}: {error}"
    return resolved, failed


def _plain(value: Any) -> Any:
    """Ansible's tagged types as the plain ones they stand for."""
    from ansible.parsing.vault import EncryptedString

    if isinstance(value, EncryptedString):
        return str(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value) if kind is not str else "".join(value)
    return value
