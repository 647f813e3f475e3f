"""The documentation names only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup

from provisioner.cli.app import COMMANDS, load

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"(?:^|[`/ (])provision ((?:[a-z][a-z-]*|-[-a-z]+)(?: [a-z][a-z-]*)?)", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`|^(?: {4}|\t).*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands_in(text: str) -> set[tuple[str, ...]]:
    """The commands of ours that code in a page names, with the word after each."""
    code = "\n".join(match[0].strip("`") for match in CODE.finditer(text))
    return {tuple(found.split()) for found in COMMAND.findall(code)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_only_commands_that_exist(page: Path) -> None:
    for name, *rest in commands_in(page.read_text(encoding="utf-8")):
        if name.startswith("-"):
            assert name in ("--help", "--version"), f"provision {name}"
            continue
        assert name in COMMANDS, f"provision {name}"
        command = load(name, COMMANDS[name])
        if isinstance(command, TyperGroup) and rest:
            assert rest[0] in command.commands, f"provision {name} {rest[0]}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_after_a_command_exists(page: Path) -> None:
    for line in page.read_text(encoding="utf-8").splitlines():
        for name, rest in re.findall(r"provision ([a-z]+)((?: [^`|]*)?)", line):
            if name not in COMMANDS or isinstance(command := load(name, COMMANDS[name]), TyperGroup):
                continue
            known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            wrong = set(OPTION.findall(rest.partition(" #")[0])) - known - {"--help"}
            assert not wrong, f"provision {name} knows no {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"({page})" not in index} == set()


def test_every_command_is_in_the_readme() -> None:
    words = set(re.findall(r"[a-z-]+", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert set(COMMANDS) <= words


def test_the_reader_of_pages_finds_commands_in_code_and_not_in_prose() -> None:
    text = (
        "We provision hosts. Run `provision plan x` or:\n\n    provision sandbox up  # or provision audit\n"
    )
    assert commands_in(text) == {("plan", "x"), ("sandbox", "up"), ("audit",)}
