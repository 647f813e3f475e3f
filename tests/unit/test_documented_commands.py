"""The commands in the first pages that people read exist, with the options they are shown with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.cli.app import COMMANDS, load
from provisioner.starter import FORGES, contents

PAGES = Path(__file__).parents[2] / "docs"
TEXTS = {name: (PAGES / f"{name}.md").read_text() for name in ("secrets", "dns", "git", "getting-started")}
TEXTS["README of init"] = "\n".join(one.text for forge in FORGES for one in contents(forge))
COMMAND = re.compile(r"(?:^ +|`)(provision [a-z][^`\n#&|<>]*)", re.MULTILINE)


def shown(text: str) -> list[str]:
    return sorted({match.strip() for match in COMMAND.findall(text)})


@pytest.mark.parametrize(
    ("page", "line"), [(page, line) for page, text in TEXTS.items() for line in shown(text)]
)
def test_a_command_that_is_shown_exists_with_its_options(page: str, line: str) -> None:
    words = line.split()[1:]
    command = load(words[0], COMMANDS[words[0]])
    group = getattr(command, "commands", {})
    if len(words) > 1 and words[1] in group:
        command = group[words[1]]
    known = {option for parameter in command.params for option in parameter.opts}

    assert {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= known


def test_every_page_shows_some() -> None:
    assert all(len(shown(text)) >= 4 for text in TEXTS.values())
