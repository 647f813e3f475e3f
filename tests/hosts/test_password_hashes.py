"""Dovecot itself takes the hashes that are made here."""

from __future__ import annotations

import shlex

import pytest

from provisioner import sandbox
from provisioner.sandbox import SandboxHost
from provisioner.secrets.passwords import hash_password


@pytest.mark.parametrize("plain", ["correct horse", "ümläut ☃ '\"$(id)", "x" * 1000])
def test_dovecot_verifies_the_hash_and_refuses_another_password(mail_host: SandboxHost, plain: str) -> None:
    text = shlex.quote(hash_password(plain, "bob@example.org", b"k" * 32))

    right, said = sandbox.execute(mail_host.name, f"doveadm pw -t {text} -p {shlex.quote(plain)}")
    wrong, _ = sandbox.execute(mail_host.name, f"doveadm pw -t {text} -p {shlex.quote(plain[:-1])}")

    assert right == 0, said
    assert "(verified)" in said
    assert wrong != 0
