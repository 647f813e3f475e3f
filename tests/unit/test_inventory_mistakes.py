"""What is wrong with an inventory: each mistake once, in its place, all of one run together."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

import os
from pathlib import Path

import pytest
from inventory_making import load, said, write

from provisioner.inventory import files

GOOD = "all: {hosts: {h: }}\n"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (
            "all:\n  hosts:\n    h: {a: 1, a: 2}\n    h: {}\nall: {}\n",
            [
                "inventory.yml:3:15: `a` is written twice in one mapping (first written in line 3)",
                "inventory.yml:4:5: `h` is written twice in one mapping (first written in line 3)",
                "inventory.yml:5:1: `all` is written twice in one mapping (first written in line 1)",
            ],
        ),
        (
            "all:\n  hsots: {a: }\n",
            [
                "inventory.yml:2:3: `hsots` means nothing in the group `all`: "
                "it may hold hosts, children and vars (did you mean `hosts`?)"
            ],
        ),
        ("- a\n", ["inventory.yml:1:1: an inventory is a mapping of groups, not a list"]),
        (
            "all:\n  hosts: [a, b]\n",
            ["inventory.yml:2:3: `hosts` of the group `all` must be a mapping, not a list"],
        ),
        (
            "all:\n  hosts: {a: x, 5: }\n",
            [
                "inventory.yml:2:11: the variables of `a` must be a mapping, not text",
                "inventory.yml:2:17: a host's name must be text, not a number",
            ],
        ),
        (
            "all: {hosts: {h: }, vars: {on: 1}}\n",
            ["inventory.yml:1:28: a variable's name must be text, not yes or no"],
        ),
        (
            "all:\n  hosts:\n    'mx[5:1]':\n    'a[1:999999]':\n    'b[01:5]':\n",
            [
                "inventory.yml:3:5: `mx[5:1]`: the range [5:1] yields no host: its end comes before its start",
                "inventory.yml:4:5: `a[1:999999]`: the range yields more than 100,000 hosts",
                "inventory.yml:5:5: `b[01:5]`: "
                "the two ends of a range that begins with 0 must be of one length",
            ],
        ),
        (
            "a: {children: {b: {children: {a: }}}, hosts: {h: }}\nc: {children: {all: , c: }}\n",
            [
                "inventory.yml:1:16: the group `b` cannot be in `a`, which is in `b`",
                "inventory.yml:2:16: `all` holds every group and can be in none",
                "inventory.yml:2:23: the group `c` cannot be in itself",
            ],
        ),
        (
            "all: {hosts: {h: {a: !valut x, b: 2026-02-30, c: !!python/object:os.x {}}}}\n",
            [
                "inventory.yml:1:22: unknown tag `!valut` (did you mean `!vault`?)",
                "inventory.yml:1:35: `2026-02-30` is no date (day is out of range for month)",
                "inventory.yml:1:50: unknown tag `!!python/object:os.x`",
            ],
        ),
        (
            "all: {hosts: {h: }, vars: {ansible_group_priority: high}}\n",
            ["inventory.yml:1:28: ansible_group_priority must be a whole number, not `high`"],
        ),
        ("", []),
    ],
    ids=lambda value: None,
)
def test_a_mistake_in_yaml_is_told_with_its_place(tmp_path: Path, text: str, mistakes: list[str]) -> None:
    write(tmp_path, {"inventory.yml": text or GOOD})

    assert said(tmp_path) == mistakes


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("all:\n\thosts: {h: }\n", "found character that cannot start any token", "never with tabs"),
        (
            "all:\n  hosts: {h: }\n  vars:\n    a: {{ b }}/x\n",
            "did not find expected key",
            'quotes: "{{ … }}"',
        ),
        ("all:\n  vars:\n    a: x: y\n", "mapping values are not allowed in this context", "needs quotes"),
    ],
)
def test_broken_yaml_is_told_with_what_it_mostly_means(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(Exception) as caught:
        load(tmp_path, text)

    [mistake] = caught.value.mistakes  # type: ignore[attr-defined]
    assert mistake.message == f"this is no YAML: {message}"
    assert hint in mistake.hint


def test_mistakes_of_all_files_are_told_together(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"group_vars/all.yml": "a: [\n", "host_vars/h.yml": "- x\n", "host_vars/other.yml": "b: {\n"},
    )

    assert said(tmp_path, "all: {hosts: {h: , 'x[2:1]': }}\n") == [
        "inventory.yml:1:20: `x[2:1]`: the range [2:1] yields no host: its end comes before its start",
        "group_vars/all.yml:2:1: this is no YAML: did not find expected node content",
        "host_vars/h.yml:1:1: host_vars/h.yml must hold a mapping of variables, not a list",
    ]


def test_mistakes_in_ini_are_told_with_their_places(tmp_path: Path) -> None:
    text = """\
