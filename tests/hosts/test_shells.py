"""The runner does the same under every shell that a Debian host may have as its `sh`."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.resources import Command, Directory, File, Group, Link, User
from provisioner.sandbox import SandboxHost
from tests.conftest import Boot, layer_of, succeed
from tests.hosts.test_transaction import ODD, PICTURE, Place, failing, web

NAMES = (
    ODD,
    "/srv/a b/new\nline",
    "/srv/a b/-dash",
    '/srv/a b/"double"',
    "/srv/a b/$(id) `id` \\ *",
    "/srv/a b/ü",
)


def install(host: SandboxHost) -> None:
    packages = "nginx-light busybox"
    succeed(host, f"apt-get update -q && apt-get install -y -q --no-install-recommends {packages} 2>&1")


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_transaction_and_its_undo(shell: str, boot: Boot, tmp_path: Path) -> None:
    place = Place(boot("trixie", layer_of("trixie", "nginx-light-busybox", install)), tmp_path)
    place.sh(f"ln -sf {shell} /usr/bin/sh; readlink -f /bin/sh")
    files = [File(name, name.encode(), "web", "vm", "vm", 0o640) for name in NAMES]
    everything = web(
        "one",
        Group("vm", "web", 5001),
        User("vm", "web", 5001, "vm"),
        Directory("/srv/a b", "web", "vm", "vm", 0o750),
        *files,
        Link("/srv/it's", NAMES[1], "web"),
        Command("up", ("test", "-e", NAMES[1]), "web", "prove"),
    )
    first = place.apply(*everything)
    assert first.status == "changed", (first.error, first.log)
    assert place.apply(*everything).status == "unchanged"
    assert place.sh("cat /srv/a*/*") == "".join(sorted(NAMES))
    before = place.sh(PICTURE)
    undone = place.apply(*everything[:-1], *failing(Command("no", ("false",), "web", "prove", timeout=1))[1:])
    assert undone.status == "rolled-back", undone.error
    assert place.sh(PICTURE) == before
    assert place.changes(*everything) == []
