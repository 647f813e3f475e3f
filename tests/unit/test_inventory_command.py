"""`provision inventory`: what it prints, what it hides, and when it exits 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from inventory_making import write
from test_inventory_vault import encrypt, tagged

from provisioner.cli.app import run

INVENTORY = """
    all:
      children:
        mail:
          hosts: {mx1: {n: 1}, mx2: {n: 2}}
      vars:
        roles: [base]
        base_x: "{{ inventory_hostname }}-{{ n }}"
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command line."""
    code = run(["inventory", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_host_is_shown_as_yaml_with_the_place_of_each_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"inventory.yml": INVENTORY})

    code, out, err = printed(capsys, "inventory.yml", "--host", "mx2")

    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "mx2:  # in mail · roles base"
    assert "  base_x: mx2-2  # inventory.yml:7:5" in out
    assert yaml.safe_load(out) == {"mx2": {"roles": ["base"], "base_x": "mx2-2", "n": 2}}


def test_the_list_is_in_ansibles_form_with_values_resolved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"inventory.yml": INVENTORY})

    code, out, _ = printed(capsys, f"{tmp_path}/inventory.yml", "--json", "--limit", "mx1")

    assert code == 0
    assert json.loads(out) == {
        "all": {"children": ["ungrouped", "mail"]},
        "mail": {"hosts": ["mx1"]},
        "_meta": {"hostvars": {"mx1": {"roles": ["base"], "base_x": "mx1-1", "n": 1}}},
    }


def test_what_cannot_be_resolved_is_an_error_and_all_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"inventory.yml": INVENTORY + '        bad: "{{ nope }}"\n'})

    code, out, err = printed(capsys, f"{tmp_path}/inventory.yml", "--json")

    document = json.loads(out)
    assert code == 2
    assert document["_meta"]["hostvars"]["mx1"]["base_x"] == "mx1-1"
    assert "bad" not in document["_meta"]["hostvars"]["mx1"]
    assert document["_meta"]["errors"]["mx2"]["bad"]["where"]["line"] == 8
    assert err.count("error: cannot resolve `bad` for mx1 and 1 more: `nope` is not defined") == 1


def test_raw_values_need_not_be_resolvable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"inventory.yml": INVENTORY + '        bad: "{{ nope }}"\n'})

    code, out, _ = printed(capsys, f"{tmp_path}/inventory.yml", "--raw", "--json", "--host", "mx1")

    assert code == 0
    assert json.loads(out) == {
        "roles": ["base"],
        "base_x": "{{ inventory_hostname }}-{{ n }}",
        "bad": "{{ nope }}",
        "n": 1,
    }


def test_secrets_show_only_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variables = f"""
all:
  hosts:
    h:
      sealed: {tagged(encrypt("tr0ub4dor", "horse"))}
      url: "imap://a:{{{{ sealed }}}}@h"
      same: tr0ub4dor
      clear: text
"""
    write(
        tmp_path,
        {
            "inventory.yml": variables,
            "pw": "horse",
            "group_vars/all.yml": encrypt("port: 5432\nname: {a: [x]}\n", "horse"),
        },
    )
    arguments = (
        f"{tmp_path}/inventory.yml",
        "--host",
        "h",
        "--json",
        "--vault-password-file",
        f"{tmp_path}/pw",
    )

    hidden = json.loads(printed(capsys, *arguments)[1])
    shown = json.loads(printed(capsys, *arguments, "--show-secrets")[1])
    raw = printed(capsys, *arguments, "--raw")[1]
    text = printed(capsys, *(word for word in arguments if word != "--json"))[1]

    assert hidden == {
        "port": "<secret>",
        "name": {"a": ["<secret>"]},
        "sealed": "<secret>",
        "url": "<secret>",
        "same": "<secret>",
        "clear": "text",
    }
    assert shown["url"] == "imap://a:tr0ub4dor@h" and shown["port"] == 5432
    assert "tr0ub4dor" not in raw and "5432" not in raw
    assert "tr0ub4dor" not in text and "5432" not in text


def test_a_name_that_is_no_host_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"inventory.yml": INVENTORY})

    assert printed(capsys, f"{tmp_path}/inventory.yml", "--host", "mx3")[0] == 2
    code, _, err = printed(capsys, f"{tmp_path}/inventory.yml", "--host", "mail")

    assert code == 2
    assert "`mail` is no host of this inventory" in err


def test_the_graph_draws_groups_and_hosts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"inventory.yml": INVENTORY})

    assert printed(capsys, f"{tmp_path}/inventory.yml", "--graph")[1].splitlines() == [
        "@all:",
        "  |--@ungrouped:",
        "  |--@mail:",
        "  |  |--mx1",
        "  |  |--mx2",
    ]


def test_the_schema_accepts_the_contracts_inventory_and_marks_a_slip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = printed(capsys, "--schema")
    schema = json.loads(out)

    good = {"all": {"hosts": {"mx1": {"ansible_host": "192.0.2.1"}}, "vars": {"roles": ["mail_server"]}}}
    assert code == 0
    assert jsonschema_rs.is_valid(schema, good)
    assert not jsonschema_rs.is_valid(schema, {"all": {"hsots": {}}})


def test_a_control_character_never_reaches_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"inventory.yml": 'all: {hosts: {h: {v: "\\e[2Jx\\u202ey"}}}\n'})

    _, out, _ = printed(capsys, f"{tmp_path}/inventory.yml")

    assert "\x1b" not in out and "\u202e" not in out


def test_reading_an_inventory_without_templates_imports_no_jinja(tmp_path: Path) -> None:
    write(tmp_path, {"inventory.yml": "all: {hosts: {h: {a: 1}}}\n"})
    code = (
        "import sys; from provisioner.inventory import load_inventory; "
        f"load_inventory({str(tmp_path / 'inventory.yml')!r}); "
        "print([m for m in ('jinja2', 'cryptography', 'paramiko') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"
