"""Choosing a driver, and the parts of drivers that need no host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from provisioner.errors import InputError
from provisioner.sandbox import engine, ladder, network, nspawn, processes, qemu, ways
from provisioner.sandbox.state import Record, SandboxError, State


def test_where_nothing_works_every_driver_says_why_and_what_helps_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVISION_SANDBOX_DRIVER", raising=False)
    for driver in (nspawn.Nspawn, engine.Engine, qemu.Qemu):
        monkeypatch.setattr(driver, "refusal", lambda self, state: f"no {self.name} today")

    with pytest.raises(SandboxError) as caught:
        ladder.choose(State(tmp_path), None)

    assert [line.split()[0] for line in caught.value.evidence] == ["nspawn", "docker", "podman", "qemu"]
    assert "no qemu today" in caught.value.evidence[-1]
    assert "run as root" in caught.value.hint
    assert str(tmp_path) in caught.value.hint
    assert caught.value.exit_code == 5


def test_the_best_driver_that_works_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROVISION_SANDBOX_DRIVER", raising=False)
    monkeypatch.setattr(nspawn.Nspawn, "refusal", lambda self, state: "not here")
    monkeypatch.setattr(engine.Engine, "refusal", lambda self, state: None)

    assert ladder.choose(State(tmp_path), None).name == "docker"
    assert ladder.choose(State(tmp_path), "podman").name == "podman"


def test_a_driver_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no driver 'lxc'"):
        ladder.choose(State(tmp_path), "lxc")


def test_an_engines_program_without_its_daemon_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    refusal = engine.Engine("docker").refusal(State(tmp_path))

    assert refusal is not None
    assert "Cannot connect to the Docker daemon" in refusal


@pytest.mark.parametrize(
    ("name", "info"),
    [
        ("podman", "host:\n  security:\n    rootless: true\n"),
        ("docker", " Security Options:\n  seccomp\n  rootless\n"),
    ],
)
def test_an_engine_that_runs_without_root_is_passed_over_before_anything_is_built(
    name: str, info: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{info}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(engine.Engine, "prepare", lambda self, state, release: pytest.fail("built in vain"))

    refusal = engine.Engine(name).refusal(State(tmp_path))

    assert refusal is not None
    assert "without root" in refusal


def test_an_engine_that_boots_systemd_in_no_known_way_says_what_the_last_one_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\ncase $1 in rm) ;; *) echo 'Error: no such limit' >&2; exit 125 ;; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(ways, "require", lambda programs: pytest.fail("fetched in vain"))

    refusal = ways.find_way(State(tmp_path), "podman", "image", "probe")

    assert refusal == "its containers are of no use here: Error: no such limit"
    assert ways.remembered_way(State(tmp_path), "podman") is None


def test_two_probes_at_once_do_not_tread_on_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[str] = []

    def run(argv: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if argv[0] == "unshare":
            folders.append(argv[-1])
            if len(folders) == 1:
                assert nspawn._try(State(tmp_path), "true") is None
        else:
            Path(argv[-1]).rename(f"{argv[-1]}-removed")
        return subprocess.CompletedProcess(argv, 0, "", "")

    monkeypatch.setattr(nspawn.subprocess, "run", run)

    assert nspawn._try(State(tmp_path), "true") is None
    assert len(set(folders)) == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("unshare: unshare failed: Operation not permitted", "CAP_SYS_ADMIN"),
        ("mount: /x/root: wrong fs type, bad option", "overlay mount refused"),
        ("RTNETLINK answers: Operation not permitted", "no bridge or address translation"),
    ],
)
def test_what_the_probe_met_is_said_in_words(
    said: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(nspawn.os, "geteuid", lambda: 0)
    monkeypatch.setattr(nspawn, "require", lambda programs: None)
    monkeypatch.setattr(nspawn.subprocess, "run", lambda *args, **kwargs: failed)

    refusal = nspawn.Nspawn().refusal(State(tmp_path))

    assert refusal is not None
    assert reason in refusal


def test_a_process_is_known_by_what_it_runs_not_by_its_number(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)", "systemd-nspawn"]
    ours = subprocess.Popen([*sleep, f"--directory={tmp_path}/root"])
    other = subprocess.Popen([*sleep, f"--directory={tmp_path}/root2"])
    try:
        limit = time.monotonic() + 10
        while processes.processes_of(tmp_path / "root") != [ours.pid]:
            assert time.monotonic() < limit
            time.sleep(0.01)

        assert processes.end(tmp_path / "root")
        assert ours.wait(5) == -9
        assert other.poll() is None
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_a_subnet_in_use_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [IPv4Network("10.87.0.0/23"), IPv4Network("10.87.2.128/25")]
    monkeypatch.setattr(network, "_subnets_in_use", lambda besides: taken)
    monkeypatch.setattr(network, "_addresses", dict)

    assert network._choose(State(tmp_path), None).subnet == IPv4Network("10.87.3.0/24")


def test_an_address_asked_for_brings_its_subnet_unless_that_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_subnets_in_use", lambda besides: [IPv4Network("10.9.9.0/24")])
    monkeypatch.setattr(network, "_addresses", dict)

    assert network._choose(State(tmp_path), IPv4Address("10.9.8.7")).subnet == IPv4Network("10.9.8.0/24")
    with pytest.raises(SandboxError, match=r"10\.9\.9\.0/24 is in use"):
        network._choose(State(tmp_path), IPv4Address("10.9.9.7"))


def test_two_sandboxes_have_two_bridges_with_names_that_links_may_have(tmp_path: Path) -> None:
    names = {network.bridge_name(State(tmp_path / str(n))) for n in range(5)}
    links = {f"vb-{nspawn.machine_name(State(tmp_path).host('a' * 63) / 'root')}", *names}

    assert len(names) == 5
    assert all(len(name) <= 15 for name in links)  # IFNAMSIZ


def test_addresses_are_given_out_once_and_the_machines_own_never(tmp_path: Path) -> None:
    state, subnet = State(tmp_path), IPv4Network("10.87.0.0/24")
    state.remember(Record("one", "10.87.0.11", "bookworm", "nspawn"))

    assert network.free_address(state, subnet, None) == IPv4Address("10.87.0.12")
    for wrong in ("10.87.0.11", "10.87.0.1", "10.87.0.0", "10.87.0.255", "10.87.1.5"):
        with pytest.raises(InputError):
            network.free_address(state, subnet, IPv4Address(wrong))


def test_forwarded_ports_move_up_where_the_low_ones_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu, "_can_listen", lambda address, port: port > 1024)

    place = qemu.Qemu().place(State(tmp_path), None)

    assert (place.address, place.port) == ("127.77.0.11", 10022)


def test_a_port_that_somebody_has_cannot_be_listened_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        assert not qemu._can_listen("127.0.0.1", taken.getsockname()[1])


def test_kvm_is_tried_where_it_opens_and_not_again_once_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)
    monkeypatch.setattr(qemu.os, "access", lambda path, mode: True)

    assert qemu._accelerators(state)[0] == "kvm"
    qemu._remember_no_kvm(state)
    assert qemu._accelerators(state) == ["tcg,thread=multi"]
