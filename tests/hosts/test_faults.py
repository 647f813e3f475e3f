"""What a host can do wrong while it is being changed: each leaves it as it was, or says what is left.

The resources are a small web server: the mechanism is the same as for mail, and quicker to try.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from provisioner.apply import HostOutcome, close, exit_code
from provisioner.hosts import transaction
from provisioner.resources import Command, File, Guard, Package, Resource, Service
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.test_transaction import CONF, PICTURE, Place, failing, web


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def faulty_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A host with a web server, as `web("one")` leaves it."""

    def install(host: SandboxHost) -> None:
        packages = "nginx-light nftables e2fsprogs"
        succeed(host, f"apt-get update -q && apt-get install -y -q --no-install-recommends {packages} 2>&1")

    with booted(request.param, layer_of(request.param, "nginx-light-nftables-e2fsprogs", install)) as host:
        place = Place(host, tmp_path_factory.mktemp("inventory"))
        assert place.apply(*web()).error is None
        yield place


def put_back(place: Place, *resources: Resource) -> HostOutcome:
    """Apply what can't work: the host must be as before, and the exit code say so."""
    before = place.sh(PICTURE)
    outcome = place.apply(*resources)
    assert outcome.status == "rolled-back", (outcome.status, outcome.error, outcome.left)
    assert exit_code([outcome]) == 4
    assert place.sh(PICTURE) == before
    assert place.changes(*web()) == []
    return outcome


@contextmanager
def mounted(place: Place, folder: str, options: str) -> Iterator[None]:
    """A small file system of its own over `folder`, which holds what was there."""
    place.sh(
        f"mkdir -p {folder} /run/was; cp -a {folder}/. /run/was; mount -t tmpfs -o {options} tmpfs {folder}; "
        f"mount -o remount,rw {folder}; cp -a /run/was/. {folder}; rm -r /run/was; "
        f"mount -o remount,{options} {folder}"
    )
    try:
        yield
    finally:
        place.sh(f"umount -l {folder}")


def test_a_disk_that_is_full_where_the_file_goes(faulty_host: Place) -> None:
    with mounted(faulty_host, "/srv/small", "size=64k"):
        outcome = put_back(faulty_host, *failing(File("/srv/small/big", b"x" * 200_000, "web")))
    assert "/srv/small/big" in str(outcome.error)
    assert "No space left" in " ".join(outcome.error.evidence)  # type: ignore[union-attr]


def test_a_disk_that_cannot_take_the_transaction_in(faulty_host: Place) -> None:
    before = faulty_host.sh(PICTURE)
    with mounted(faulty_host, "/var/lib/provision", "size=900k"):
        outcome = faulty_host.apply(*failing(File("/srv/big", b"x" * 2_000_000, "web")))
        assert (outcome.status, exit_code([outcome])) == ("unreachable", 5)
        assert "did not fit on the disk" in str(outcome.error)
        assert faulty_host.sh(PICTURE) == before
        assert faulty_host.changes(*web()) == []


def test_a_disk_that_fills_up_while_files_are_staged(faulty_host: Place) -> None:
    with mounted(faulty_host, "/var/lib/provision", "size=1200k"):
        outcome = put_back(faulty_host, *failing(File("/srv/big", b"x" * 700_000, "web")))
    assert "/srv/big" in str(outcome.error) and "staged" in str(outcome.error)


def test_a_file_system_that_is_read_only(faulty_host: Place) -> None:
    with mounted(faulty_host, "/srv/ro", "ro"):
        outcome = put_back(faulty_host, *failing(File("/srv/ro/file", b"x", "web")))
    assert "/srv/ro/file" in str(outcome.error)


def test_what_turns_read_only_after_it_was_changed_is_listed_as_left(faulty_host: Place) -> None:
    with mounted(faulty_host, "/srv/turns", "size=64k"):
        faulty_host.sh("echo before >/srv/turns/file")
        turn = Command("turn", ("mount", "-o", "remount,ro", "/srv/turns"), "web", guard=Guard(creates="/nowhere"))  # fmt: skip # noqa: E501
        never = Command("never", ("false",), "web", "prove", timeout=1)
        outcome = faulty_host.apply(*failing(File("/srv/turns/file", b"after\n", "web"), turn, never))
        assert (outcome.status, exit_code([outcome])) == ("failed", 6)
        assert outcome.left == ("/srv/turns/file",) and "/srv/turns/file" in str(outcome.error)
        assert faulty_host.sh(f"cat {CONF}") == "# one\n"
        # What is left is named until it can be mended; then the next apply puts it back.
        blocked = faulty_host.apply(*web())
        assert exit_code([blocked]) == 6 and "/srv/turns/file" in str(blocked.error)
        faulty_host.sh("mount -o remount,rw /srv/turns")
        assert faulty_host.apply(*web()).error is None
        assert faulty_host.sh("cat /srv/turns/file") == "before\n"
    assert faulty_host.changes(*web()) == []


