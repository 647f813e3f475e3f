"""Which host keys are asked for, trusted, remembered and refused, and in which words."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.errors import HostKeyError, Location
from provisioner.hosts import trust
from provisioner.hosts.known_hosts import Record, fingerprint
from provisioner.hosts.settings import Settings

Keygen = Callable[..., bytes]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """mx1 at 192.0.2.1, nothing on record."""
    return Settings(
        "mx1",
        "192.0.2.1",
        22,
        "root",
        known_hosts=tmp_path / "known_hosts",
        place=Location("inventory.yml", 3),
    )


@pytest.fixture
def keygen(tmp_path: Path) -> Keygen:
    """Makes a key pair `name` and returns its public blob."""

    def make(name: str, kind: str = "ed25519") -> bytes:
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
        return blob_of(tmp_path / f"{name}.pub")

    return make


def blob_of(path: Path) -> bytes:
    """The public key or certificate in a file."""
    return base64.b64decode(path.read_text().split()[1])


def certify(tmp_path: Path, name: str, *options: str) -> bytes:
    """A certificate that the key `ca` signs for `name`."""
    public = str(tmp_path / f"{name}.pub")
    command = ["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "id", *options, public]
    subprocess.run(command, check=True)
    return blob_of(tmp_path / f"{name}-cert.pub")


def on_record(settings: Settings, marker: str, blob: bytes, names: str = "192.0.2.1") -> Record:
    """Put a line on record, and read the record."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    words = (marker, names, kind, base64.b64encode(blob).decode(), "added by anna")
    text = " ".join(word for word in words if word)
    settings.known_hosts.write_text(text + "\n")
    return trust.record_of(settings)


def test_an_unknown_host_is_asked_for_its_best_key(settings: Settings) -> None:
    assert trust.host_key_algorithms(trust.record_of(settings))[0] == "ssh-ed25519"


