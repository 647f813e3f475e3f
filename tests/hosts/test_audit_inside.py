"""`provision audit` from inside: servers of ours, of others, and one that answers with malice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from provisioner.audit.inside import judge
from provisioner.audit.inside.reading import read
from provisioner.cli.app import run
from provisioner.hosts.connection import ConnectionOptions, connect, connection_settings
from provisioner.prepare import prepare
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.conftest import ALICE, MailServer

NOBODY = "127.0.0.1:9"
"""A resolver that doesn't answer: nothing here needs names."""
INSIDE = [word for name in judge.NAMES for word in ("--check", name)]
Document = dict[str, Any]


def install_exim(host: SandboxHost) -> None:
    succeed(host, "apt-get update -q 2>&1")
    succeed(host, "DEBIAN_FRONTEND=noninteractive apt-get install -y -q exim4-daemon-light 2>&1")
    for name, value in (("dc_eximconfig_configtype", "internet"), ("dc_local_interfaces", "0.0.0.0")):
        succeed(host, f"""sed -i "s/^{name}=.*/{name}='{value}'/" /etc/exim4/update-exim4.conf.conf""")


@pytest.fixture(scope="module")
def exim() -> Iterator[SandboxHost]:
    with booted("bookworm", layer_of("bookworm", "exim-internet", install_exim)) as host:
        succeed(
            host, "for i in $(seq 100); do grep -q ':0019 ' /proc/net/tcp && exit; sleep 0.2; done; false"
        )
        yield host


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with nothing of the machine's own about hosts and keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audit(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Document]:
    """The exit code, and the last target's part of the JSON report; in an inventory that is the host."""
    capsys.readouterr()
    code = run(["audit", *words, "--json", "--resolver", NOBODY])
    said = capsys.readouterr()
    targets = json.loads(said.out).get("targets", {})
    assert targets, (said.out[:2000], said.err)
    return code, list(targets.values())[-1]


def login(host: SandboxHost, folder: Path, user: str = "root") -> tuple[str, ...]:
    """The words that name a host to be looked at from inside."""
    known = folder / "known_hosts"
    known.write_text(host.known_hosts)
    return f"{user}@{host.address}", "--ssh-key", str(host.key), "--known-hosts", str(known)


def of(report: Document, *outcomes: str) -> list[str]:
    return [
        f"{one['id']}: {one['summary']} {one['evidence']}"
        for one in report["findings"]
        if one["outcome"] in outcomes
    ]


def ids(report: Document) -> set[str]:
    return {str(one["id"]) for one in report["findings"]}


