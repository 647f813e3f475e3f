"""The sandbox, on real hosts: what `up` promises, and what is left when runs are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest

from provisioner import sandbox
from provisioner.errors import InputError
from provisioner.sandbox import SandboxError, SandboxHost
from provisioner.sandbox.keys import HostKeys
from provisioner.sandbox.login import ask
from provisioner.sandbox.network import bridge_name
from provisioner.sandbox.nspawn import Nspawn, machine_name
from provisioner.sandbox.processes import first_process, processes_of
from provisioner.sandbox.state import Record, State

UP = [sys.executable, "-c", "from provisioner.cli import main; main()", "sandbox", "up"]


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A sandbox with nothing in it but the machine's images; nspawn only, since this is about its traces."""
    if sandbox.usable_driver()[0] != "nspawn":
        pytest.skip("about the traces of nspawn's hosts")
    (tmp_path / "images").symlink_to(State.open().folder / "images")
    monkeypatch.setenv("PROVISION_SANDBOX_DIR", str(tmp_path))
    yield State.open()
    sandbox.down_all()


def traces(state: State) -> list[str]:
    """Processes, control groups, mounts, links and rules that belong to the sandbox at `state`."""
    found = [path.name for path in state.folder.glob("hosts/*")]
    for host in found:
        found += [f"process {pid}" for pid in processes_of(state.host(host) / "root")]
    ours = {f"provision-{machine_name(state.host(name) / 'root')}" for name in ("one", "two")}
    found += [str(group) for group in Path("/sys/fs/cgroup").glob("**/provision-*") if group.name in ours]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [line for line in mounts if f" {state.folder}/" in line]
    found += [str(path) for path in Path("/sys/class/net").glob(bridge_name(state))]
    for table in ("nat", "filter"):
        rules = subprocess.run(
            ["iptables", "-w", "-t", table, "-S"], capture_output=True, text=True, check=True
        )
        found += [rule for rule in rules.stdout.splitlines() if bridge_name(state) in rule]
    return found


@pytest.mark.essential
def test_a_host_runs_real_systemd_and_knows_its_own_name(debian_host: SandboxHost) -> None:
    status, said = sandbox.execute(debian_host.name, "systemctl is-system-running --wait; hostname -f")

    assert (status, said.splitlines()) == (0, ["running", debian_host.name])


def test_a_host_has_no_python_as_debian_installs_none(debian_host: SandboxHost) -> None:
    status, _ = sandbox.execute(debian_host.name, "command -v python3")

    assert status != 0


def test_hosts_reach_each_other_over_ipv4_and_ipv6(own_sandbox: State) -> None:
    one, two = sandbox.up("one"), sandbox.up("two", release="trixie")

    for address in (two.address, two.address6):
        status, said = sandbox.execute(one.name, f"exec 3<>/dev/tcp/{address}/22 && head -c 4 <&3")
        assert (status, said) == (0, "SSH-")


def test_up_again_changes_nothing_and_is_quick(own_sandbox: State) -> None:
    first = sandbox.up("one")
    leader = first_process(own_sandbox.host("one") / "root")

    second = sandbox.up("one")

    assert second == first
    assert first_process(own_sandbox.host("one") / "root") == leader


def test_two_at_once_make_one_host(own_sandbox: State) -> None:
    with ThreadPoolExecutor(2) as pool:
        codes = [
            r.returncode for r in pool.map(lambda _: subprocess.run([*UP, "one"], check=False), range(2))
        ]

    assert codes == [0, 0]
    # The runtime, its child, and the host's PID 1: a second one would double them.
    assert (
        sum(b"systemd-nspawn" in command(pid) for pid in processes_of(own_sandbox.host("one") / "root")) < 3
    )
    assert sandbox.execute("one", "true")[0] == 0


