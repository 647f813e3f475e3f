"""The store of secrets: made once, read by who has a key, written whole, merged by git."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2.sandbox
import pyrage
import pytest

from provisioner.errors import InputError, Location, Mistakes
from provisioner.secrets import Secrets

PASSWORD = {"kind": "password"}


def opened(folder: Path, persist: bool = True, **environ: str) -> Secrets:
    return Secrets.open(folder, persist, environ)


def made(folder: Path, *names: str) -> dict[str, str]:
    secrets = opened(folder)
    values = {name: secrets.make(name, PASSWORD) for name in names}
    secrets.save()
    return values


def test_a_secret_made_once_is_read_again_by_the_next_run(tmp_path: Path) -> None:
    value = made(tmp_path, "bob")["bob"]

    again = opened(tmp_path)

    assert again.get("bob") == again.make("bob", PASSWORD) == value
    assert again.generated == ()
    assert again.save() == ()


def test_the_first_secret_makes_a_key_only_its_owner_reads_and_says_so(tmp_path: Path) -> None:
    secrets = opened(tmp_path)
    secrets.make("bob", PASSWORD)

    assert list(tmp_path.iterdir()) == []
    assert secrets.save() == ("bob",)
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets.yml").stat().st_mode & 0o777 == 0o644
    assert "secrets.key" in secrets.notice
    assert sorted(file.name for file in tmp_path.iterdir()) == ["secrets.key", "secrets.yml"]


def test_without_persist_secrets_are_made_but_nothing_is_written(tmp_path: Path) -> None:
    secrets = opened(tmp_path, persist=False)

    assert secrets.make("bob", PASSWORD) == secrets.make("bob", PASSWORD) == secrets.get("bob")
    assert secrets.generated == ("bob",)
    assert secrets.save() == ()
    assert secrets.notice == ""
    assert list(tmp_path.iterdir()) == []


def test_no_value_is_in_the_file_in_clear_and_age_itself_reads_it(tmp_path: Path) -> None:
    value = made(tmp_path, "bob")["bob"]
    text = (tmp_path / "secrets.yml").read_text()
    key = (tmp_path / "secrets.key").read_text().splitlines()[-1]

    line = next(line for line in text.splitlines() if line.startswith("  bob: "))
    armour = line.removeprefix('  bob: "').removesuffix('"').replace("\\n", "\n")

    assert value not in text
    assert pyrage.decrypt(armour.encode(), [pyrage.x25519.Identity.from_str(key)]).decode() == value


def test_an_unknown_name_names_the_nearest_and_its_line(tmp_path: Path) -> None:
    made(tmp_path, "alice", "bob")

    with pytest.raises(InputError, match="no secret is called `alcie`") as caught:
        opened(tmp_path).get("alcie")

    assert "`alice`" in caught.value.hint
    assert str(caught.value.where) == f"{tmp_path}/secrets.yml:6:3"


def test_without_a_key_that_fits_reading_and_making_are_refused_and_no_key_is_made(tmp_path: Path) -> None:
    made(tmp_path, "bob")
    (tmp_path / "secrets.key").unlink()

    with pytest.raises(InputError, match="no key here reads") as caught:
        opened(tmp_path).get("bob")
    assert "PROVISION_AGE_KEY_FILE" in caught.value.hint
    with pytest.raises(InputError, match="no key here reads"):
        opened(tmp_path).make("carol", PASSWORD)
    assert not (tmp_path / "secrets.key").exists()


def test_the_key_may_come_from_the_environment_or_a_file_it_names(tmp_path: Path) -> None:
    value = made(tmp_path, "bob")["bob"]
    key = (tmp_path / "secrets.key").rename(tmp_path / "elsewhere")
    key.chmod(0o644)  # as mounted into a container
    other = str(pyrage.x25519.Identity.generate())

    assert opened(tmp_path, PROVISION_AGE_KEY_FILE=str(key)).get("bob") == value
    assert opened(tmp_path, PROVISION_AGE_KEY=key.read_text()).get("bob") == value
    assert opened(tmp_path, PROVISION_AGE_KEY=other, PROVISION_AGE_KEY_FILE=str(key)).get("bob") == value


def test_an_openssh_key_reads_what_is_encrypted_for_it(tmp_path: Path) -> None:
    secrets = opened(tmp_path)
    value = secrets.make("bob", PASSWORD)
    secrets.save()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ssh"], check=True)
    public = " ".join((tmp_path / "ssh.pub").read_text().split()[:2])

    secrets = opened(tmp_path)
    secrets.rekey({**dict.fromkeys(secrets.recipients(), ""), public: "anna"})
    secrets.save()
    (tmp_path / "secrets.key").unlink()

    assert opened(tmp_path, PROVISION_AGE_KEY_FILE=str(tmp_path / "ssh")).get("bob") == value
    assert f"  - {public}   # anna\n" in (tmp_path / "secrets.yml").read_text()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "is itself encrypted with a passphrase"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "the SSH key in"),
        ("AGE-SECRET-KEY-1NONSENSE\n", "line 1 of .* is not an age key"),
        ("# own\nage1pk3gqpgxwm4l9gxqw5nld2g3xkd4f0tlaxl04l8qhue7ynk0dc\n", "line 2 of .* is not an age key"),
    ],
)
def test_a_key_that_can_t_be_used_is_refused_with_what_to_do_and_never_shown(
    tmp_path: Path, key: str, message: str
) -> None:
    made(tmp_path, "bob")

    with pytest.raises(InputError, match=message) as caught:
        opened(tmp_path, PROVISION_AGE_KEY=key).get("bob")

    assert caught.value.hint
    assert key.splitlines()[-1] not in f"{caught.value.message}{caught.value.hint}"


def test_a_recipient_taken_out_reads_nothing_any_more(tmp_path: Path) -> None:
    made(tmp_path, "alice", "bob")
    old = (tmp_path / "secrets.key").read_text()
    new = pyrage.x25519.Identity.generate()
    secrets = opened(tmp_path)
    secrets.rekey({str(new.to_public()): ""})
    secrets.save()
    (tmp_path / "secrets.key").unlink()

    assert opened(tmp_path, PROVISION_AGE_KEY=str(new)).recipients() == (str(new.to_public()),)
    assert opened(tmp_path, PROVISION_AGE_KEY=str(new)).get("bob")
    with pytest.raises(InputError):
        opened(tmp_path, PROVISION_AGE_KEY=old).get("bob")


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    made(tmp_path, "bob")
    (tmp_path / "secrets.key").chmod(0o640)

    with pytest.raises(InputError, match="can be read by others") as caught:
        opened(tmp_path).get("bob")
    assert f"chmod 600 {tmp_path}/secrets.key" in caught.value.hint


def test_nothing_is_decrypted_before_it_is_used(tmp_path: Path) -> None:
    made(tmp_path, "alice", "bob")
    text = (tmp_path / "secrets.yml").read_text().replace("\\n-----END", "AAAA\\n-----END", 1)
    (tmp_path / "secrets.yml").write_text(text)

    secrets = opened(tmp_path)

    assert secrets.get("bob")
    with pytest.raises(InputError, match="`alice` is damaged") as caught:
        secrets.get("alice")
    assert caught.value.where is not None
    assert caught.value.where.line == 6


def test_changing_one_secret_changes_one_line_and_keeps_comments_and_order(tmp_path: Path) -> None:
    made(tmp_path, "alice", "bob", "carol")
    file = tmp_path / "secrets.yml"
    before = file.read_text().replace("  bob:", "  # bob left in May\n  bob:")
    file.write_text(before)

    secrets = opened(tmp_path)
    secrets.put("carol", "new")
    secrets.put("bart", "also new")
    secrets.save()

    old, new = before.splitlines(), file.read_text().splitlines()
    assert [line.split(":")[0] for line in new if line not in old] == ["  bart", "  carol"]
    assert [line for line in old if line not in new and "carol" not in line] == []
    assert new[new.index("  # bob left in May") + 1].startswith("  bob:")
    assert opened(tmp_path).get("carol") == "new"


def test_a_secret_taken_out_is_gone_and_the_last_one_leaves_a_file_that_reads(tmp_path: Path) -> None:
    made(tmp_path, "bob")
    secrets = opened(tmp_path)
    secrets.put("bob", None)
    assert secrets.names() == ()
    secrets.save()

    again = opened(tmp_path)
    assert again.names() == ()
    again.make("carol", PASSWORD)
    again.save()
    assert opened(tmp_path).names() == ("carol",)


@pytest.mark.parametrize("text", ["", "two\nlines\n", "ümlaut ☃", " \t", "x" * 100_000, "a: {b}\n- # c"])
def test_any_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    secrets = opened(tmp_path)
    secrets.put("note", text)
    secrets.save()

    assert opened(tmp_path).get("note") == text


@pytest.mark.parametrize(
    "name", ["dkim/example.org/2026", "yes", "123", "1.5", "null", "a@b", "müller", "2026-11-24"]
)
def test_a_name_stays_text_whatever_yaml_makes_of_it(tmp_path: Path, name: str) -> None:
    secrets = opened(tmp_path)
    secrets.put(name, "x")
    secrets.save()

    assert opened(tmp_path).names() == (name,)
    assert opened(tmp_path).view[name] == "x"


@pytest.mark.parametrize("name", ["", "@x", "=", "a b", "a:b", "../x\n", "x" * 201])
def test_a_name_that_would_not_read_well_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="can't be the name of a secret"):
        opened(tmp_path).put(name, "x")


def test_templates_read_by_attribute_or_index_and_can_do_nothing_else(tmp_path: Path) -> None:
    secrets = opened(tmp_path)
    for name in ("bob", "get", "a/b"):
        secrets.put(name, name + "!")
    jinja = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined)

    template = jinja.from_string("{{ secrets.bob }} {{ secrets.get }} {{ secrets['a/b'] }}")

    assert template.render(secrets=secrets.view) == "bob! get! a/b!"
    with pytest.raises(InputError, match="no secret is called `bobby`"):
        jinja.from_string("{{ secrets.bobby }}").render(secrets=secrets.view)


def test_every_text_handed_out_is_known_for_redaction(tmp_path: Path) -> None:
    made(tmp_path, "alice", "bob")
    secrets = opened(tmp_path)

    value = secrets.get("bob")

    assert secrets.texts() == {value}


def test_threads_that_need_the_same_secret_get_the_same_one(tmp_path: Path) -> None:
    secrets = opened(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: secrets.make("bob", PASSWORD), range(64)))

    assert len(values) == 1
    assert secrets.save() == ("bob",)


def _make_and_save(folder: Path, name: str, barrier: object) -> None:
    secrets = opened(folder)
    secrets.make(name, PASSWORD)
    barrier.wait()  # type: ignore[attr-defined]
    secrets.save()


def test_runs_at_the_same_time_keep_each_other_s_secrets(tmp_path: Path) -> None:
    made(tmp_path, "first")
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    runs = [context.Process(target=_make_and_save, args=(tmp_path, f"s{n}", barrier)) for n in range(4)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(20)

    assert opened(tmp_path).names() == ("first", "s0", "s1", "s2", "s3")


def test_two_runs_that_make_the_same_secret_do_not_overwrite_each_other(tmp_path: Path) -> None:
    made(tmp_path, "first")
    mine, theirs = opened(tmp_path), opened(tmp_path)
    mine.make("dkim", PASSWORD)
    value = theirs.make("dkim", PASSWORD)
    theirs.save()

    with pytest.raises(InputError, match="changed by another run"):
        mine.save()
    assert opened(tmp_path).get("dkim") == value


def test_two_runs_that_make_the_first_key_do_not_overwrite_each_other(tmp_path: Path) -> None:
    mine, theirs = opened(tmp_path), opened(tmp_path)
    mine.make("a", PASSWORD)
    theirs.make("b", PASSWORD)
    theirs.save()
    key = (tmp_path / "secrets.key").read_text()

    with pytest.raises(InputError, match="another run"):
        mine.save()
    assert (tmp_path / "secrets.key").read_text() == key
    assert opened(tmp_path).get("b")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, "bob")
    before = (tmp_path / "secrets.yml").read_bytes()
    secrets = opened(tmp_path)
    secrets.make("carol", PASSWORD)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        secrets.save()

    assert (tmp_path / "secrets.yml").read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["secrets.key", "secrets.yml"]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("recipients: []\nsecrets: {bob: x, carol: hunter2}\n", "more than one secret in a line", 2),
        ("recipients: []\nsecrets:\n  bob: hunter2\n", "the secret `bob` in clear", 3),
        ("recipients: []\nsecrets:\n  bob: hunter2: x\n", "is not YAML", 3),
        ("recipients: []\nsecrets: {}\nother: hunter2\n", "unknown key `other`", 3),
        ("recipients: hunter2\nsecrets: {}\n", "no list in `recipients`", 0),
        ("recipients: []\n", "has no `secrets`", 0),
        ("- hunter2\n", "no mapping of names", 1),
        ("recipients: [\n", "is not YAML", 2),
        ("recipients: []\n<<<<<<< HEAD\nsecrets: {}\n", "unfinished merge", 2),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line_which_is_not_to_be_shown(
    tmp_path: Path, text: str, message: str, line: int
) -> None:
    (tmp_path / "secrets.yml").write_text(text)

    with pytest.raises(InputError) as caught:
        opened(tmp_path)

    error = caught.value.mistakes[0] if isinstance(caught.value, Mistakes) else caught.value
    assert message in error.message
    if "unfinished" in message:
        assert error.where == Location(f"{tmp_path}/secrets.yml", line, 1, 7)
    else:
        assert error.where == Location(f"{tmp_path}/secrets.yml")
        assert not line or f", line {line}, " in error.message
    assert "hunter2" not in f"{error.message}{error.hint}{error.note}"


def test_a_name_given_on_both_sides_of_a_merge_is_named_with_both_lines(tmp_path: Path) -> None:
    made(tmp_path, "bob")
    file = tmp_path / "secrets.yml"
    file.write_text(file.read_text() + file.read_text().splitlines()[-1] + "\n")

    with pytest.raises(InputError, match="line 7, has `bob` twice, first in line 6"):
        opened(tmp_path)


def test_a_private_key_among_the_recipients_is_refused_without_being_shown(tmp_path: Path) -> None:
    made(tmp_path, "bob")
    file = tmp_path / "secrets.yml"
    key = (tmp_path / "secrets.key").read_text().splitlines()[-1]
    file.write_text(file.read_text().replace("recipients:\n", f"recipients:\n  - {key}\n"))
    secrets = opened(tmp_path)
    secrets.put("carol", "x")

    with pytest.raises(InputError, match="a private key is not a recipient") as caught:
        secrets.save()
    assert key not in f"{caught.value.message}{caught.value.hint}{caught.value.note}"


def test_git_merges_the_secrets_of_two_people(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )

    made(tmp_path, "alice", "zoe")
    (tmp_path / ".gitattributes").write_text("secrets.yml merge=union\n")
    git("init", "-q", "-b", "main")
    git("add", "secrets.yml", ".gitattributes")
    git("commit", "-q", "-m", "a")
    git("checkout", "-q", "-b", "other")
    theirs = made(tmp_path, "bob", "dan")
    git("commit", "-qam", "b")
    git("checkout", "-q", "main")
    mine = made(tmp_path, "bart", "eve")
    git("commit", "-qam", "c")
    git("merge", "-q", "other", "-m", "d")

    merged = opened(tmp_path)
    assert {name: merged.get(name) for name in (*mine, *theirs)} == {**mine, **theirs}
    assert merged.names() == ("alice", "bart", "bob", "dan", "eve", "zoe")
