"""`provision render`: files on this machine, no secret in them unless asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from role_making import alone, write

from provisioner.cli.app import run
from provisioner.errors import InputError
from provisioner.roles.placeholders import PlaceholderSecrets, PlaceholderVault
from provisioner.secrets import Secrets

__all__ = ["alone"]

FILES = {
    "roles/web/role.yml": """\
        description: A web server
        variables:
          web_title: {schema: {type: string}, default: none, doc: Title.}
        secrets: [{name: web/key, make: {kind: rsa}}]
        files:
          /etc/web/title: {content: "{{ web_title }} {{ release }}\\n"}
          /etc/web/key: {content: "{{ secret('web/key') }} {{ secret('web/key') | pem_key }}\\n"}
          /usr/local/bin/tool: {content: "#!/bin/sh\\n", mode: "0755"}
        """,
    "inventory.yml": """\
        all:
          hosts:
            other.example.org:
          children:
            servers:
              hosts:
                mx1.example.org: {web_title: "{{ secrets.title }}"}
                mx2.example.org: {web_title: plain, debian_release: bookworm}
              vars: {roles: [web]}
        """,
}
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n" + b"6162\n6364\n6566".hex() + "\n"


@pytest.fixture
def inventory(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(alone, FILES)
    monkeypatch.chdir(alone)
    secrets = Secrets.open(alone, persist=True)
    secrets.put("title", "s3cret title")
    secrets.save()
    return alone


def render(*options: str) -> int:
    return run(["render", "inventory.yml", "--out", "out", *options])


def test_every_file_is_written_for_each_host_and_its_release(inventory: Path) -> None:
    assert render() == 0
    found = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file())
    assert found == [
        ".provision-render",
        *(
            f"mx{n}.example.org/{path}"
            for n in (1, 2)
            for path in ("etc/web/key", "etc/web/title", "usr/local/bin/tool")
        ),
    ]
    assert Path("out/mx2.example.org/etc/web/title").read_text() == "plain bookworm\n"


def test_secrets_are_placeholders_and_their_files_readable_by_their_owner_alone(inventory: Path) -> None:
    (inventory / "secrets.key").unlink()
    assert render() == 0
    title, key = (Path("out/mx1.example.org/etc/web") / name for name in ("title", "key"))
    assert title.read_text().startswith("<secret title ") and title.read_text().endswith("> trixie\n")
    assert key.read_text() == "<secret web/key> <secret web/key, pem_key>\n"
    assert {file.stat().st_mode & 0o777 for file in (title, key)} == {0o600}
    assert Path("out/mx2.example.org/etc/web/title").stat().st_mode & 0o777 == 0o644
    assert Path("out/mx1.example.org/usr/local/bin/tool").stat().st_mode & 0o777 == 0o755


def test_secrets_themselves_are_written_when_asked_for_and_still_protected(inventory: Path) -> None:
    assert render("--show-secrets") == 0
    title = Path("out/mx1.example.org/etc/web/title")
    assert title.read_text() == "s3cret title trixie\n" and title.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in Path("out/mx1.example.org/etc/web/key").read_text()
    assert "web/key" not in (inventory / "secrets.yml").read_text()


def test_a_second_rendering_removes_what_the_first_wrote_and_nothing_else(inventory: Path) -> None:
    assert render() == 0
    write(inventory, {"out/mine.txt": "mine", "out/mx1.example.org/etc/web/mine": "mine"})
    role = inventory / "roles/web/role.yml"
    role.write_text(role.read_text().replace("/usr/local/bin/tool", "/etc/tool"))
    assert render() == 0
    assert not Path("out/mx1.example.org/usr").exists()
    assert Path("out/mx1.example.org/etc/tool").exists()
    assert Path("out/mine.txt").exists() and Path("out/mx1.example.org/etc/web/mine").exists()


def test_a_link_in_the_output_folder_is_not_followed_out_of_it(inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path("out/mx1.example.org").mkdir(parents=True)
    Path("out/mx1.example.org/etc").symlink_to(tmp_path / "elsewhere")
    assert render() == 2
    assert (
        not list((tmp_path / "elsewhere").rglob("*.yml")) and not (tmp_path / "elsewhere/web/title").exists()
    )


def test_the_json_document_lists_files_with_owner_mode_and_template(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render("--json", "--limit", "mx2*") == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["hosts"]) == ["mx2.example.org"]
    assert document["hosts"]["mx2.example.org"]["release"] == "bookworm"
    assert document["hosts"]["mx2.example.org"]["files"][1] == {
        "path": "/etc/web/key",
        "file": "out/mx2.example.org/etc/web/key",
        "role": "web",
        "template": "roles/web/role.yml",
        "owner": "root",
        "group": "root",
        "mode": "0644",
        "sensitive": True,
    }


def test_a_release_that_no_role_is_written_for_is_refused(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render("--release", "trixi") == 2
    assert "did you mean `trixie`?" in capsys.readouterr().err
    assert not Path("out").exists()


def test_mistakes_are_told_and_nothing_is_written(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (inventory / "inventory.yml").read_text().replace("web_title: plain", "web_titel: plain")
    (inventory / "inventory.yml").write_text(text)
    assert render() == 2
    assert "unknown variable `web_titel`" in capsys.readouterr().err
    assert not Path("out").exists()


def test_placeholders_tell_a_replaced_secret_from_the_one_before(inventory: Path) -> None:
    before = PlaceholderSecrets(inventory).get("title")
    assert before == PlaceholderSecrets(inventory).get("title")
    secrets = Secrets.open(inventory, persist=True)
    secrets.put("title", "another")
    secrets.save()
    assert PlaceholderSecrets(inventory).get("title") != before


def test_a_secret_that_is_not_there_is_told_also_without_a_key(inventory: Path) -> None:
    with pytest.raises(InputError, match="no secret is called `titel`"):
        PlaceholderSecrets(inventory).get("titel")


def test_a_vault_value_needs_no_password_to_become_a_placeholder() -> None:
    vault = PlaceholderVault()
    assert vault.decrypt_text(VAULT) == vault.decrypt_text(VAULT) != vault.decrypt_text(VAULT + "00")
    assert vault.decrypt_text(VAULT).startswith("<secret vault ")
    with pytest.raises(InputError, match="password"):
        vault.decrypt_file(VAULT.encode(), "group_vars/all/vault.yml")
