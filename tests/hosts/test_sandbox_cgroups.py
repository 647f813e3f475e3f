"""Sandbox hosts on one machine are apart: what one's systemd stops, the other's keeps."""

from __future__ import annotations

from tests.conftest import Boot, succeed

PROCESSES = "cat /sys/fs/cgroup/system.slice/systemd-networkd.service/cgroup.procs"


def test_a_service_that_is_restarted_on_one_host_runs_on_undisturbed_on_another(boot: Boot) -> None:
    one, other = boot("bookworm"), boot("bookworm")
    before = succeed(other, PROCESSES)
    assert "0" not in before.split(), "processes of another host are in this host's group"
    succeed(one, "systemctl restart systemd-networkd", timeout=30)
    assert succeed(other, PROCESSES) == before