def command(pid: int) -> bytes:
    """The command line of a process of this machine."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.6, 0.8, 1.2])
def test_up_killed_at_any_moment_is_repaired_by_up_and_removed_by_down(
    own_sandbox: State, seconds: float
) -> None:
    started = subprocess.Popen([*UP, "one"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    started.kill()
    started.wait()

    host = sandbox.up("one")

    assert sandbox.execute(host.name, "hostname")[1] == "one\n"
    subnet = f"{IPv4Address(int(IPv4Address(host.address)) & ~0xFF)}/24"
    sandbox.down("one")
    assert traces(own_sandbox) == []
    masquerading = subprocess.run(["iptables", "-w", "-t", "nat", "-S"], capture_output=True, text=True)
    assert subnet not in masquerading.stdout


def test_down_after_a_killed_up_leaves_nothing(own_sandbox: State) -> None:
    started = subprocess.Popen([*UP, "one"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 20
    while not processes_of(own_sandbox.host("one") / "root"):
        assert time.monotonic() < limit
        time.sleep(0.01)
    started.kill()
    started.wait()

    sandbox.down_all()

    assert traces(own_sandbox) == []


def test_a_host_whose_runtime_was_killed_is_still_found_and_ended(own_sandbox: State) -> None:
    sandbox.up("one")
    sandbox.execute("one", "echo mine > /root/note; sync")
    root = own_sandbox.host("one") / "root"
    for pid in processes_of(root):
        if b"systemd-nspawn" in command(pid):
            os.kill(pid, signal.SIGKILL)

    host = sandbox.up("one")

    assert sandbox.execute(host.name, "cat /root/note") == (0, "mine\n")
    sandbox.down("one")
    assert traces(own_sandbox) == []


def test_down_removes_the_network_of_an_up_that_was_killed_before_it_noted_the_host(
    own_sandbox: State,
) -> None:
    sandbox.up("one")
    record = own_sandbox.record("one")
    assert record is not None
    Nspawn().stop(own_sandbox, record)  # the network is all that such an up has made
    (own_sandbox.host("one") / "host.json").unlink()

    sandbox.down("one")

    assert traces(own_sandbox) == []


def test_a_missing_rule_is_put_back_by_the_next_up(own_sandbox: State) -> None:
    sandbox.up("one")
    rule = ["FORWARD", "-i", bridge_name(own_sandbox), "-j", "ACCEPT"]
    subprocess.run(["iptables", "-w", "-D", *rule], check=True)

    sandbox.up("two")

    assert subprocess.run(["iptables", "-w", "-C", *rule], check=False).returncode == 0


def test_a_host_that_shows_another_key_is_not_taken_for_ours(own_sandbox: State) -> None:
    one, two = sandbox.up("one"), sandbox.up("two")
    stranger = Record("one", two.address, "bookworm", "nspawn")

    with pytest.raises(SandboxError, match="another host key"):
        ask(stranger, HostKeys(one.key.parent), "true", timeout=10)


def test_an_address_that_another_host_has_is_refused(own_sandbox: State) -> None:
    one = sandbox.up("one")

    with pytest.raises(InputError, match=f"{one.address} is the address of sandbox host one"):
        sandbox.up("two", address=one.address)
    with pytest.raises(InputError, match="isn't a host's address"):
        sandbox.up("two", address="10.250.0.9")


def test_a_host_is_not_taken_for_one_that_had_its_address_before(own_sandbox: State) -> None:
    one, gone = sandbox.up("one"), "02:00:00:00:00:01"
    assert one.address6 is not None
    next4, next6 = (str(ip_address(address) + 1) for address in (one.address, one.address6))
    for address in (next4, next6):
        entry = ["ip", "neigh", "replace", address, "lladdr", gone, "dev", bridge_name(own_sandbox)]
        subprocess.run([*entry, "nud", "stale"], check=True)

    place = Nspawn().place(own_sandbox, None)

    assert (place.address, place.address6) == (next4, next6)
    for address in (next4, next6):
        assert gone not in subprocess.check_output(["ip", "neigh", "show", "to", address], text=True)


def test_reset_brings_back_what_the_image_has_under_the_same_keys(own_sandbox: State) -> None:
    before = sandbox.up("one")
    sandbox.execute("one", "echo x > /root/note; rm /etc/debian_version")

    after = sandbox.reset("one")

    assert after == before
    assert sandbox.execute("one", "test ! -e /root/note && test -e /etc/debian_version")[0] == 0


def test_a_layer_holds_what_a_host_wrote_but_not_who_it_was(own_sandbox: State) -> None:
    sandbox.up("one")
    sandbox.execute("one", "echo x > /root/note")
    sandbox.save_layer("one", "noted")

    two = sandbox.up("two", layer="noted")

    assert sandbox.execute("two", "cat /root/note; hostname")[1] == "x\ntwo\n"
    identities = {sandbox.execute(name, "cat /etc/machine-id")[1] for name in ("one", "two")}
    assert len(identities) == 2
    assert two.known_hosts.split()[2] != sandbox.find_host("one").known_hosts.split()[2]


def test_packages_that_one_host_fetched_need_no_download_on_the_next(own_sandbox: State) -> None:
    sandbox.up("one")
    fetch = "apt-get update -q >/dev/null && apt-get install -q -y --download-only nftables >/dev/null 2>&1"
    assert sandbox.execute("one", fetch, 120)[0] == 0
    sandbox.down("one")

    sandbox.up("two")

    said = sandbox.execute("two", "apt-get install -y --download-only nftables 2>&1")[1]
    assert "Need to get 0 B" in said
