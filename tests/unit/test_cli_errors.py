from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from provisioner.cli.errors import guarded, wants_json
from provisioner.errors import (
    AnswerIsNo,
    HostKeyError,
    InputError,
    Location,
    NotPutBack,
    ProvisionError,
    PutBack,
)


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("wrong"), 2),
        (AnswerIsNo("no"), 3),
        (PutBack("failed"), 4),
        (HostKeyError("changed"), 5),
        (NotPutBack("stuck"), 6),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (ZeroDivisionError(), 1),
        (typer.BadParameter("no such file"), 2),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert guarded(raising(error), ["plan"], contacts_hosts=True) == code


def test_a_mistake_in_a_file_is_shown_with_its_line_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.yml").write_text("all:\n  vars: {roles: [mial]}\n")
    error = InputError("unknown role `mial`", where=Location(str(tmp_path / "inventory.yml"), 2, 17, 4))
    guarded(raising(error), ["plan", "inventory.yml"], contacts_hosts=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert " --> inventory.yml:2:17\n" in err
    assert "2 |   vars: {roles: [mial]}\n  |                 ^^^^\n" in err
    assert err.endswith("Nothing was contacted.\n")


def test_a_command_that_contacts_no_host_does_not_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(raising(InputError("unknown role")), ["role", "show"], contacts_hosts=False)
    assert "contacted" not in capsys.readouterr().err


def test_with_json_the_error_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(raising(InputError("wrong", hint="mend it")), ["plan", "i.yml", "--json"], contacts_hosts=True)
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "format": 1,
        "command": "plan",
        "error": {"kind": "input", "message": "wrong", "hint": "mend it"},
    }


def test_what_follows_two_dashes_is_not_an_option() -> None:
    assert not wants_json(["sandbox", "ssh", "m1", "--", "provision", "--json"])


def test_a_defect_names_its_place_and_how_to_report_it_but_no_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVISION_DEBUG", raising=False)
    assert guarded(raising(KeyError("hunter2")), ["plan"], contacts_hosts=True) == 1
    err = capsys.readouterr().err
    assert "KeyError" in err and "test_cli_errors.py:" in err and "report it" in err
    assert "hunter2" not in err and "Traceback" not in err


def test_a_defect_shows_its_traceback_to_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_DEBUG", "1")
    guarded(raising(KeyError("x")), ["plan"], contacts_hosts=True)
    assert "Traceback" in capsys.readouterr().err


def test_the_base_of_all_errors_is_a_mistake_of_the_user() -> None:
    assert ProvisionError.exit_code == 2
