"""A mail server set up by hand, with a fault for each check of the host around it; then mended; then bare."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import (
    bans,
    clock,
    disk,
    files,
    firewall,
    logs,
    queue,
    renewal,
    restarts,
    sockets,
    ssh,
    updates,
)
from provisioner.audit.inside.judge import Area, Known, findings
from provisioner.audit.inside.reading import Reading, read
from provisioner.hosts.connection import ConnectionOptions, connect, connection_settings
from provisioner.inventory.model import Host
from provisioner.sandbox import SandboxHost
from tests.conftest import RELEASES, booted, layer_of, mail_layer, succeed
from tests.hosts.conftest import MailServer
from tests.unit.certificate_making import make

HERE = Path(__file__).parent
AREAS: tuple[Area, ...] = (
    files, updates, restarts, sockets, firewall, ssh, bans, clock, disk, queue, renewal, logs,
)  # fmt: skip
PROMISED = frozenset({25, 993})
AUTHORITY = make("An Authority", key="ca", days=3650, authority=True)
DAYS = 3 * 86400
"""In seconds."""

FAULTS = {
    "files.keys": "fail", "files.passwords": "fail", "files.hashes": "fail", "files.configuration": "fail",
    "files.mail": "fail", "files.queue": "fail",
    "updates.lists": "fail", "updates.mail-software": "fail", "updates.security": "fail",
    "updates.orphans": "fail", "updates.automatic": "fail", "updates.restarted": "fail",
    "updates.release": "fail", "updates.other": "warn", "updates.rebooted": "warn",
    "sockets.internal": "fail", "sockets.expected": "warn", "sockets.promised": "fail",
    "firewall.ipv6": "fail", "firewall.boot": "warn", "firewall.outgoing-mail": "fail",
    "ssh.root-password": "fail", "ssh.passwords": "warn", "ssh.empty-passwords": "fail",
    "bans.running": "fail", "bans.jails-see": "fail",
    "clock.right": "fail", "clock.kept": "fail",
    "disk.space": "fail", "disk.queue-accepts": "fail", "disk.inodes": "fail", "disk.writable": "fail",
    "queue.size": "warn", "queue.moving": "fail", "queue.old": "warn", "queue.held": "warn",
    "queue.backscatter": "fail", "queue.one-sender": "fail",
    "renewal.in-time": "fail", "renewal.automatic": "fail", "renewal.succeeded": "fail",
    "renewal.reloads": "warn", "renewal.served": "fail",
    "logs.guessed": "fail", "logs.failed-logins": "warn", "logs.many-networks": "warn",
    "logs.sending": "warn", "logs.listed": "fail", "logs.delivered": "warn", "logs.crashes": "fail",
    "logs.limits": "fail", "logs.space": "fail", "logs.parts": "fail",
}  # fmt: skip
BARE = {
    "firewall.input": "warn", "updates.security-archive": "fail", "bans.mail-jails": "fail",
    "bans.guessing": "warn", "logs.kept": "warn",
}  # fmt: skip


@dataclass(frozen=True)
class Read:
    """One release's server, as it was found three times."""

    faults: Mapping[str, Finding]
    mended: Mapping[str, Finding]
    bare: Mapping[str, Finding]


