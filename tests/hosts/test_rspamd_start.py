"""Rspamd's first start compiles a large table, which the role has done while other packages are installed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from provisioner.prepare import prepare
from provisioner.resources import Package
from tests.conftest import RELEASES, booted, succeed, unstarted_layer
from tests.hosts.conftest import MailServer

LARGE = "find /var/lib/rspamd -name '*.hsmp' -size +10000k -printf '%f %u\\n'"
LISTENS = "for i in $(seq 600); do grep -q ':2C44 ' /proc/net/tcp && break; sleep 0.2; done"
USER_TICKS = "cut -d ' ' -f 14 /proc/$(systemctl show -p MainPID --value rspamd)/stat"


@pytest.mark.parametrize("release", RELEASES)
def test_the_first_start_finds_its_large_table_compiled(release: str, tmp_path: Path) -> None:
    with booted(release, unstarted_layer(release, "rspamd")) as host:
        server = MailServer(host, tmp_path)
        server.write()
        resources = prepare(server.inventory).candidates[0].by_release[release].resources
        (argv,) = [r.warm_up for r in resources if isinstance(r, Package) and r.warm_up]
        assert succeed(host, LARGE) == ""
        compiling = cpu(succeed(host, f"cd / && {shlex.join(argv)} >/dev/null 2>&1 && times").split()[-2])
        compiled = succeed(host, LARGE)
        assert compiled.split()[1:] == ["_rspamd"]
        succeed(host, f"systemctl start rspamd; {LISTENS}")
        assert succeed(host, LARGE) == compiled
        starting = int(succeed(host, USER_TICKS)) / int(succeed(host, "getconf CLK_TCK"))
        assert starting < compiling / 3


def cpu(text: str) -> float:
    """Seconds, from `0m12.345s`."""
    minutes, seconds = text.rstrip("s").split("m")
    return int(minutes) * 60 + float(seconds)
