"""Fixtures that give tests real Debian hosts, and what happens where none can be made.

    def test_x(bookworm_host): …      as new at the start of each module, Debian 12
    def test_x(trixie_host): …        the same, Debian 13
    def test_x(debian_host): …        once on each release
    def test_x(fresh_host): …         once on each release, as new for each test
    def test_x(mail_host): …          once on each release, mail packages installed; new for each module
    def test_x(boot): boot("trixie")  as many as the test wants; they end with it
    layer_of(release, name, make)     a host that `make(host)` has prepared, prepared once and kept

Hosts live in the machine's own sandbox, so that images, packages and layers are shared with
`scripts/demo` and kept between runs; their names begin with `test-` and the number of the process
that was started first, which takes all of them down at the end, however the run ends.

With `-n auto` (pytest-xdist) three processes share the tests where there are two cores. What stays
together, since it shares hosts, is a file's tests for one release; what takes longest begins first.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from provisioner import sandbox
from provisioner.sandbox import SandboxError, SandboxHost
from provisioner.sandbox.image import MAIL_PACKAGES

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

RELEASES = ("bookworm", "trixie")
Boot = Callable[..., SandboxHost]
# The processes of a parallel run find there which one began it; each copy of this file does, too.
_RUN = int(os.environ.setdefault("PROVISION_TEST_RUN", str(os.getpid())))
_PREFIX = f"test-{_RUN}-"
_LONG = (
    "transaction",
    "kills",
    "torture",
    "audit_ports",
    "adopt",
    "audit_inside_host",
    "broken_mail",
    "demo",
    "faults",
    "many_hosts",
    "history",
    "two_hosts",
    "secrets_stay_secret",
    "shells",
    "acme",
    "clients",
)
"""What of tests/hosts takes minutes, longest first."""
_RELEASE = re.compile(rf"\[(?:.*-)?({'|'.join(RELEASES)})[-\]]")
_REFUSAL = pytest.StashKey[str | None]()
_HOSTS = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--no-hosts`: be content without real hosts."""
    parser.addoption("--no-hosts", action="store_true", help="run only what needs no real Debian host")


