"""The command a host is asked to run, and what sudo's refusals are told as."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest

from provisioner.errors import AuthenticationError, NotTouched
from provisioner.hosts.become import MARK, command_line, password_line, refusal, script_input
from provisioner.hosts.settings import Become, Settings

ROOT = Settings("mx1", "192.0.2.1", 22, "root")
SUDO = replace(ROOT, user="anna", become=Become())


def run(command: str, data: bytes, shell: str = "sh") -> bytes:
    """What a login shell makes of the command."""
    return subprocess.run(
        [shell, "-c", command], input=data, capture_output=True, check=True, timeout=10
    ).stdout


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_script_runs_after_the_mark_and_reads_its_own_input_only(shell: str) -> None:
    script = b'read -r first; echo "[$first]"; cat\n'
    command = command_line(ROOT, script, "provision")

    said = run(command, script_input(script) + b"one\ntwo\n", shell)

    mark, _, rest = said.partition(b"\n")
    assert mark.startswith(MARK + b" ")
    assert rest == b"[one]\ntwo\n"


def test_a_password_that_nobody_asked_for_is_skipped() -> None:
    settings = replace(SUDO, become=Become(password="secret"))
    script = b"cat\n"
    command = command_line(ROOT, script, "provision")

    said = run(command, password_line(settings) + script_input(script) + b"data")

    assert said.partition(b"\n")[2] == b"data"


def test_the_password_is_no_part_of_the_command() -> None:
    settings = replace(SUDO, become=Become(password="s3cret"))

    words = shlex.split(command_line(settings, b"cat\n", "provision"))

    assert "s3cret" not in " ".join(words)
    assert words[:9] == ["env", "LC_ALL=C", "sudo", "-H", "-S", "-k", "-p", "", "-u"]
    assert password_line(settings) == b"s3cret\n"


def test_sudo_without_a_password_never_waits_for_one() -> None:
    assert "-n" in shlex.split(command_line(SUDO, b"cat\n", "provision"))
    assert password_line(SUDO) == b""


def test_the_command_is_short_however_long_the_script() -> None:
    assert len(command_line(SUDO, b"x" * 1_000_000, "provision")) < 300


@pytest.mark.parametrize("name", ["a b", "$(id)", "", "-x", "a;b"])
def test_a_name_that_a_shell_would_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain name"):
        command_line(ROOT, b"", name)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Sorry, try again.\nsudo: no password was provided", "did not accept the password of anna"),
        ("sudo: a password is required", "wants a password for anna"),
        ("sudo: a terminal is required to read the password; either use the -S option", "wants a password"),
        ("sudo: sorry, you must have a tty to run sudo", "insists on a terminal"),
        ("anna is not in the sudoers file.", "anna may not use sudo"),
        ("Sorry, user anna is not allowed to execute '/usr/bin/sh' as root on mx1.", "anna may not use sudo"),
        ("Sorry, user anna may not run sudo on mx1.", "anna may not use sudo"),
        ("sh: 1: sudo: not found", "there is no sudo"),
        ("env: 'sudo': No such file or directory", "there is no sudo"),
        ('sudo: Account expired or PAM config lacks an "account" section', "expired"),
    ],
)
def test_each_refusal_of_sudo_s_has_its_own_words_and_hint(said: str, words: str) -> None:
    error = refusal(SUDO, b"", said.encode(), 1)

    assert isinstance(error, AuthenticationError)
    assert words in error.message
    assert error.hint
    assert error.evidence == tuple(said.splitlines())


def test_a_command_that_never_started_is_told_with_what_the_host_said() -> None:
    error = refusal(ROOT, b"This account is currently not available.\n", b"", 1)

    assert type(error) is NotTouched
    assert error.evidence == ("This account is currently not available.",)


def test_what_the_host_says_is_bounded() -> None:
    assert len(refusal(ROOT, b"x\n" * 10_000, b"", 1).evidence) == 10
