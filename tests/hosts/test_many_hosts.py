"""Many hosts and many people: batches, agreement, locks and interruptions, on three real hosts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from provisioner.apply import Run, apply_hosts, plan_hosts
from provisioner.errors import Locked
from provisioner.hosts import channels
from provisioner.hosts.connection import ConnectionOptions, connect, connection_settings
from provisioner.hosts.hold import duration, release_hold, set_hold
from provisioner.hosts.wire import encode
from provisioner.prepare import prepare
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, succeed

PROVISION = (sys.executable, "-c", "from provisioner.cli import main; main()")
SECONDS = 90
NAMES = ("mx1", "mx2", "mx3")
ANNA, BOB = "Anna", "Bob"
ROLE = """\
description: A note, a proof that fails for what is bad, and one that takes the time it names
variables:
  note_text: {schema: {type: string}, default: one, doc: What the note says.}
  note_wait: {schema: {type: integer}, default: 0, doc: How long its proof takes.}
files:
  /etc/note.conf: {content: "{{ note_text }}\\nwait {{ note_wait }}\\n"}
prove:
  good: {argv: [sh, -c, "! grep -q bad /etc/note.conf"], timeout: 1}
  slow: {argv: [sh, -c, "sleep $(sed -n 's/wait //p' /etc/note.conf)"], timeout: 30}
"""
FIREWALL = """\
description: A file where rules would lie that can cut us off
files:
  /etc/nftables-note.conf: {content: "# {{ note_text }}\\n"}
