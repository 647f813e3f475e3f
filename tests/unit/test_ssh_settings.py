"""Connection settings come from the command line, then the inventory, then `~/.ssh/config`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from provisioner.errors import InputError, Location
from provisioner.hosts.connection import Become, ConnectionOptions, Settings, connection_settings
from provisioner.inventory.model import Host, Origins


def settings(
    tmp_path: Path, config: str = "", options: Mapping[str, object] | None = None, **ansible: object
) -> Settings:
    """The settings of a host with the given `ansible_…` variables."""
    file = tmp_path / "config"
    file.write_text(config)
    variables = {f"ansible_{name}": value for name, value in ansible.items()}
    places = Origins({(name,): Location("inventory.yml", 7) for name in variables})
    host = Host("mx1.example.org", variables, variables, origins=places)
    given = ConnectionOptions(ssh_config=file, system_ssh_config=None, **(options or {}))  # type: ignore[arg-type]
    return connection_settings(host, given, tmp_path)


def test_a_bare_host_is_reached_by_its_name_at_port_22(tmp_path: Path) -> None:
    found = settings(tmp_path)

    assert (found.address, found.port, found.become, found.jumps) == ("mx1.example.org", 22, None, ())
    assert found.known_hosts == tmp_path / "known_hosts"
    assert not found.trust_on_first_use


def test_the_inventory_beats_the_ssh_configuration(tmp_path: Path) -> None:
    config = "Host 192.0.2.10\n  User anna\n  Port 2222\n  HostName 192.0.2.99\n  IdentityFile ~/.ssh/mail\n"

    found = settings(tmp_path, config, host="192.0.2.10", user="root", port="2200")

    assert (found.user, found.port, found.address) == ("root", 2200, "192.0.2.99")
    assert found.keys == (Path("~/.ssh/mail").expanduser(),)


def test_the_configuration_is_looked_up_under_the_address_as_ssh_would(tmp_path: Path) -> None:
    assert settings(tmp_path, "Host mx1.example.org\n  User anna\n", host="192.0.2.1").user != "anna"
    assert settings(tmp_path, "Host mx1.example.org\n  User anna\n").user == "anna"


def test_a_named_key_is_the_only_one_offered(tmp_path: Path) -> None:
    (tmp_path / "deploy").write_text("")

    found = settings(tmp_path, "IdentityFile ~/.ssh/mail\n", ssh_private_key_file="deploy")

    assert (found.keys, found.identities_only) == ((tmp_path / "deploy",), True)


def test_the_command_line_beats_the_inventory(tmp_path: Path) -> None:
    options = {"ssh_key": Path("/k"), "known_hosts": Path("/kh"), "trust_on_first_use": True, "timeout": 3.0}

    found = settings(tmp_path, "", options, ssh_private_key_file="other")

    assert (found.keys, found.known_hosts, found.trust_on_first_use, found.timeout) == (
        (Path("/k"),), Path("/kh"), True, 3.0,
    )  # fmt: skip


def test_sudo_needs_no_more_than_become(tmp_path: Path) -> None:
    assert settings(tmp_path, user="anna", become="yes").become == Become("root", None)
    assert settings(tmp_path, user="anna", become=True, become_password="pw").become == Become("root", "pw")
    assert settings(tmp_path, user="root", become=True).become is None
    assert settings(tmp_path, user="anna").become is None


def test_passwords_stay_out_of_what_is_printed(tmp_path: Path) -> None:
    found = settings(tmp_path, user="anna", become=True, become_password="hunter2", password="hunter3")

    assert found.password == "hunter3"
    assert "hunter" not in repr(found)


def test_ssh_arguments_of_the_inventory_are_understood(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        ssh_common_args="-o ControlMaster=auto -C -J anna@bastion:2200,second",
        ssh_extra_args="-oIdentityFile=/keys/one -o 'HostKeyAlias mail one' -p 2022 -4",
    )

    assert [str(jump) for jump in found.jumps] == ["anna@bastion:2200", f"{found.user}@second:22"]
    assert (found.keys, found.host_key_alias, found.port) == ((Path("/keys/one"),), "mail", 2022)
    assert found.address_family == "inet"


def test_a_jump_host_has_its_own_configuration(tmp_path: Path) -> None:
    config = "Host bastion\n  HostName 192.0.2.1\n  User jumper\n  ProxyJump outer\n"
    config += "Host *\n  ProxyJump bastion\n"

    found = settings(tmp_path, config)

    assert [(jump.name, jump.address) for jump in found.jumps] == [
        ("outer", "outer"),
        ("bastion", "192.0.2.1"),
    ]
    assert found.jumps[1].user == "jumper"


def test_a_jump_host_that_a_wildcard_sends_through_itself_ends_the_chain(tmp_path: Path) -> None:
    found = settings(tmp_path, "Host *\n  ProxyJump bastion\n")

    assert [jump.name for jump in found.jumps] == ["bastion"]


def test_an_ipv6_jump_host_stands_in_brackets(tmp_path: Path) -> None:
    jump = settings(tmp_path, ssh_common_args="-J anna@[2001:db8::1]:2200").jumps[0]

    assert (jump.address, jump.port, str(jump)) == ("2001:db8::1", 2200, "anna@[2001:db8::1]:2200")


def test_an_ipv6_address_may_stand_in_brackets(tmp_path: Path) -> None:
    found = settings(tmp_path, host="[2001:db8::1]", port=2200, user="root")

    assert (found.address, found.key_name, str(found)) == (
        "2001:db8::1",
        "[2001:db8::1]:2200",
        "root@[2001:db8::1]:2200",
    )


def test_not_checking_host_keys_becomes_trust_on_first_use_and_no_less(tmp_path: Path) -> None:
    lax = settings(tmp_path, ssh_common_args="-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null")

    assert lax.trust_on_first_use
    assert lax.known_hosts == tmp_path / "known_hosts"
    assert settings(tmp_path, host_key_checking=False).trust_on_first_use


@pytest.mark.parametrize(
    ("ansible", "words"),
    [
        ({"connection": "local"}, "ansible_connection is `local`"),
        ({"port": "no"}, "must be a port"),
        ({"port": 70000}, "must be a port"),
        ({"become": "perhaps"}, "must be true or false"),
        ({"become": True, "become_method": "doas", "user": "anna"}, "`doas` is not supported"),
        ({"ssh_common_args": "-Z"}, "`-Z` in ansible_ssh_common_args"),
        ({"ssh_common_args": "-o 'x"}, "cannot be split"),
        ({"ssh_common_args": "-J a@"}, "no jump host"),
        ({"host": ["a"]}, "must be text"),
    ],
)
def test_a_variable_that_makes_no_sense_is_an_error(
    tmp_path: Path, ansible: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        settings(tmp_path, "", None, **ansible)


def test_an_error_points_at_the_line_of_the_inventory(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        settings(tmp_path, connection="docker")

    assert str(caught.value.where) == "inventory.yml:7"


def test_a_variable_that_could_not_be_resolved_is_that_error(tmp_path: Path) -> None:
    problem = InputError("`nope` is undefined")
    host = Host("mx1", {}, {}, unresolved={"ansible_host": problem})

    with pytest.raises(InputError, match="nope"):
        connection_settings(host, ConnectionOptions(ssh_config=None, system_ssh_config=None), tmp_path)


@pytest.mark.parametrize(
    ("port", "alias", "name"),
    [("22", "", "192.0.2.1"), ("2200", "", "[192.0.2.1]:2200"), ("2200", "mail", "mail")],
)
def test_the_name_of_the_host_key_is_openssh_s(tmp_path: Path, port: str, alias: str, name: str) -> None:
    config = f"HostKeyAlias {alias}\n" if alias else ""

    assert settings(tmp_path, config, host="192.0.2.1", port=port).key_name == name
