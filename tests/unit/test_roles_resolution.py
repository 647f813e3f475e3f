"""From a role and a host to the desired state."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from role_making import FakeSecrets, alone, file, host, ids, role, said, write

from provisioner.errors import InputError
from provisioner.inventory.model import Host
from provisioner.resources import Command, Guard, Package, Service, Timer
from provisioner.roles import load_roles, resolve
from provisioner.roles.model import Desired, Port, Record

__all__ = ["alone"]


def desired(
    folder: Path, text: str, of: Host | None = None, release: str = "trixie", **files: str
) -> Desired:
    write(folder, role(text) | files)
    return resolve(of or host(), load_roles(folder), FakeSecrets(), release)


def refused(folder: Path, text: str, of: Host | None = None, **files: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        desired(folder, text, of, **files)
    return said(caught.value)


def content(folder: Path, template: str, of: Host | None = None, variables: str = "{}") -> str:
    text = f"description: x\nvariables: {variables}\nfiles: {{/etc/x: {{template: web/x.j2}}}}\n"
    return file(desired(folder, text, of, **{"templates/web/x.j2": template}), "/etc/x").content.decode()


EVERYTHING = """\
description: everything
timers: {web-renew.timer: {}}
services: {nginx: {unit: {bookworm: nginx@-.service, trixie: nginx.service}, enable: nginx.socket, reloadable: false, reload_holds: 9}}
prove: {alive: {argv: [curl, -f, localhost], timeout: 5}}
validators: {nginx: {argv: [nginx, -t], paths: [/etc/nginx/], allow: ["^ok$"]}}
commands: {hash: {argv: [hash, "{{ host.name }}"], creates: /etc/hash, reload: [nginx]}}
links: {/etc/link: {target: ../x}}
files: {/etc/x: {content: "x\\n", owner: www, group: www, mode: "0640", restart: [nginx], runs: [hash]}}
directories: {/srv/www: {owner: www, mode: "0750"}}
packages: [{name: nginx, warm_up: [nginx, --compile, "{{ host.name }}"]}]
users: {www: {uid: 900, group: www, groups: [ssl-cert], home: /srv}}
groups: {www: {gid: 900}}
"""


def test_resources_come_in_the_order_they_are_changed_in(alone: Path) -> None:
    assert ids(desired(alone, EVERYTHING).resources) == [
        "group:www", "user:www", "package:nginx", "directory:/srv/www", "file:/etc/x", "link:/etc/link",
        "command:hash", "command:nginx", "command:alive", "service:nginx", "timer:web-renew.timer",
    ]  # fmt: skip


def test_every_key_of_an_item_reaches_its_resource(alone: Path) -> None:
    of_id = {one.id: one for one in desired(alone, EVERYTHING).resources}
    made = of_id["file:/etc/x"]
    assert (made.owner, made.group, made.mode, made.restart, made.runs) == (
        "www",
        "www",
        0o640,
        ("nginx",),
        ("hash",),
    )
    assert of_id["service:nginx"] == Service(
        "nginx", "nginx.service", "web", enable_unit="nginx.socket", can_reload=False, reload_holds=9
    )
    assert of_id["package:nginx"] == Package("nginx", "web", ("nginx", "--compile", "mx1.example.org"))
    assert of_id["timer:web-renew.timer"] == Timer("web-renew.timer", "web-renew.timer", "web")
    assert of_id["command:hash"] == Command(
        "hash", ("hash", "mx1.example.org"), "web", guard=Guard("/etc/hash"), reload=("nginx",)
    )
    assert of_id["command:nginx"] == Command(
        "nginx", ("nginx", "-t"), "web", when="validate", allow=("^ok$",), paths=("/etc/nginx/",)
    )
    assert of_id["command:alive"] == Command(
        "alive", ("curl", "-f", "localhost"), "web", when="prove", timeout=5
    )


def test_the_release_chooses_units_templates_and_packages(alone: Path) -> None:
    text = """\
    description: x
    packages: {bookworm: [old], trixie: [new, newer]}
    files: {/etc/x: {template: {bookworm: a/1.j2, trixie: a/2.j2}}}
    """
    files = {"templates/a/1.j2": "one", "templates/a/2.j2": "two"}
    old, new = (desired(alone, text, release=release, **files) for release in ("bookworm", "trixie"))
    assert ids(old.resources) == ["package:old", "file:/etc/x"]
    assert ids(new.resources) == ["package:new", "package:newer", "file:/etc/x"]
    assert (file(old, "/etc/x").content, file(new, "/etc/x").content) == (b"one", b"two")


def test_an_unknown_release_is_refused(alone: Path) -> None:
    write(alone, role("description: x\n"))
    with pytest.raises(
        InputError, match=r"mx1.example.org runs Debian buster; roles are written for bookworm and"
    ):
        resolve(host(), load_roles(alone), FakeSecrets(), "buster")


def test_for_each_and_when_work_over_lists_mappings_and_expressions(alone: Path) -> None:
    text = """\
    description: x
    variables:
      web_sites: {schema: {type: object}, default: {a: 1, b: 2}, doc: Sites.}
      web_on: {schema: {type: boolean}, default: false, doc: On.}
    files:
      "/etc/{{ item }}": {for_each: web_sites, content: "{{ item }}={{ value }}", when: "value > 1"}
      "/etc/n{{ item }}": {for_each: "range(2)", content: ""}
      /etc/off: {content: "", when: web_on}
      /etc/never: {content: "", when: false}
    ports:
      - {number: "{{ value + 80 }}", protocol: http, for_each: web_sites}
    """
    result = desired(alone, text)
    assert ids(result.resources) == ["file:/etc/b", "file:/etc/n0", "file:/etc/n1"]
    assert file(result, "/etc/b").content == b"b=2"
    assert result.ports == (Port(81, "http", "web"), Port(82, "http", "web"))


def test_records_are_made_for_each_domain(alone: Path) -> None:
    text = """\
    description: x
    variables: {web_domains: {schema: {}, default: [a.test, b.test], doc: D.}}
    dns: [{name: "{{ item }}.", type: mx, value: "10 {{ host.name }}.", for_each: web_domains, why: Mail., ttl: 60}]
    """
    assert desired(alone, text).records == (
        Record("a.test", "MX", "10 mx1.example.org.", "web", "Mail.", 60),
        Record("b.test", "MX", "10 mx1.example.org.", "web", "Mail.", 60),
    )


def test_defaults_refer_to_each_other_and_keep_their_types(alone: Path) -> None:
    variables = """
      {web_b: {schema: {}, default: "{{ web_a + 1 }}", doc: B.},
       web_a: {schema: {}, default: 41, doc: A.},
       web_c: {schema: {}, default: {names: ["{{ host.name }}", "{{ web_b }}"]}, doc: C.}}"""
    assert content(alone, "{{ web_c.names | tojson }} {{ web_b }}", variables=variables) == (
        '["mx1.example.org", 42] 42'
    )


def test_a_value_of_the_host_wins_over_the_default_and_reaches_other_defaults(alone: Path) -> None:
    variables = (
        '{web_a: {schema: {}, default: 1, doc: A.}, web_b: {schema: {}, default: "{{ web_a }}", doc: B.}}'
    )
    assert content(alone, "{{ web_b }}", host(web_a=7), variables) == "7"


def test_defaults_that_go_round_in_a_circle_are_refused(alone: Path) -> None:
    text = """\
    description: x
    variables:
      web_a: {schema: {}, default: "{{ web_b }}", doc: A.}
      web_b: {schema: {}, default: "{{ web_a }}", doc: B.}
    """
    assert refused(alone, text) == ["role.yml:3:23: defaults refer to each other: web_a → web_b → web_a"]


def test_a_default_that_comes_to_a_wrong_value_says_what_to_set(alone: Path) -> None:
    text = """\
    description: x
    variables: {web_name: {schema: {pattern: "[.]", title: a whole name}, default: "{{ host.name }}", doc: N.}}
    """
    with pytest.raises(InputError) as caught:
        desired(alone, text, host("mx1"))
    assert said(caught.value) == [
        "inventory.yml:3:5: `web_name` for mx1: expected a whole name, got the text 'mx1' (its default in role web)"
    ]
    assert ids(desired(alone, text, host("mx1", web_name="a.b")).resources) == []


def test_templates_see_what_they_are_promised(alone: Path) -> None:
    write(alone, {"motd.txt": "hello\n"})
    template = (
        "# {{ managed }}\n{{ host.name }} {{ host.groups | join }} {{ release }} {{ own }}\n"
        "{{ ports | length }} {{ mail.domains | length }} {{ inventory_file('motd.txt') }}"
    )
    assert content(alone, template, host(own="mine")) == (
        "# Managed by provision, from template web/x.j2. Changes made here are shown by the next plan and "
        "overwritten by the next apply.\nmx1.example.org all trixie mine\n0 0 hello\n"
    )


def test_a_template_beside_the_inventory_wins_over_the_built_in_one(alone: Path) -> None:
    write(alone.parent / "built-in", {"templates/web/x.j2": "built in", "templates/web/y.j2": "y"})
    assert content(alone, "mine {% include 'web/y.j2' %}") == "mine y"


def test_a_file_that_tells_a_secret_is_sensitive_without_being_told(alone: Path) -> None:
    text = """\
    description: x
    secrets: [{name: "key/{{ host.name }}", make: {kind: rsa}}]
    files:
      /etc/key: {content: "{{ secret('key/' ~ host.name) }}"}
      /etc/length: {content: "{{ secret('key/mx1.example.org') | length }}"}
      /etc/vault: {content: "x = {{ token }}"}
      /etc/open: {content: "nothing"}
    """
    of = replace(host(token="s3cret"), secret_texts=frozenset({"s3cret"}))
    result = desired(alone, text, of)
    assert [(one.path, one.sensitive) for one in result.resources] == [
        ("/etc/key", True), ("/etc/length", True), ("/etc/vault", True), ("/etc/open", False),
    ]  # fmt: skip
    assert file(result, "/etc/key").content == b"secret text of key/mx1.example.org"


def test_password_hashes_make_a_file_sensitive_too(alone: Path) -> None:
    text = """\
    description: x
    variables: {web_x: {schema: {}, default: 1, doc: X.}}
    files: {/etc/users: {content: "{{ mail.users[0].email }}:{{ mail.users[0].password_hash }}"}}
    """
    write(
        alone, {"roles/mail/role.yml": "description: m\nvariables: {mail_domains: {schema: {}, doc: D.}}\n"}
    )
    domains = {"example.org": {"users": {"alice": {"password": "correct horse"}}}}
    result = desired(alone, text, host(roles=("mail", "web"), mail_domains=domains))
    users = file(result, "/etc/users")
    assert users.content.startswith(b"alice@example.org:{ARGON2ID}$argon2id$") and users.sensitive


def test_the_same_input_gives_the_same_bytes(alone: Path) -> None:
    assert desired(alone, EVERYTHING).resources == desired(alone, EVERYTHING).resources


def test_hosts_share_what_is_equal_in_memory(alone: Path) -> None:
    write(alone, role(EVERYTHING))
    roles = load_roles(alone)
    one, two = (resolve(host(name), roles, FakeSecrets(), "trixie") for name in ("mx1", "mx2"))
    assert file(one, "/etc/x") is file(two, "/etc/x")


def test_services_of_roles_that_the_host_lacks_are_not_reloaded(alone: Path) -> None:
    write(alone, {"roles/other/role.yml": "description: o\nservices: {other: {}}\n"})
    text = "description: x\nfiles: {/etc/x: {content: '', reload: [nginx, other]}}\nservices: {nginx: {}}\n"
    assert file(desired(alone, text), "/etc/x").reload == ("nginx",)
    both = desired(alone, text, host(roles=("other", "web")))
    assert file(both, "/etc/x").reload == ("nginx", "other")


def test_two_roles_may_say_the_same_and_not_contradict_each_other(alone: Path) -> None:
    text = """\
    description: x
    packages: [curl]
    files: {/etc/x: {content: same, reload: [nginx]}}
    services: {nginx: {}}
    """
    other = (
        "description: o\npackages: [curl]\nfiles: {/etc/x: {content: %s, reload: [o]}}\nservices: {o: {}}\n"
    )
    both = host(roles=("web", "other"))
    result = desired(alone, text, both, **{"roles/other/role.yml": other % "same"})
    assert ids(result.resources) == ["package:curl", "file:/etc/x", "service:nginx", "service:o"]
    assert file(result, "/etc/x").reload == ("nginx", "o")
    assert refused(alone, text, both, **{"roles/other/role.yml": other % "different"}) == [
        "role.yml:3:9: roles web and other declare file:/etc/x, and differently"
    ]


def test_a_path_that_is_a_file_for_one_and_a_link_for_the_other_is_a_contradiction(alone: Path) -> None:
    text = "description: x\nfiles: {/etc/x: {content: ''}}\nlinks: {/etc/x: {target: y}}\n"
    assert refused(alone, text) == [
        "role.yml:3:9: role web declares file:/etc/x and link:/etc/x twice, and differently"
    ]


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        ('"/etc/{{ own }}": {content: ""}', "`/etc/../shadow` is not an absolute path in its plain form"),
        ('"/etc/x": {content: "", owner: "{{ own }}"}', "`../shadow` is not an account's name"),
        ('"/etc/x": {content: "", mode: "{{ own }}"}', "expected a mode such as \"0644\", got '../shadow'"),
        ('"/etc/x": {template: "{{ own }}"}', "`../shadow` must be a path inside"),
        ('"/etc/x": {content: "{{ inventory_file(own) }}"}', "`../shadow` must be a path inside"),
        ('"/etc/x": {content: "", sensitive: "{{ own }}"}', "expected true or false for `sensitive`"),
    ],
)
def test_what_templates_make_of_paths_and_names_is_checked(alone: Path, item: str, complaint: str) -> None:
    (found,) = refused(alone, f"description: x\nfiles:\n  {item}\n", host(own="../shadow"))
    assert complaint in found and found.startswith("role.yml:3:") and found.endswith("(for mx1.example.org)")


def test_files_beside_the_inventory_may_not_lead_out_of_it_by_a_link(alone: Path) -> None:
    write(alone.parent, {"outside/secret": "s"})
    (alone / "out").symlink_to(alone.parent / "outside")
    text = "description: x\nfiles: {/etc/x: {content: \"{{ inventory_file('out/secret') }}\"}}\n"
    assert "leads out of" in refused(alone, text)[0]
    (alone / "templates").mkdir(exist_ok=True)
    (alone / "templates/x.j2").symlink_to(alone.parent / "outside/secret")
    assert "leads out of" in refused(alone, "description: x\nfiles: {/etc/x: {template: x.j2}}\n")[0]


def test_in_a_git_work_tree_links_may_lead_anywhere_inside_it(alone: Path) -> None:
    write(alone.parent, {"shared/x.j2": "shared", ".git/HEAD": ""})
    (alone / "templates").symlink_to(alone.parent / "shared")
    assert (
        file(desired(alone, "description: x\nfiles: {/etc/x: {template: x.j2}}\n"), "/etc/x").content
        == b"shared"
    )


def test_all_mistakes_of_a_host_are_told_at_once(alone: Path) -> None:
    text = """\
    description: x
    files:
      /etc/a: {content: "{{ nmae }}"}
      /etc/b: {content: "{{ host.nmae }}"}
    ports: [{number: "{{ 70000 }}", protocol: http}]
    """
    found = refused(alone, text)
    assert [line.split(":")[1] for line in found] == ["3", "4", "5"]


def test_names_unknown_on_this_release_alone_are_refused(alone: Path) -> None:
    text = """\
    description: x
    names: {web_settings: names}
    variables: {web_settings: {schema: {}, default: {}, doc: S.}}
    """
    names = {"roles/web/names/bookworm.txt": "smtp_tls_a\n", "roles/web/names/trixie.txt": "smtp_tls_b\n"}
    assert refused(alone, text, host(web_settings={"smtp_tls_a": 1}), **names) == [
        "inventory.yml:11:5: web knows no `smtp_tls_a` on Debian trixie (for mx1.example.org) "
        "(did you mean `smtp_tls_b`?)"
    ]


def test_checks_are_found_where_the_role_has_them(alone: Path) -> None:
    result = desired(alone, "description: x\n", **{"roles/web/checks/test_web.py": ""})
    assert result.checks == {"web": alone / "roles/web/checks"}
    assert result.roles == ("web",)
