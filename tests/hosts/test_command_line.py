"""`provision` as a person, a script or a CI run uses it: as a program, on a real host."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed

PROVISION = (sys.executable, "-c", "from provisioner.cli import main; main()")
SECONDS = 60
ROLE = """\
description: A note, and a proof that it is good
variables:
  note_text: {schema: {type: string}, default: one, doc: What the note says.}
files:
  /etc/note.conf: {content: "note_text = {{ note_text }}\\n"}
prove:
  good: {argv: [sh, -c, "sleep 1; ! grep -q bad /etc/note.conf"], timeout: 3}
"""


class Desk:
    """An inventory of one host, and the program run in its folder."""

    def __init__(self, sandbox: SandboxHost, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        (folder / "roles/note").mkdir(parents=True)
        (folder / "roles/note/role.yml").write_text(ROLE)
        self.environ = {
            **os.environ,
            "HOME": str(folder),
            "SSH_AUTH_SOCK": "",
            "TERM": "xterm",
            "COLUMNS": "80",
        }
        self.write("one")

    def write(self, text: str, roles: str = "note") -> None:
        (self.folder / "inventory.yml").write_text(
            f"all:\n  hosts:\n    n1.test: {{ansible_host: {self.sandbox.address}, ansible_user: root}}\n"
            f"  vars:\n    ansible_ssh_private_key_file: {self.sandbox.key}\n"
            f"    roles: [{roles}]\n    note_text: {text}\n"
        )

    def trust(self) -> None:
        (self.folder / "known_hosts").write_text(self.sandbox.known_hosts)

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """The program without a terminal."""
        return subprocess.run(
            [*PROVISION, command, "inventory.yml", *options],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def note(self) -> str:
        """What the note on the host says."""
        return succeed(self.sandbox, "cat /etc/note.conf 2>/dev/null || true").strip()


@pytest.fixture(scope="module")
def desk(bookworm_host: SandboxHost, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(bookworm_host, tmp_path_factory.mktemp("desk"))


@pytest.fixture
def applied(desk: Desk) -> Iterator[Desk]:
    """The same with `note_text = one` on the host."""
    desk.trust()
    desk.write("one")
    done = desk.run("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    yield desk


class AtTerminal:
    """The program with a terminal, and somebody who types."""

    def __init__(self, desk: Desk, command: str, *options: str) -> None:
        self.shown = ""
        self.child, self._terminal = pty.fork()
        if self.child == 0:
            os.chdir(desk.folder)
            os.execve(sys.executable, [*PROVISION, command, "inventory.yml", *options], desk.environ)

    def wait_for(self, text: str) -> None:
        """Until the screen has shown `text`."""
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            assert self._read(), self.shown

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """The exit code."""
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])

    def _read(self) -> bool:
        try:
            if select.select([self._terminal], [], [], 1)[0]:
                piece = os.read(self._terminal, 4096)
                self.shown += piece.decode("utf-8", "replace")
                return bool(piece)
        except OSError:  # how Linux says that the other end is closed
            return False
        return True


@pytest.mark.essential
def test_from_the_first_contact_to_unchanged(desk: Desk) -> None:
    unknown = desk.run("plan")
    assert unknown.returncode == 5
    assert "✗ not touched: its host key is unknown" in unknown.stdout
    assert "--trust-on-first-use" in unknown.stdout

    plan = desk.run("plan", "--trust-on-first-use")
    assert plan.returncode == 3
    assert "+note_text = one    inventory.yml:7 note_text" in plan.stdout
    assert "Plan: 1 file on 1 host. Restarts nothing." in plan.stdout
    assert desk.note() == ""

    nobody_there = desk.run("apply")
    assert nobody_there.returncode == 3
    assert "--yes applies without asking" in nobody_there.stderr
    assert desk.note() == ""

    apply = desk.run("apply", "--yes", "--no-verify")
    assert apply.returncode == 0, apply.stderr
    assert "n1.test   ✓ 1 change" in apply.stdout
    assert desk.note() == "note_text = one"

    again = desk.run("apply", "--yes", "--json")
    assert again.returncode == 0
    host = json.loads(again.stdout)["hosts"]["n1.test"]
    assert (host["status"], host["changes"], host["round_trips"]) == ("unchanged", [], 1)


def test_a_change_that_does_not_prove_itself_is_put_back(applied: Desk) -> None:
    applied.write("bad-note")
    done = applied.run("apply", "--yes")
    assert done.returncode == 4
    assert "n1.test   ✗ put back as it was" in done.stdout
    assert applied.note() == "note_text = one"


def test_a_mistake_is_shown_with_its_line_and_nothing_is_contacted(applied: Desk) -> None:
    applied.write("two", roles="noet")
    done = applied.run("apply", "--yes")
    assert done.returncode == 2
    assert "6 |     roles: [noet]\n  |             ^^^^ did you mean `note`?\n" in done.stderr
    assert done.stderr.endswith("Nothing was contacted.\n")
    assert done.stdout == ""


def test_at_a_terminal_the_plan_is_shown_and_a_yes_applies_it(applied: Desk) -> None:
    applied.write("two")
    person = AtTerminal(applied, "apply", "--no-verify")
    person.wait_for("Apply these changes to 1 host? [y/N]")
    assert "+note_text = two" in person.shown
    assert applied.note() == "note_text = one"
    person.type("y\n")
    assert person.end() == 0
    assert "1 changed" in person.shown
    assert applied.note() == "note_text = two"


def test_at_a_terminal_a_new_host_key_is_asked_about(applied: Desk) -> None:
    (applied.folder / "known_hosts").unlink()
    applied.write("one")
    person = AtTerminal(applied, "plan")
    person.wait_for("Trust it? [y/N]")
    assert "SHA256:" in person.shown
    person.type("n\n")
    assert person.end() == 5
    assert not (applied.folder / "known_hosts").exists()


def test_ctrl_c_lets_the_host_at_work_finish(applied: Desk) -> None:
    applied.write("three")
    person = AtTerminal(applied, "apply", "--yes", "--no-verify")
    person.wait_for("prove")
    os.kill(person.child, signal.SIGINT)
    assert person.end() == 130
    assert "1 changed" in person.shown
    assert applied.note() == "note_text = three"


def test_a_second_ctrl_c_ends_at_once_and_the_host_puts_itself_back(applied: Desk) -> None:
    applied.write("four")
    person = AtTerminal(applied, "apply", "--yes", "--no-verify")
    person.wait_for("prove")
    os.kill(person.child, signal.SIGINT)
    person.wait_for("Ctrl-C again")
    os.kill(person.child, signal.SIGINT)
    assert person.end() == 130
    end = time.monotonic() + 20
    while applied.note() != "note_text = one":
        assert time.monotonic() < end, applied.note()
        time.sleep(0.2)
