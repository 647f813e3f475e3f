"""Names, records and keys of sandbox hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import sandbox
from provisioner.errors import InputError
from provisioner.sandbox.keys import make_keys
from provisioner.sandbox.state import Record, State, check_name


@pytest.mark.parametrize("name", ["demo", "mx1.demo.test", "a", "1-2"])
def test_plain_names_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "-a", "a.", "A", "a b", "a\n", "ä", "x" * 64])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="can't name a sandbox host"):
        check_name(name)


@pytest.mark.parametrize("folder", ["a:b", "a,b", "a b", "a\\b"])
def test_a_folder_that_mount_options_cannot_carry_is_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_SANDBOX_DIR", str(tmp_path / folder))

    with pytest.raises(InputError, match="can't live in"):
        State.open()


def test_a_record_is_read_back_as_it_was_stored(tmp_path: Path) -> None:
    state = State(tmp_path)
    record = Record("one", "10.87.0.11", "trixie", "nspawn", layer="mail", address6="fd00::b")

    state.remember(record)

    assert state.records() == [record]


def test_a_record_cut_short_counts_as_no_host(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.host("one").mkdir(parents=True)
    (state.host("one") / "host.json").write_text('{"name": "one", "addr')

    assert state.record("one") is None
    assert state.records() == []


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = make_keys(tmp_path, "one")
    line = first.known_hosts("10.87.0.11")

    assert make_keys(tmp_path, "one").known_hosts("10.87.0.11") == line
    assert [part.split()[1] for part in line.splitlines()] == [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ssh-rsa",
    ]
    assert first.login.stat().st_mode & 0o777 == 0o600


def test_a_key_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    keys = make_keys(tmp_path, "one")
    (tmp_path / "ssh_host_ed25519_key.pub").unlink()
    old = (tmp_path / "ssh_host_ed25519_key").read_bytes()

    make_keys(tmp_path, "one")

    assert (tmp_path / "ssh_host_ed25519_key").read_bytes() != old
    assert keys.host_public().startswith("ssh-ed25519 ")


def test_another_port_is_written_as_known_hosts_wants_it(tmp_path: Path) -> None:
    assert make_keys(tmp_path, "one").known_hosts("127.77.0.11", 10022).startswith("[127.77.0.11]:10022 ssh-")


def test_several_hosts_are_taken_down_at_once_and_names_are_checked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_SANDBOX_DIR", str(tmp_path))
    for name in ("one", "two", "three"):  # as runs leave them that were cut short
        (tmp_path / "hosts" / name).mkdir(parents=True)

    with pytest.raises(InputError):
        sandbox.down_several(["one", "../x"])
    gone = sandbox.down_several(["two", "one", "one", "four"])

    assert gone == ["two", "one"]
    assert [path.name for path in (tmp_path / "hosts").iterdir()] == ["three"]
