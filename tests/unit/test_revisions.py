"""`provision diff`: two states of an inventory in git, rendered and compared."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from role_making import alone, write

from provisioner.cli.app import run
from provisioner.errors import InputError
from provisioner.report.revisions import MARKDOWN_LIMIT, comparison_lines, comparison_markdown, summary
from provisioner.revisions import Comparison, compare_revisions
from provisioner.secrets import Secrets

__all__ = ["alone"]

ROLE = """\
description: A web server
variables:
  web_settings: {schema: {type: object}, default: {}, doc: Settings.}
packages: [nginx]
services: {nginx: {}}
files:
  /etc/web.conf:
    content: |
      {% for key, value in web_settings.items() %}
      {{ key }} = {{ value }}
      {% endfor %}
    reload: [nginx]
"""
INVENTORY = """\
all:
  hosts:
    mx[1:5].example.org:
  vars:
    roles: [web]
    web_settings:
      size: 10
      banner: hello
"""


@pytest.fixture
def repository(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    git(alone, "init", "-q", "-b", "main")
    write(alone, {"inventory.yml": INVENTORY, "roles/web/role.yml": ROLE})
    commit(alone)
    monkeypatch.chdir(alone)
    return alone


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def compared(before: str = "HEAD", after: str | None = None, limit: str | None = None) -> Comparison:
    return compare_revisions(Path("inventory.yml"), before, after, limit=limit)


def shown(comparison: Comparison) -> list[str]:
    lines = comparison_lines(comparison, 100, lambda host: lambda line: "")
    return [line.plain for line in lines]


def test_nothing_changes_between_a_commit_and_itself(repository: Path) -> None:
    assert compared("HEAD", "HEAD").differences == ()
    assert summary(compared()).startswith("Nothing changes on 5 hosts between ")


def test_a_change_that_all_hosts_share_is_told_once(repository: Path) -> None:
    edit(repository / "inventory.yml", "size: 10", "size: 20")
    (difference,) = compared().differences
    assert difference.hosts == tuple(f"mx{n}.example.org" for n in range(1, 6))
    assert (difference.resource, difference.action, difference.effects) == (
        "file:/etc/web.conf",
        "update",
        ("reload nginx",),
    )
    assert difference.diff == (
        "--- a/etc/web.conf\n+++ b/etc/web.conf\n@@ -1,2 +1,2 @@\n-size = 10\n+size = 20\n banner = hello\n"
    )
    assert shown(compared())[:2] == [
        "on mx1.example.org, mx2.example.org, mx3.example.org and 2 more",
        "  ~ /etc/web.conf" + "reload nginx".rjust(100 - 17),
    ]


def test_two_commits_are_compared_whatever_the_work_tree_holds(repository: Path) -> None:
    edit(repository / "inventory.yml", "size: 10", "size: 20")
    commit(repository)
    edit(repository / "inventory.yml", "size: 20", "size: 30")
    assert "+size = 20" in compared("HEAD~1", "HEAD").differences[0].diff
    assert "+size = 30" in compared("main~1").differences[0].diff


def test_a_change_of_a_role_beside_the_inventory_counts_too(repository: Path) -> None:
    edit(repository / "roles/web/role.yml", "packages: [nginx]", "packages: [nginx, curl]")
    edit(repository / "roles/web/role.yml", "reload: [nginx]", "reload: [nginx]\n    mode: '0600'")
    found = {one.resource: (one.action, one.details) for one in compared().differences}
    assert found == {"package:curl": ("create", ()), "file:/etc/web.conf": ("update", ("mode 0644 → 0600",))}


def test_what_only_some_hosts_change_is_told_with_their_names(repository: Path) -> None:
    write(repository, {"host_vars/mx2.example.org.yml": "web_settings: {size: 1}\n"})
    (difference,) = compared().differences
    assert difference.hosts == ("mx2.example.org",)
    assert compared(limit="mx1*").differences == ()


def test_a_change_on_one_release_alone_names_it(repository: Path) -> None:
    edit(
        repository / "roles/web/role.yml",
        "packages: [nginx]",
        "packages: {bookworm: [nginx], trixie: [nginx, curl]}",
    )
    (difference,) = compared().differences
    assert (difference.resource, difference.releases) == ("package:curl", ("trixie",))
    only = compare_revisions(Path("inventory.yml"), release="bookworm")
    assert only.differences == ()


def test_new_and_gone_hosts_are_told_in_one_line_each(repository: Path) -> None:
    edit(repository / "inventory.yml", "mx[1:5]", "mx[2:6]")
    comparison = compared()
    assert (comparison.added_hosts, comparison.removed_hosts) == (("mx6.example.org",), ("mx1.example.org",))
    assert shown(comparison)[:2] == [
        "+ mx6.example.org   new, 3 resources",
        "- mx1.example.org   gone from the inventory, nothing on it is removed, 3 resources",
    ]


def test_an_inventory_that_the_commit_did_not_have_is_all_new(repository: Path) -> None:
    write(repository, {"second.yml": INVENTORY})
    comparison = compare_revisions(Path("second.yml"))
    assert len(comparison.added_hosts) == 5
    with pytest.raises(InputError, match=r"there is no inventory at third\.yml"):
        compare_revisions(Path("third.yml"))


def test_a_secret_is_never_shown_and_a_replaced_one_is_told_without_any_key(repository: Path) -> None:
    edit(repository / "inventory.yml", "banner: hello", 'banner: "{{ secrets.banner }}"')
    keep_secret(repository, "first s3cret")
    commit(repository)
    keep_secret(repository, "second s3cret")
    (repository / "secrets.key").unlink()
    (difference,) = compared().differences
    assert difference.sensitive and difference.diff == ""
    assert difference.details == ("2 lines added or removed, not shown",)
    assert "s3cret" not in "\n".join(shown(compared())) + comparison_markdown(compared())


def keep_secret(folder: Path, text: str) -> None:
    write(folder, {".gitignore": "secrets.key\n"})
    secrets = Secrets.open(folder, persist=True)
    secrets.put("banner", text)
    secrets.save()


def test_mistakes_of_a_revision_are_told_at_that_revision(repository: Path) -> None:
    edit(repository / "inventory.yml", "web_settings:", "web_setings:")
    commit(repository)
    edit(repository / "inventory.yml", "web_setings:", "web_settings:")
    with pytest.raises(InputError) as caught:
        compared("HEAD")
    (mistake,) = caught.value.mistakes  # type: ignore[attr-defined]  # Mistakes
    assert str(mistake.where) == "HEAD:inventory.yml:6:5"
    assert "provision-diff" not in mistake.message + mistake.hint


@pytest.mark.parametrize("name", ["nope", "--output=x", "HEAD:inventory.yml", ""])
def test_what_is_no_revision_is_refused(repository: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no revision of this repository"):
        compared(name)


def test_outside_of_git_there_is_nothing_to_compare(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(alone, {"inventory.yml": INVENTORY, "roles/web/role.yml": ROLE})
    with pytest.raises(InputError, match="in no git repository"):
        compare_revisions(alone / "inventory.yml")


def test_standard_input_has_no_revisions(repository: Path) -> None:
    with pytest.raises(InputError, match="has no revisions"):
        compare_revisions(Path("-"))


def test_a_folder_of_inventories_is_compared_like_a_file(repository: Path) -> None:
    write(repository, {"all/hosts.yml": INVENTORY, "all/roles/web/role.yml": ROLE})
    commit(repository)
    edit(repository / "all/hosts.yml", "size: 10", "size: 20")
    (difference,) = compare_revisions(Path("all")).differences
    assert len(difference.hosts) == 5 and "+size = 20" in difference.diff


def test_comparing_leaves_the_repository_and_its_index_as_they_were(repository: Path) -> None:
    edit(repository / "inventory.yml", "size: 10", "size: 20")
    git(repository, "add", "inventory.yml")
    before = subprocess.run(["git", "status", "--porcelain"], capture_output=True, check=True).stdout
    compared()
    assert subprocess.run(["git", "status", "--porcelain"], capture_output=True, check=True).stdout == before


def test_links_inside_the_work_tree_are_followed_in_a_revision_too(repository: Path) -> None:
    write(repository, {"both/all.yml": "web_settings: {size: 1}\n"})
    (repository / "group_vars").mkdir()
    (repository / "group_vars/all.yml").symlink_to("../both/all.yml")
    commit(repository)
    edit(repository / "both/all.yml", "1", "2")
    (difference,) = compared().differences
    assert "-size = 1\n+size = 2" in difference.diff


def test_markdown_survives_what_a_file_may_hold(repository: Path) -> None:
    edit(repository / "inventory.yml", "banner: hello", 'banner: "``` <script> ```` \\u001b[31m"')
    text = comparison_markdown(compared())
    assert "`````diff\n" in text and text.count("`````") == 2
    assert "\x1b" not in text and "\\x1b[31m" in text
    assert "<summary><code>~ /etc/web.conf</code> on mx1.example.org, " in text


def test_markdown_fits_into_a_comment_and_says_what_was_left_out(repository: Path) -> None:
    edit(repository / "inventory.yml", "banner: hello", f"banner: {'x' * MARKDOWN_LIMIT}")
    text = comparison_markdown(compared())
    assert len(text) < MARKDOWN_LIMIT + 1000
    assert "1 change more" in text


def test_the_command_prints_json_with_every_change(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "inventory.yml", "size: 10", "size: 20")
    assert run(["diff", "inventory.yml", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["after"] == "the work tree" and len(document["hosts"]) == 5
    assert document["changes"][0]["resource"] == "file:/etc/web.conf"


def test_the_command_names_the_line_of_the_inventory(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(repository / "inventory.yml", "size: 10", "size: 20")
    assert run(["diff", "inventory.yml"]) == 0
    assert "+size = 20    inventory.yml:7 web_settings" in capsys.readouterr().out
