"""What is read of a host's history, by the script itself, the same under every shell."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from provisioner.hosts.channels import Result
from provisioner.hosts.edits import with_edits
from provisioner.hosts.history import (
    WHOLE,
    Answer,
    edited_questions,
    read,
    saved_question,
    transactions_question,
)
from provisioner.resources import File
from provisioner.resources.observed import FileState, Observed, Written

SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(shell[0])]


class Here:
    """The script on this machine; its state, and the log of sudo, in a folder of the test's."""

    def __init__(self, folder: Path, shell: list[str]) -> None:
        self.folder, self.shell = folder, shell
        self.asked = 0
        (folder / "journalctl").write_text('#!/bin/sh\ncat "${0%/*}/sudo.log"\n')
        (folder / "journalctl").chmod(0o755)
        (folder / "sudo.log").write_text("")

    def run(self, script: str, stdin: bytes, **_: object) -> Result:
        self.asked += 1
        script = script.replace("state=/var/lib/provision", f"state={self.folder}")
        script = script.replace("\nPATH=", f"\nPATH={self.folder}:")
        done = subprocess.run([*self.shell, "-c", script], input=stdin, capture_output=True, timeout=20)
        assert done.stderr == b""
        return Result(done.returncode, done.stdout, done.stderr)

    def read(self, *questions: str) -> Answer:
        return read(self, *questions)  # type: ignore[arg-type]

    def write(self, path: str, content: str = "") -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file


@pytest.fixture(params=SHELLS, ids=lambda shell: str(shell[0]))
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Here:
    return Here(tmp_path, request.param)


def test_a_host_without_history_has_none(here: Here) -> None:
    assert here.read(transactions_question()) == Answer()


def test_transactions_come_in_the_order_they_ended_in_and_one_at_work_last(here: Here) -> None:
    for name, ended in (("B", 100), ("A", 200)):
        outcome = here.write(f"history/{name}/outcome", "kept\n")
        subprocess.run(["touch", "-d", f"@{ended}", outcome], check=True)
    here.write("history/A/steps", "step save\nfail validate nginx\nfail later\n")
    here.write("history/C/meta", "id C\n")
    (here.folder / "current").symlink_to("history/C")
    found = here.read(transactions_question(WHOLE))
    assert [(one.id, one.outcome, one.failure) for one in found.transactions] == [
        ("B", "kept", ""),
        ("A", "kept", "validate nginx"),
        ("C", "unfinished", ""),
    ]
    assert (found.current, found.current_runs) == ("C", False)


def test_what_was_saved_comes_with_its_mode_whatever_it_is(here: Here) -> None:
    here.write("history/A/saved/1", "x\n").chmod(0o640)
    here.write("history/A/saved/2")
    (here.folder / "history/A/saved/3").symlink_to("no where")
    (here.folder / "history/A/saved/4").mkdir()
    found = here.read(*(saved_question("A", number) for number in range(1, 6))).saved
    assert (found["A", 1].content, found["A", 1].mode) == (b"x\n", 0o640)
    assert (found["A", 2].content, found["A", 2].whole) == (b"", True)
    assert (found["A", 3].kind, found["A", 3].target) == ("link", "no where")
    assert found["A", 4].kind == "directory"
    assert ("A", 5) not in found


def test_no_question_leads_out_of_the_history(here: Here, tmp_path: Path) -> None:
    here.write("secret/saved/1", "x")
    asked = ("saved ../secret 1", "written ../secret", "saved A ../../secret", "account passwd ../x")
    assert here.read(*asked) == Answer()


def test_an_edit_is_read_with_what_was_written_and_who_it_was(here: Here, tmp_path: Path) -> None:
    odd = tmp_path / "a b'\n-ü"
    odd.write_bytes(b"theirs\n")
    old = sha256(b"ours\n").hexdigest()
    here.write(f"written/{old}", "ours\n")
    found = here.read(*edited_questions(str(odd), 1.5, old))
    assert (found.contents[str(odd)], found.written[old]) == (b"theirs\n", b"ours\n")

    conf = here.write("x.conf", "theirs\n")
    here.write(
        "sudo.log",
        f"    anna : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi {conf}\n"
        f"    bob : TTY=pts/1 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi {conf}.other\n"
        f"    eve : TTY=pts/1 ; PWD={conf} ; problem with what comes before\n",
    )
    state = FileState("file", changed=5.0, digest=sha256(b"theirs\n").hexdigest())
    seen = Observed(files={str(conf): state}, written=(Written("file", str(conf), old, "web"),))
    edit = with_edits(here, seen, ()).edits[str(conf)]  # type: ignore[arg-type]
    assert (edit.written, edit.content, edit.by) == (b"ours\n", b"theirs\n", "anna")


def test_a_file_that_changed_while_it_was_looked_at_is_not_believed(here: Here) -> None:
    conf = here.write("x.conf", "later\n")
    state = FileState("file", changed=5.0, digest=sha256(b"theirs\n").hexdigest())
    seen = Observed(files={str(conf): state}, written=(Written("file", str(conf), "0" * 64, "web"),))
    assert with_edits(here, seen, ()).edits[str(conf)].content is None  # type: ignore[arg-type]


def test_nothing_is_asked_where_nobody_edited_or_the_edit_is_what_is_wanted(here: Here) -> None:
    wanted = File("/etc/x", b"theirs\n", "web")
    seen = Observed(
        files={"/etc/x": FileState("file", digest=wanted.digest)},
        written=(Written("file", "/etc/x", "0" * 64, "web"),),
    )
    assert with_edits(here, seen, (wanted,)) is seen  # type: ignore[arg-type]
    assert here.asked == 0