"""
CUTS_OFF: dict[str, object] = {"roles": ["note", "rules"]}


@dataclass
class Fleet:
    """Three hosts, their inventory, and the program run on them by one person or another."""

    hosts: dict[str, SandboxHost]
    folder: Path
    round: int = 0
    text: str = "one"
    variables: dict[str, dict[str, object]] = field(default_factory=dict)

    def write(self, *bad: str, slow: Sequence[str] = (), **more: dict[str, object]) -> str:
        """Write the inventory with a new text for all hosts: one that those in `bad` will not take."""
        self.round += 1
        self.text = f"text {self.round}"
        hosts = {
            name: {
                "ansible_host": host.address,
                "note_text": self.text + (" bad" if name in bad else ""),
                "note_wait": 5 if name in slow else 0,
                **more.get(name, {}),
            }
            for name, host in self.hosts.items()
        }
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(next(iter(self.hosts.values())).key),
            "roles": ["note"],
        }
        for name, host in self.hosts.items():
            hosts[name]["ansible_ssh_private_key_file"] = str(host.key)
        (self.folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}))
        (self.folder / "inventory.json").rename(self.folder / "inventory.yml")
        return self.text

    def start(self, command: str, *options: str, who: str = ANNA) -> subprocess.Popen[str]:
        """The program, at work."""
        mail = f"{who.lower()}@example.org"
        environ = {
            **os.environ,
            "HOME": str(self.folder),
            "SSH_AUTH_SOCK": "",
            "GIT_AUTHOR_NAME": who,
            "GIT_AUTHOR_EMAIL": mail,
        }
        for variable in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "FORGEJO_ACTOR"):
            environ.pop(variable, None)
        return subprocess.Popen(
            [*PROVISION, command, "inventory.yml", *options],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *options: str, who: str = ANNA) -> tuple[int, str, str]:
        """The program until its end: exit code, what it printed, what it said meanwhile."""
        with self.start(command, *options, who=who) as program:
            out, err = program.communicate(timeout=SECONDS)
        return program.returncode, out, err

    def apply(self, *options: str, who: str = ANNA) -> tuple[int, dict[str, Any]]:
        """Apply without asking: exit code, and the hosts of the JSON document."""
        code, out, err = self.run("apply", "--yes", "--no-verify", "--json", *options, who=who)
        assert out, err
        return code, json.loads(out)["hosts"]

    def notes(self) -> dict[str, str]:
        """What the note on each host says."""
        return {name: succeed(host, "head -n 1 /etc/note.conf").strip() for name, host in self.hosts.items()}

    def until_all_say(self, text: str) -> None:
        """Wait for hosts that put themselves back."""
        ends = time.monotonic() + 30
        while set(self.notes().values()) != {text}:
            assert time.monotonic() < ends, self.notes()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def three_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "roles/note").mkdir(parents=True)
    (folder / "roles/note/role.yml").write_text(ROLE)
    (folder / "roles/rules").mkdir()
    (folder / "roles/rules/role.yml").write_text(FIREWALL)
    with ExitStack() as stack:
        hosts = {
            name: stack.enter_context(booted(release))
            for name, release in zip(NAMES, ("bookworm", "bookworm", "trixie"), strict=True)
        }
        (folder / "known_hosts").write_text("".join(host.known_hosts for host in hosts.values()))
        yield Fleet(hosts, folder)


@pytest.fixture
def fleet(three_hosts: Fleet) -> Fleet:
    """The same, with one text applied to all."""
    three_hosts.write()
    code, hosts = three_hosts.apply("--ignore-lock")
    assert code == 0, hosts
    return three_hosts


def statuses(hosts: dict[str, Any]) -> list[str]:
    return [hosts[name]["status"] for name in NAMES]


def errors(hosts: dict[str, Any]) -> list[str]:
    return [(hosts[name]["error"] or {}).get("message", "") for name in NAMES]


class Said:
    """What a program says on stderr, while it says it."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._program = program
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._program.stderr is not None
        for line in self._program.stderr:
            self.lines.append(line)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until `text` stands in so many lines."""
        ends = time.monotonic() + SECONDS
        while sum(text in line for line in self.lines) < times:
            assert time.monotonic() < ends and self._reader.is_alive(), "".join(self.lines)
            time.sleep(0.02)

    def end(self) -> tuple[int, str]:
        """Exit code and stdout."""
        assert self._program.stdout is not None
        with self._program:
            out = self._program.stdout.read()
        self._reader.join()
        return self._program.returncode, out


# ---------------------------------------------------------------- all or none


def test_atomic_keeps_a_change_that_all_hosts_prove(fleet: Fleet) -> None:
    text = fleet.write(slow=["mx2"], mx1=CUTS_OFF)
    code, hosts = fleet.apply("--atomic", "--serial", "1,2")
    assert (code, statuses(hosts)) == (0, ["changed"] * 3), errors(hosts)
    assert hosts["mx1"]["changes"][-1]["resource"] == "file:/etc/nftables-note.conf"
    assert set(fleet.notes().values()) == {text}


def test_atomic_takes_all_hosts_back_when_one_fails(fleet: Fleet) -> None:
    before = fleet.text
    fleet.write("mx2", mx1=CUTS_OFF)
    code, hosts = fleet.apply("--atomic")
    assert (code, statuses(hosts)) == (4, ["rolled-back"] * 3), errors(hosts)
    assert errors(hosts)[0] == errors(hosts)[2] == "--atomic changes all hosts or none, and mx2 failed"
    assert "proof `good` failed" in errors(hosts)[1]
    assert set(fleet.notes().values()) == {before}


def test_atomic_begins_no_host_where_one_cannot_be_reached(fleet: Fleet) -> None:
    before = fleet.text
    fleet.write(mx3={"ansible_port": 1})
    code, hosts = fleet.apply("--atomic")
    assert (code, statuses(hosts)) == (5, ["skipped", "skipped", "unreachable"])
    assert errors(hosts)[0] == "--atomic changes all hosts or none, and mx3 can't be changed now"
    assert set(fleet.notes().values()) == {before}


def test_atomic_with_a_dead_control_machine_takes_all_hosts_back(fleet: Fleet) -> None:
    before = fleet.text
    fleet.write(slow=["mx3"])
    program = fleet.start("apply", "--yes", "--atomic", "--no-verify")
    Said(program).wait_for("waiting    for all hosts of the run", times=2)
    program.kill()
    program.wait()
    fleet.until_all_say(before)


# ---------------------------------------------------------------- batches


def test_a_failed_canary_stops_the_rest(fleet: Fleet) -> None:
    before = fleet.text
    fleet.write("mx1")
    code, hosts = fleet.apply("--serial", "1")
    assert (code, statuses(hosts)) == (4, ["rolled-back", "skipped", "skipped"])
    assert hosts["mx3"]["error"]["kind"] == "not-begun"
    assert errors(hosts)[2] == "mx1 failed in an earlier batch"
    assert set(fleet.notes().values()) == {before}


def test_batches_go_on_while_few_enough_fail(fleet: Fleet) -> None:
    text = fleet.write("mx1")
    code, hosts = fleet.apply("--serial", "1", "--max-fail", "34%")
    assert (code, statuses(hosts)) == (4, ["rolled-back", "changed", "changed"])
    assert fleet.notes()["mx3"] == text


def test_a_host_that_hangs_holds_up_no_other(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fleet.write(mx2={"ansible_host": "127.0.0.1", "ansible_port": silent.getsockname()[1]})
        started = time.monotonic()
        code, hosts = fleet.apply("--timeout", "4")
        assert (code, statuses(hosts)) == (5, ["changed", "unreachable", "changed"]), errors(hosts)
        assert time.monotonic() - started < 60


def test_an_answer_that_goes_on_for_ever_is_cut_off(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "LONGEST_SECONDS", 1.0)
    run = Run(fleet.folder, ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False))
    (one,) = prepare(fleet.folder / "inventory.yml", limit="mx1").candidates
    began = time.monotonic()
    with (
        connect(connection_settings(one.host, run.options, fleet.folder)) as connection,
        pytest.raises(channels.TimedOut, match="had no end within 1 s"),
    ):
        connection.run("while echo more; do sleep 0.1; done")
    assert time.monotonic() - began < 60


# ---------------------------------------------------------------- Ctrl-C


def test_ctrl_c_once_finishes_what_is_begun_and_reports_every_host(fleet: Fleet) -> None:
    before = fleet.text
    text = fleet.write(slow=["mx1"])
    program = fleet.start("apply", "--yes", "--serial", "1", "--json")
    said = Said(program)
    said.wait_for("prove      slow")
    program.send_signal(signal.SIGINT)
    code, out = said.end()
    hosts = json.loads(out)["hosts"]
    assert (code, statuses(hosts)) == (130, ["changed", "skipped", "skipped"]), errors(hosts)
    assert errors(hosts)[2] == "interrupted before it was begun"
    assert list(fleet.notes().values()) == [text, before, before]


def test_ctrl_c_twice_puts_back_what_is_not_kept_and_reports_every_host(fleet: Fleet) -> None:
    before = fleet.text
    text = fleet.write(slow=["mx2", "mx3"])
    program = fleet.start("apply", "--yes", "--json")
    said = Said(program)
    said.wait_for("✓ changed")
    program.send_signal(signal.SIGINT)
    said.wait_for("Ctrl-C again puts them back")
    program.send_signal(signal.SIGINT)
    code, out = said.end()
    hosts = json.loads(out)["hosts"]
    assert (code, statuses(hosts)) == (130, ["changed", "rolled-back", "rolled-back"]), errors(hosts)
    assert errors(hosts)[1] == "interrupted before it was kept"
    assert list(fleet.notes().values()) == [text, before, before]


# ---------------------------------------------------------------- two at once


@pytest.fixture
def busy(fleet: Fleet) -> Iterator[Fleet]:
    """Something to change everywhere, and a transaction of somebody else's on mx1 that does not end."""
    succeed(
        fleet.hosts["mx1"],
        f"echo '{encode('Carl since 12:00')}' > /var/lib/provision/holder; "
        "systemd-run -q --unit=other flock /var/lib/provision/lock sleep 60; "
        "while flock -n /var/lib/provision/lock true; do sleep 0.1; done",
    )
    fleet.write()
    yield fleet
    succeed(fleet.hosts["mx1"], "systemctl stop other 2>/dev/null || true")