[web]
h x=1 y x=2
[web:childern]
[db:vars]
a=1
[top:children]
wbe
[q]
h z='
m:
[w:vars]
noeq
[ bad ]
"""

    assert said(tmp_path, text, "hosts") == [
        "hosts:2:7: `y`: a host's variable is written key=value",
        "hosts:2:9: `x` is written twice in one line",
        "hosts:3:6: `[web:childern]`: a section is of hosts, children or vars (did you mean `children`?)",
        "hosts:9:1: this line cannot be split into words: No closing quotation",
        "hosts:10:1: `m:`: a `:` after a host is followed by its port",
        "hosts:12:1: `noeq`: a variable is written key=value",
        "hosts:13:1: `[ bad ]` is no section: [group], [group:children] or [group:vars], without spaces",
        "hosts:7:1: `[top:children]` names `wbe`, and there is no such group (did you mean `web`?)",
        "hosts:4:2: `[db:vars]` is of a group that is nowhere declared",
        "hosts:11:2: `[w:vars]` is of a group that is nowhere declared",
    ]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (BOMB, "inventory.yml:1:1: aliases multiply this document to 490,329,064 values"),
        ("all: {vars: {a: &a [1, *a]}}\n", "inventory.yml:1:17: this value contains itself, through an alias"),
        ("all: " + "[" * 5000, "inventory.yml:1:1005: this is no YAML: exceeded maximum nesting depth"),
        (b"all: {hosts: {h: {v: M\xfcller}}}\n", "inventory.yml:1:23: not UTF-8 here"),
        (GOOD.encode("utf-16"), "inventory.yml: inventory.yml is UTF-16, not UTF-8"),
        (GOOD.encode() + b"\0", "inventory.yml:2:1: a NUL byte: this is no text file"),
        ("plugin: amazon.aws.aws_ec2\n", "inventory.yml:1:1: this is the configuration of an inventory plugin "
         "(`amazon.aws.aws_ec2`), not an inventory"),
        ("# nothing\n", "inventory.yml: there is no host in this inventory"),
        ("all: {children: {web: }}\n", "inventory.yml: there is no host in this inventory"),
    ],
    ids=["bomb", "cycle", "depth", "latin-1", "utf-16", "nul", "plugin", "empty", "no host"],
)  # fmt: skip
def test_a_file_that_is_no_inventory_is_one_clear_error(
    tmp_path: Path, content: str | bytes, mistake: str
) -> None:
    assert said(tmp_path, content) == [mistake]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert said(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()) == []


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)

    assert said(tmp_path, "# " + "x" * (1 << 20)) == ["inventory.yml: inventory.yml is larger than 1 MiB"]


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"inventory.yml": GOOD})
    (tmp_path / "group_vars").mkdir()
    os.mkfifo(tmp_path / "group_vars" / "all.yml")

    assert said(tmp_path) == ["group_vars/all.yml: group_vars/all.yml is no regular file but a FIFO"]


def test_links_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    write(tmp_path, {"inventory/inventory.yml": GOOD, "outside.yml": "a: 1\n"})
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").symlink_to(tmp_path / "outside.yml")
    (folder / "host_vars").symlink_to("/etc")

    assert said(folder) == [
        f"group_vars/all.yml: group_vars/all.yml leads out of {folder}".replace(str(folder), "."),
        f"host_vars: host_vars leads out of {folder}".replace(str(folder), "."),
    ]


def test_links_may_lead_anywhere_inside_the_git_work_tree(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path, {"prod/inventory.yml": GOOD, "both/vars.yml": "a: 1\n"})
    (tmp_path / "prod" / "group_vars").mkdir()
    (tmp_path / "prod" / "group_vars" / "all.yml").symlink_to("../../both/vars.yml")

    assert load(tmp_path / "prod").hosts[0].variables == {"a": 1}


def test_a_folder_that_links_back_to_itself_ends(tmp_path: Path) -> None:
    write(tmp_path, {"inventory.yml": GOOD, "group_vars/all/a.yml": "a: 1\n"})
    (tmp_path / "group_vars" / "all" / "again").symlink_to(".")

    assert said(tmp_path) == [
        "group_vars/all/again: group_vars/all/again is a link back to a folder that holds it"
    ]


def test_a_variables_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, {"inventory.yml": GOOD, "group_vars": "x"})

    assert said(tmp_path) == ["group_vars: group_vars is no folder"]


def test_a_variables_folder_that_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"inventory.yml": GOOD, "group_vars/all.yml": "a: 1\n"})

    def refuse(path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert said(tmp_path) == ["group_vars: cannot read the folder group_vars: Permission denied"]


def test_a_program_is_not_run_as_an_inventory(tmp_path: Path) -> None:
    write(tmp_path, {"inventory.sh": "#!/bin/sh\ntouch ran\n"})
    (tmp_path / "inventory.sh").chmod(0o755)

    assert said(tmp_path, source="inventory.sh") == [
        "inventory.sh: inventory.sh is a program, and programs are not run as inventories"
    ]
    assert not (tmp_path / "ran").exists()


def test_one_broken_file_of_a_folder_of_inventories_stops_it(tmp_path: Path) -> None:
    write(
        tmp_path, {"inventory/a.yml": GOOD, "inventory/b.yml": "web: [\n", "inventory/NOTES": "Read this\n"}
    )

    assert said(tmp_path, source="inventory") == [
        "inventory/NOTES:1:6: `this`: a host's variable is written key=value",
        "inventory/b.yml:2:1: this is no YAML: did not find expected node content",
    ]


def test_of_thousands_of_mistakes_a_hundred_are_shown(tmp_path: Path) -> None:
    lines = said(tmp_path, "[web]\n" + "h x\n" * 5000, "hosts")

    assert len(lines) == 101
    assert lines[-1] == "4900 more mistakes are not shown"
