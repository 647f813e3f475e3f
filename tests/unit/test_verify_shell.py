"""The shell that stays open on a host: exact bytes, exact status, one session for all commands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_shell import LocalConnection

from provisioner.errors import NotTouched
from provisioner.verify.shell import Output, Shell

SHELLS = [words for words in (("dash",), ("busybox", "sh"), ("bash", "--posix")) if shutil.which(words[0])]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request: pytest.FixtureRequest) -> Iterator[Shell]:
    with Shell(LocalConnection(*request.param)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (b"true", Output(0, b"", b"")),
        (b"printf nothing-after", Output(0, b"nothing-after", b"")),
        (b"printf 'a\\n\\nb\\n\\n'; printf 'e\\n\\n' >&2; exit 7", Output(7, b"a\n\nb\n\n", b"e\n\n")),
        (b"printf '\\377\\000x'", Output(0, b"\xff\x00x", b"")),
        (b"cat", Output(0, b"", b"")),
        (b"cat <<X\none\ntwo\nX", Output(0, b"one\ntwo\n", b"")),
        (b"printf '%s|' \"it's\" 'a \\n $HOME'", Output(0, b"it's|a \\n $HOME|", b"")),
        (b"kill -9 $$", None),
        (b"exit 255", Output(255, b"", b"")),
    ],
)
def test_a_command_gives_its_bytes_and_status(shell: Shell, command: bytes, output: Output | None) -> None:
    got = shell.run(command)
    assert got == output if output is not None else got.status != 0
    assert shell.run(b"echo next") == Output(0, b"next\n", b"")


def test_a_command_that_hangs_is_ended_and_the_next_one_runs() -> None:
    with Shell(LocalConnection(), seconds=3) as shell:
        assert shell.run(b"sleep 120").status == 124
        assert shell.run(b"echo next").stdout == b"next\n"


def test_all_commands_share_one_session(shell: Shell) -> None:
    connection = LocalConnection()
    with Shell(connection) as opened:
        for _ in range(5):
            opened.run(b"true")
    assert (connection.started, opened.commands) == (1, 5)


def test_a_shell_that_ended_says_so_from_then_on() -> None:
    shell = Shell(LocalConnection("sh", "-c", "exit 0", "--"))
    for _ in range(2):
        with pytest.raises(NotTouched):
            shell.run(b"true")


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_come_back_as_they_are(data: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in data)
    assert _SHARED.run(f"printf '{octal}'; printf '{octal}' | tr -d '\\000' >&2".encode()) == Output(
        0, data, data.replace(b"\0", b"")
    )


_SHARED = Shell(LocalConnection())
