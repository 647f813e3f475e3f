"""No secret shows: not in what runs on the host, not in its journal or files, not in what we print.

A few values that exist nowhere else are looked for everywhere, after whole runs and after faults.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from provisioner.cli.app import run
from tests.conftest import RELEASES, booted, mail_layer
from tests.hosts.conftest import MailServer

SUDO, MAILBOX = "canary-of-sudo-7f3a", "canary of a mailbox 91bd"
SAMPLER = (
    "while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\\\0' '\\\\n' | "
    "grep -aF -f /run/canaries >>/run/caught; sleep 0.02; done"
)
BY_DESIGN = ("/etc/rspamd/dkim/", "/var/lib/provision/", "/run/canaries")
"""Where the key itself has to be, and what keeps it for the way back; nobody but its owners may look."""


@pytest.fixture(scope="module", params=RELEASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """A host of each release, reached by sudo with a password, watched for our secrets from the start."""
    with booted(request.param, mail_layer(request.param)) as host:
        server = MailServer(host, tmp_path_factory.mktemp("inventory"))
        server.sh(
            "useradd -m -s /bin/bash -G sudo op && mkdir -p ~op/.ssh && "
            f"cp ~/.ssh/authorized_keys ~op/.ssh/ && chown -R op: ~op/.ssh && echo 'op:{SUDO}' | chpasswd"
        )
        server.sh(f"(umask 077; printf '%s\\n' '{SUDO}' '{MAILBOX}' >/run/canaries); : >/run/caught")
        server.sh(f'systemd-run --quiet --unit=sampler sh -c "{SAMPLER}"')
        yield server


def write(server: MailServer, **more: object) -> str:
    """The inventory, with the canaries in it; its path."""
    domain = {"users": {"alice": {"password": MAILBOX}}, "aliases": {"postmaster": ["alice"]}}
    server.write(mail_domains={"example.test": domain}, **more)
    document = yaml.safe_load(server.inventory.read_text())
    document["all"]["hosts"][server.name].update(
        ansible_user="op", ansible_become=True, ansible_become_password=SUDO
    )
    server.inventory.write_text(yaml.safe_dump(document))
    return str(server.inventory)


def key_line(server: MailServer) -> str:
    """A line of the DKIM key, which is made at the first apply."""
    return server.sh("sed -n 3p /etc/rspamd/dkim/*.key | head -n 1").strip()


def nowhere(server: MailServer, printed: str) -> None:
    """No canary is in what was printed, ran, was logged, or lies in a file that others may read."""
    canaries = [SUDO, MAILBOX, key_line(server)]
    assert all(len(canary) > 15 for canary in canaries)
    assert not [canary for canary in canaries if canary in printed]
    # From file to file: in a command of ours the watch would find it.
    server.sh("(umask 077; sed -n 3p /etc/rspamd/dkim/*.key | head -n 1 >>/run/canaries)")
    assert server.sh("systemctl is-active sampler").strip() == "active"
    assert server.sh("cat /run/caught") == ""
    assert server.sh("journalctl --no-pager -a | grep -aF -f /run/canaries | grep -v 'sed -n' || true") == ""
    found = server.sh(
        "grep -rlaF -f /run/canaries /etc /var /run /root /home /tmp /usr/local /srv --exclude-dir=journal "
        "2>/dev/null | xargs -r -d '\\n' stat -c '%a %n'; true"
    )
    for line in found.splitlines():
        mode, _, path = line.partition(" ")
        assert path.startswith(BY_DESIGN) and not int(mode, 8) & 0o037, line


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    return out + err


def test_in_a_whole_run(server: MailServer, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = write(server)
    assert run(["plan", inventory, "-v"]) == 3
    assert run(["apply", inventory, "--yes", "-vv"]) == 0, printed(capsys)
    assert run(["apply", write(server, rspamd_dkim_selector="next"), "--yes", "--json"]) == 0, printed(capsys)
    assert run(["history", inventory]) == 0
    assert run(["history", inventory, "--json"]) == 0
    assert run(["plan", write(server), "--json"]) == 3
    text = printed(capsys)
    assert "dkim" in text
    nowhere(server, text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"postfix_parameters": {"smtpd_relay_restrictions": "permit_mynetwroks, reject_unauth_destination"}},
        {"rspamd_dkim_selector": "other", "dovecot_settings": {"mail_max_userip_connections": "many"}},
    ],
    ids=["what no conversation gets through", "what no checker lets through"],
)
def test_after_a_fault(
    server: MailServer, wrong: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", write(server, **wrong), "--yes", "-vv"]) == 4
    text = printed(capsys)
    assert "put back" in text
    nowhere(server, text)


def test_after_a_defect_of_our_own(
    server: MailServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, **_: object) -> None:
        raise RuntimeError(f"this must not happen {arguments!r}"[:20_000])

    monkeypatch.setattr("provisioner.apply.run_transaction", fails)
    assert run(["apply", write(server, rspamd_dkim_selector="third"), "--yes", "-v"]) == 1
    text = printed(capsys)
    assert "PROVISION_DEBUG=1" in text
    assert not [canary for canary in (SUDO, MAILBOX, key_line(server)) if canary in text]


def test_with_a_wrong_password_for_sudo(server: MailServer, capsys: pytest.CaptureFixture[str]) -> None:
    inventory = write(server)
    text = server.inventory.read_text().replace(SUDO, "canary-of-sudo-wrong")
    server.inventory.write_text(text)
    assert run(["plan", inventory, "-v"]) == 5
    said = printed(capsys)
    assert "sudo did not accept the password" in said and "canary-of-sudo-wrong" not in said
    nowhere(server, said)
