"""Before the first apply: what would stop the mail stops the apply, what may harm it is a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.inventory.model import Host
from provisioner.preflight import look, supported
from provisioner.resources import Package
from provisioner.resources.observed import Facts, Observed
from provisioner.roles.model import Desired, Port

NOW = 1_800_000_000.0
FACTS = Facts(
    "debian",
    "bookworm",
    "12.12",
    "mx1",
    "systemd",
    "",
    0,
    NOW,
    4 << 20,
    20 << 20,
    "mx1.example.org",
    "yes",
    "open",
)
FINE = Observed(facts=FACTS)
DESIRED = Desired(
    Host("mx1", {}, {}),
    "bookworm",
    (Package("postfix", "postfix"), Package("rspamd", "rspamd")),
    ports=(Port(25, "smtp", "postfix"), Port(22, "ssh", "firewall")),
    variables={
        "mail_hostname": "mx1.example.org",
        "mail_addresses": ["192.0.2.10"],
        "mail_outbound_test": "mx.example.net",
    },
)


def with_facts(**facts: object) -> Observed:
    return replace(FINE, facts=replace(FACTS, **facts))  # type: ignore[arg-type]


def test_nothing_is_said_of_a_host_that_is_ready() -> None:
    found = look(DESIRED, FINE, NOW)
    assert (found.stops, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(FINE, packages={"exim4-daemon-light": "4"}), "exim4-daemon-light"),
        (replace(FINE, listening=frozenset({("127.0.0.1", 25)})), "port 25 is taken"),
        (with_facts(disk_kib=200 * 1024), "/var has 200 MiB free"),
        (with_facts(now=NOW - 3600), "60 minutes behind"),
        (with_facts(outbound="closed"), "port 25 of mx.example.net can't be reached"),
    ],
)
def test_what_would_keep_mail_from_working_stops(seen: Observed, says: str) -> None:
    (stop,) = look(DESIRED, seen, NOW).stops
    assert says in stop


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (with_facts(memory_kib=300 * 1024), "300 MiB of memory"),
        (with_facts(ptr=""), "192.0.2.10 has no PTR record"),
        (with_facts(ptr="host-10.example.net"), "says host-10.example.net, not mx1.example.org"),
        (with_facts(validates="no"), "does not validate DNSSEC"),
    ],
)
def test_what_may_harm_mail_is_a_warning(seen: Observed, says: str) -> None:
    found = look(DESIRED, seen, NOW)
    assert found.stops == ()
    (warning,) = found.warnings
    assert says in warning


def test_a_port_held_by_the_very_package_is_no_conflict() -> None:
    seen = replace(FINE, packages={"postfix": "3.7"}, listening=frozenset({("0.0.0.0", 25)}))
    assert look(DESIRED, seen, NOW).stops == ()


def test_what_was_not_asked_is_not_judged() -> None:
    quiet = replace(DESIRED, variables={"mail_hostname": "mx1.example.org"})
    assert look(quiet, with_facts(ptr="", validates="", outbound=""), NOW).warnings == ()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"uid": 1000}, "ansible_become"),
        ({"system": "ubuntu", "release": "noble"}, "ubuntu noble"),
        ({"release": "bullseye"}, "debian bullseye"),
        ({"init": "sh"}, "not systemd"),
    ],
)
def test_a_host_that_cannot_be_managed_is_named_as_such(facts: dict[str, object], says: str) -> None:
    assert says in supported(with_facts(**facts))
    assert supported(FINE) == ""
