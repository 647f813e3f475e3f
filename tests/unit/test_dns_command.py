"""`provision dns` on the inventory that `provision init` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from provisioner.cli.app import run
from provisioner.secrets import Secrets
from provisioner.secrets.public import dkim_record


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    for name in ("PROVISION_AGE_KEY", "PROVISION_AGE_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert run(["init", str(tmp_path / "mail")]) == 0
    capsys.readouterr()
    return tmp_path / "mail" / "inventory.yml"


def two_domains(inventory: Path) -> None:
    text = inventory.read_text()
    inventory.write_text(text.replace("    mail_domains:\n", "    mail_domains:\n      example.net: {}\n"))


def test_the_zone_has_the_key_that_is_kept_and_says_to_commit_it(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dns", str(inventory)]) == 0
    first = capsys.readouterr()
    assert run(["dns", str(inventory)]) == 0
    second = capsys.readouterr()

    secrets = Secrets.open(inventory.parent, environ={})
    (name,) = [one for one in secrets.names() if one.startswith("dkim/")]
    zone = first.out.replace('"\n    "', "")
    assert f'"{dkim_record(secrets.get(name))}"' in zone
    assert first.out == second.out
    assert name in first.err and "Commit it" in first.err
    assert second.err == ""
    assert "PRIVATE KEY" not in first.out


def test_a_check_makes_and_keeps_nothing(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (inventory.parent / "secrets.yml").read_bytes()

    assert run(["dns", str(inventory), "--check", "--resolver", "127.0.0.1:1", "--timeout", "0.2"]) == 3

    captured = capsys.readouterr()
    assert "Not made yet: dkim/example.org/" in captured.err
    assert "unanswered" in captured.out
    assert (inventory.parent / "secrets.yml").read_bytes() == before


def test_a_zone_named_gets_only_what_lies_in_it(inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dns", str(inventory), "--domain", "mx1.example.org", "--json"]) == 0

    zones = json.loads(capsys.readouterr().out)["zones"]
    assert list(zones) == ["mx1.example.org"]
    assert {one["name"] for one in zones["mx1.example.org"]} == {"mx1.example.org"}
    assert run(["dns", str(inventory), "--domain", "elsewhere.test"]) == 2
    assert "It has: example.org" in capsys.readouterr().err


def test_a_file_for_each_zone_is_written_on_request(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_domains(inventory)

    assert run(["dns", str(inventory), "--out", str(tmp_path / "zones")]) == 0
    assert run(["dns", str(inventory), "--format", "octodns", "--out", str(tmp_path / "octo")]) == 0

    written = sorted(one.name for one in (tmp_path / "zones").iterdir())
    assert written == ["example.net.zone", "example.org.zone"]
    octo = yaml.safe_load((tmp_path / "octo" / "example.net.yaml").read_text())
    assert {one["type"] for one in octo[""]} >= {"MX", "TXT"}
    capsys.readouterr()
    (tmp_path / "file").write_text("")
    assert run(["dns", str(inventory), "--out", str(tmp_path / "file")]) == 2
    assert "can't be written" in capsys.readouterr().err


def test_octodns_for_several_zones_needs_a_folder(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_domains(inventory)

    assert run(["dns", str(inventory), "--format", "octodns"]) == 2
    assert "--out DIR" in capsys.readouterr().err
    assert run(["dns", str(inventory), "--format", "octodns", "--domain", "example.net"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)[""]


def test_hosts_that_disagree_about_a_domain_are_told_so(
    inventory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = inventory.read_text()
    second = "    mx2.example.org: {ansible_host: 192.0.2.20, mail_spf: v=spf1 a -all}\n"
    inventory.write_text(text.replace("  hosts:\n", "  hosts:\n" + second))

    assert run(["dns", str(inventory)]) == 2

    said = capsys.readouterr().err
    assert "the records for example.org contradict each other" in said
    assert "v=spf1 a -all (role postfix, mx2.example.org)" in said
