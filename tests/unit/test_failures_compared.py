"""The page that sets other programs beside `test-connection`, and how it is made from their outputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.connection.target import Encryption, Protocol
from tests.hosts.connection_lab import FAILURES
from tests.hosts.failure_tools import attempt, curl, openssl, python, shortened, swaks

PAGE = (Path(__file__).parents[2] / "docs" / "failures-compared.md").read_text(encoding="utf-8")


def test_every_kind_that_is_made_has_a_section_with_what_ours_says() -> None:
    made = {kind for _, _, _, kind in FAILURES}

    assert set(re.findall(r"^## ([a-z0-9-]+), (?:SMTP|IMAP|POP3)$", PAGE, re.MULTILINE)) == made
    assert len(made) >= 60
    assert PAGE.count("\n## ") == PAGE.count("| `provision` | `✗ ")


def test_no_address_of_a_host_is_on_the_page() -> None:
    addresses = re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", PAGE)

    assert [one for one in addresses if not one.startswith(("192.0.2.", "127.0.0."))] == []


def test_a_try_is_the_same_for_every_program() -> None:
    options = ("--encryption", "starttls", "--user", "alice@lab.test", "--password-file", "FOLDER/password")

    tried = attempt("mail.lab:587", (*options, "--to", "bob@lab.test"), {"FOLDER/password": "right horse"})

    assert (tried.protocol, tried.encryption) == (Protocol.SMTP, Encryption.STARTTLS)
    assert "-tls --tls-verify" in swaks(tried) and "--quit-after RCPT" in swaks(tried)
    assert "--ssl-reqd" in curl(tried) and "smtp://mail.lab:587/" in curl(tried)
    assert "smtp mail.lab 587 starttls alice@lab.test 'right horse'" in python(tried)
    assert openssl(tried) == "", "it ends with the handshake"


def test_a_program_is_not_asked_for_what_it_can_t_do() -> None:
    imap, domain = attempt("mail.lab:993", (), {}), attempt("null.lab", (), {})

    assert swaks(imap) == ""
    assert [program(domain) for program in (curl, openssl, python)] == ["", "", ""]
    assert "--server" not in swaks(domain), "it looks up the MX itself"


@pytest.mark.parametrize(
    ("program", "output", "kept"),
    [
        ("swaks", "=== Trying mail.lab:9...\n*** Error connecting\n", ["*** Error connecting"]),
        ("swaks", "<-  220 x\n -> EHLO y\n<** 504 no\n -> QUIT\n<-  221 bye\n", ["<** 504 no"]),
        ("curl", "* x\n< 220 x\n< 535 no\n* y\ncurl: (67) Denied\n", ["< 535 no", "curl: (67) Denied"]),
        ("curl", "< 220 x\ncurl: (28) Timeout\n", ["curl: (28) Timeout"]),
        ("openssl", "40E7F2A8:error:0A00010B:SSL routines:f:wrong version number:../ssl/x.c:77:\n",
         ["error:0A00010B:SSL routines:f:wrong version number"]),
        ("python", 'Traceback (most recent call last):\n  File "x"\nTimeoutError: timed out\n',
         ["TimeoutError: timed out"]),
        ("python", "", []),
    ],
)  # fmt: skip
def test_an_output_is_shortened_to_what_it_says(program: str, output: str, kept: list[str]) -> None:
    assert shortened(program, output) == kept
