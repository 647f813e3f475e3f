"""Host keys on record: reading, judging, adding, forgetting; `ssh-keygen` is the oracle for hashes."""

from __future__ import annotations

import base64
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.hosts.known_hosts import Record, Verdict, add, fingerprint, forget, read_known_hosts


def key(name: str, kind: str = "ssh-ed25519") -> bytes:
    """A key blob: the type, then something that differs by `name`."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), name.encode()))


def line(names: str, blob: bytes, marker: str = "", comment: str = "") -> str:
    """A line of known_hosts."""
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    words = [marker, names, kind, base64.b64encode(blob).decode(), comment]
    return " ".join(word for word in words if word) + "\n"


def record(tmp_path: Path, own: str = "", other: str = "", name: str = "192.0.2.1") -> Record:
    """What two files say about the inventory's mx1 at `name`."""
    (tmp_path / "known_hosts").write_text(own)
    (tmp_path / "theirs").write_text(other)
    return Record.load(tmp_path / "known_hosts", [tmp_path / "theirs"], name, "mx1")


def test_a_key_on_record_is_trusted(tmp_path: Path) -> None:
    assert record(tmp_path, line("192.0.2.1", key("a"))).judge(key("a")).verdict is Verdict.TRUSTED


def test_a_host_without_a_line_is_unknown(tmp_path: Path) -> None:
    assert record(tmp_path, line("192.0.2.2", key("a"))).judge(key("a")).verdict is Verdict.UNKNOWN


def test_another_key_of_the_same_kind_is_a_changed_one_and_the_line_is_named(tmp_path: Path) -> None:
    found = record(tmp_path, "# ours\n" + line("192.0.2.1", key("a"))).judge(key("b"))

    assert found.verdict is Verdict.CHANGED
    assert found.line is not None
    assert found.line.where.line == 2


def test_a_kind_that_is_not_on_record_does_not_get_around_the_record(tmp_path: Path) -> None:
    found = record(tmp_path, line("192.0.2.1", key("a"))).judge(key("b", "ssh-rsa"))

    assert found.verdict is Verdict.CHANGED


def test_our_own_file_decides_before_the_user_s(tmp_path: Path) -> None:
    own, other = line("192.0.2.1", key("a")), line("192.0.2.1", key("b"))

    assert record(tmp_path, own, other).judge(key("b")).verdict is Verdict.CHANGED
    assert record(tmp_path, own, other).judge(key("a")).verdict is Verdict.TRUSTED
    assert record(tmp_path, "", other).judge(key("b")).verdict is Verdict.TRUSTED


def test_the_inventory_s_name_counts_in_our_file_only(tmp_path: Path) -> None:
    assert record(tmp_path, line("mx1", key("a"))).judge(key("a")).verdict is Verdict.TRUSTED
    assert record(tmp_path, "", line("mx1", key("a"))).judge(key("a")).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ("[192.0.2.1]:2200", True),
        ("192.0.2.1", False),
        ("[192.0.2.*]:2200", True),
        ("*,![192.0.2.1]:2200", False),
        ("other,[192.0.2.1]:2200", True),
    ],
)
def test_ports_wildcards_and_negation_are_understood(tmp_path: Path, names: str, known: bool) -> None:
    found = record(tmp_path, line(names, key("a")), name="[192.0.2.1]:2200").judge(key("a"))

    assert (found.verdict is Verdict.TRUSTED) is known


def test_a_revoked_key_is_refused_even_if_it_is_on_record(tmp_path: Path) -> None:
    lines = line("192.0.2.1", key("a")) + line("*", key("a"), "@revoked")

    assert record(tmp_path, lines).judge(key("a")).verdict is Verdict.REVOKED


def test_an_authority_s_key_is_no_host_s_key(tmp_path: Path) -> None:
    found = record(tmp_path, line("192.0.2.*", key("ca"), "@cert-authority"))

    assert found.authorities() == (key("ca"),)
    assert found.judge(key("ca")).verdict is Verdict.UNKNOWN


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize("name", ["192.0.2.1", "[192.0.2.1]:2200", "MX1.example.org"])
def test_names_that_ssh_keygen_hashed_are_recognised(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hashed"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    kind, text = (tmp_path / "key.pub").read_text().split()[:2]
    path.write_text(f"{name} {kind} {text}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", path], check=True, capture_output=True)
    assert "|1|" in path.read_text()

    found = Record.load(path, [], name.lower(), "x")

    assert found.judge(base64.b64decode(text)).verdict is Verdict.TRUSTED
    assert Record.load(path, [], "192.0.2.9", "x").judge(base64.b64decode(text)).verdict is Verdict.UNKNOWN
    listed = subprocess.check_output(["ssh-keygen", "-lf", tmp_path / "key.pub"], text=True)
    assert listed.split()[1] == fingerprint(base64.b64decode(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "a\n",
        "a ssh-ed25519\n",
        "a ssh-ed25519 !!!\n",
        "@odd a ssh-rsa AAAA\n",
        "|1|x ssh-rsa A\n",
    ],
)
def test_lines_that_make_no_sense_are_skipped(tmp_path: Path, text: str) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(text + line("a", key("a")))

    assert [found.blob for found in read_known_hosts(path)] == [key("a")]


def test_a_key_whose_type_is_not_what_the_line_says_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("a", key("a")).replace("ssh-ed25519", "ssh-rsa"))

    assert read_known_hosts(path) == ()


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_known_hosts(tmp_path)


def test_what_is_added_is_found_again_with_who_and_when(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("# kept\n" + line("other", key("o")).rstrip("\n"))

    add(path, ["mx1", "192.0.2.1"], key("a"))

    added = read_known_hosts(path)[-1]
    assert (added.names, added.blob) == ("mx1,192.0.2.1", key("a"))
    assert added.comment.startswith("added 2")
    assert path.read_text().startswith("# kept\nother ")
    assert len(read_known_hosts(path)) == 2


def test_many_threads_add_their_keys_and_none_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    threads = [threading.Thread(target=add, args=(path, [f"h{n % 20}"], key(str(n % 20)))) for n in range(40)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found.names for found in read_known_hosts(path)) == sorted(f"h{n}" for n in range(20))
    assert [entry.name for entry in tmp_path.iterdir()] == ["known_hosts"]


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    target = tmp_path / "real"
    target.write_text("")
    target.chmod(0o600)
    (tmp_path / "known_hosts").symlink_to(target)

    add(tmp_path / "known_hosts", ["a"], key("a"))

    assert (tmp_path / "known_hosts").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o600
    assert len(read_known_hosts(target)) == 1


def test_forgetting_a_host_removes_its_lines_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    kept = "# a note\n" + line("mx10", key("x")) + line("*", key("w"))
    kept += line("*", key("ca"), "@cert-authority")
    path.write_text(kept + line("mx1,192.0.2.1", key("a")) + line("[MX1]:2200", key("b")))

    removed = forget(path, "mx1")

    assert [found.blob for found in removed] == [key("a"), key("b")]
    assert path.read_text() == kept
    assert forget(path, "mx1") == ()