def test_a_second_apply_waits_says_for_whom_and_goes_on(busy: Fleet) -> None:
    program = busy.start("apply", "--yes", "--no-verify", "--limit", "mx1")
    said = Said(program)
    said.wait_for("waiting    for Carl since 12:00")
    succeed(busy.hosts["mx1"], "systemctl stop other")
    code, out = said.end()
    assert code == 0, out
    assert busy.notes()["mx1"] == busy.text


def test_an_apply_that_gives_up_waiting_names_who_holds_the_host(busy: Fleet) -> None:
    code, hosts = busy.apply("--lock-timeout", "0")
    assert (code, statuses(hosts)) == (3, ["skipped", "changed", "changed"])
    assert hosts["mx1"]["error"]["kind"] == "locked"
    assert errors(hosts)[0] == "another transaction is at work: Carl since 12:00"


def test_ctrl_c_while_waiting_for_another_leaves_the_host_alone(busy: Fleet) -> None:
    before = busy.notes()["mx1"]
    program = busy.start("apply", "--yes", "--limit", "mx1", "--json")
    said = Said(program)
    said.wait_for("waiting    for Carl since 12:00")
    program.send_signal(signal.SIGINT)
    code, out = said.end()
    host = json.loads(out)["hosts"]["mx1"]
    assert (code, host["status"]) == (130, "skipped")
    assert host["error"]["message"] == "interrupted while it waited for another transaction"
    assert busy.notes()["mx1"] == before


