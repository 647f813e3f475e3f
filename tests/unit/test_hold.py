"""The lock that a person sets on a host: how long, whose, and what its script does on a host of our own."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioner.errors import InputError, NotTouched
from provisioner.hosts import hold
from provisioner.hosts.channels import Result
from provisioner.hosts.wire import encode

SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(shell[0])]
ANNA, BOB = "Anna Ö <anna@example.org>", "bob@desk"


class Here:
    """The script on this machine, its state in a folder of the test's."""

    def __init__(self, folder: Path, shell: list[str]) -> None:
        self.folder, self.shell = folder, shell

    def run(self, script: str, stdin: bytes, **_: object) -> Result:
        script = script.replace("state=/var/lib/provision", f"state={self.folder}")
        done = subprocess.run([*self.shell, "-c", script], input=stdin, capture_output=True, timeout=20)
        return Result(done.returncode, done.stdout, done.stderr)

    def set(self, who: str, reason: str = "kernel", force: bool = False, span: str = "2h") -> hold.Answer:
        return hold.set_hold(self, hold.duration(span), who, reason, force=force)  # type: ignore[arg-type]

    def release(self, who: str, force: bool = False) -> hold.Answer:
        return hold.release_hold(self, who, force=force)  # type: ignore[arg-type]


@pytest.fixture(params=SHELLS, ids=lambda shell: str(shell[0]))
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Here:
    return Here(tmp_path / "state", request.param)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("90m", 5400), ("2h", 7200), ("1d12h", 129600), ("1w", 604800)]
)
def test_time_spans_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert hold.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "2 h", "h", "0s", "32d", "-1h", "1y", "2hx"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--for"):
        hold.duration(text)


def test_a_lock_is_kept_with_who_and_why_and_seen_by_the_next_who_asks(here: Here) -> None:
    first = here.set(ANNA, "moving disks; don't\n-touch")
    assert (first.done, first.before) == ("set", None)
    assert first.until and timedelta(minutes=119) < first.until - datetime.now(UTC) < timedelta(minutes=121)
    second = here.set(BOB)
    assert second.done == "refused" and second.before
    assert (second.before.who, second.before.reason) == (ANNA, "moving disks; don't\n-touch")
    assert second.before.until == first.until
    assert here.folder.stat().st_mode & 0o777 == 0o700
    assert (here.folder / "hold").stat().st_mode & 0o777 == 0o600


def test_its_owner_makes_it_longer_and_ends_it_others_only_by_force(here: Here) -> None:
    here.set(ANNA)
    assert here.set(ANNA, span="3h").done == "set"
    assert here.release(BOB).done == "refused"
    assert here.release(ANNA).done == "released"
    assert here.release(ANNA).done == "nothing"
    here.set(ANNA)
    assert here.set(BOB, force=True).done == "set"
    released = here.release(ANNA, force=True)
    assert released.done == "released" and released.before and released.before.who == BOB


def test_a_lock_whose_time_is_over_is_none(here: Here) -> None:
    here.folder.mkdir()
    (here.folder / "hold").write_text(f"until 1000\nsince 900\nwho {encode(ANNA)}\nreason x\n")
    assert here.release(BOB).done == "nothing"
    assert hold.read_hold("until 1000\nsince 900\nwho a\nreason b\n", now=1000.0) is None
    assert hold.read_hold("until 1001\nsince 900\nwho a\nreason b\n", now=1000.0) is not None


def test_a_transaction_at_work_is_named(here: Here) -> None:
    here.folder.mkdir()
    (here.folder / "holder").write_text(encode("Carl since 12:00"))
    with subprocess.Popen(
        ["flock", str(here.folder / "lock"), "sh", "-c", "echo; read _"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout and other.stdout.readline()
        assert here.set(ANNA).busy == "Carl since 12:00"
        other.communicate(b"\n", timeout=10)
    assert here.set(ANNA).busy == ""


@pytest.mark.parametrize(
    "answer", [b"", b"provision-hold 1\nend\n", b"\xff\n", b"provision-hold 1\nnow x\ndone set\nend\n"]
)
def test_an_answer_that_makes_no_sense_is_no_lock(answer: bytes) -> None:
    class Strange:
        def run(self, *_: object, **__: object) -> Result:
            return Result(1, answer, b"no space left on device\n")

    with pytest.raises(NotTouched) as caught:
        hold.release_hold(Strange(), BOB, force=False)  # type: ignore[arg-type]
    assert caught.value.evidence == ("no space left on device",)