def test_a_file_that_is_immutable(faulty_host: Place) -> None:
    locked = "/etc/nginx/conf.d/locked.conf"
    faulty_host.sh(f"echo '# mine' >{locked}; chattr +i {locked}")
    try:
        outcome = put_back(faulty_host, *failing(File(locked, b"# ours\n", "web")))
        assert locked in str(outcome.error)
    finally:
        faulty_host.sh(f"chattr -i {locked}; rm {locked}")


def test_a_link_of_another_user_in_place_of_a_directory_is_not_followed(faulty_host: Place) -> None:
    faulty_host.sh("mkdir -p /srv/elsewhere; ln -s elsewhere /srv/way; chown -h nobody /srv/way")
    try:
        outcome = put_back(faulty_host, *failing(File("/srv/way/file", b"x", "web")))
        assert "/srv/way/file" in str(outcome.error) and "link" in str(outcome.error)
        assert faulty_host.sh("ls /srv/elsewhere") == ""
        # One that root made is the administrator's own way of placing things elsewhere.
        faulty_host.sh("chown -h root /srv/way")
        assert faulty_host.apply(*web("one", File("/srv/way/file", b"x", "web"))).error is None
        assert faulty_host.sh("cat /srv/elsewhere/file; readlink /srv/way") == "xelsewhere\n"
        assert faulty_host.apply(*web()).error is None
    finally:
        faulty_host.sh("rm -r /srv/way /srv/elsewhere")


def test_a_link_laid_where_a_new_file_is_written_first_is_not_followed(faulty_host: Place) -> None:
    faulty_host.sh(
        "mkdir -p /srv/theirs; for n in 1 2 3; do ln -s /etc/shadow /srv/theirs/.provision-new.$n; done"
    )
    before = faulty_host.sh("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow")
    assert faulty_host.apply(*web("one", File("/srv/theirs/file", b"x", "web"))).error is None
    assert faulty_host.sh("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow") == before
    assert faulty_host.sh("cat /srv/theirs/file; test ! -L /srv/theirs/file") == "x"
    assert faulty_host.apply(*web()).error is None
    faulty_host.sh("rm -r /srv/theirs")


def test_a_link_to_a_secret_in_place_of_a_file_is_replaced_and_not_read(faulty_host: Place) -> None:
    faulty_host.sh(f"ln -sf /etc/shadow {CONF}")
    before = faulty_host.sh("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow")
    planned = faulty_host.plan(*web())
    close([planned])
    assert planned.plan is not None
    assert not planned.plan.observed.files[CONF].content
    assert faulty_host.apply(*web()).status == "changed"
    assert faulty_host.sh("sha256sum /etc/shadow; stat -c '%U %a' /etc/shadow") == before
    assert faulty_host.sh(f"test ! -L {CONF}; cat {CONF}") == "# one\n"


def test_a_package_that_no_archive_has(faulty_host: Place) -> None:
    outcome = put_back(faulty_host, *failing(Package("no-such-package-at-all", "web")))
    assert "no-such-package-at-all" in " ".join(outcome.error.evidence)  # type: ignore[union-attr]


def hold_dpkg(place: Place, seconds: int) -> None:
    """Somebody else installs something for so long."""
    program = (
        "use Fcntl; open F, q(>>/var/lib/dpkg/lock-frontend) or die; my $lock = "
        "pack(q(s s x![q] q q i), F_WRLCK, 0, 0, 0, 0); fcntl F, F_SETLK, $lock or die; sleep shift"
    )
    place.sh(f"printf '%s' '{program}' >/run/hold.pl")
    place.sh(f"systemd-run --quiet --collect --unit=holds-dpkg perl /run/hold.pl {seconds}; sleep 0.5")


def test_a_package_manager_that_stays_locked(faulty_host: Place) -> None:
    hold_dpkg(faulty_host, 60)
    run, faulty_host.run = faulty_host.run, replace(faulty_host.run, lock_timeout=1)
    try:
        outcome = put_back(faulty_host, *failing(Package("tree", "web")))
    finally:
        faulty_host.run = run
        faulty_host.sh("systemctl stop holds-dpkg")
    assert "lock" in " ".join(outcome.error.evidence)  # type: ignore[union-attr]