# ---------------------------------------------------------------- a person's lock


@pytest.fixture
def locked(fleet: Fleet) -> Iterator[Fleet]:
    """Anna has locked mx2, and there is something to change everywhere."""
    code, out, _ = fleet.run("lock", "--for", "2h", "--reason", "moving disks", "--limit", "mx2")
    assert (code, out.startswith("mx2   ✓ locked until ")) == (0, True)
    fleet.write()
    yield fleet
    assert fleet.run("unlock", "--force")[0] == 0


def test_a_persons_lock_is_shown_by_plan_and_heeded_by_the_apply_of_others(locked: Fleet) -> None:
    plan = locked.run("plan", who=BOB)[1]
    assert "! locked by Anna until " in plan and "moving disks" in plan
    document = json.loads(locked.run("plan", "--json", who=BOB)[1])["hosts"]
    assert (document["mx1"]["lock"], document["mx2"]["lock"]["reason"]) == (None, "moving disks")
    code, hosts = locked.apply(who=BOB)
    assert (code, statuses(hosts)) == (3, ["changed", "skipped", "changed"])
    assert hosts["mx2"]["error"]["kind"] == "locked"
    assert "locked by Anna until 20" in errors(hosts)[1]


def test_its_owner_applies_and_others_only_when_they_say_so(locked: Fleet) -> None:
    assert locked.apply("--limit", "mx2")[0] == 0
    text = locked.write()
    assert locked.apply("--limit", "mx2", "--ignore-lock", who=BOB)[0] == 0
    assert locked.notes()["mx2"] == text


def test_others_end_or_replace_it_only_by_force(locked: Fleet) -> None:
    code, out, _ = locked.run("unlock", "--limit", "mx2", who=BOB)
    assert code == 3 and "✗ locked by Anna until" in out and "moving disks" in out
    assert locked.run("lock", "--for", "1m", "--reason", "x", "--limit", "mx2", who=BOB)[0] == 3
    code, out, _ = locked.run("unlock", "--limit", "mx2", "--json")
    assert (code, json.loads(out)["hosts"]["mx2"]["done"]) == (0, "released")
    assert locked.apply("--limit", "mx2", who=BOB)[0] == 0


def test_a_lock_that_comes_after_the_plan_is_heeded_too_and_ends_by_itself(fleet: Fleet) -> None:
    before = fleet.text
    fleet.write()
    run = Run(fleet.folder, ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False), who=BOB)
    candidates = prepare(fleet.folder / "inventory.yml", limit="mx1").candidates
    planned = plan_hosts(candidates, run)
    with connect(connection_settings(candidates[0].host, run.options, fleet.folder)) as connection:
        set_hold(connection, duration("3s"), ANNA, "a quick look", force=False)
        (outcome,) = apply_hosts(planned, run)
        assert isinstance(outcome.error, Locked) and "a quick look" in outcome.error.message
        assert fleet.notes()["mx1"] == before
        time.sleep(3)
        assert release_hold(connection, BOB, force=False).done == "nothing"
    assert fleet.apply("--limit", "mx1", who=BOB)[0] == 0
