"""USER@HOST on the command line as the connection variables of an inventory."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.target import connection_variables
from provisioner.errors import InputError


@pytest.mark.parametrize(
    ("target", "variables"),
    [
        ("mx.example.org", {"ansible_host": "mx.example.org"}),
        ("root@192.0.2.1:22", {"ansible_host": "192.0.2.1", "ansible_user": "root"}),
        (
            "root@[2001:db8::1]:2222",
            {"ansible_host": "2001:db8::1", "ansible_user": "root", "ansible_port": 2222},
        ),
        (
            "eva@mx.example.org",
            {"ansible_host": "mx.example.org", "ansible_user": "eva", "ansible_become": True},
        ),
    ],
)
def test_a_target_is_read_as_ssh_reads_it(target: str, variables: dict[str, object]) -> None:
    assert connection_variables(target, None) == variables


@pytest.mark.parametrize("target", ["", "-oProxyCommand=x", "a b", "root@host:99999", "http://host/"])
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(InputError, match="is no USER@HOST"):
        connection_variables(target, None)


def test_a_key_in_the_home_folder_is_named_so_that_a_colleague_has_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    inside, outside = tmp_path / ".ssh" / "id_mail", Path("/srv/keys/id_mail")

    assert connection_variables("h", inside)["ansible_ssh_private_key_file"] == "~/.ssh/id_mail"
    assert connection_variables("h", outside)["ansible_ssh_private_key_file"] == "/srv/keys/id_mail"
