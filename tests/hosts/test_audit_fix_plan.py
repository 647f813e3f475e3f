"""`provision audit INVENTORY --fix-plan` on real servers: what it says is what applying it comes to."""

from __future__ import annotations

import json

import pytest

from provisioner.cli.app import run
from tests.hosts.conftest import MailServer

SEEN = ["tls.cipher-order", "imap.mechanisms", "smtp.banner-software", "smtp.banner-name"]
NOBODY = "127.0.0.1:9"
"""A resolver that doesn't answer: nothing here needs names."""


def audit(server: MailServer, *options: str) -> list[str]:
    checks = [word for check in SEEN for word in ("--check", check)]
    return ["audit", str(server.inventory), "--outside-only", "--resolver", NOBODY, *checks, *options]


def wrong(said: str, server: MailServer) -> set[str]:
    findings = json.loads(said)["targets"][server.name]["findings"]
    assert findings
    return {one["id"] for one in findings if one["outcome"] in ("fail", "warn")}


def test_what_is_wrong_comes_with_the_edits_and_the_plan_that_end_it(
    mail_server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = mail_server.apply(
        postfix_parameters={"tls_preempt_cipherlist": False, "message_size_limit": 30_000_000},
        dovecot_settings={"auth_mechanisms": "plain login cram-md5"},
    )
    assert outcome.status == "changed", outcome.error
    mail_server.sh("postconf -e 'smtpd_banner = $myhostname ESMTP Postfix 3.7.11' && postfix reload 2>&1")
    before = mail_server.inventory.read_text()
    capsys.readouterr()

    code = run(audit(mail_server, "--fix-plan", "--json", "--fail-on", "info"))
    document = json.loads(said := capsys.readouterr().out)

    assert code == 3
    assert wrong(said, mail_server) == {"tls.cipher-order", "imap.mechanisms", "smtp.banner-software"}
    fixes = document["fix_plan"]
    assert {".".join(one["variable"]): (one["action"], one["mends"]) for one in fixes["edits"]} == {
        "postfix_parameters.tls_preempt_cipherlist": ("unset", ["tls.cipher-order"]),
        "dovecot_settings.auth_mechanisms": ("unset", ["imap.mechanisms"]),
    }
    assert all(one["where"].startswith(f"{mail_server.inventory}:") for one in fixes["edits"])
    changed = {one["resource"] for one in fixes["plan"]["hosts"][mail_server.name]["changes"]}
    assert {"file:/etc/postfix/main.cf", "file:/etc/dovecot/dovecot.conf"} <= changed
    assert fixes["left"] == []  # the banner was written by hand, and applying writes ours again
    assert mail_server.inventory.read_text() == before

    done = mail_server.apply(postfix_parameters={"message_size_limit": 30_000_000})
    capsys.readouterr()
    run(audit(mail_server, "--json"))

    assert done.status == "changed", done.error
    assert wrong(capsys.readouterr().out, mail_server) == set()


def test_a_fix_plan_needs_one_inventory(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "192.0.2.1", "--fix-plan", "--check", "spf"]) == 2
    assert "--fix-plan needs one inventory" in capsys.readouterr().err
