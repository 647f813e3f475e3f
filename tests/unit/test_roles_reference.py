"""What is told of roles: `provision role`, the reference, the schema for editors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from role_making import alone, role, write

from provisioner.cli.app import run
from provisioner.roles import load_roles
from provisioner.roles.folders import built_in_folder
from provisioner.roles.reference import markdown
from provisioner.roles.schema import inventory_schema
from provisioner.roles.words import type_words

__all__ = ["alone"]

ROOT = Path(__file__).parents[2]
WEB = """\
description: A web server
doc: |
  Serves pages.

  - one
  - two
variables:
  web_mode: {schema: {enum: [fast, safe]}, default: safe, doc: How., example: fast}
  web_count: {schema: {type: integer, minimum: 1}, required: true, doc: How many.}
  web_names: {schema: {type: array, items: {type: string}}, default: ["{{ host.name }}"], doc: Names.}
packages: {bookworm: [old], trixie: [new, {name: newer, when: web_count > 1}]}
files: {/etc/web: {content: ""}}
ports: [{number: 80, protocol: http, doc: Pages., when: web_count > 0}]
dns: [{name: "{{ item }}", type: A, value: 192.0.2.1, why: People., for_each: web_names}]
"""


def test_the_reference_of_the_built_in_roles_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/role-reference"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_has_all_that_the_role_declares(alone: Path) -> None:
    write(alone, role(WEB))
    page = markdown(load_roles(alone)["web"])
    for line in (
        "# web",
        "### `web_mode`",
        "`fast` or `safe`; default `safe`.",
        "```yaml\nweb_mode: fast\n```",
        "Whole number, at least 1; required.",
        "List of text; default `['{{ host.name }}']`.",
        "| 80 | http | none | Pages; when `web_count > 0` |",
        "| `{{ item }}` | A | `192.0.2.1` | People; for each of `web_names` |",
        "- Packages on Debian 12: `old`.",
        "- Packages on Debian 13: `new`, `newer (when web_count > 1)`.",
        "- Files: `/etc/web`.",
    ):
        assert line in page, line


def test_role_list_and_show_print_what_people_need(
    alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(alone, role(WEB))
    monkeypatch.chdir(alone)
    assert run(["role", "list"]) == 0
    assert capsys.readouterr().out == "web   A web server (beside the inventory)\n"
    assert run(["role", "show", "web"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "  web_mode   `fast` or `safe`",
        "      default safe",
        "  web_count   whole number, at least 1; required",
        "  80    http                   Pages., when web_count > 0",
        "  bookworm    old",
        "  - one\n  - two",
    ):
        assert line in shown, shown
    assert run(["role", "show", "wbe"]) == 2
    assert "did you mean `web`?" in capsys.readouterr().err


def test_role_show_json_is_the_whole_role(
    alone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(alone, role(WEB))
    assert run(["role", "show", "web", "--json", "--inventory", str(alone)]) == 0
    document = json.loads(capsys.readouterr().out)["role"]
    assert document["variables"]["web_mode"]["schema"] == {"enum": ["fast", "safe"]}
    assert document["ports"][0]["number"] == 80
    assert document["packages"]["bookworm"] == ["old"]


def accepted(schema: dict[str, object], text: str) -> bool:
    return jsonschema_rs.Draft202012Validator(schema).is_valid(yaml.safe_load(text))


def test_editors_get_a_schema_that_knows_roles_and_their_variables(alone: Path) -> None:
    write(alone, role(WEB))
    schema = inventory_schema(load_roles(alone))
    start = "all: {hosts: {mx1: {ansible_port: 22}}, children: {a: {}}, vars: {roles: [web], mine: 1, "
    assert accepted(schema, start + "web_mode: fast}}")
    assert accepted(schema, start + 'web_mode: "{{ mine }}", web_count: "{{ n }}", web_names: ["{{ n }}"]}}')
    assert not accepted(schema, start + "web_mode: fats}}")
    assert not accepted(schema, start + "web_count: many}}")
    assert not accepted(schema, "all: {vars: {roles: [wbe]}}")
    assert not accepted(schema, "all: {hsots: {}}")
    jsonschema_rs.meta.validate(schema)


def test_the_schema_of_the_built_in_roles_takes_the_inventories_that_come_with_us() -> None:
    schema = inventory_schema(load_roles(built_in_folder("inventories")))
    found = sorted(built_in_folder("inventories").glob("*.yml"))
    names = [file for file in found if "all" in (yaml.safe_load(file.read_text()) or {})]
    assert names, "there are inventories to look at"
    for file in names:
        validator = jsonschema_rs.Draft202012Validator(schema)
        assert [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text()))] == []


def test_editors_get_a_schema_of_role_yml_that_takes_every_built_in_role(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["role", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    files = sorted(built_in_folder("roles").glob("*/role.yml"))
    assert len(files) >= 8
    for file in files:
        assert accepted(schema, file.read_text()), file
    assert accepted(schema, "description: x\npackages: {bookworm: [a], trixie: [b]}\n")
    assert not accepted(schema, "description: x\npakages: [a]\n")
    assert not accepted(schema, "description: x\nservices: {a: {unit: 5}}\n")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["string", "null"]}, "text or null"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "whole number from 1 to 9"),
        ({"type": "integer", "maximum": 9}, "whole number, at most 9"),
        ({"enum": ["a", "b", "c"]}, "`a`, `b` or `c`"),
        ({"const": 5}, "`5`"),
        ({"type": "array", "items": {"type": "integer"}}, "list of whole numbers"),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, "text or true or false"),
        ({"type": "object", "title": "settings"}, "mapping: settings"),
        ({}, "anything"),
    ],
)
def test_types_are_told_in_words(schema: dict[str, object], words: str) -> None:
    assert type_words(schema) == words
