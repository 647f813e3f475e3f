"""`provision hosts forget` removes a key, and says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.app import run
from provisioner.hosts.known_hosts import add, fingerprint, read_known_hosts

KEY = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x01a"


def test_a_forgotten_host_is_gone_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    add(tmp_path / "known_hosts", ["mx1", "192.0.2.1"], KEY)
    add(tmp_path / "known_hosts", ["mx2"], KEY)

    assert run(["hosts", "forget", "mx1"]) == 0

    assert capsys.readouterr().out == f"forgot {fingerprint(KEY)} of mx1,192.0.2.1 (known_hosts:1)\n"
    assert [line.names for line in read_known_hosts(tmp_path / "known_hosts")] == ["mx2"]


def test_a_host_that_is_not_on_record_is_the_user_s_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "elsewhere"
    add(path, ["mx1"], KEY)

    assert run(["hosts", "forget", "mx9", "--known-hosts", str(path)]) == 2
    assert "has no key of mx9" in capsys.readouterr().err


def test_without_a_file_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(["hosts", "forget", "mx1"]) == 2
    assert "there is no known_hosts" in capsys.readouterr().err
