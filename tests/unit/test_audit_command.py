"""`provision audit`: options, exit codes, files, the question about intrusive checks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from audit_making import LOGIN, OPEN_RELAY, POLICY, SPF, finding, judgement

from provisioner.audit.case import Run
from provisioner.audit.finding import Outcome
from provisioner.audit.judgement import Judgement
from provisioner.audit.outside import Auditable
from provisioner.cli.app import run
from provisioner.errors import NotTouched
from provisioner.report.terminal import Terminal

FINE = judgement(finding(SPF, Outcome.PASS, "example.org", "has one SPF record"))
DOUBTFUL = judgement(finding(POLICY, Outcome.WARN, "example.org", "has p=none"))
AWAY = judgement(target="gone.test", error=NotTouched("gone.test does not exist in DNS"))


class Audits:
    """Stands in for the audits: what was to be run, and what is to come of it."""

    def __init__(self) -> None:
        self.results: Sequence[Judgement] = [FINE]
        self.run: Run | None = None
        self.targets: Sequence[Auditable] = ()

    def __call__(self, targets: Sequence[Auditable], run: Run, at_once: int, report: Any) -> list[Judgement]:
        self.targets, self.run = targets, run
        for one in self.results:
            report(one.target, one)
        return list(self.results)


@pytest.fixture
def audits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Audits:
    made = Audits()
    monkeypatch.setattr("provisioner.audit.outside.audit_all", made)
    monkeypatch.chdir(tmp_path)
    return made


def audit(*arguments: str) -> int:
    return run(["audit", *arguments, "--resolver", "127.0.0.1"])


@pytest.mark.parametrize(
    ("results", "options", "code"),
    [
        ([FINE], [], 0),
        ([DOUBTFUL], [], 0),
        ([DOUBTFUL], ["--fail-on", "medium"], 3),
        ([judgement(OPEN_RELAY)], [], 3),
        ([judgement(finding(LOGIN))], ["--fail-on", "critical"], 0),
        ([judgement(OPEN_RELAY)], ["--fail-on", "none"], 0),
        ([AWAY], [], 5),
        ([judgement(OPEN_RELAY), AWAY], [], 5),
    ],
)
def test_the_exit_code_is_the_highest_that_applies(
    audits: Audits, results: list[Judgement], options: list[str], code: int
) -> None:
    audits.results = results
    assert audit("example.org", *options) == code


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.json", '{\n  "format": 1'),
        ("r.html", "<!doctype html>"),
        ("r.sarif", '{\n  "$schema"'),
        ("r.xml", "<?xml"),
    ],
)
def test_the_file_s_name_says_the_format_and_the_table_is_printed_too(
    audits: Audits, capsys: pytest.CaptureFixture[str], name: str, begins: str
) -> None:
    assert audit("example.org", "--output", name) == 0
    assert Path(name).read_text().startswith(begins)
    assert "example.org   100 of 100" in capsys.readouterr().out


def test_a_format_that_is_told_goes_before_the_name(audits: Audits) -> None:
    assert audit("example.org", "--output", "report.txt", "--format", "json") == 0
    assert json.loads(Path("report.txt").read_text())["command"] == "audit"


def test_without_a_file_the_report_alone_is_on_standard_output(
    audits: Audits, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("example.org", "--json") == 0
    assert json.loads(capsys.readouterr().out)["targets"]["example.org"]["score"] == 100
    assert audit("example.org", "--format", "html") == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["example.org", "--output", "report.txt"], "is not clear from its name"),
        (["example.org", "--output", "no/where/r.json"], "there is no folder"),
        (["https://example.org"], "it is a URL"),
        (["example.org", "--check", "smtp.open-rely"], "did you mean `smtp.open-relay`?"),
        (["example.org", "--message", "none.eml"], "the message none.eml can't be read"),
        (["root@mx.example.org:0x16"], "is no USER@HOST"),
        (["missing.yml"], "there is no inventory at missing.yml"),
        (["diff", "a.json"], "compares two reports, and 1 were named"),
        (["diff", "a.json", "b.json"], "a.json can't be read"),
    ],
)
def test_a_mistake_is_named_before_anything_is_contacted(
    audits: Audits, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert audit(*arguments) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert audits.run is None


def test_a_file_that_can_t_be_written_leaves_the_old_one(
    audits: Audits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("r.json").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert audit("example.org", "--output", "r.json") == 3
    assert "r.json can't be written: No space left on device" in capsys.readouterr().err
    assert Path("r.json").read_text() == "old"
    assert [path.name for path in Path().iterdir()] == ["r.json"]


@pytest.mark.parametrize(("typed", "intrusive"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_at_a_terminal_one_question_says_what_would_be_done(
    audits: Audits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str,
    intrusive: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr(Terminal, "interactive", property(lambda _: True))
    monkeypatch.setattr(sys.stdin, "readline", lambda: typed, raising=False)
    assert audit("example.org", "example.net") == 0
    question = " ".join(capsys.readouterr().err.split())
    assert question.count("[y/N]") == 1
    assert "wrong logins" in question and "against example.org and example.net too?" in question
    assert audits.run is not None and audits.run.asked.intrusive is intrusive


@pytest.mark.parametrize(("option", "intrusive"), [([], False), (["--intrusive"], True)])
def test_without_a_terminal_nobody_is_asked(audits: Audits, option: list[str], intrusive: bool) -> None:
    assert audit("example.org", *option) == 0
    assert audits.run is not None and audits.run.asked.intrusive is intrusive


def test_an_address_that_the_user_named_may_be_anywhere(audits: Audits) -> None:
    assert audit("10.0.0.1", "--reach", "192.168.0.0/16") == 0
    assert audits.run is not None
    refusals = {one: bool(audits.run.reach.refusal(one)) for one in ("10.0.0.1", "192.168.1.1", "10.0.0.2")}
    assert refusals == {"10.0.0.1": False, "192.168.1.1": False, "10.0.0.2": True}


def test_two_reports_are_compared(audits: Audits, capsys: pytest.CaptureFixture[str]) -> None:
    for name, results in (("old.json", [FINE]), ("new.json", [judgement(OPEN_RELAY)])):
        audits.results = results
        audit("example.org", "--output", name)
    capsys.readouterr()

    assert run(["audit", "diff", "old.json", "new.json"]) == 3
    assert "smtp.open-relay" in capsys.readouterr().out
    assert run(["audit", "diff", "new.json", "old.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["gone"] == 1


def test_a_target_named_twice_is_audited_once(audits: Audits) -> None:
    assert audit("example.org", "example.org") == 0
    assert [target.text for target in audits.targets] == ["example.org"]


INVENTORY = """\
all:
  hosts: {mx1.example.org: {ansible_host: 192.0.2.1}}
  vars:
    roles: [mail]
    mail_domains: {example.org: {}}
"""


@pytest.mark.parametrize(
    ("check", "targets"), [("files", ["mx1.example.org"]), ("spf", ["example.org", "mx1.example.org"])]
)
def test_a_domain_is_left_out_where_only_the_inside_of_hosts_is_asked_for(
    audits: Audits, tmp_path: Path, check: str, targets: list[str]
) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    assert audit("inventory.yml", "--check", check) == 0
    assert [target.text for target in audits.targets] == targets


def test_a_plan_needs_an_inventory_and_a_place(audits: Audits, tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    assert audit("example.org", "--fix-plan") == 2
    assert audit("inventory.yml", "--fix-plan", "--format", "sarif") == 2
    assert audits.targets == ()
