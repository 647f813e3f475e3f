"""`provision init`: a repository that can be pushed, and a workflow that does what it says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from provisioner.cli.app import run
from provisioner.secrets import Secrets
from provisioner.starter import FORGES, contents
from provisioner.starter import content as starter_content


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that knows who is at work, and nothing else of this machine."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Anna Example\nemail = anna@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    keys = ("PROVISION_AGE_KEY", "PROVISION_AGE_KEY_FILE")
    for name in (*keys, "EMAIL", "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


def test_a_new_repository_is_committed_whole_but_for_the_key(folder: Path) -> None:
    assert run(["init", str(folder)]) == 0

    assert git(folder, "log", "--format=%an %s").strip() == "Anna Example Begin with mail servers"
    assert git(folder, "ls-files").split() == [
        ".gitattributes",
        ".gitignore",
        "README.md",
        "inventory.yml",
        "secrets.yml",
    ]
    assert git(folder, "status", "--porcelain", "--ignored") == "!! secrets.key\n"
    assert git(folder, "branch", "--show-current").strip() == "main"
    assert (folder / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_the_inventory_s_secret_is_there_and_readable(folder: Path) -> None:
    run(["init", str(folder)])

    inventory = yaml.safe_load((folder / "inventory.yml").read_text())
    user = inventory["all"]["vars"]["mail_domains"]["example.org"]["users"]["alice"]
    name = user["password"].split("'")[1]
    assert len(Secrets.open(folder, environ={}).get(name)) == 24


def test_what_init_writes_is_understood_and_rendered_as_it_stands(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["init", str(folder)])
    inventory = str(folder / "inventory.yml")

    assert run(["inventory", inventory]) == 0
    assert run(["secrets", "make", inventory, "--check"]) == 3
    assert "missing  dkim/example.org/" in capsys.readouterr().out
    assert run(["secrets", "make", inventory]) == 0
    assert run(["secrets", "make", inventory, "--check"]) == 0
    assert run(["render", inventory, "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "mx1.example.org" / "etc" / "postfix" / "main.cf").exists()


def test_run_again_it_keeps_what_is_there_and_adds_what_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["init", str(folder)])
    (folder / "inventory.yml").write_text("all: {}\n")
    (folder / "README.md").unlink()
    kept = {name: (folder / name).read_bytes() for name in ("inventory.yml", "secrets.yml", "secrets.key")}
    capsys.readouterr()

    assert run(["init", str(folder)]) == 0

    captured = capsys.readouterr()
    assert f"wrote  {folder}/README.md\n" in captured.out
    assert f"kept   {folder}/inventory.yml, which was there\n" in captured.out
    assert {name: (folder / name).read_bytes() for name in kept} == kept
    assert (folder / "README.md").exists()
    assert len(git(folder, "log", "--format=%h").split()) == 1


def test_in_a_repository_that_was_there_only_what_was_written_is_staged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "trunk")
    (folder / ".gitignore").write_text("*.bak")
    (folder / "own").write_text("x")

    assert run(["init", str(folder), "--ci", "forgejo"]) == 0

    staged = git(folder, "diff", "--cached", "--name-only").split()
    assert "own" not in staged
    assert {".gitignore", "inventory.yml", "secrets.yml", ".forgejo/workflows/mail.yml"} <= set(staged)
    assert (folder / ".gitignore").read_text().splitlines()[0] == "*.bak"
    assert "secrets.key" in (folder / ".gitignore").read_text().splitlines()
    assert git(folder, "check-ignore", "secrets.key") == "secrets.key\n"
    workflow = yaml.safe_load((folder / ".forgejo/workflows/mail.yml").read_text())
    assert workflow[True]["push"]["branches"] == ["trunk"]
    assert "Not committed: the repository was there before." in capsys.readouterr().err


def test_without_an_author_the_files_are_left_staged_with_a_word(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gitconfig").write_text("")

    assert run(["init", str(folder)]) == 0

    assert "git doesn't know who you are" in capsys.readouterr().err
    assert "inventory.yml" in git(folder, "diff", "--cached", "--name-only")


def test_without_git_the_files_are_written_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert run(["init", str(folder)]) == 0

    assert "git is not installed" in capsys.readouterr().err
    assert (folder / "secrets.yml").exists()


def test_a_workflow_inside_a_repository_would_not_be_found(folder: Path) -> None:
    folder.mkdir()
    git(folder, "init", "-q")

    assert run(["init", str(folder / "sub"), "--ci", "github"]) == 2
    assert not (folder / "sub" / "inventory.yml").exists()
    assert run(["init", str(folder / "sub")]) == 0


def test_a_folder_that_can_t_be_made_is_the_person_s_mistake(folder: Path) -> None:
    folder.write_text("a file")

    assert run(["init", str(folder)]) == 2
    assert run(["init", str(folder / "below")]) == 2


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            '{"url": "https://git.example.org/o/p.git", "vcs_info": {"vcs": "git", "commit_id": "0123abcd"}}',
            "git+https://git.example.org/o/p.git@0123abcd",
        ),
        ('{"url": "https://me:token@git.example.org/o/p", "vcs_info": {"commit_id": "0123abcd"}}', ""),
        ('{"url": "file:///home/anna/provision", "dir_info": {}}', ""),
        ("not JSON", ""),
        (None, ""),
    ],
)
def test_ci_installs_from_where_this_was_installed_if_others_can_too(
    record: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Distribution:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return record

    monkeypatch.setattr(starter_content.metadata, "distribution", lambda _: Distribution())

    assert starter_content.installed_from() == expected


STUB = """#!/bin/sh
{ printf '%s' "${0##*/}"; printf ' <%s>' "$@"; echo; } >> "$LOG"
case "${0##*/} $1" in
  "provision $FAILS") exit "$STATUS" ;;
  "provision diff") printf '### What "changes"\\n' ;;
