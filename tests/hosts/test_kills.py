"""Death at any moment: killed at every point of a transaction, the host is whole after each.

Whole means as before or as after, in files, services, accounts and in what is remembered as ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from provisioner.apply import close
from provisioner.hosts.bundle import SCRIPT, Meta, bundle, new_id
from provisioner.hosts.connection import connect, connection_settings
from provisioner.resources import Command, Directory, File, Link, Resource, User
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.test_transaction import PICTURE, Place, wait_for_outcome, web

PAUSE = "/var/lib/provision/pause"
SOURCE, MADE = "/etc/source", "/etc/made-of-source"
STATE = f"{PICTURE}; cat {MADE} /var/lib/provision/state; ls -d /var/lib/provision/current 2>&1 || true"
"""All that has to be as before or as after, and that no transaction is left open."""


def change(text: str) -> tuple[Resource, ...]:
    """Something of every kind to commit, to delete, to run, to prove."""
    return web(
        text,
        *([File("/etc/only-one", b"x", "web")] if text == "one" else [User("vm", "web")]),
        *([Directory("/srv/new", "web", "vm", "vm", 0o700)] if text == "two" else []),
        File(SOURCE, f"made of {text}\n".encode(), "web", runs=("make",)),
        Link("/srv/link", text, "web"),
        Command("make", ("cp", SOURCE, MADE), "web"),
        Command("up", ("true",), "web", "prove"),
    )


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def changed_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A host as `change("one")` leaves it."""

    def install(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light 2>&1")

    with booted(request.param, layer_of(request.param, "nginx-light", install)) as host:
        place = Place(host, tmp_path_factory.mktemp("inventory"))
        assert place.apply(*change("one")).error is None
        yield place


def back_to_one(place: Place) -> None:
    """The host as the fixture made it."""
    outcome = place.apply(*change("one"))
    assert outcome.status in ("changed", "unchanged"), outcome.error
    place.sh("rm -rf /srv/new; ! getent passwd vm >/dev/null || userdel vm")


@contextmanager
def run_to(place: Place, point: str, *, answer: str = "keep") -> Iterator[str]:
    """A transaction from one to two that stands still at `point`; its id."""
    place.sh(f"printf '%s\\n' '{point}' >{PAUSE}")
    planned = place.plan(*change("two"))
    assert planned.plan is not None, planned.error
    close([planned])
    meta = Meta(new_id(), datetime.now(UTC), "test")
    content = bundle(planned.plan, meta)
    with connect(connection_settings(place.host, place.run.options, place.run.folder)) as connection:
        exchange = connection.start(SCRIPT, f"begin {meta.id} {len(content)}\n".encode() + content)
        for line in exchange.lines(60):
            if line.startswith((point, "outcome")):
                break
            if line.startswith("ask"):
                exchange.send(f"{answer}\n")
        yield meta.id


def killed_at(place: Place, point: str, *, answer: str = "keep") -> str:
    """Kill the runner there; how the host ended once it has come to rest."""
    with run_to(place, point, answer=answer) as transaction:
        unit = f"provision-{transaction}.service"
        place.sh(f"systemctl kill -s KILL --kill-whom=main {unit}; rm -f {PAUSE}")
        place.sh(
            f'until [ "$(systemctl show -p ActiveState --value {unit})" = inactive ]; do sleep 0.1; done'
        )
    return place.sh(f"cat /var/lib/provision/history/{transaction}/outcome").strip()


def every_point(place: Place, answer: str) -> list[str]:
    """All that a whole transaction writes, which are the points it can be stopped at."""
    with run_to(place, "outcome", answer=answer) as transaction:
        place.sh(f"rm -f {PAUSE}")
    lines = place.sh(f"cat /var/lib/provision/history/{transaction}/steps").splitlines()
    points = [re.sub(r"^(took .*) \d+$", r"\1", line) for line in lines]
    return [point for point in dict.fromkeys(points) if not point.startswith(("outcome", "log "))]


def test_killed_at_every_point_the_host_is_as_before_or_as_after(changed_host: Place) -> None:
    before = changed_host.sh(STATE)
    points = every_point(changed_host, "keep")
    after = changed_host.sh(STATE)
    assert len(points) > 25 and before != after
    ends = {}
    is_now = after
    for point in points:
        if is_now != before:
            back_to_one(changed_host)
            assert changed_host.sh(STATE) == before
        ends[point] = killed_at(changed_host, point)
        is_now = changed_host.sh(STATE)
        assert is_now == (after if ends[point] == "kept" else before), (point, ends[point])
    decided = points.index("point keeping")
    assert {ends[point] for point in points[:decided]} == {"undone"}
    assert {ends[point] for point in points[decided:]} == {"kept"}
    back_to_one(changed_host)


def test_killed_at_every_point_of_an_undo_the_host_is_as_before(changed_host: Place) -> None:
    before = changed_host.sh(STATE)
    points = every_point(changed_host, "undo")
    assert changed_host.sh(STATE) == before
    for point in points[points.index("step undo") :]:
        assert killed_at(changed_host, point, answer="undo") == "undone"
        assert changed_host.sh(STATE) == before, point


def test_a_runner_that_died_with_its_rescue_is_made_up_for_while_we_look_on(changed_host: Place) -> None:
    before = changed_host.sh(STATE)
    with run_to(changed_host, "point placed 1") as transaction:
        unit = f"provision-{transaction}.service"
        folder = f"/var/lib/provision/history/{transaction}"
        changed_host.sh(
            f"cd {folder}; mv transaction.sh away; systemctl kill -s KILL --kill-whom=all {unit}; "
            f"rm {PAUSE}; while systemctl is-active -q {unit}; do sleep 0.1; done; "
            "sleep 1; mv away transaction.sh"
        )
        assert changed_host.sh(f"ls {folder}/outcome 2>/dev/null || true") == ""
        assert wait_for_outcome(changed_host, transaction) == "undone"
        changed_host.sh(f"while systemctl is-active -q {unit}; do sleep 0.1; done")
    assert changed_host.sh(STATE) == before


@pytest.mark.parametrize(
    "made", ['/usr/sbin/useradd.real "$@"', "groupadd --system vm"], ids=["whole", "half"]
)
def test_killed_while_an_account_is_made_none_is_left(changed_host: Place, made: str) -> None:
    before = changed_host.sh(STATE)
    kill = "systemctl kill -s KILL --kill-whom=main 'provision-*.service'; sleep 60"
    stays = "/etc/group.20260101 /etc/shadow.1"
    changed_host.sh(
        f"cp -a /usr/sbin/useradd /usr/sbin/useradd.real; printf '%s\n' '#!/bin/sh' '{made}' \"{kill}\" >/x; "
        "chmod 755 /x; mv /x /usr/sbin/useradd; "
        "cp /etc/group /etc/group.20260101; cp /etc/shadow /etc/shadow.1; "
        "for lock in group.lock gshadow.4194304; do echo 4194304 >/etc/$lock; done; touch /etc/passwd+"
    )
    try:
        with run_to(changed_host, "outcome") as transaction:
            assert wait_for_outcome(changed_host, transaction) == "undone"
    finally:
        changed_host.sh(f"mv /usr/sbin/useradd.real /usr/sbin/useradd; rm -f {PAUSE}")
    changed_host.sh(f"ls {stays} && rm {stays}")
    assert changed_host.sh(STATE) == before


def test_the_next_apply_finishes_what_was_decided_and_then_died(changed_host: Place) -> None:
    before = changed_host.sh(STATE)
    with run_to(changed_host, "point keeping") as transaction:
        script = f"/var/lib/provision/history/{transaction}/transaction.sh"
        unit = f"provision-{transaction}.service"
        changed_host.sh(
            f"mv {script} {script}.away; systemctl kill -s KILL --kill-whom=all {unit}; rm {PAUSE}"
        )
        changed_host.sh(f"while systemctl is-active -q {unit}; do sleep 0.1; done; mv {script}.away {script}")
    assert changed_host.sh(STATE) != before
    planned = changed_host.plan(*change("two"), mend=True)
    close([planned])
    assert planned.repaired == transaction and planned.plan is not None and planned.plan.changes == ()
    back_to_one(changed_host)
    assert changed_host.sh(STATE) == before