def reading(host: SandboxHost, folder: Path) -> Reading:
    """What the reading script says of a host, over SSH as the audit does it."""
    (folder / "known_hosts").write_text(host.known_hosts)
    options = ConnectionOptions(
        ssh_key=host.key, ssh_config=None, system_ssh_config=None, user_known_hosts=(), agent=False
    )
    variables = {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": "root"}
    with connect(connection_settings(Host("mx", variables, variables), options, folder)) as connection:
        return read(connection)


def judge(what: Reading, promised: frozenset[int] = PROMISED) -> dict[str, Finding]:
    """Every check of the host around the mail software."""
    known = Known("mx", promised)
    return {finding.check.id: finding for area in AREAS for finding in findings(area, what, known)}


def after(what: Reading, seconds: int) -> dict[str, Finding]:
    """The same, our clock having gone on without the host's; and its queue as it is by then."""
    exchange = clock.Exchange(what.exchange.sent + seconds, what.exchange.received + seconds)
    aged = replace(what.inside, at=what.inside.at + seconds)
    return judge(replace(what, exchange=exchange)) | {
        finding.check.id: finding for finding in queue.audit(aged, "mx")
    }


def run(host: SandboxHost, name: str) -> None:
    """Run one of the scripts beside this file."""
    succeed(host, f"sh -c {shlex.quote((HERE / name).read_text())}")


def layer(release: str) -> str:
    """The mail packages and fail2ban, every update, and the package lists by which these are all."""

    def make_layer(host: SandboxHost) -> None:
        apt = "DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends"
        # What Debian has mended since the image was made is no fault of this server.
        succeed(
            host, f"apt-get update -q && {apt} upgrade 2>&1 && {apt} install fail2ban python3-systemd 2>&1"
        )
        succeed(host, "tar -C /var/lib/apt -czf /root/lists.tar.gz lists")

    return layer_of(release, "fail2ban-and-lists-on-mail", make_layer, start=mail_layer(release))


@pytest.fixture(scope="module", params=RELEASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Read]:
    """The server of one release with its faults, mended, and bare."""
    folder = tmp_path_factory.mktemp("handmade")
    with booted(request.param, layer(request.param)) as host:
        days = {"old": (-85, 90), "new": (-80, 90), "good": (-1, 90)}
        for name, (begins, lifetime) in days.items():
            made = make("mail.handmade.test", AUTHORITY, begins=begins, days=lifetime)
            pems = {f"{name}.pem": made.pem, "key.pem": made.key_pem}
            for file, pem in pems.items():
                succeed(host, f"mkdir -p /root/made && echo {shlex.quote(pem)} >/root/made/{file}")
        # A new host gets the newest lists that any host has fetched: they may name updates that came later.
        succeed(host, "rm -r /var/lib/apt/lists && tar -C /var/lib/apt -xzf /root/lists.tar.gz")
        run(host, "handmade_faults.sh")
        faults = after(reading(host, folder), DAYS)
        run(host, "handmade_mended.sh")
        mended = judge(reading(host, folder))
        run(host, "handmade_bare.sh")
        yield Read(faults, mended, judge(reading(host, folder)))


def shown(finding: Finding) -> str:
    """A finding for the message of a test that fails."""
    return f"{finding.outcome} {finding.summary}: {finding.evidence}"


@pytest.mark.parametrize("identity", FAULTS)
def test_a_fault_is_found(server: Read, identity: str) -> None:
    found = server.faults[identity]
    assert found.outcome == FAULTS[identity], shown(found)


@pytest.mark.parametrize("identity", BARE)
def test_what_protects_no_more_is_missed(server: Read, identity: str) -> None:
    found = server.bare[identity]
    assert found.outcome == BARE[identity], shown(found)


@pytest.mark.parametrize("identity", [*FAULTS, *BARE])
def test_what_was_mended_passes(server: Read, identity: str) -> None:
    found = server.mended[identity]
    if identity == "updates.other":  # Debian itself may have a point release since the lists were fetched.
        assert "now 999" not in "\n".join(found.evidence)
        return
    assert found.outcome in (Outcome.PASS, Outcome.SKIPPED), shown(found)


def test_every_check_is_in_one_of_the_lists(server: Read) -> None:
    assert {*FAULTS, *BARE} == set(server.faults)


def test_evidence_names_what_to_mend_and_no_secret(server: Read) -> None:
    evidence = {identity: "\n".join(finding.evidence) for identity, finding in server.faults.items()}
    assert "0644 root:root /etc/ssl/mail.key" in evidence["files.keys"]
    assert "/etc/postfix/sasl_passwd" in evidence["files.passwords"]
    assert "redis-server" in evidence["sockets.internal"]
    assert "mended in 999" in evidence["updates.mail-software"]
    assert evidence["updates.other"].startswith("sed ") and "now 999" in evidence["updates.other"]
    assert "203.0.113.66: 120 failures for 12 accounts, then in as user7" in evidence["logs.guessed"]
    assert "500 receivers" in evidence["logs.sending"]
    assert evidence["updates.rebooted"].endswith("/run/reboot-required")
    assert "buster-security at" in "\n".join(server.bare["updates.security-archive"].evidence)
    assert server.faults["disk.queue-accepts"].weight is Severity.CRITICAL
    assert "open-sesame" not in str(server)
    assert "PRIVATE KEY" not in str(server)


def test_a_server_that_we_provisioned_has_no_fault(applied_server: MailServer, tmp_path: Path) -> None:
    # Lists are as old as the layer of packages that tests keep; a server's own timer fetches them daily,
    # and installs what is pending.
    applied_server.sh("touch /var/lib/apt/lists/partial")
    what = reading(applied_server.sandbox, tmp_path)
    found = judge(what, frozenset({25, 465, 587, 110, 143, 993, 995}))
    wrong = [f"{name} {shown(one)}" for name, one in found.items() if one.outcome not in ("pass", "skipped")]
    # Its log tells what other tests have done to this server.
    pending = ("updates.mail-software ", "updates.security ", "updates.other ", "logs.")
    assert not [line for line in wrong if not line.startswith(pending)]
