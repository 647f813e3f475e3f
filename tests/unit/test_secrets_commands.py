"""`provision secrets` as a person uses it."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pyrage
import pytest

from provisioner.cli.app import run
from provisioner.secrets import Secrets


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("PROVISION_AGE_KEY", "PROVISION_AGE_KEY_FILE", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def given(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_init_makes_key_and_file_prints_the_public_key_and_changes_nothing_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["secrets", "init"]) == 0
    public = capsys.readouterr().out.strip()
    before = (folder / "secrets.yml").read_bytes(), (folder / "secrets.key").read_bytes()

    assert run(["secrets", "init"]) == 0
    assert capsys.readouterr().out.strip() == public
    assert public.startswith("age1")
    assert public.encode() in before[0]
    assert ((folder / "secrets.yml").read_bytes(), (folder / "secrets.key").read_bytes()) == before


def test_a_secret_set_from_standard_input_is_viewed_as_it_was_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given("hunter2 ☃\n", monkeypatch)
    assert run(["secrets", "set", "bob"]) == 0
    captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err
    assert "bob" in captured.err and "Commit it" in captured.err

    assert run(["secrets", "view", "bob"]) == 0
    assert capsys.readouterr().out == "hunter2 ☃\n"
    assert "hunter2" not in (folder / "secrets.yml").read_text()


def test_nothing_given_sets_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given("\n", monkeypatch)

    assert run(["secrets", "set", "bob"]) == 2
    assert list(folder.iterdir()) == []


def test_the_list_needs_no_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["secrets", "set", "--generate", "bob"]) == 0
    assert run(["secrets", "set", "--generate", "alice"]) == 0
    (folder / "secrets.key").unlink()
    capsys.readouterr()

    assert run(["secrets", "list"]) == 0
    assert capsys.readouterr().out == "alice\nbob\n"
    assert run(["secrets", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["names"] == ["alice", "bob"]
    assert len(document["recipients"]) == 1


def test_an_unknown_name_is_the_person_s_mistake_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["secrets", "set", "--generate", "alice"])

    assert run(["secrets", "view", "alise"]) == 2
    assert "Did you mean `alice`?" in capsys.readouterr().err
    assert run(["secrets", "remove", "alise"]) == 2
    assert run(["secrets", "remove", "alice"]) == 0
    assert run(["secrets", "view", "alice"]) == 2


def test_a_colleague_is_let_in_and_shut_out_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given("hunter2", monkeypatch)
    run(["secrets", "set", "bob"])
    mine = (folder / "secrets.key").read_text()
    theirs = pyrage.x25519.Identity.generate()
    public = str(theirs.to_public())

    assert run(["secrets", "rekey", "--add", f"{public} anna"]) == 0
    assert f"  - {public}   # anna\n" in (folder / "secrets.yml").read_text()
    assert Secrets.open(folder, environ={"PROVISION_AGE_KEY": str(theirs)}).get("bob") == "hunter2"

    own = next(word for word in mine.split() if word.startswith("age1"))
    (folder / "secrets.key").unlink()
    monkeypatch.setenv("PROVISION_AGE_KEY", str(theirs))
    assert run(["secrets", "rekey", "--remove", own]) == 0
    monkeypatch.setenv("PROVISION_AGE_KEY", mine)
    capsys.readouterr()
    assert run(["secrets", "view", "bob"]) == 2
    assert "no key here reads" in capsys.readouterr().err


def test_the_last_recipient_and_a_stranger_can_t_be_taken_out(folder: Path) -> None:
    run(["secrets", "set", "--generate", "bob"])
    before = (folder / "secrets.yml").read_bytes()
    (own,) = Secrets.open(folder, environ={}).recipients()

    assert run(["secrets", "rekey", "--remove", own]) == 2
    assert run(["secrets", "rekey", "--remove", str(pyrage.x25519.Identity.generate().to_public())]) == 2
    assert run(["secrets", "rekey", "--add", "age1nonsense"]) == 2
    assert (folder / "secrets.yml").read_bytes() == before


def test_a_newcomer_without_access_is_told_how_to_get_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["secrets", "set", "--generate", "bob"])
    (folder / "secrets.key").unlink()
    capsys.readouterr()

    assert run(["secrets", "init"]) == 2
    captured = capsys.readouterr()
    assert "rekey --add" in captured.err
    assert (folder / "secrets.key").exists()
    assert run(["secrets", "init", "--key-only"]) == 0
    assert capsys.readouterr().out.strip() in captured.err


def _editor(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    program = folder / "my editor"
    notes = f'echo "$1" > "{folder}/path"; stat -c %a "$1" "${{1%/*}}" > "{folder}/modes"'
    program.write_text(f"#!/bin/sh\n{notes}\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"'{program}'")
    return folder / "path"


def test_edit_changes_one_secret_in_memory_and_leaves_no_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given("hunter2", monkeypatch)
    run(["secrets", "set", "bob"])
    path = _editor(folder, monkeypatch, 'echo "$(cat "$1")x" > "$1"; echo old > "$1~"')

    assert run(["secrets", "edit", "bob"]) == 0
    capsys.readouterr()
    run(["secrets", "view", "bob"])

    assert capsys.readouterr().out == "hunter2x\n"
    assert Secrets.open(folder, environ={}).get("bob") == "hunter2x"
    place = Path(path.read_text().strip())
    assert not place.parent.exists()
    assert (folder / "modes").read_text().split() == ["600", "700"]
    assert os.fspath(place).startswith(("/dev/shm/", os.environ.get("XDG_RUNTIME_DIR") or "/dev/shm/"))


def test_an_editor_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(["secrets", "set", "--generate", "bob"])
    before = (folder / "secrets.yml").read_bytes()
    path = _editor(folder, monkeypatch, 'echo x > "$1"; exit 3')

    assert run(["secrets", "edit", "bob"]) == 2
    assert (folder / "secrets.yml").read_bytes() == before
    assert not Path(path.read_text().strip()).exists()


def test_the_folder_may_be_named_by_the_inventory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mail").mkdir()
    (folder / "mail" / "inventory.yml").write_text("all: {}\n")

    assert run(["secrets", "set", "--generate", "bob", "-i", "mail/inventory.yml"]) == 0
    assert run(["secrets", "list", "-i", "mail"]) == 0
    assert capsys.readouterr().out == "bob\n"
    assert run(["secrets", "list", "-i", "elsewhere/inventory.yml"]) == 2


def test_a_private_key_in_the_wrong_place_is_named_and_never_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["secrets", "set", "--generate", "bob"])
    good = (folder / "secrets.key").read_text()
    key = good.splitlines()[-1]
    text = (folder / "secrets.yml").read_text()
    capsys.readouterr()

    (folder / "secrets.key").write_text(good.replace(key, key[:-1] + "?"))
    assert run(["secrets", "view", "bob"]) == 2
    (folder / "secrets.key").write_text(good)
    (folder / "secrets.yml").write_text(text.replace("recipients:\n", f"recipients:\n  - {key}\n"))
    assert run(["secrets", "set", "--generate", "carol"]) == 2
    (folder / "secrets.yml").write_text(text.replace("secrets:\n", f"secrets:\n  own: {key}\n"))
    assert run(["secrets", "list"]) == 2

    said = capsys.readouterr()
    assert "is not an age key" in said.err
    assert "a private key is not a recipient" in said.err
    assert ", line 6, has the secret `own` in clear" in said.err
    assert "AGE-SECRET-KEY-1" not in said.out + said.err.replace("begins with AGE-SECRET-KEY-1.", "")
