"""Reading role.yml: what is accepted, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from role_making import alone, role, said, write

from provisioner.errors import InputError
from provisioner.roles import load_roles

__all__ = ["alone"]

PLAIN = "description: A web server\n"


def mistakes(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_roles(folder)
    return said(caught.value)


def test_a_role_beside_the_inventory_wins_over_the_built_in_one(alone: Path) -> None:
    write(
        alone.parent / "built-in",
        role("description: built in\n") | {"roles/other/role.yml": "description: other\n"},
    )
    write(alone, role("description: mine\n"))
    roles = load_roles(alone)
    assert [(name, roles[name].description, roles[name].built_in) for name in roles] == [
        ("other", "other", True),
        ("web", "mine", False),
    ]


def test_a_folder_without_role_yml_is_a_role_of_ansibles_and_left_alone(alone: Path) -> None:
    write(alone, {"roles/nginx/tasks/main.yml": "- debug:\n"})
    assert len(load_roles(alone)) == 0


def test_all_mistakes_of_all_roles_are_told_at_once_with_the_nearest_key(alone: Path) -> None:
    write(
        alone,
        role(
            """\
            description: A web server
            pakages: [nginx]
            files:
              /etc/x: {content: "", mode: 644}
              etc/y: {template: y.j2, ownr: root}
            """
        )
        | {"roles/other/role.yml": "requires: [web]\n"},
    )
    assert mistakes(alone) == [
        "role.yml:1:1: `description` is missing",
        "role.yml:2:1: unknown key `pakages` (did you mean `packages`?)",
        'role.yml:4:25: /etc/x.mode: expected a mode in quotes, such as "0644", got the number 644',
        "role.yml:5:3: files.etc/y: `etc/y` is not a key here: expected an absolute path",
        "role.yml:5:27: unknown key `ownr` (did you mean `owner`?)",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("description: [", "role.yml:2:1: this is not YAML: did not find expected node content"),
        ("description: a\ndescription: b\n", "role.yml:2:1: `description` is there twice (the second one)"),
        ("- a\n", "role.yml:1:1: a role is a mapping that begins with `description:`"),
        ("description: !!python/object:os.system x\n", "'x' is not a value that roles know"),
        ("a: &a [*a]\n", "the YAML is too large or nested too deeply"),
        ("description: 2026-02-30\n", "'2026-02-30' is not a value that roles know"),
        ("? [a]\n: b\n", "a key must be plain text"),
    ],
)
def test_a_file_that_is_no_plain_yaml_is_one_clear_mistake(alone: Path, text: str, complaint: str) -> None:
    write(alone, role(text))
    (found,) = mistakes(alone)
    assert complaint in found


def test_a_yaml_bomb_is_refused_before_it_grows(alone: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    write(alone, role("\n".join(lines)))
    (found,) = mistakes(alone)
    assert "too large" in found


def test_a_file_in_another_encoding_is_told_with_its_line(alone: Path) -> None:
    write(alone, role(PLAIN))
    (alone / "roles/web/role.yml").write_bytes("description: a\ndoc: grün\n".encode("latin-1"))
    assert mistakes(alone) == ["role.yml:2: the file is not UTF-8 text"]


def test_a_role_yml_that_is_a_link_out_of_its_folder_is_refused(alone: Path) -> None:
    write(alone, {"elsewhere.yml": PLAIN, "roles/web/checks/test_x.py": ""})
    (alone / "roles/web/role.yml").symlink_to(alone / "elsewhere.yml")
    assert "leads out of" in mistakes(alone)[0]


def test_values_per_release_are_chosen_and_their_mistakes_are_found_in_the_right_one(alone: Path) -> None:
    write(
        alone,
        role(
            """\
            description: A web server
            packages: {bookworm: [old], trixie: [new]}
            services:
              nginx:
                unit: {bookworm: a.service, trixie: 5}
            """
        ),
    )
    assert mistakes(alone) == ["role.yml:5:33: nginx.unit: expected text, got the number 5"]


def test_a_choice_per_release_reaches_into_lists_and_items(alone: Path) -> None:
    write(alone, role(PLAIN + "packages: {bookworm: [old], trixie: [new]}\n"))
    web = load_roles(alone)["web"]
    assert [web.declared[release]["packages"] for release in ("bookworm", "trixie")] == [["old"], ["new"]]


def test_variables_carry_the_name_of_their_role_and_fit_their_own_schema(alone: Path) -> None:
    write(
        alone,
        role(
            """\
            description: A web server
            variables:
              nginx_root: {schema: {type: string}, doc: Where pages lie.}
              web_port: {schema: {type: integer}, default: many, doc: The port.}
              web_mode: {schema: {type: wrong}, doc: The mode.}
              web_names: {schema: {type: array}, default: "{{ host.name }}", example: 3, doc: Names.}
            """
        ),
    )
    found = mistakes(alone)
    assert found[0] == "role.yml:3:3: variable `nginx_root` of role web has another role's name"
    assert found[1] == "role.yml:4:39: default of `web_port`: expected a whole number, got the text 'many'"
    assert found[2].startswith("role.yml:5:14: schema of `web_mode` is not JSON Schema: ")
    assert found[3] == "role.yml:6:66: example of `web_names`: expected a list, got the number 3"


def test_references_to_what_no_role_has_are_told_with_the_nearest_name(alone: Path) -> None:
    write(
        alone,
        role(
            """\
            description: A web server
            requires: [tsl]
            names: {web_settngs: names}
            variables:
              web_settings: {schema: {type: object}, doc: Settings.}
            files:
              /etc/a: {content: "", reload: [ngnix], runs: [mkae]}
            commands:
              make: {argv: [make], restart: [nginx]}
            services: {nginx: {}}
            """
        )
        | {"roles/tls/role.yml": "description: TLS\n"},
    )
    assert mistakes(alone) == [
        "role.yml:3:9: role web: there is no variable `web_settngs` (did you mean `web_settings`?)",
        "role.yml:7:49: role web: there is no command `mkae` (did you mean `make`?)",
    ]
    text = (alone / "roles/web/role.yml").read_text().replace("mkae", "make").replace("settngs", "settings")
    write(alone, role(text))
    assert mistakes(alone) == [
        "role.yml:2:12: role web: there is no role `tsl` (did you mean `tls`?)",
        "role.yml:7:34: role web: there is no service `ngnix` (did you mean `nginx`?)",
    ]


def test_the_name_of_a_role_can_begin_a_variable(alone: Path) -> None:
    write(alone, {"roles/web-server/role.yml": PLAIN})
    assert mistakes(alone) == ["role.yml:: `web-server` can't be the name of a role"]


def test_roles_that_require_each_other_are_refused(alone: Path) -> None:
    write(alone, role(PLAIN + "requires: [b]\n") | {"roles/b/role.yml": "description: b\nrequires: [web]\n"})
    assert mistakes(alone) == [
        "role.yml:2:12: roles b and web require each other",
        "role.yml:2:12: roles web and b require each other",
    ]


def test_required_roles_come_first_and_each_once(alone: Path) -> None:
    needs = {"bundle": ["web", "db"], "web": ["tls"], "db": ["tls"], "tls": []}
    write(
        alone,
        {f"roles/{name}/role.yml": f"description: x\nrequires: {names}\n" for name, names in needs.items()},
    )
    roles = load_roles(alone)
    assert [role.name for role in roles.with_required(("bundle", "tls"))] == ["tls", "web", "db", "bundle"]