def test_a_package_manager_that_is_locked_for_a_moment_is_waited_for(faulty_host: Place) -> None:
    hold_dpkg(faulty_host, 4)
    assert faulty_host.apply(*web("one", Package("tree", "web"))).error is None


def test_an_installation_that_was_interrupted_is_finished_first(faulty_host: Place) -> None:
    faulty_host.sh("cd /var/lib/dpkg && sed -n '/^Package: tree$/,/^$/p' status >updates/0001")
    assert faulty_host.apply(*web("one", Package("pv", "web"))).error is None
    assert faulty_host.sh("ls /var/lib/dpkg/updates") == ""


def test_a_package_database_that_is_broken(faulty_host: Place) -> None:
    faulty_host.sh(
        "mkdir -p /tmp/bad/DEBIAN; cd /tmp; printf 'Package: bad\\nVersion: 1\\nArchitecture: all\\n"
        "Maintainer: a <a@example.org>\\nDescription: bad\\n' >bad/DEBIAN/control; "
        "printf '#!/bin/sh\\necho it will not; exit 1\\n' >bad/DEBIAN/postinst; "
        "chmod 755 bad/DEBIAN/postinst; dpkg-deb -b bad bad.deb; ! dpkg -i bad.deb"
    )
    try:
        outcome = put_back(faulty_host, *failing(Package("jq", "web")))
        assert "it will not" in " ".join(outcome.error.evidence)  # type: ignore[union-attr]
    finally:
        faulty_host.sh("dpkg --purge --force-all bad; rm -r /tmp/bad*")


@pytest.mark.parametrize("clock", ["10 years ago", "now + 10 years"])
def test_a_clock_that_is_wrong_changes_nothing(faulty_host: Place, clock: str) -> None:
    shim = f'#!/bin/sh\\n[ "$1" = -d ] || set -- -d "{clock}" "$@"\\nexec /bin/date "$@"\\n'
    faulty_host.sh(f"printf '{shim}' >/usr/local/sbin/date; chmod 755 /usr/local/sbin/date; date")
    try:
        assert faulty_host.apply(*web("two")).error is None
        put = faulty_host.apply(*web("three", Command("never", ("false",), "web", "prove", timeout=1)))
        assert put.status == "rolled-back"
        assert faulty_host.sh(f"cat {CONF}") == "# two\n"
    finally:
        faulty_host.sh("rm /usr/local/sbin/date")
    assert faulty_host.apply(*web()).error is None
    assert faulty_host.changes(*web()) == []


def test_what_the_service_said_last_is_in_the_report(faulty_host: Place) -> None:
    unit = b"[Service]\nExecStart=/bin/sh -c 'echo my last words; exit 1'\nType=oneshot\n"
    bad = Service("bad", "bad.service", "web", enabled=False)
    outcome = put_back(faulty_host, *failing(File("/etc/systemd/system/bad.service", unit, "web"), bad))
    assert "bad.service" in str(outcome.error)
    assert any("my last words" in line for line in outcome.log)


def rules(port: str) -> File:
    """A firewall that drops what comes to `port`."""
    text = (
        "flush ruleset\ntable inet filter {\n  chain input {\n    type filter hook input priority 0;\n"
        f"    tcp dport {port} drop\n  }}\n}}\n"
    )
    return File("/etc/nftables.conf", text.encode(), "firewall", mode=0o644, reload=("nftables",))


def test_a_rule_set_that_drops_our_own_ssh_comes_back_by_itself(
    faulty_host: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "CUT_OFF_DEADLINE", 8)
    monkeypatch.setattr(transaction, "SILENCE_SECONDS", 7.0)
    wall = (Service("nftables", "nftables.service", "firewall"),)
    harmless = faulty_host.apply(*web(), *wall, rules("9"))
    assert harmless.error is None, (harmless.error, harmless.log)
    began = time.monotonic()
    outcome = faulty_host.apply(*web(), *wall, rules("22"))
    assert time.monotonic() - began < 60
    assert (outcome.status, exit_code([outcome])) == ("rolled-back", 4), outcome.error
    assert "could not come in again" in str(outcome.error)
    assert "dport 9 " in faulty_host.sh("nft list ruleset; cat /etc/nftables.conf")
    assert "dport 22 " not in faulty_host.sh("nft list ruleset; cat /etc/nftables.conf")
    assert faulty_host.apply(*web()).error is None
