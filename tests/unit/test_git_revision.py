"""What git says about the inventory, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner import git


def run(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose git sees no settings but its own."""
    for name in (*git._ACTORS, "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.fixture
def repository(alone: Path) -> Path:
    run(alone, "init", "-q", "-b", "main")
    run(alone, "config", "user.name", "Anna Example")
    run(alone, "config", "user.email", "anna@example.org")
    (alone / "inventory.yml").write_text("all: {}\n")
    run(alone, "add", "-A")
    run(alone, "commit", "-q", "-m", "Start")
    return alone


def test_a_committed_inventory_is_clean_at_its_commit_and_names_the_author(repository: Path) -> None:
    found = git.inventory_revision(repository)

    commit = run(repository, "rev-parse", "HEAD").strip()
    assert found == git.Revision(commit, True, "Anna Example <anna@example.org>")
    assert found.short == commit[:7] == str(found)


@pytest.mark.parametrize("name", ["inventory.yml", "host_vars-new.yml"])
def test_an_edited_or_a_new_file_makes_the_tree_unclean(repository: Path, name: str) -> None:
    (repository / name).write_text("changed\n")

    found = git.inventory_revision(repository)

    assert found is not None
    assert not found.clean
    assert str(found) == f"{found.short}, with changes since"


def test_an_ignored_file_leaves_the_tree_clean(repository: Path) -> None:
    (repository / ".git" / "info" / "exclude").write_text("secrets.key\n")
    (repository / "secrets.key").write_text("x")

    found = git.inventory_revision(repository)

    assert found is not None
    assert found.clean


def test_a_folder_inside_the_work_tree_is_at_the_tree_s_commit(repository: Path) -> None:
    (repository / "mail").mkdir()

    assert git.inventory_revision(repository / "mail") == git.inventory_revision(repository)


def test_without_repository_commit_git_or_folder_there_is_no_revision(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert git.inventory_revision(alone) is None
    assert git.inventory_revision(alone / "missing") is None
    run(alone, "init", "-q")
    assert git.inventory_revision(alone) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert git.inventory_revision(alone) is None


def test_inside_another_repository_s_hook_the_folder_s_own_repository_is_asked(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    run(other, "init", "-q")
    expected = git.inventory_revision(repository)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))

    assert git.inventory_revision(repository) == expected


def test_without_a_configured_author_the_account_and_machine_are_named(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "deploy")

    assert git.author(alone).startswith("deploy@")


def test_on_a_ci_runner_the_account_that_started_the_run_is_named_on_one_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "anna\x1b[2J\n")

    assert git.author(repository) == "anna?[2J (CI)"


def test_a_git_that_hangs_or_floods_is_ended(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = alone / "bin" / "git"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(git, "SECONDS", 0.3)

    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    assert git.inventory_revision(alone) is None

    program.write_text("#!/bin/sh\necho '# branch.oid abcdef0123'\nexec yes '? file'\n")
    monkeypatch.setattr(git, "SECONDS", 5.0)
    found = git.inventory_revision(alone)
    assert found is not None
    assert (found.commit, found.clean) == ("abcdef0123", False)
