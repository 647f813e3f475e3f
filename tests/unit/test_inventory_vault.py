"""Ansible Vault: `!vault` values and whole files, with one password or several."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

import binascii
import hmac
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from inventory_making import load, one_host, passwords, said, write

from provisioner.errors import InputError
from provisioner.secrets import vault
from provisioner.secrets.vault import VaultPasswords, vault_passwords


def encrypt(text: str, password: str, label: str = "") -> str:
    """What `ansible-vault` makes of a text; the salt is fixed, so that tests are."""
    salt = b"s" * 32
    keys = vault._derive(password.encode(), salt)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(keys[:32]), modes.CTR(keys[64:80])).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    digest = hmac.digest(keys[32:64], ciphertext, "sha256")
    inner = b"\n".join(binascii.hexlify(part) for part in (salt, digest, ciphertext))
    body = binascii.hexlify(inner).decode()
    header = f"$ANSIBLE_VAULT;1.2;AES256;{label}" if label else "$ANSIBLE_VAULT;1.1;AES256"
    return "\n".join([header, *(body[i : i + 80] for i in range(0, len(body), 80))]) + "\n"


def tagged(text: str) -> str:
    """A vault text as a YAML value."""
    return "!vault |\n" + "".join(f"        {line}\n" for line in text.splitlines())


def test_a_vault_value_is_decrypted_and_remembered_as_secret(tmp_path: Path) -> None:
    variables = f'plain: "p-{{{{ sealed }}}}"\nsealed: {tagged(encrypt("tr0ub4dor", "horse"))}'

    host = one_host(tmp_path, variables, vault=passwords(default="horse"))

    assert host.variables == {"sealed": "tr0ub4dor", "plain": "p-tr0ub4dor"}
    assert {"tr0ub4dor", "p-tr0ub4dor"} <= host.secret_texts


def test_without_a_password_only_what_needs_it_is_unresolved(tmp_path: Path) -> None:
    host = one_host(tmp_path, f"a: 1\nsealed: {tagged(encrypt('x', 'horse'))}")

    assert host.variables == {"a": 1}
    assert host.unresolved["sealed"].message.endswith("a vault password is needed")
    assert "--vault-password-file" in host.unresolved["sealed"].hint


def test_the_wrong_password_is_told_by_its_label(tmp_path: Path) -> None:
    host = one_host(
        tmp_path, f"sealed: {tagged(encrypt('x', 'horse', 'prod'))}", vault=passwords(dev="battery")
    )

    assert host.unresolved["sealed"].message.endswith(
        "none of the vault passwords (dev) opens this text labelled `prod`"
    )


def test_of_several_passwords_the_one_that_fits_is_found(tmp_path: Path) -> None:
    known = passwords(dev="battery", prod="horse")

    assert known.decrypt_text(encrypt("one", "horse", "prod")) == "one"
    assert known.decrypt_text(encrypt("two", "battery", "prod")) == "two"


def test_a_file_encrypted_as_a_whole_is_read_and_all_in_it_is_secret(tmp_path: Path) -> None:
    content = encrypt('db_password: "hunter2"\nport: 5432\nt: "{{ db_password }}"\n', "horse")
    write(tmp_path, {"group_vars/all/vault.yml": content})

    host = load(tmp_path, "all: {hosts: {h: }}\n", vault=passwords(default="horse")).hosts[0]

    assert host.variables == {"db_password": "hunter2", "port": 5432, "t": "hunter2"}
    assert host.secret_variables == {"db_password", "port", "t"}
    assert "hunter2" in host.secret_texts
    place = host.origins.find(("db_password",))
    assert place is not None
    assert (place.file, place.line) == (f"{tmp_path}/group_vars/all/vault.yml", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encrypt("a: 1", "horse"), "group_vars/all.yml: a vault password is needed"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162", "group_vars/all.yml: this vault text is damaged"),
        ("$ANSIBLE_VAULT;9.9;AES256\n6162", "group_vars/all.yml: vault format 9.9 AES256 is not known; 1.1 and 1.2 AES256 are"),
    ],
)  # fmt: skip
def test_a_vault_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path, {"group_vars/all.yml": content})

    assert said(tmp_path, "all: {hosts: {h: }}\n") == [message]


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    text = encrypt("tr0ub4dor", "horse")

    with pytest.raises(InputError, match="opens this text"):
        passwords(default="horse").decrypt_text(text[:-2] + ("0" if text[-2] != "0" else "1") + "\n")


def test_passwords_come_from_files_programs_and_the_environment(tmp_path: Path) -> None:
    write(tmp_path, {"plain": "horse\n", "program-client": "#!/bin/sh\necho for-$2\n", "env": "battery"})
    (tmp_path / "program-client").chmod(0o755)

    found = vault_passwords(
        tmp_path / "plain",
        [f"prod@{tmp_path}/program-client", "asked@prompt"],
        environ={"ANSIBLE_VAULT_IDENTITY_LIST": f"dev@{tmp_path}/env"},
        ask=lambda prompt: "typed" if "asked" in prompt else "",
    )

    assert found.passwords == (
        ("prod", b"for-prod"),
        ("asked", b"typed"),
        ("dev", b"battery"),
        ("default", b"horse"),
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no vault password file"),
        ("\n", "is empty"),
        ("$ANSIBLE_VAULT;1.1", "is itself encrypted"),
    ],
)
def test_a_password_file_of_no_use_is_an_error(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        write(tmp_path, {"password": content})

    with pytest.raises(InputError, match=message):
        vault_passwords(tmp_path / "password", environ={})


def test_passwords_are_in_no_representation() -> None:
    known = VaultPasswords((("default", b"horse"),))
    known.decrypt_text(encrypt("tr0ub4dor", "horse"))

    assert "tr0ub4dor" not in repr(known)


@pytest.mark.parametrize(
    ("source", "content"),
    [("i.yml", "all: {hosts: {h: {token: tr0ub4dor, n: 5}}}\n"), ("hosts", "[web]\nh token=tr0ub4dor n=5\n")],
)
def test_an_inventory_encrypted_as_a_whole_is_secret_too(tmp_path: Path, source: str, content: str) -> None:
    host = load(tmp_path, encrypt(content, "horse"), source, vault=passwords(default="horse")).hosts[0]

    assert host.variables == {"token": "tr0ub4dor", "n": 5}
    assert host.secret_variables == {"token", "n"}
    assert "tr0ub4dor" in host.secret_texts


def test_a_file_that_a_lookup_decrypts_is_secret(tmp_path: Path) -> None:
    write(tmp_path, {"files/token": encrypt("tr0ub4dor\n", "horse")})

    host = one_host(tmp_path, "v: \"{{ lookup('file', 'token') }}\"", vault=passwords(default="horse"))

    assert host.variables["v"] == "tr0ub4dor"
    assert "tr0ub4dor" in host.secret_texts
