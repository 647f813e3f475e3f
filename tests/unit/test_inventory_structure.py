"""Groups, hosts and precedence: how an inventory is put together. `tests/oracle` holds it against Ansible."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from inventory_making import load, one_host, said, write

from provisioner.errors import Location
from provisioner.inventory import select

INVENTORY = """
    all:
      children:
        mail:
          hosts:
            mx[1:2].example.org: {ansible_user: root}
          vars: {kind: mail}
        web:
          hosts: {w1: }
"""


def test_the_contracts_own_example_is_a_whole_inventory(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        """
        all:
          hosts:
            mx1.example.org: {ansible_host: 192.0.2.10, ansible_user: root}
          vars:
            roles: [mail_server]
            tls_provider: self_signed            # acme, own_ca, files
            mail_domains:
              example.org:
                users:
                  alice: {password: "{ARGON2ID}$argon2id$x", aliases: [a.smith], quota: 2G}
            postfix_parameters: {message_size_limit: 52428800}
        """,
    )

    [host] = inventory.hosts
    assert (host.name, host.groups, host.roles) == ("mx1.example.org", ("all", "ungrouped"), ("mail_server",))
    assert host.variables["ansible_host"] == "192.0.2.10"
    assert host.variables["postfix_parameters"] == {"message_size_limit": 52428800}
    assert inventory.folder == tmp_path


def test_hosts_come_in_the_inventorys_order(tmp_path: Path) -> None:
    names = [host.name for host in load(tmp_path, INVENTORY).hosts]

    assert names == ["mx1.example.org", "mx2.example.org", "w1"]


def test_a_limit_narrows_the_hosts_and_not_the_groups(tmp_path: Path) -> None:
    inventory = load(tmp_path, INVENTORY, limit="mail:!mx1*")

    assert [host.name for host in inventory.hosts] == ["mx2.example.org"]
    assert inventory.members("all") == ("mx1.example.org", "mx2.example.org", "w1")


def test_a_limit_can_be_read_from_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"failed": "w1\nmx2*\n"})

    hosts = load(tmp_path, INVENTORY, limit=f"@{tmp_path}/failed").hosts

    assert [host.name for host in hosts] == ["mx2.example.org", "w1"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("all", "mx1 mx2 w1"),
        ("mail", "mx1 mx2"),
        ("mx*", "mx1 mx2"),
        ("m*:w1", "mx1 mx2 w1"),
        ("all:&mail", "mx1 mx2"),
        ("all:!mail", "w1"),
        ("!w1", "mx1 mx2"),
        ("mail[0]", "mx1"),
        ("mail[-1]", "mx2"),
        ("mail[0:1]", "mx1 mx2"),
        ("~mx[12]\\.", "mx1 mx2"),
        ("w1,mx2.example.org", "w1 mx2"),
    ],
)
def test_a_pattern_selects_as_ansibles_does(tmp_path: Path, pattern: str, names: str) -> None:
    found = select(load(tmp_path, INVENTORY), pattern)

    assert " ".join(host.name.split(".")[0] for host in found) == names


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("mx3.example.org", "no host matches `mx3.example.org` (did you mean `mx2.example.org`?)"),
        ("mial", "no host matches `mial` (did you mean `mail`?)"),
        ("all:!all", "no host matches `all:!all`"),
        ("mail[2]", "`mail[2]`: `mail` has only 2 hosts"),
        ("~(", "`~(` is no pattern of hosts: missing ), unterminated subpattern at position 0"),
        (",", "`,` is no pattern of hosts"),
    ],
)
def test_a_limit_that_matches_nothing_is_an_error(tmp_path: Path, pattern: str, message: str) -> None:
    assert said(tmp_path, INVENTORY, limit=pattern) == [message]


def test_group_vars_of_all_beat_the_inline_variables_of_other_groups(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "group_vars/all.yml": "b: file-all\nc: file-all\nd: file-all\n",
            "group_vars/mail.yml": "c: file-mail\nd: file-mail\n",
            "host_vars/mx1.yml": "d: host_vars\n",
        },
    )
    variables = (
        load(tmp_path, "mail:\n  hosts: {mx1: {d: inline}}\n  vars: {a: inline, b: inline, c: inline}\n")
        .hosts[0]
        .variables
    )

    assert variables == {"a": "inline", "b": "file-all", "c": "file-mail", "d": "host_vars"}


def test_the_roles_of_groups_add_up_from_all_down_each_once(tmp_path: Path) -> None:
    write(tmp_path, {"group_vars/deep.yml": "roles: [dovecot, base]\n"})
    host = load(
        tmp_path,
        """
        all:
          vars: {roles: [base]}
          children:
            zz: {vars: {roles: [late]}, hosts: {h: {roles: [own]}}}
            mail:
              vars: {roles: [postfix]}
              children: {deep: {vars: {roles: [hidden]}, hosts: {h: }}}
        """,
    ).hosts[0]

    assert host.roles == ("base", "postfix", "late", "dovecot", "own")
    assert [str(place).removeprefix(f"{tmp_path}/") for place in host.role_places] == [
        "inventory.yml:2:18",
        "inventory.yml:6:22",
        "inventory.yml:4:25",
        "group_vars/deep.yml:1:9",
        "inventory.yml:4:53",
    ]


def test_roles_that_are_no_list_of_names_are_an_error_of_the_host(tmp_path: Path) -> None:
    host = one_host(tmp_path, "roles: mail_server")

    assert host.roles == ()
    assert host.unresolved["roles"].message == "`roles` must be a list of names"
    assert host.unresolved["roles"].where == Location(f"{tmp_path}/inventory.yml", 5, 5, 5)


def test_every_value_leads_back_to_where_it_is_written(tmp_path: Path) -> None:
    write(tmp_path, {"group_vars/all/mail.yml": "domains:\n  example.org:\n    users: [alice, bob]\n"})
    origins = load(tmp_path, "all:\n  hosts:\n    h: {ansible_host: 192.0.2.1}\n").hosts[0].origins

    file = f"{tmp_path}/group_vars/all/mail.yml"
    assert origins.find(("domains",)) == Location(file, 1, 1, 7)
    assert origins.find(("domains", "example.org", "users", 1)) == Location(file, 3, 20, 3)
    assert origins.find(("domains", "example.org", "users", 1, "x")) == Location(file, 3, 20, 3)
    assert origins.find(("ansible_host",)) == Location(f"{tmp_path}/inventory.yml", 3, 9, 12)
    assert origins.find(("nope",)) is None
    assert ("domains", "example.org") in set(origins.paths())


def test_ini_variables_have_places_too(tmp_path: Path) -> None:
    origins = load(tmp_path, "[web]\nh a=1  bb='2'\n[web:vars]\n  ccc = 3\n", "hosts").hosts[0].origins

    assert origins.find(("bb",)) == Location(f"{tmp_path}/hosts", 2, 8, 2)
    assert origins.find(("ccc",)) == Location(f"{tmp_path}/hosts", 4, 3, 3)


def test_hosts_named_on_the_command_line_are_an_inventory(tmp_path: Path) -> None:
    inventory = load(tmp_path, source="mx1.example.org,192.0.2.5,")

    assert [host.name for host in inventory.hosts] == [f"{tmp_path}/mx1.example.org", "192.0.2.5"]


def test_ansible_inventorys_own_json_is_an_inventory(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        """
        {"_meta": {"hostvars": {"a": {"x": "{{ y }}", "u": {"__ansible_unsafe": "{{ no }}"}}}},
         "all": {"children": ["ungrouped", "web"]},
         "web": {"hosts": ["a", "b"], "vars": {"y": 5}}, "db": ["c"]}
        """,
        "list.json",
    )

    assert {host.name: dict(host.variables) for host in inventory.hosts} == {
        "a": {"y": 5, "x": 5, "u": "{{ no }}"},
        "b": {"y": 5},
        "c": {},
    }


def test_two_hosts_of_one_address_are_an_error(tmp_path: Path) -> None:
    text = """
        all:
          hosts:
            a: {ansible_host: 192.0.2.1}
            b: {ansible_host: 192.0.2.1, ansible_port: 2222}
            c: {ansible_host: 192.0.2.1, ansible_ssh_common_args: -J jump}
            d:
              ansible_host: 192.0.2.1
    """

    assert said(tmp_path, text) == [
        "inventory.yml:7:7: d and a have one address, 192.0.2.1 port 22 (as a in line 3)"
    ]


def test_hosts_without_ssh_have_no_address_to_share(tmp_path: Path) -> None:
    text = "all:\n  vars: {ansible_host: x, ansible_connection: local}\n  hosts: {a: , b: }\n"

    assert said(tmp_path, text) == []


def test_what_ansible_warns_of_is_a_warning(tmp_path: Path) -> None:
    inventory = load(tmp_path, "all:\n  description: {x: 1}\n  hosts: {h: }\nversion: 1\n")

    assert [warning.message for warning in inventory.warnings] == [
        "`description` means nothing in the group `all`: it may hold hosts, children and vars",
        "`version` is no group: it holds a number, not hosts, children or vars",
    ]


def test_a_variables_file_of_nobody_is_a_warning_where_it_looks_like_a_slip(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"group_vars/mial.yml": "a: 1\n", "group_vars/other.yml": "b: 1\n", "group_vars/all.yml": "c: 1\n"},
    )

    [warning] = load(tmp_path, INVENTORY).warnings

    assert warning.message == f"{tmp_path}/group_vars/mial.yml gives its variables to nobody"
    assert warning.note == "did you mean `mail`?"


def test_a_thousand_hosts_load_in_a_moment(tmp_path: Path) -> None:
    hosts = "".join(
        f"        mx{n}: {{ansible_host: 10.0.{n // 250}.{n % 250}, n: {n}}}\n" for n in range(1000)
    )
    variables = "".join(f"v{n}: value\nt{n}: '{{{{ inventory_hostname }}}}-{{{{ n }}}}'\n" for n in range(10))
    write(tmp_path, {"group_vars/mail.yml": variables, "host_vars/mx5.yml": "own: 1\n"})
    begun = time.process_time()

    inventory = load(tmp_path, f"all:\n  children:\n    mail:\n      hosts:\n{hosts}")

    assert time.process_time() - begun < 10
    assert inventory.hosts[999].variables["t9"] == "mx999-999"