def test_a_server_of_ours_has_no_fault(
    applied_server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    applied_server.sh("apt-get update -q 2>&1; rm -f /root/before; touch /root/before")

    code, report = audit(capsys, str(applied_server.inventory), "--limit", applied_server.name, *INSIDE)

    # What Debian has mended since the image was made is no fault of ours, and is truly pending.
    # Its log tells what other tests have done to this server.
    pending = ("updates.mail-software", "updates.security", "updates.other", "updates.restarted", "logs.")
    wrong = [line for line in of(report, "fail", "warn", "error") if not line.startswith(pending)]
    assert wrong == []
    assert code in (0, 3) and report["error"] is None and report["inside_error"] is None
    assert {"software.known", "sockets.promised", "files.keys"} <= ids(report)
    changed = applied_server.sh(
        "find /etc /root /home /srv /opt /usr /var/mail /var/lib/dovecot -xdev -newer /root/before"
        " ! -path '/root/before' ! -path /root"
    )
    assert changed == ""


def test_no_key_and_no_hash_leaves_the_host(applied_server: MailServer) -> None:
    (candidate,) = prepare(applied_server.inventory).candidates
    settings = connection_settings(candidate.host, ConnectionOptions(agent=False), applied_server.folder)

    with connect(settings) as connection:
        inside = read(connection).inside
        assert connection.round_trips == 1

    contents = [(file.content or b"").decode("utf-8", "replace") for file in inside.files.values()]
    everything = "\n".join([*contents, *(output.text for output in inside.outputs.values())])
    hashes = applied_server.sh(
        "cat /etc/shadow; grep -rhoE '[$][0-9a-z]+[$][^:[:space:]]+' /etc/dovecot; true"
    )
    found = re.findall(r"\$[0-9a-z]+\$[^:\s]{10,}", hashes)
    assert found and not [one for one in found if one in everything]
    assert "PRIVATE KEY-----\n" not in everything
    assert ALICE not in everything


def test_both_sides_of_a_server_make_one_report(
    applied_server: MailServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = audit(capsys, *login(applied_server.sandbox, folder))

    assert {"smtp.starttls", "imap.login-before-tls", "software.known", "files.keys"} <= ids(report)
    assert "The host inside" in report["topics"] and "Encryption" in report["topics"]
    assert isinstance(report["score"], int) and report["inside_error"] is None
    assert code in (0, 3)


def test_from_outside_only_nobody_logs_in(
    applied_server: MailServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logins = "journalctl -u ssh --no-pager | grep -c Accepted"
    before = int(applied_server.sh(logins))

    _, report = audit(capsys, f"root@{applied_server.sandbox.address}", "--outside-only", "--check", "smtp")

    after = int(applied_server.sh(logins))  # which logs in itself
    assert "smtp.answers" in ids(report) and "software.known" not in ids(report)
    assert after - before == 1


def test_exim_is_named_and_the_host_is_judged(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = audit(capsys, *login(exim, folder))

    (note,) = [note for note in report["notes"] if "Exim" in note]
    assert re.fullmatch(r"The host runs Exim 4\.\d+, whose settings are not judged from inside\.", note)
    assert {"updates.release", "sockets.expected", "smtp.starttls"} <= ids(report)
    assert [line for line in of(report, "pass") if line.startswith("updates.release")]


def test_a_host_without_any_mail_server_is_judged_as_a_host(
    debian_host: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = audit(capsys, *login(debian_host, folder))

    assert "No mail server was found on the host." in report["notes"]
    assert any("no mail port" in note for note in report["notes"])
    assert report["error"] is None and code in (0, 3)
    wrong = {line.partition(".")[0] for line in of(report, "error", "fail")}
    assert wrong <= {"updates", "firewall", "reverse-dns", "clock"}, of(report, "error", "fail")


def test_who_may_use_sudo_is_enough(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    succeed(exim, "useradd -m -s /bin/sh op && cp -r /root/.ssh ~op/.ssh && chown -R op: ~op/.ssh"
            " && echo 'op ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/op")  # fmt: skip

    code, report = audit(capsys, *login(exim, folder, "op"), "--check", "software")

    assert ids(report) == {"software.known"} and code == 0


def test_a_key_that_nobody_vouches_for_is_not_trusted_and_outside_is_judged_all_the_same(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--ssh-key", str(exim.key), "--known-hosts", str(folder / "none"))
    code, report = audit(capsys, f"root@{exim.address}", *words)

    assert code == 5
    assert report["inside_error"]["kind"] == "host-key"
    assert "smtp.starttls" in ids(report) and "software.known" not in ids(report)

    (folder / "none").write_text(exim.known_hosts.replace(exim.address, "192.0.2.9"))
    assert (
        audit(capsys, f"root@{exim.address}", *words, "--trust-on-first-use", "--check", "software")[0] == 0
    )
    assert exim.address in (folder / "none").read_text()


def test_a_refused_login_is_said_once_at_the_target(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = login(exim, folder, "nobody-here")

    code = run(["audit", *words, "--check", "smtp.starttls", "--check", "files", "--resolver", NOBODY])

    said = " ".join(capsys.readouterr().out.split())
    assert code == 5
    assert f"not from inside: nobody-here@{exim.address}:22 refused the login" in said
    assert "1 not from inside." in said


MALICE = {
    "nonsense": ("base64", 'printf "\\033[2Jend\\noutput x 0 -\\n"'),
    "endless": ("dpkg-query", "yes evil"),
    "silent": ("ss", "sleep 600"),
}


@pytest.mark.parametrize("kind", MALICE)
def test_a_host_that_answers_with_malice_costs_seconds_and_harms_nobody(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    program, script = MALICE[kind]
    path = f"/usr/local/sbin/{program}"
    succeed(exim, f"printf '#!/bin/sh\\n%s\\n' '{script}' >{path} && chmod +x {path}")
    try:
        code = run(["audit", *login(exim, folder), *INSIDE, "--resolver", NOBODY, "--time-limit", "60"])
    finally:
        succeed(exim, f"rm {path}")

    said = capsys.readouterr()
    assert "\x1b[2J" not in said.out + said.err
    assert code == (5 if kind == "nonsense" else 0), said.out
    assert ("makes no sense" in said.out) == (kind == "nonsense")


def test_what_a_host_calls_itself_is_shown_escaped(
    exim: SandboxHost, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = r'ID=debian\nVERSION_ID="7"\nPRETTY_NAME="\033[2Jold"\n'
    succeed(exim, f"rm /etc/os-release; printf '{release}' >/etc/os-release")
    try:
        code = run(["audit", *login(exim, folder), "--check", "updates.release", "--resolver", NOBODY])
    finally:
        succeed(exim, "rm /etc/os-release; ln -s ../usr/lib/os-release /etc/os-release")

    out = cast("str", capsys.readouterr().out)
    assert code == 3
    assert "\x1b[2J" not in out and "[2Jold has had no security updates" in " ".join(out.split())