def pytest_configure(config: pytest.Config) -> None:
    """Find out once whether hosts can be made, and only if a test may want one."""
    # A TERM is as Ctrl-C: hosts are taken down first. Ctrl-C works where whoever started us ignores it,
    # and in what the tests start.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    config.stash[_REFUSAL] = None
    config.stash[_HOSTS] = False
    # How long an example takes says what else the machine does.
    if not config.getoption("--hypothesis-profile", None):
        settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("unhurried")
    config.addinivalue_line("markers", "essential: a host test that also runs where hosts are slow (qemu)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs hosts where there are none; everything below tests/hosts needs them."""
    if hasattr(config, "workerinput"):
        items.sort(key=_order)
    for item in items:
        if Path(__file__).parent / "hosts" in item.path.parents:
            item.add_marker(pytest.mark.hosts)
    wanting = [item for item in items if item.get_closest_marker("hosts")]
    if not wanting:
        return
    driver = None
    if config.getoption("--no-hosts"):
        reason: str | None = "--no-hosts was given"
    else:
        driver, reason = sandbox.usable_driver()
        config.stash[_REFUSAL] = reason
        config.stash[_HOSTS] = reason is None
        if reason is None:
            _remove_leftovers()
    for item in wanting:
        if reason:
            item.add_marker(pytest.mark.skip(reason=f"no real host: {reason.split('.')[0]}"))
        elif driver == "qemu" and not item.get_closest_marker("essential"):
            item.add_marker(pytest.mark.skip(reason="left out: hosts are emulated here, it would take hours"))


def _order(item: pytest.Item) -> int:
    """Where an item's unit is in the queue of a parallel run: hosts before the rest, long files first."""
    if Path(__file__).parent / "hosts" not in item.path.parents:
        return len(_LONG) + 1
    name = item.path.stem.removeprefix("test_")
    return _LONG.index(name) if name in _LONG else len(_LONG)


def unit_of(nodeid: str) -> str:
    """What a test shares hosts with: the tests of its file, and of its release if it has one."""
    file, _, name = nodeid.partition("::")
    release = _RELEASE.search(name)
    return f"{file}[{release[1]}]" if release else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto` is three where there are two cores or more: tests wait for hosts more than they compute."""
    return 3 if len(os.sched_getaffinity(0)) > 1 else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each process of a parallel run a unit at a time, in the order of `_order`."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return Units(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Take over what a process of a parallel run has found out about hosts."""
    config: pytest.Config = getattr(node, "config")  # noqa: B009
    refusal = getattr(node, "workeroutput", {}).get("refusal")
    config.stash[_REFUSAL] = config.stash[_REFUSAL] or refusal


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why no host could be made, at the end where it is read."""
    reason = config.stash[_REFUSAL]
    if reason:
        terminalreporter.section("tests on real hosts did not run", red=True)
        terminalreporter.write_line(reason)
        terminalreporter.write_line("--no-hosts accepts that.")


@pytest.hookimpl(trylast=True)  # after the end of the processes of a parallel run, which may have been killed
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take every host of this run down, and fail where hosts were wanted and could not be had."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["refusal"] = session.config.stash[_REFUSAL]
    parallel = session.config.pluginmanager.hasplugin("dsession")  # then others have made the hosts
    if os.getpid() == _RUN and (parallel or session.config.stash[_HOSTS]):
        for host in sandbox.list_hosts():
            if host.name.startswith(_PREFIX):
                sandbox.down(host.name)
    if session.config.stash[_REFUSAL] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _remove_leftovers() -> None:
    """Remove hosts of earlier runs that were killed before they could."""
    for host in sandbox.list_hosts():
        words = host.name.split("-")
        if words[0] == "test" and len(words) > 2 and not Path(f"/proc/{words[1]}").exists():
            sandbox.down(host.name)


def new_name() -> str:
    """A host's name. No count: pytest loads this file, tests import it, and each copy would have its own."""
    return f"{_PREFIX}{secrets.token_hex(3)}"


@contextmanager
def booted(release: str, layer: str | None = None, address: str | None = None) -> Iterator[SandboxHost]:
    """A new host for the time of a `with` block."""
    name = new_name()
    try:
        yield sandbox.up(name, release=release, layer=layer, address=address)
    finally:
        sandbox.down(name)


def layer_of(release: str, name: str, make: Callable[[SandboxHost], None], start: str | None = None) -> str:
    """The layer `name`, which `make` prepares on a new host (on the layer `start`) unless it exists.

    Put what decides the content into the name (a hash of the packages, of the role), or an old one is used.
    """
    lock = Path(tempfile.gettempdir()) / f"provision-test-layer-{os.getuid()}-{release}-{name}"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # Two processes of a parallel run may want it at once.
        if not sandbox.has_layer(release, name):
            with booted(release, start) as host:
                make(host)
                sandbox.save_layer(host.name, name)
    return name


def succeed(host: SandboxHost, command: str, timeout: float = 300.0) -> str:
    """What `command` prints on the host; the test fails when it fails."""
    status, said = sandbox.execute(host.name, command, timeout)
    if status:
        raise SandboxError(
            f"on {host.name} `{command}` ended with {status}", evidence=said.splitlines()[-20:]
        )
    return said


def unstarted_layer(release: str, *packages: str) -> str:
    """The layer with packages of which nothing runs, not after a boot either: tests start what they want.

    Two of a kind on one host would race for its ports.
    """
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"

    enabled = "systemctl list-unit-files --state=enabled --no-legend | sed 's/ .*//' | sort"
    policy = "/usr/sbin/policy-rc.d"

    def make(host: SandboxHost) -> None:
        succeed(host, f"printf '#!/bin/sh\\nexit 101\\n' > {policy} && chmod 755 {policy}")
        succeed(host, f"apt-get update -q 2>&1 && {enabled} > /root/before")
        succeed(host, f"{install} {' '.join(packages)} 2>&1")
        succeed(host, f"systemctl disable $({enabled} | comm -13 /root/before -) 2>&1; rm /root/before")

    return layer_of(release, f"unstarted-{digest}", make)


def mail_layer(release: str) -> str:
    """The layer with the mail packages as Debian installs them, unconfigured."""
    digest = hashlib.sha256(" ".join(MAIL_PACKAGES).encode()).hexdigest()[:8]
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"

    def make(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q 2>&1")
        succeed(host, f"{install} {' '.join(MAIL_PACKAGES)} 2>&1")
        # Rspamd's first start compiles tables for ten seconds of a core; later starts find them made.
        succeed(host, "for i in $(seq 600); do grep -q ':2C44 ' /proc/net/tcp && break; sleep 0.5; done")

    return layer_of(release, f"mail-packages-started-{digest}", make)


@pytest.fixture(scope="module")
def bookworm_host() -> Iterator[SandboxHost]:
    """A Debian 12 host, as new when the module begins."""
    with booted("bookworm") as host:
        yield host


@pytest.fixture(scope="module")
def trixie_host() -> Iterator[SandboxHost]:
    """A Debian 13 host, as new when the module begins."""
    with booted("trixie") as host:
        yield host


@pytest.fixture(scope="module", params=RELEASES)
def debian_host(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    """A host of each release in turn, as new when the module begins."""
    with booted(request.param) as host:
        yield host


@pytest.fixture(params=RELEASES)
def fresh_host(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    """A host of each release in turn, as new for every test."""
    with booted(request.param) as host:
        yield host


@pytest.fixture(scope="module", params=RELEASES)
def mail_host(request: pytest.FixtureRequest) -> Iterator[SandboxHost]:
    """A host of each release in turn with the mail packages installed, not configured."""
    with booted(request.param, mail_layer(request.param)) as host:
        yield host


@pytest.fixture
def boot() -> Iterator[Boot]:
    """A function that boots a host (`release`, `layer`, `address`) which ends with the test."""
    names: list[str] = []

    def start(release: str = "bookworm", layer: str | None = None, address: str | None = None) -> SandboxHost:
        names.append(new_name())
        return sandbox.up(names[-1], release=release, layer=layer, address=address)

    try:
        yield start
    finally:
        for name in names:
            sandbox.down(name)
