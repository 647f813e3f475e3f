"""A control group for each host: without it, all hosts of the machine share one.

systemd-nspawn puts what it boots into a group `payload` beside itself. Two hosts that are started from
the same group then share `payload/system.slice/postfix.service`: the systemd in each takes the other's
processes for its own, waits 90 s for them when it stops the service, and kills them by `cgroup.kill`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def make_group(name: str) -> str:
    """The host's own group in the unified hierarchy; an empty text where there is no such hierarchy."""
    for hierarchy in _hierarchies(("cgroup2",)):
        group = hierarchy / f"provision-{name}"
        with suppress(OSError):
            group.mkdir(exist_ok=True)
            return str(group)
    return ""


def remove_group(name: str, seconds: float = 2.0) -> None:
    """Remove the group once no process is in it; systemd-nspawn makes the same under systemd's own.

    The kernel counts a process that was killed for some milliseconds more.
    """
    limit = time.monotonic() + seconds
    groups = [hierarchy / f"provision-{name}" for hierarchy in _hierarchies(("cgroup2", "cgroup"))]
    while (left := [group for group in groups if group.exists()]) and time.monotonic() < limit:
        for group in left:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()
        time.sleep(0.02)


def _hierarchies(kinds: tuple[str, ...]) -> Iterator[Path]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind in kinds and (kind == "cgroup2" or "name=systemd" in options):
            yield Path(where)
