"""What Ansible lets pass and we refuse, as docs/inventory.md says: both halves of each claim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from inventories import Case, ini, values, yaml
from provisioner.errors import InputError, Mistakes
from provisioner.inventory import load_inventory

REFUSED = [
    (yaml("a key written twice", "all:\n  hosts: {h: {a: 1, a: 2}}\n"), "written twice"),
    (ini("a variable twice in a section", "[web]\nh\n[web:vars]\na=1\na=2\n"), "written twice"),
    (ini("a variable twice in a line", "[web]\nh a=1 a=2\n"), "written twice"),
    (yaml("a range that yields nothing", "all: {hosts: {h: , 'mx[5:1]': }}\n"), "yields no host"),
    (yaml("half a file", "all: {hosts: {h: , broken: text, d: }}\n"), "must be a mapping, not text"),
    (
        Case(
            "one broken file of a folder",
            {"inv/a.yml": "all: {hosts: {h: }}\n", "inv/b.yml": "web: ["},
            "inv",
        ),
        "this is no YAML",
    ),
    (
        Case(
            "a variables folder that is none", {"inventory.yml": "all: {hosts: {h: }}\n", "group_vars": "x"}
        ),
        "is no folder",
    ),
    (
        yaml("one address twice", "all: {hosts: {h: {ansible_host: a}, g: {ansible_host: a}}}\n"),
        "one address",
    ),
    (yaml("a slip in a section", "all: {hosts: {h: }, chidlren: {web: {hosts: {w: }}}}\n"), "means nothing"),
]


@pytest.mark.parametrize(("case", "message"), REFUSED, ids=[case.name for case, _ in REFUSED])
def test_ansible_lets_it_pass_and_we_do_not(
    case: Case, message: str, tmp_path: Path, ansible: Callable
) -> None:
    path = case.write(tmp_path)

    assert "h" in ansible(path).resolved
    with pytest.raises(Mistakes) as caught:
        load_inventory(path)
    assert any(message in mistake.message for mistake in caught.value.mistakes)


def test_ansible_ignores_a_limit_that_matches_nothing(tmp_path: Path, ansible: Callable) -> None:
    path = yaml("hosts", "all: {hosts: {h: }}\n").write(tmp_path)

    assert ansible(path, None, "nobody").resolved == {}
    with pytest.raises(InputError, match="no host matches `nobody`"):
        load_inventory(path, limit="nobody")


UNRESOLVED = [
    ("{{ lookup('pipe', 'echo ran') }}", "is refused"),
    ("{{ [1, 2] | random }}", "needs a seed"),
    ("{{ [1, 2] | shuffle }}", "needs a seed"),
    ("{{ now() }}", "is refused"),
    ("{{ '%Y' | strftime }}", "needs the moment"),
    ("{{ '{0.__class__.__name__}'.format(1) }}", "out of reach"),
    ("{{ x.append(2) }}", "out of reach"),
]


@pytest.mark.parametrize(("template", "message"), UNRESOLVED, ids=[template for template, _ in UNRESOLVED])
def test_ansible_evaluates_it_and_we_do_not(
    template: str, message: str, tmp_path: Path, ansible: Callable
) -> None:
    path = values("template", f'x: [1]\nv: "{template}"').write(tmp_path)

    assert "v" in ansible(path).resolved["mx1.example.org"]
    [host] = load_inventory(path).hosts
    assert message in host.unresolved["v"].message


def test_hostvars_of_a_variable_that_uses_hostvars_work_here_only(tmp_path: Path, ansible: Callable) -> None:
    path = yaml(
        "hostvars in hostvars",
        """
        all:
          hosts:
            a: {x: "{{ hostvars['b'].x }}"}
            b: {x: "{{ hostvars['c'].x }}"}
            c: {x: 5}
        """,
    ).write(tmp_path)

    assert "x" in ansible(path).failed["a"]
    assert load_inventory(path).hosts[0].variables["x"] == 5


def test_sets_come_in_the_order_of_the_lists(tmp_path: Path, ansible: Callable) -> None:
    path = values("sets", "v: \"{{ ['b', 'a', 'c'] | union(['d', 'a']) }}\"").write(tmp_path)

    assert sorted(ansible(path).resolved["mx1.example.org"]["v"]) == ["a", "b", "c", "d"]
    assert load_inventory(path).hosts[0].variables["v"] == ["b", "a", "c", "d"]


def test_the_roles_of_groups_add_up_here(tmp_path: Path, ansible: Callable) -> None:
    path = yaml("roles", "all:\n  vars: {roles: [base]}\n  hosts: {h: {roles: [web]}}\n").write(tmp_path)

    [host] = load_inventory(path).hosts

    assert host.variables["roles"] == ansible(path).resolved["h"]["roles"] == ["web"]
    assert host.roles == ("base", "web")
