"""The tutorial docs/writing-a-role.md: its files and commands are taken out of the page and run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.cli.app import run
from provisioner.inventory import load_inventory
from provisioner.resources import File
from provisioner.roles import load_roles, resolve
from provisioner.roles.format import ROLE
from provisioner.roles.placeholders import PlaceholderSecrets

PAGE = (Path(__file__).parents[2] / "docs/writing-a-role.md").read_text()
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> Iterator[tuple[str, str, str]]:
    for match in BLOCK.finditer(PAGE):
        yield match[1], match[2].strip(), match[3]


def take_file(options: str, text: str) -> None:
    name, *how = options.removeprefix("file=").split()
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((file.read_text() if "append" in how else "") + text)


def console(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what it prints."""
    for part in text.split("$ ")[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def output_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    line, _, remark = command.partition("    # with ")
    words = shlex.split(line)
    if words[0] == "cat":
        return Path(words[1]).read_text()
    assert words[0] == "provision"
    before = Path("inventory.yml").read_text()
    if remark:
        key = remark.split(":")[0]
        Path("inventory.yml").write_text(re.sub(rf"{key}: .*", remark, before))
    run(words[1:])
    Path("inventory.yml").write_text(before)
    said = capsys.readouterr()
    return said.out or said.err


def test_the_tutorial_works_from_its_first_block_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = 0
    for language, options, text in blocks():
        if options.startswith("file="):
            take_file(options, text)
            continue
        assert language == "console", f"a block of the tutorial is neither a file nor a console: {text}"
        for command, wanted in console(text):
            assert output_of(command, capsys) == wanted
            commands += 1
    assert commands >= 4


def test_the_role_of_the_tutorial_comes_to_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _, options, text in blocks():
        if options.startswith("file="):
            take_file(options, text)
    (host,) = load_inventory("inventory.yml").hosts
    desired = resolve(host, load_roles(Path()), PlaceholderSecrets(Path()), "bookworm")
    assert [one.id for one in desired.resources] == [
        "package:nginx-light",
        "directory:/srv/contact_page",
        "file:/srv/contact_page/index.html",
        "file:/etc/nginx/sites-available/default",
        "command:nginx",
        "command:contact-page",
        "service:nginx",
    ]
    page = next(one for one in desired.resources if isinstance(one, File))
    assert b"Write to postmaster@example.org." in page.content
    assert [port.number for port in desired.ports] == [80]
    assert [record.name for record in desired.records] == ["contact.mx1.example.org"]
    assert desired.checks == {"contact_page": Path("roles/contact_page/checks")}


def test_the_page_lists_every_key_that_a_role_may_have() -> None:
    table = PAGE.split("## 5.")[1]
    for key in ROLE["properties"]:
        assert f"`{key}`" in table, key
