"""plan and apply as a person or a CI run meets them; the engine beneath is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.apply import Candidates, HostOutcome, Planned, Progress, Run
from provisioner.cli.app import run
from provisioner.errors import HostKeyError, PutBack
from provisioner.inventory.model import Host, Inventory
from provisioner.plan import Plan
from provisioner.prepare import Prepared
from provisioner.report.terminal import Terminal
from provisioner.resources.change import Change
from provisioner.resources.observed import Facts, LastApplied, Observed
from provisioner.roles.loading import Roles
from provisioner.roles.model import Desired
from provisioner.roles.templates import Templates
from provisioner.rollout import Share
from provisioner.secrets import Secrets
from provisioner.verify.result import Check, HostReport

MAIN = Change("file:/etc/postfix/main.cf", "update", "postfix", "@@ -1 +1 @@\n-a = 1\n+a = 2\n")
SECRET = Change("file:/etc/dovecot/auth", "update", "dovecot", "@@ -1 +1 @@\n-pass = old\n+pass = hunter22\n")


class Engine:
    """Two hosts: mx1 has changes (or what it is given), mx2 has none. Remembers what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes: tuple[Change, ...] = (MAIN,)
        self.error: HostKeyError | None = None
        self.outcome = HostOutcome("mx1", "changed", (MAIN,), round_trips=3)
        self.applied = 0
        self.kept_secrets = False
        self.interrupt = ""
        self.warnings: tuple[str, ...] = ()
        self.repaired = ""
        self.last: LastApplied | None = None
        self.check = "pass"
        self.verified: list[str] = []
        self.roleless: tuple[Host, ...] = ()
        self.mend: bool | None = None
        self.run: Run | None = None

    def host(self, name: str) -> Host:
        return Host(name, {}, {}, roles=("postfix",), secret_texts=frozenset({"hunter22"}))

    def prepare(self, *_: object, **_others: object) -> Prepared:
        hosts = () if self.roleless else (self.host("mx1"), self.host("mx2"))
        inventory = Inventory("inventory.yml", self.folder, hosts, {})
        secrets = Secrets.open(self.folder, persist=False)
        return Prepared(
            inventory,
            Roles({}, self.folder, Templates(self.folder)),
            secrets,
            tuple(Candidates(host, {}) for host in hosts),
            self.roleless,
        )

    def keep(self, _secrets: object) -> None:
        assert not self.applied, "secrets are kept before a host gets them"
        self.kept_secrets = True

    def plan_hosts(self, wanted: Sequence[Candidates], run: Run, *, mend: bool = False) -> list[Planned]:
        self.run, self.mend = run, mend
        planned: list[Planned] = []
        if not wanted:
            return planned
        run.report(Progress("mx1", "reading"))
        for name, changes in (("mx1", self.changes), ("mx2", ())):
            desired = Desired(self.host(name), "bookworm", ())
            warned = self.warnings if name == "mx1" else ()
            seen = Observed(facts=Facts(debian="12.12"), last=self.last)
            plan = Plan(desired, seen, changes, warnings=warned)
            failed = self.error if name == "mx1" else None
            one = Planned(self.host(name), None if failed else plan, failed, seconds=0.2)
            one.repaired = self.repaired if name == "mx1" else ""
            planned.append(one)
        return planned

    def apply_hosts(self, planned: Sequence[Planned], run: Run) -> list[HostOutcome]:
        self.applied += 1
        if self.interrupt:
            run.report(Progress(self.interrupt, "commit"))
            os.kill(os.getpid(), signal.SIGINT)
            assert (run.stop.no_more.is_set(), run.stop.undo.is_set()) == (True, False)
            if self.interrupt == "twice":
                os.kill(os.getpid(), signal.SIGINT)
                assert run.stop.undo.is_set()
        return [self.outcome, HostOutcome("mx2", "unchanged", round_trips=1)]

    def verify(self, prepared: Prepared, *_: object) -> list[HostReport]:
        self.verified = [one.host.name for one in prepared.candidates]
        check = Check("postfix.running", "postfix", self.check, "postfix runs")
        return [HostReport(host, (check,)) for host in self.verified]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine(tmp_path)
    monkeypatch.setattr("provisioner.prepare.prepare", fake.prepare)
    monkeypatch.setattr("provisioner.cli.prepare.keep", fake.keep)
    monkeypatch.setattr("provisioner.cli.verify.run_verification", fake.verify)
    monkeypatch.setattr("provisioner.apply.plan_hosts", fake.plan_hosts)
    monkeypatch.setattr("provisioner.apply.apply_hosts", fake.apply_hosts)
    return fake


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sit at the terminal, and type this."""

    def type_in(text: str) -> None:
        monkeypatch.setattr(Terminal, "interactive", True)
        monkeypatch.setattr("sys.stdin.readline", lambda: text, raising=False)

    return type_in


def test_plan_shows_what_would_change_applies_nothing_and_exits_3(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", "inventory.yml"]) == 3
    out, err = capsys.readouterr()
    assert "~ update  /etc/postfix/main.cf" in out and "+a = 2" in out
    assert "Plan: 1 file on 1 of 2 hosts." in out
    assert "reading" in err and "reading" not in out
    assert (engine.applied, engine.kept_secrets, engine.mend) == (0, False, False)


def test_plan_with_nothing_to_change_exits_0(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.changes = ()
    assert run(["plan", "inventory.yml"]) == 0
    assert "Nothing to change on 2 hosts." in capsys.readouterr().out


def test_check_is_plan(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--check", "--yes", "inventory.yml"]) == 3
    assert "Plan: 1 file" in capsys.readouterr().out
    assert (engine.applied, engine.kept_secrets, engine.mend) == (0, False, False)


def test_an_unreachable_host_outranks_pending_changes(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.error = HostKeyError("its host key changed")
    assert run(["plan", "inventory.yml"]) == 5
    assert "mx1   ✗ not touched: its host key changed" in capsys.readouterr().out


def test_apply_without_a_terminal_prints_the_plan_says_so_and_exits_3(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "inventory.yml"]) == 3
    out, err = capsys.readouterr()
    assert "Plan: 1 file on 1 of 2 hosts." in out
    assert "Not applied: nobody can be asked here. --yes applies without asking." in err
    assert (engine.applied, engine.kept_secrets, engine.mend) == (0, False, False)


def test_apply_with_yes_changes_and_reports(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--yes", "inventory.yml"]) == 0
    out = capsys.readouterr().out
    assert "mx1   ✓ 1 change" in out
    assert "1 changed, 1 unchanged in " in out
    assert (engine.applied, engine.kept_secrets, engine.mend) == (1, True, True)


def test_apply_with_nothing_to_do_asks_nobody(engine: Engine) -> None:
    engine.changes = ()
    engine.outcome = HostOutcome("mx1", "unchanged")
    assert run(["apply", "inventory.yml"]) == 0


def test_a_yes_at_the_terminal_applies(
    engine: Engine, answer: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answer("y\n")
    assert run(["apply", "inventory.yml"]) == 0
    out, err = capsys.readouterr()
    assert "+a = 2" in err and "Apply these changes to 1 host? [y/N]" in err
    assert "+a = 2" not in out and "1 changed" in out


@pytest.mark.parametrize("text", ["\n", "n\n", "", "ja\n"])
def test_anything_else_does_not(engine: Engine, answer: Callable[[str], None], text: str) -> None:
    answer(text)
    assert run(["apply", "inventory.yml"]) == 3
    assert (engine.applied, engine.kept_secrets) == (0, False)


def test_a_host_that_was_put_back_makes_the_exit_code_4(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.outcome = HostOutcome("mx1", "rolled-back", (MAIN,), PutBack("port 25 is silent"))
    assert run(["apply", "--yes", "inventory.yml"]) == 4
    assert "Port 25 is silent" in capsys.readouterr().out


def test_the_json_of_apply_is_what_the_contract_says(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "--yes", "--json", "--no-verify", "inventory.yml"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seconds"] >= 0
    assert document["hosts"]["mx1"]["changes"] == [
        {
            "resource": "file:/etc/postfix/main.cf",
            "action": "update",
            "role": "postfix",
            "diff": MAIN.diff,
            "sensitive": False,
        }
    ]
    assert document["hosts"]["mx1"] | {"changes": None} == {
        "status": "changed",
        "changes": None,
        "error": None,
        "seconds": 0.0,
        "round_trips": 3,
    }
    assert document["summary"] == {
        "unchanged": 1,
        "changed": 1,
        "failed": 0,
        "rolled-back": 0,
        "unreachable": 0,
        "skipped": 0,
    }
    assert (document["format"], document["command"]) == (1, "apply")


def test_the_json_of_plan_says_what_was_applied_last(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    when = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
    engine.last = LastApplied("20261120T140200-ab", when, "Anna", "3f2c1ab", False)
    run(["plan", "--json", "inventory.yml"])
    host = json.loads(capsys.readouterr().out)["hosts"]["mx1"]
    assert (host["release"], host["warnings"]) == ("bookworm", [])
    assert host["last"] == {
        "id": "20261120T140200-ab",
        "when": "2026-11-20T14:02:00+00:00",
        "who": "Anna",
        "commit": "3f2c1ab",
        "clean": False,
    }


def test_the_json_of_plan_tells_failures_apart(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.error = HostKeyError("its host key changed", hint="compare the key")
    assert run(["plan", "--json", "inventory.yml"]) == 5
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == "plan"
    assert document["hosts"]["mx1"]["status"] == "unreachable"
    assert document["hosts"]["mx1"]["error"] == {
        "kind": "host-key",
        "message": "its host key changed",
        "hint": "compare the key",
    }


@pytest.mark.parametrize("form", [[], ["--json"], ["-v"]])
def test_a_diff_that_holds_a_secret_is_not_shown(
    engine: Engine, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    engine.changes = (SECRET,)
    run(["plan", "inventory.yml", *form])
    out, err = capsys.readouterr()
    assert "hunter22" not in out + err and "pass = old" not in out + err
    assert "/etc/dovecot/auth" in out


def test_the_options_about_connections_reach_the_engine(engine: Engine, tmp_path: Path) -> None:
    options = ["--timeout", "3", "--ssh-key", "key", "--known-hosts", "known", "--trust-on-first-use"]
    run(["plan", "inventory.yml", *options, "--forks", "7", "--force"])
    assert engine.run is not None
    assert (engine.run.folder, engine.run.forks, engine.run.force) == (tmp_path, 7, True)
    given = engine.run.options
    assert (given.timeout, given.ssh_key, given.known_hosts) == (3.0, Path("key"), Path("known"))
    assert given.trust_on_first_use
    assert given.ask_password is None and given.confirm_host_key is None


def test_the_options_about_many_hosts_reach_the_engine(engine: Engine) -> None:
    options = ["--serial", "1,25%", "--max-fail", "10%", "--atomic", "--lock-timeout", "5", "--ignore-lock"]
    assert run(["apply", "--yes", "inventory.yml", *options]) == 0
    assert engine.run is not None
    assert (engine.run.serial, engine.run.max_fail) == ((Share(1), Share(25, True)), Share(10, True))
    assert (engine.run.atomic, engine.run.lock_timeout, engine.run.ignore_lock) == (True, 5, True)


@pytest.mark.parametrize("option", [["--serial", "0"], ["--max-fail", "many"], ["--max-fail", "1,2"]])
def test_a_share_of_hosts_that_is_none_is_refused_before_anything_is_contacted(
    engine: Engine, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "--yes", "inventory.yml", *option]) == 2
    assert f"error: {option[0]} '{option[1]}' is no number of hosts" in capsys.readouterr().err
    assert (engine.run, engine.applied) == (None, 0)


def test_an_inventory_for_somebody_else_plans_to_nothing(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.roleless = (engine.host("web1"), engine.host("web2"))
    assert run(["plan", "inventory.yml"]) == 0
    assert "None of 2 hosts has a role" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "verified"), [([], ["mx1"]), (["--verify"], ["mx1", "mx2"]), (["--no-verify"], [])]
)
def test_the_hosts_that_changed_are_verified_or_all_or_none(
    engine: Engine, option: list[str], verified: list[str]
) -> None:
    assert run(["apply", "--yes", "inventory.yml", *option]) == 0
    assert engine.verified == verified


def test_a_failed_check_after_an_apply_exits_3_and_is_in_the_document(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.check = "fail"
    assert run(["apply", "--yes", "--json", "inventory.yml"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["hosts"]["mx1"]["verify"]["checks"][0]["outcome"] == "fail"
    assert "verify" not in document["hosts"]["mx2"]


def test_a_host_that_was_put_back_is_not_verified(engine: Engine) -> None:
    engine.outcome = HostOutcome("mx1", "rolled-back", (MAIN,), PutBack("port 25 is silent"))
    assert run(["apply", "--yes", "inventory.yml"]) == 4
    assert engine.verified == []


def test_apply_says_warnings_and_what_it_mended_before_it_changes_anything(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.warnings, engine.repaired = ("outbound port 25 is closed",), "20261124T120000-ab"
    assert run(["apply", "--yes", "--json", "inventory.yml"]) == 0
    out, err = capsys.readouterr()
    assert "! mx1: outbound port 25 is closed" in err
    assert "! mx1: transaction 20261124T120000-ab had not ended and was put back" in err
    assert json.loads(out)["hosts"]["mx1"]["warnings"] == ["outbound port 25 is closed"]


def test_declining_with_json_still_prints_one_document(
    engine: Engine, answer: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    answer("n\n")
    assert run(["apply", "--json", "inventory.yml"]) == 3
    assert json.loads(capsys.readouterr().out)["command"] == "plan"


@pytest.mark.parametrize("times", ["once", "twice"])
def test_ctrl_c_begins_no_further_host_a_second_puts_back_and_every_host_is_reported(
    engine: Engine, capsys: pytest.CaptureFixture[str], times: str
) -> None:
    engine.interrupt = times
    assert run(["apply", "--yes", "inventory.yml"]) == 130
    out, err = capsys.readouterr()
    assert "Ctrl-C again puts them back" in err
    assert ("Putting back what is not kept yet" in err) == (times == "twice")
    assert "1 changed, 1 unchanged" in out
    assert engine.verified == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_hosts_are_read_ends_at_once(tmp_path: Path) -> None:
    code = (
        "import os, signal, time, io\n"
        "from provisioner.cli.interrupt import ending_at_once\n"
        "from provisioner.report.live import Live\n"
        "from provisioner.report.terminal import standard\n"
        "with Live(standard(), ['mx1']) as live, ending_at_once(live):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