def test_a_known_host_is_asked_for_the_kind_on_record_first(settings: Settings, keygen: Keygen) -> None:
    record = on_record(settings, "", keygen("host", "rsa"))

    offered = trust.host_key_algorithms(record)

    assert offered[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert "ssh-ed25519" in offered
    assert not any("cert" in name for name in offered)


def test_sha_1_and_dsa_are_never_asked_for(settings: Settings, keygen: Keygen) -> None:
    offered = trust.host_key_algorithms(on_record(settings, "@cert-authority", keygen("ca"), "*"))

    assert not {"ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com"} & set(offered)
    assert offered[0] == "ssh-ed25519-cert-v01@openssh.com"


def test_an_unknown_key_is_refused_with_its_fingerprint_and_what_to_do(
    settings: Settings, keygen: Keygen
) -> None:
    blob = keygen("host")

    with pytest.raises(HostKeyError, match="its host key is unknown") as caught:
        trust.check(settings, trust.record_of(settings), blob, blob)

    assert caught.value.evidence == (f"presented  {fingerprint(blob)} at 192.0.2.1:22, ED25519",)
    assert "--trust-on-first-use" in caught.value.hint
    assert "/etc/ssh/ssh_host_ed25519_key.pub" in caught.value.hint
    assert str(caught.value.where) == "inventory.yml:3"
    assert not settings.known_hosts.exists()


def test_trust_on_first_use_records_the_key_under_name_and_address(
    settings: Settings, keygen: Keygen
) -> None:
    blob = keygen("host")

    trust.check(replace(settings, trust_on_first_use=True), trust.record_of(settings), blob, blob)

    assert settings.known_hosts.read_text().startswith("mx1,192.0.2.1 ssh-ed25519 ")
    trust.check(settings, trust.record_of(settings), blob, blob)


def test_trust_on_first_use_never_takes_a_changed_key(settings: Settings, keygen: Keygen) -> None:
    old, new = keygen("old"), keygen("new", "ecdsa")
    record = on_record(settings, "", old)

    with pytest.raises(HostKeyError, match="its host key changed") as caught:
        trust.check(replace(settings, trust_on_first_use=True), record, new, new)

    assert caught.value.evidence == (
        f"known      {fingerprint(old)} ({settings.known_hosts}:1, added by anna)",
        f"presented  {fingerprint(new)} at 192.0.2.1:22, ECDSA",
    )
    assert "provision hosts forget mx1" in caught.value.hint
    assert "--trust-on-first-use" in caught.value.hint


def test_a_changed_key_in_the_user_s_own_file_is_theirs_to_remove(
    settings: Settings, keygen: Keygen, tmp_path: Path
) -> None:
    old, new = keygen("old"), keygen("new")
    theirs = replace(settings, known_hosts=tmp_path / "ours", other_known_hosts=(settings.known_hosts,))
    on_record(settings, "", old)

    with pytest.raises(HostKeyError) as caught:
        trust.check(theirs, trust.record_of(theirs), new, new)

    assert "ssh-keygen -R '192.0.2.1'" in caught.value.hint


def test_a_person_at_the_terminal_may_say_yes(settings: Settings, keygen: Keygen) -> None:
    blob = keygen("host")
    questions: list[str] = []

    def confirm(question: str) -> bool:
        questions.append(question)
        return True

    trust.check(replace(settings, confirm_host_key=confirm), trust.record_of(settings), blob, blob)

    assert fingerprint(blob) in questions[0]
    assert settings.known_hosts.exists()


def test_a_person_at_the_terminal_may_say_no(settings: Settings, keygen: Keygen) -> None:
    blob = keygen("host")
    asked = replace(settings, confirm_host_key=lambda _: False)

    with pytest.raises(HostKeyError, match="unknown"):
        trust.check(asked, trust.record_of(settings), blob, blob)


def test_a_certificate_of_an_authority_on_record_is_trusted(
    settings: Settings, keygen: Keygen, tmp_path: Path
) -> None:
    plain, record = keygen("host"), on_record(settings, "@cert-authority", keygen("ca"), "192.0.2.*")

    trust.check(settings, record, certify(tmp_path, "host", "-h", "-n", "192.0.2.1"), plain)


@pytest.mark.parametrize(
    "options",
    [
        ("-h", "-n", "192.0.2.2"),
        ("-h",),
        ("-n", "192.0.2.1"),
        ("-h", "-n", "192.0.2.1", "-V", "20200101:20210101"),
        ("-h", "-n", "192.0.2.1", "-V", "20990101:20991231"),
        ("-n", "192.0.2.1", "-O", "force-command=x"),
    ],
    ids=["another host's", "nobody's", "a user's", "expired", "not yet valid", "with a critical option"],
)
def test_a_certificate_that_does_not_hold_is_as_good_as_none(
    settings: Settings, keygen: Keygen, tmp_path: Path, options: tuple[str, ...]
) -> None:
    plain, record = keygen("host"), on_record(settings, "@cert-authority", keygen("ca"), "192.0.2.*")

    with pytest.raises(HostKeyError, match="unknown"):
        trust.check(settings, record, certify(tmp_path, "host", *options), plain)


def test_a_certificate_of_a_stranger_is_as_good_as_none(
    settings: Settings, keygen: Keygen, tmp_path: Path
) -> None:
    plain = keygen("host")
    keygen("ca")
    record = on_record(settings, "@cert-authority", keygen("other"), "*")

    with pytest.raises(HostKeyError, match="unknown"):
        trust.check(settings, record, certify(tmp_path, "host", "-h", "-n", "192.0.2.1"), plain)


def test_a_certificate_whose_signature_is_broken_is_as_good_as_none(
    settings: Settings, keygen: Keygen, tmp_path: Path
) -> None:
    plain, record = keygen("host"), on_record(settings, "@cert-authority", keygen("ca"), "*")
    certificate = bytearray(certify(tmp_path, "host", "-h", "-n", "192.0.2.1"))
    certificate[-1] ^= 1

    with pytest.raises(HostKeyError, match="unknown"):
        trust.check(settings, record, bytes(certificate), plain)


def test_a_revoked_authority_certifies_nobody(settings: Settings, keygen: Keygen, tmp_path: Path) -> None:
    plain, authority = keygen("host"), keygen("ca")
    on_record(settings, "@cert-authority", authority, "*")
    lines = settings.known_hosts.read_text()
    settings.known_hosts.write_text(lines + lines.replace("@cert-authority", "@revoked"))

    with pytest.raises(HostKeyError):
        trust.check(
            settings, trust.record_of(settings), certify(tmp_path, "host", "-h", "-n", "192.0.2.1"), plain
        )
