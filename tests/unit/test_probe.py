"""The probe's answer: read strictly, bounded, never believed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import NotTouched
from provisioner.hosts import probe
from provisioner.inventory.model import Host
from provisioner.resources import Command, Directory, File, Guard, Link, Package, Service
from provisioner.resources.observed import ABSENT, Written
from provisioner.roles.model import Desired

HOST = Host("mx1", {}, {})
FILE = File("/etc/mail/a b", b"wanted\n", "postfix")
SECRET = File("/etc/mail/key", b"secret\n", "postfix", sensitive=True)
SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(shell[0])]


def request(*resources: object) -> probe.Request:
    return probe.Request([Desired(HOST, "bookworm", resources)])  # type: ignore[arg-type]


def answer(*lines: str) -> bytes:
    return "\n".join(["provision-probe 1", *lines, "end", ""]).encode()


def test_a_file_is_asked_for_with_its_digest_so_that_content_comes_only_where_it_differs() -> None:
    assert f"file /etc/mail/a\\0040b {FILE.digest}\n".encode() in request(FILE).encode()


def test_the_content_of_a_secret_file_is_never_asked_for() -> None:
    assert b"file /etc/mail/key -\n" in request(SECRET).encode()


def test_a_file_is_read_with_owner_mode_and_digest() -> None:
    digest = "ab" * 32
    seen = probe.parse(
        answer("existing 1:x", "stat 81a4 0 0 root mail 7 1700000000.5", f"hash 1 {digest}"), request(FILE)
    )
    state = seen.files[FILE.path]
    assert (state.kind, state.owner, state.group, state.mode) == ("file", "root", "mail", 0o644)
    assert (state.digest, state.changed) == (digest, 1700000000.5)


def test_what_is_not_listed_is_absent() -> None:
    assert probe.parse(answer(), request(FILE)).files[FILE.path] == ABSENT


def test_what_a_login_prints_before_the_answer_is_skipped() -> None:
    noisy = b"Welcome to mx1!\nfact uid 1000\n" + answer("fact uid 0")
    assert probe.parse(noisy, request()).facts.uid == 0


def test_a_unit_that_was_reloaded_shows_when() -> None:
    seen = probe.parse(
        answer(
            "unit Id=postfix.service",
            "unit LoadState=loaded",
            "unit ActiveState=active",
            "unit UnitFileState=enabled",
            "unit StateChangeTimestamp=Tue 2026-11-24 22:45:27.5 UTC",
            "unit ExecMainStartTimestamp=",
            "unit ActiveEnterTimestamp=Tue 2026-11-24 22:00:00 UTC",
        ),
        request(Service("postfix", "postfix.service", "postfix")),
    )
    unit = seen.units["postfix.service"]
    assert unit.active == "active" and unit.enabled == "enabled"
    assert unit.state_changed - unit.started == pytest.approx(2727.5)


def test_listening_sockets_are_read_in_the_kernels_own_form() -> None:
    seen = probe.parse(answer("listen 0100007F:0019", "listen " + "0" * 32 + ":03E1"), request())
    assert seen.listening == {("127.0.0.1", 25), ("::", 993)}


def test_what_earlier_transactions_wrote_comes_back_as_it_was_noted() -> None:
    notes = [Written("file", "/etc/x y", "ab" * 32, "postfix"), Written("link", "/etc/l", "-", "base")]
    record = b64encode(probe.encode_record(notes)).decode()
    assert list(probe.parse(answer(f"record state {record}"), request()).written) == [
        notes[0], Written("link", "/etc/l", notes[1].digest, "base"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"provision-probe 1\nfact uid 0\n",
        answer("existing 1:x"),
        answer("existing 9:x", "stat 81a4 0 0 root root 7 1.0"),
        answer("hash 1 nonsense"),
        answer("stat 81a4"),
        answer("content 1 !!!"),
        answer("unfinished ../../etc running"),
        answer("rm -rf /"),
        answer("fact now soon"),
        answer("__init__ x"),
        b"\xff\xfe" + answer(),
    ],
)
def test_an_answer_that_is_not_the_probes_is_refused(said: bytes) -> None:
    with pytest.raises(NotTouched, match="makes no sense"):
        probe.parse(said, request(FILE))


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=60), max_size=12))
def test_no_answer_whatever_raises_anything_else(lines: list[str]) -> None:
    with contextlib.suppress(NotTouched):
        probe.parse(answer(*lines), request(FILE))


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_the_script_answers_the_same_under_every_shell(shell: list[str], tmp_path: Path) -> None:
    odd = tmp_path / "a b'\n-ü"
    odd.write_bytes(b"there\n")
    (tmp_path / "link").symlink_to("no where")
    asked = request(
        File(str(odd), b"wanted\n", "x"),
        File(str(tmp_path / "gone"), b"", "x"),
        Link(str(tmp_path / "link"), "t", "x"),
        Directory(str(tmp_path), "x"),
        Package("dpkg", "x"),
        Package("no-such-package", "x"),
        Command("met", ("true",), "x", guard=Guard(creates=str(odd))),
        Command("unmet", ("true",), "x", guard=Guard(unless=("false",))),
    )
    said = subprocess.run([*shell, "-c", probe.SCRIPT], input=asked.encode(), capture_output=True, check=True)
    seen = probe.parse(said.stdout, asked)
    assert said.stderr == b""
    assert seen.files[str(odd)].content == b"there\n"
    assert seen.files[str(tmp_path / "gone")].kind == "absent"
    assert seen.files[str(tmp_path / "link")].target == "no where"
    assert seen.files[str(tmp_path)].kind == "directory"
    assert "dpkg" in seen.packages and "no-such-package" not in seen.packages
    assert seen.met == {"met"}