esac
for word in "$@"; do
  case "${0##*/} $word" in
    provision\\ */key) stat -c %a "$word" >> "$LOG"; cat "$word" >> "$LOG" ;;
    gh\\ diff.md|curl\\ body@diff.md) cat diff.md >> "$LOG" ;;
    curl\\ @-) cat >> "$LOG" ;;
    curl\\ @headers) cat headers >> "$LOG" ;;
  esac
done
"""


def scripts(forge: str, job: str) -> list[str]:
    """What a job of the workflow runs, one shell script a step."""
    files = {one.path: one.text for one in contents(forge, source="git+https://x/y@1")}
    found = yaml.safe_load(files[FORGES[forge]])
    if forge == "gitlab":
        return [*found["default"]["before_script"], *found[job]["script"]]
    return [step["run"] for step in found["jobs"][job]["steps"] if "run" in step]


def play(tmp_path: Path, forge: str, job: str, fails: str = "none", status: int = 0) -> tuple[int, str]:
    """Run a job with stand-ins for what it calls; its exit status, and what was called with what."""
    programs, work = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    work.mkdir()
    for name in ("provision", "pipx", "pip", "gh", "curl", "apt-get", "python3", "ln"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    git(work, "init", "-q", "-b", "main")
    git(work, "commit", "-q", "--allow-empty", "-m", "base")
    git(work, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(work, "commit", "-q", "--allow-empty", "-m", "proposal")
    base = git(work, "rev-parse", "HEAD~1").strip()
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LOG": str(tmp_path / "log"),
        "FAILS": fails,
        "STATUS": str(status),
        "PROVISION_SOURCE": "git+https://x/y@1",
        "SSH_KEY": "the-ssh-key",
        "PROVISION_SSH_KEY": "the-ssh-key",
        "RUNNER_TEMP": str(tmp_path),
        "BASE": "origin/main",
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "o/r",
        "TOKEN": "the-token",
        "GITLAB_TOKEN": "the-token",
        "CI_API_V4_URL": "https://lab.example/api/v4",
        "CI_PROJECT_ID": "5",
        "NUMBER": "7",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
    }
    for script in scripts(forge, job):
        script = script.replace("/opt/provision/bin/pip", "pip").replace("/tmp/key", f"{tmp_path}/key")
        done = subprocess.run(["bash", "-e", "-c", script], cwd=work, env=environment, timeout=30)
        if done.returncode != 0:
            return done.returncode, (tmp_path / "log").read_text()
    return 0, (tmp_path / "log").read_text().replace(base, "BASE")


@pytest.mark.parametrize("forge", FORGES)
def test_a_proposal_is_answered_with_the_diff_and_planned(forge: str, tmp_path: Path) -> None:
    status, log = play(tmp_path, forge, "propose", "plan", 3)

    assert status == 0, log
    assert "provision <secrets> <make> <inventory.yml> <--check>\n" in log
    assert "provision <diff> <inventory.yml> <BASE> <--format> <markdown>\n" in log
    assert f"provision <plan> <inventory.yml> <--ssh-key> <{tmp_path}/key>\n" in log
    told = {
        "github": ("<pr> <comment> <7>", '### What "changes"\n'),
        "gitlab": ("<https://lab.example/api/v4/projects/5/merge_requests/7/notes>", '### What "changes"\n'),
        "forgejo": ("<https://forge.example/api/v1/repos/o/r/issues/7/comments>", r'### What \"changes\"\n"'),
    }
    assert all(text in log for text in told[forge])
    assert not any("the-token" in line and line.startswith("curl") for line in log.splitlines())
    assert not (tmp_path / "key").exists()
    assert not (tmp_path / "work" / "headers").exists()


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize(("command", "status"), [("secrets", 3), ("plan", 5), ("plan", 2), ("diff", 2)])
def test_a_proposal_fails_where_a_secret_is_missing_or_a_host_can_t_be_read(
    forge: str, command: str, status: int, tmp_path: Path
) -> None:
    assert play(tmp_path, forge, "propose", command, status)[0] == status
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("status", [0, 4, 6])
def test_a_merge_is_applied_with_a_key_only_the_runner_reads(forge: str, status: int, tmp_path: Path) -> None:
    code, log = play(tmp_path, forge, "apply", "apply" if status else "none", status)

    assert code == status
    assert f"provision <apply> <inventory.yml> <--yes> <--ssh-key> <{tmp_path}/key>\n" in log
    if not status:
        assert "600\nthe-ssh-key\n" in log
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("forge", FORGES)
def test_a_workflow_that_was_not_told_where_provision_comes_from_says_so(forge: str, tmp_path: Path) -> None:
    script = next(one for one in scripts(forge, "apply") if "PROVISION_SOURCE" in one)

    done = subprocess.run(
        ["bash", "-e", "-c", script],
        env={"PATH": "/nowhere", "PROVISION_SOURCE": ""},
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "say at the top of this file where provision comes from" in done.stderr


@pytest.mark.parametrize("forge", FORGES)
def test_what_a_workflow_runs_passes_shellcheck(forge: str, tmp_path: Path) -> None:
    for job in ("propose", "apply"):
        for number, script in enumerate(scripts(forge, job)):
            file = tmp_path / f"{job}{number}.sh"
            file.write_text("#!/bin/bash\nset -e\n" + script)
            done = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("forge", FORGES)
def test_the_readme_names_the_workflow_and_its_branch(forge: str) -> None:
    readme = next(one.text for one in contents(forge, "trunk") if one.path == "README.md")

    assert f"`{FORGES[forge]}`" in readme
    assert "`trunk`" in readme
    assert ("GITLAB_TOKEN" in readme) is (forge == "gitlab")
    assert "@" + "BRANCH" not in readme and "@MORE@" not in readme
