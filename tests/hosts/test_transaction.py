"""The transaction on real hosts: all or nothing, proven before it is kept, undone when it fails.

The resources are a small web server: the mechanism is the same as for mail, and quicker to try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.apply import Candidates, HostOutcome, Planned, Run, apply_hosts, close, plan_hosts
from provisioner.hosts.bundle import SCRIPT, Meta, bundle, new_id
from provisioner.hosts.connection import Connection, ConnectionOptions, connect, connection_settings
from provisioner.inventory.model import Host
from provisioner.resources import (
    Command,
    Directory,
    File,
    Group,
    Guard,
    Link,
    Package,
    Resource,
    Service,
    User,
)
from provisioner.roles.model import Desired
from provisioner.sandbox import SandboxHost, up
from provisioner.sandbox.processes import end
from provisioner.sandbox.state import State
from tests.conftest import booted, layer_of, succeed

CONF = "/etc/nginx/conf.d/site.conf"
NGINX = Service("nginx", "nginx.service", "web")
CHECK = Command("nginx", ("nginx", "-t"), "web", "validate", paths=("/etc/nginx/",), allow=("syntax is ok", "test is successful"))  # fmt: skip # noqa: E501
ODD = "/srv/a b/it's\n-odd ü"


def site(text: str) -> File:
    return File(CONF, f"# {text}\n".encode(), "web", reload=("nginx",))


def web(text: str = "one", *more: Resource) -> tuple[Resource, ...]:
    return (Package("nginx-light", "web"), site(text), CHECK, NGINX, *more)


class Place:
    """One sandbox host, and a run that is set up for it."""

    def __init__(self, sandbox: SandboxHost, folder: Path) -> None:
        self.sandbox = sandbox
        (folder / "known_hosts").write_text(sandbox.known_hosts)
        self.host = Host(
            sandbox.name,
            {
                "ansible_host": sandbox.address,
                "ansible_user": "root",
                "ansible_ssh_private_key_file": str(sandbox.key),
            },
            {},
        )
        self.steps: list[str] = []
        self.run = Run(
            folder,
            ConnectionOptions(ssh_config=None, system_ssh_config=None, agent=False),
            report=lambda event: self.steps.append(f"{event.step} {event.detail}".strip()),
            who="Anna <anna@example.org>",
            commit="3f2c1ab",
        )

    def plan(self, *resources: Resource, mend: bool = False) -> Planned:
        desired = {name: Desired(self.host, name, resources) for name in ("bookworm", "trixie")}
        (planned,) = plan_hosts([Candidates(self.host, desired)], self.run, mend=mend)
        return planned

    def apply(self, *resources: Resource) -> HostOutcome:
        (outcome,) = apply_hosts([self.plan(*resources, mend=True)], self.run)
        return outcome

    def changes(self, *resources: Resource) -> list[str]:
        planned = self.plan(*resources)
        close([planned])
        assert planned.plan is not None, planned.error
        return [f"{change.action} {change.resource}" for change in planned.plan.changes]

    def sh(self, command: str) -> str:
        return succeed(self.sandbox, command)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def web_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A host with the web server installed and `web("one")` applied."""

    def install(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light 2>&1")

    with booted(request.param, layer_of(request.param, "nginx-light", install)) as host:
        place = Place(host, tmp_path_factory.mktemp("inventory"))
        assert place.apply(*web()).error is None
        yield place


@pytest.fixture
def place(web_host: Place) -> Iterator[Place]:
    """The same, as `web("one")` again after the test."""
    web_host.steps.clear()
    yield web_host
    outcome = web_host.apply(*web())
    assert outcome.status in ("changed", "unchanged"), outcome.error


PICTURE = (
    "find /etc /srv /usr/sbin/policy-rc.d -xdev ! -path '/etc/ld.so.cache' ! -name '*-' "
    "-printf '%p %y %m %u %g %l\\n' 2>/dev/null | sort; cat /etc/nginx/conf.d/* /srv/*/* 2>/dev/null; "
    "systemctl is-active nginx; "
    "systemctl is-enabled nginx; getent passwd vm; getent group vm; true"
)


def test_a_fresh_host_gets_everything_and_then_nothing(fresh_host: SandboxHost, tmp_path: Path) -> None:
    place = Place(fresh_host, tmp_path)
    everything = web(
        "one",
        Group("vm", "web", 5001),
        User("vm", "web", 5001, "vm", groups=("adm",)),
        Directory("/srv/a b", "web", "vm", "vm", 0o750),
        File(ODD, b"\x00\xff odd\n", "web", "vm", "vm", 0o640),
        Link("/srv/link", "a b", "web"),
        Command("mark", ("touch", "/srv/mark"), "web", guard=Guard(creates="/srv/mark")),
        Command("up", ("test", "-e", "/srv/mark"), "web", "prove"),
    )
    first = place.apply(*everything)
    assert first.error is None, (first.error, first.error and first.error.evidence, first.log)  # type: ignore[attr-defined]
    assert (first.status, first.round_trips) == ("changed", 2)
    second = place.apply(*everything)
    assert (second.status, second.round_trips, second.changes) == ("unchanged", 1, ())
    assert place.sh("stat -c '%U %G %a' '/srv/a b'").split() == ["vm", "vm", "750"]
    assert "odd" in place.sh("cat /srv/a*/it*")
    assert "adm" in place.sh("id -Gn vm")
    assert place.sh("systemctl is-active nginx; systemctl is-enabled nginx").split() == ["active", "enabled"]
    assert place.sh("ls /usr/sbin/policy-rc.d 2>&1 || true").endswith("No such file or directory\n")
    assert place.sh("find /var/lib/provision ! -user root -o -perm /077 | grep -v '/$' || true").strip() == ""


def test_what_a_first_start_would_take_long_for_is_done_while_other_packages_are_installed(
    fresh_host: SandboxHost, tmp_path: Path
) -> None:
    place = Place(fresh_host, tmp_path)
    work = "dpkg-query -W -f '${Package} ' tree time 2>/dev/null >/root/begun; sleep 5; touch /root/ended"
    outcome = place.apply(
        Package("time", "web"),
        Package("bc", "web", ("/nonexistent/program",)),
        Package("tree", "web", ("sh", "-c", work)),
        Command("starts-later", ("cp", "/root/ended", "/root/seen"), "web", guard=Guard("/root/seen")),
    )
    assert outcome.error is None, (outcome.error, outcome.log)
    assert place.sh("cat /root/begun").split() == ["tree"]
    assert place.sh("ls /root/seen; dpkg-query -W -f '${Package}\\n' bc time") == "/root/seen\nbc\ntime\n"


def test_who_changed_it_from_which_commit_is_remembered(place: Place) -> None:
    planned = place.plan(*web())
    close([planned])
    assert planned.plan is not None and planned.plan.last is not None
    assert (planned.plan.last.who, planned.plan.last.commit) == ("Anna <anna@example.org>", "3f2c1ab")


def test_a_plan_changes_nothing(place: Place) -> None:
    before = place.sh(PICTURE + "; ls -la /var/lib/provision /var/lib/provision/history")
    assert place.changes(*web("two")) == [f"update file:{CONF}", "reload service:nginx"]
    assert place.sh(PICTURE + "; ls -la /var/lib/provision /var/lib/provision/history") == before


def test_a_reload_is_used_where_it_is_enough(place: Place) -> None:
    pid = place.sh("systemctl show -p MainPID nginx")
    assert place.apply(*web("two")).status == "changed"
    assert place.sh("systemctl show -p MainPID nginx") == pid


def failing(*more: Resource) -> tuple[Resource, ...]:
    """A change of many kinds that fails in what is given."""
    return web(
        "two",
        Group("vm", "web", 5001),
        User("vm", "web", 5001, "vm"),
        Directory("/srv/new", "web", "vm", "vm", 0o700),
        File("/srv/new/deep/er/file", b"x\n", "web"),
        Link("/srv/link", "new", "web"),
        *more,
    )


BROKEN: dict[str, Callable[[], tuple[Resource, ...]]] = {
    "a checker that says no": lambda: failing(File("/etc/nginx/conf.d/b.conf", b"nonsense\n", "web")),
    "a checker that only warns": lambda: failing(
        Command("warns", ("sh", "-c", "echo unused parameter >&2"), "web", "validate", paths=("/etc/nginx/",))
    ),
    "a command": lambda: failing(Command("no", ("false",), "web", guard=Guard(creates="/nowhere"))),
    "a service that does not start": lambda: failing(
        File("/etc/systemd/system/bad.service", b"[Service]\nExecStart=/bin/false\nType=oneshot\n", "web"),
        Service("bad", "bad.service", "web", enabled=False),
    ),
    "a proof on the host": lambda: failing(Command("no", ("false",), "web", "prove", timeout=1)),
    "a file that can't be written": lambda: failing(File("/proc/no/such", b"x", "web")),
    "an owner that isn't there": lambda: failing(File("/srv/owned", b"x", "web", owner="nobody-knows")),
    "a package that isn't there": lambda: failing(Package("no-such-package-at-all", "web")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_everything_is_put_back_after(what: str, place: Place) -> None:
    before = place.sh(PICTURE)
    outcome = place.apply(*BROKEN[what]())
    assert outcome.status == "rolled-back", (outcome.error, outcome.left)
    assert outcome.error is not None and type(outcome.error).exit_code == 4
    assert place.sh(PICTURE) == before
    assert place.changes(*web()) == []


def test_what_a_failed_service_said_is_in_the_report(place: Place) -> None:
    unit = b"[Service]\nExecStart=/bin/sh -c 'echo the reason is this; exit 1'\nType=oneshot\n"
    outcome = place.apply(*web("two", File("/etc/systemd/system/bad.service", unit, "web"), Service("bad", "bad.service", "web", enabled=False)))  # fmt: skip # noqa: E501
    assert "bad.service" in str(outcome.error)
    assert any("the reason is this" in line for line in outcome.log)


def test_a_service_that_had_failed_before_may_be_mended_after_a_proof_that_takes_a_while(
    place: Place,
) -> None:
    unit = "[Service]\nType=exec\nExecStart=/bin/sh -c 'test -e /srv/late && exec sleep infinity'\n"
    place.sh(f"printf '%s' \"{unit}\" >/etc/systemd/system/late.service; systemctl daemon-reload")
    place.sh("systemctl start late; until systemctl is-failed -q late; do sleep 0.1; done")
    twice = Command("twice", ("sh", "-c", "test -e /srv/asked || { touch /srv/asked; false; }"), "web", "prove", timeout=10)  # fmt: skip # noqa: E501
    late = (File("/srv/late", b"x\n", "late"), Service("late", "late.service", "late", enabled=False))
    try:
        outcome = place.apply(*web("two", twice, *late))
        assert outcome.status == "changed", outcome.error
        assert place.sh("systemctl is-active late; ls /srv/asked") == "active\n/srv/asked\n"
    finally:
        place.sh("systemctl stop late; rm -f /etc/systemd/system/late.service /srv/asked")


def test_a_checker_sees_the_staged_files_at_their_own_paths_before_they_are_there(place: Place) -> None:
    looks = Command("looks", ("grep", "-q", "two", CONF), "web", "validate", paths=("/etc/nginx/",))
    assert place.apply(*web("two", looks)).status == "changed"
    outcome = place.apply(*web("three", replace(looks, argv=("grep", "-q", "two", CONF))))
    assert outcome.status == "rolled-back"
    assert "step commit" not in place.steps[-6:]


def start(
    place: Place, *resources: Resource, deadline: int = 120, until: str = "ask"
) -> tuple[Connection, str]:
    """A transaction whose control side is the test itself: it stands at the question, or went so far."""
    planned = place.plan(*resources)
    assert planned.plan is not None
    meta = Meta(new_id(), datetime.now(UTC), "test")
    content = bundle(planned.plan, meta, deadline=deadline)
    connection = connect(connection_settings(place.host, place.run.options, place.run.folder))
    exchange = connection.start(SCRIPT, f"begin {meta.id} {len(content)}\n".encode() + content)
    for line in exchange.lines(60):
        if line.startswith(until):
            break
    close([planned])
    return connection, meta.id


def power_cut(host: SandboxHost) -> None:
    """End all of the host's processes at once; what it had written stays."""
    assert end(State.open().host(host.name) / "root")


def wait_for_outcome(place: Place, transaction: str) -> str:
    outcome = f"/var/lib/provision/history/{transaction}/outcome"
    return place.sh(f"for i in $(seq 400); do cat {outcome} 2>/dev/null && break; sleep 0.1; done").strip()


def test_when_the_control_machine_is_gone_the_host_puts_itself_back(place: Place) -> None:
    before = place.sh(PICTURE)
    connection, transaction = start(place, *failing())
    assert place.sh(PICTURE) != before
    connection.close()
    assert wait_for_outcome(place, transaction) == "undone"
    assert place.sh(PICTURE) == before


def test_called_off_while_a_first_starts_work_is_waited_for_nothing_is_begun(place: Place) -> None:
    before = place.sh(PICTURE)
    slow = Package("tree", "web", ("sleep", "199"))
    connection, transaction = start(place, *web("two", slow), until="step warm-up")
    connection.close()
    assert wait_for_outcome(place, transaction) == "undone"
    assert place.sh(PICTURE) == before
    assert "step commit" not in place.sh(f"cat /var/lib/provision/history/{transaction}/steps")
    runs = "grep -qsz '^199$' /proc/[0-9]*/cmdline"
    place.sh(f"for i in $(seq 100); do {runs} || exit 0; sleep 0.1; done; exit 1")


def test_without_a_word_in_time_the_host_puts_itself_back(place: Place) -> None:
    before = place.sh(PICTURE)
    connection, transaction = start(place, *failing(), deadline=2)
    assert wait_for_outcome(place, transaction) == "undone"
    assert place.sh(PICTURE) == before
    connection.close()


def test_a_change_that_may_cut_us_off_is_confirmed_over_a_new_connection(place: Place) -> None:
    rules = File("/etc/nginx/conf.d/cut.conf", b"# cut\n", "firewall")
    outcome = place.apply(*web("one", rules))
    assert outcome.status == "changed", outcome.error
    assert place.sh("cat /var/lib/provision/history/*/cutoff | wc -c").strip() == "0"
    assert place.changes(*web("one", rules)) == []


def test_a_runner_that_is_killed_is_put_back_by_the_host_itself(place: Place) -> None:
    before = place.sh(PICTURE)
    connection, transaction = start(place, *failing())
    place.sh(f"systemctl kill -s KILL --kill-whom=main provision-{transaction}.service")
    assert wait_for_outcome(place, transaction) == "undone"
    connection.close()
    assert place.sh(PICTURE) == before
    assert place.changes(*web()) == []


def test_what_nobody_could_put_back_is_repaired_before_the_next_plan(place: Place) -> None:
    before = place.sh(PICTURE)
    connection, transaction = start(place, *failing())
    script = f"/var/lib/provision/history/{transaction}/transaction.sh"
    place.sh(
        f"mv {script} {script}.away; systemctl kill -s KILL --kill-whom=all provision-{transaction}.service"
    )
    place.sh(
        f"while systemctl is-active -q provision-{transaction}; do sleep 0.1; done; mv {script}.away {script}"
    )
    connection.close()
    planned = place.plan(*web())
    close([planned])
    assert planned.plan is not None and transaction in planned.plan.warnings[0]
    assert place.sh(PICTURE) != before
    outcome = place.apply(*web())
    assert outcome.status in ("unchanged", "changed"), outcome.error
    assert place.sh(PICTURE) == before


def test_after_a_power_cut_the_next_boot_puts_everything_back(place: Place) -> None:
    before = place.sh(PICTURE)
    connection, transaction = start(place, *failing())
    power_cut(place.sandbox)
    connection.close()
    up(place.sandbox.name, release=place.sandbox.release)
    assert wait_for_outcome(place, transaction) == "undone"
    assert place.sh("systemctl is-system-running --wait || true").strip() in ("running", "degraded")
    assert place.sh(PICTURE) == before
    assert place.changes(*web()) == []


def test_two_at_once_wait_for_each_other(place: Place) -> None:
    connection, _ = start(place, *failing(), deadline=10)
    place.run = replace(place.run, lock_timeout=30)
    late = place.plan(*web("late"))
    (outcome,) = apply_hosts([late], place.run)
    connection.close()
    assert any(step.startswith("waiting") for step in place.steps)
    assert outcome.status == "rolled-back" and "changed after the plan" in str(outcome.error)


def test_what_changed_after_the_plan_is_not_overwritten(place: Place) -> None:
    planned = place.plan(*web("two"))
    place.sh(f"echo '# by hand' >> {CONF}")
    (outcome,) = apply_hosts([planned], place.run)
    assert outcome.status == "rolled-back" and CONF in str(outcome.error)
    assert "by hand" in place.sh(f"cat {CONF}")


def test_a_service_that_missed_a_reload_is_seen_and_mended(place: Place) -> None:
    place.sh(f"touch -c {CONF}; sleep 0.1; cp {CONF} /tmp/c; cat /tmp/c > {CONF}")
    assert place.changes(*web()) == ["reload service:nginx"]
    assert place.apply(*web()).status == "changed"
    assert place.changes(*web()) == []


def test_what_a_role_no_longer_brings_goes_away(place: Place) -> None:
    extra = (File("/etc/nginx/conf.d/x.conf", b"# x\n", "web", reload=("nginx",)), Link("/srv/l", "x", "web"))
    assert place.apply(*web("one", *extra)).status == "changed"
    assert place.changes(*web()) == [
        "delete file:/etc/nginx/conf.d/x.conf", "delete link:/srv/l", "reload service:nginx",
    ]  # fmt: skip
    assert place.apply(*web()).status == "changed"
    assert place.sh("ls /etc/nginx/conf.d/x.conf /srv/l 2>&1 || true").count("No such file") == 2


def test_a_link_in_place_of_a_file_is_replaced_and_its_target_left_alone(place: Place) -> None:
    place.sh(f"echo precious > /srv/precious; ln -sf /srv/precious {CONF}")
    assert place.apply(*web()).status == "changed"
    assert place.sh("cat /srv/precious; rm /srv/precious") == "precious\n"
    assert place.sh(f"test ! -L {CONF} && cat {CONF}") == "# one\n"


@pytest.fixture
def mounted(place: Place) -> Iterator[Place]:
    """The host, its file a mount of its own, as /etc/hosts is in a container."""
    place.sh(f"cp -a {CONF} /srv/below; mount --bind /srv/below {CONF}")
    yield place
    place.sh(f"umount {CONF}; rm -f /srv/below")


def test_a_file_that_is_a_mount_of_its_own_is_written_where_it_is(mounted: Place) -> None:
    private = replace(site("two"), owner="www-data", group="adm", mode=0o640)
    assert mounted.apply(Package("nginx-light", "web"), private, CHECK, NGINX).error is None
    assert mounted.sh(f"mountpoint -q {CONF}; stat -c '%U %G %a' {CONF}; cat /srv/below").splitlines() == [
        "www-data adm 640",
        "# two",
    ]
    assert mounted.sh("find /etc/nginx -name '.provision-*'") == ""


def test_a_file_that_is_a_mount_of_its_own_is_put_back_where_it_is(mounted: Place) -> None:
    before = mounted.sh(f"{PICTURE}; ls -li --time-style=full-iso {CONF}; cat /srv/below")
    outcome = mounted.apply(*failing(Command("no", ("false",), "web", "prove", timeout=1)))
    assert (outcome.status, outcome.left) == ("rolled-back", ())
    assert "the proof `no` failed" in str(outcome.error)
    assert mounted.sh(f"{PICTURE}; ls -li --time-style=full-iso {CONF}; cat /srv/below") == before
