"""Imports point one way: from the command line down to plain values. See docs/architecture.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import provisioner

PACKAGE = Path(provisioner.__file__).parent
EVERYTHING = frozenset(path.stem for path in PACKAGE.iterdir())
TYPES = (
    "inventory.model",
    "roles.model",
    "resources.change",
    "resources.observed",
    "verify.result",
    "audit.edit",
    "audit.finding",
    "audit.difference",
    "audit.judgement",
    "adopt.result",
    "blocklists.result",
    "connection.result",
    "client_settings.result",
    "explain.result",
)
"""Modules that hold plain values: a part may take them from anywhere."""

MAY_IMPORT = {
    "cli": EVERYTHING,
    "prepare": {"apply", "errors", "inventory", "roles", "secrets"},
    "rendering": {"apply", "errors", "inventory", "resources", "roles", "secrets"},
    "difference": {"rendering", "resources", "roles"},
    "revisions": {"difference", "errors", "git", "inventory", "rendering", "roles", "secrets"},
    "apply": {
        "outcome",
        "errors",
        "git",
        "hosts",
        "inventory",
        "plan",
        "preflight",
        "resources",
        "roles",
        "rollout",
        "secrets",
        "verify",
    },
    "adopt": {"errors", "hosts", "inventory", "mail", "resources", "roles", "secrets"},
    "audit": {
        "adopt",
        "apply",
        "authentication",
        "blocklists",
        "dns",
        "errors",
        "hosts",
        "inventory",
        "mail",
        "plan",
        "prepare",
        "resources",
        "roles",
        "secrets",
        "tls",
        "verify",
    },
    "explain": {"authentication", "blocklists", "dns", "errors", "mail"},
    "connection": {"client_settings", "dns", "errors", "explain", "mail"},
    "client_settings": {"dns", "errors", "mail"},
    "blocklists": {"dns", "errors"},
    "authentication": {"dns", "errors", "mail"},
    "tls": {"dns", "errors", "mail"},
    "history": {"apply", "drift", "errors", "hosts", "inventory", "plan", "resources", "roles", "verify"},
    "rollout": {"errors", "hosts"},
    "outcome": {"errors", "hosts", "plan", "roles"},
    "verify": {"errors", "hosts", "inventory", "mail", "plan", "resources", "roles"},
    "plan": {"drift", "errors", "resources"},
    "drift": {"errors", "resources"},
    "preflight": {"errors", "hosts", "plan", "resources", "roles"},
    "hosts": {"drift", "errors", "plan", "resources"},
    "dns": {"errors", "mail", "secrets"},
    "roles": {"errors", "inventory", "mail", "resources", "secrets"},
    "mail": {"errors"},
    "secrets": {"errors"},
    "inventory": {"errors", "secrets"},
    "sandbox": {"errors", "hosts"},
    "starter": {"errors", "git", "secrets"},
    "report": {"errors", "resources"},
    "resources": {"errors"},
    "git": {"errors"},
    "errors": set[str](),
}


def imports(source: Path) -> Iterator[str]:
    """Our modules that a file imports when it runs, without `provisioner.` in front."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            module = node.module
            names = (
                [f"{module}.{alias.name}" for alias in node.names] if module == "provisioner" else [module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("provisioner.") and name != "provisioner.__version__":
                yield name.removeprefix("provisioner.")


def part_of(module: str) -> str:
    return module.split(".", 1)[0]


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_lies_beneath_it(source: Path) -> None:
    part = source.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = MAY_IMPORT[part]
    wrong = {
        module
        for module in imports(source)
        if part_of(module) not in {part, *allowed} and not module.startswith(TYPES)
    }
    assert not wrong, f"{part} may import {sorted(allowed)} and the types of others"


def test_the_rules_themselves_make_no_circle() -> None:
    TopologicalSorter({part: set(allowed) - {part} for part, allowed in MAY_IMPORT.items()}).prepare()


def test_the_reader_of_imports_sees_those_inside_functions_and_not_those_for_types(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(
        "from typing import TYPE_CHECKING\n"
        "import provisioner.plan\n"
        "from provisioner import git\n"
        "if TYPE_CHECKING:\n"
        "    from provisioner.apply import Progress\n"
        "def later():\n"
        "    from provisioner.hosts.wire import read\n"
    )
    assert sorted(imports(source)) == ["git", "hosts.wire", "plan"]
