"""docs/audit-faults.md: each check, the fault that was seeded for it, what it came to. See audit_seeds.py."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from provisioner.audit import inside
from provisioner.audit.catalogue import CHECKS
from provisioner.audit.finding import Check
from tests.hosts import audit_fault_inventory as inventory
from tests.hosts import audit_fault_message as letter
from tests.hosts import audit_fault_web as web
from tests.hosts import audit_fault_zones as zones
from tests.hosts import audit_faulty_servers as servers
from tests.hosts import audit_flawed_servers as flawed
from tests.hosts.audit_seeds import DKIM_NAMED, RECORDS, Fault, Seed

PAGE = Path(__file__).parents[2] / "docs" / "audit-faults.md"
SEEDS: tuple[Seed, ...] = (
    *RECORDS, *DKIM_NAMED, *letter.SEEDS, *web.STS, web.LATE, zones.UNPROVEN, *servers.MAIL, *servers.PORTS,
    flawed.EXPN, *inventory.SEEDS,
)  # fmt: skip
RESOLVER = Fault("unbound without its validator", "warn")

_HEAD = """# Seeded faults

For each check of the audit from outside a fault was made, on real name servers and servers where they can be
made to have it. `tests/hosts/test_audit_faults.py` makes them all and fails where one is missed, where the
same domain has another fault in that area, or where what is sound is not passed. `tests/hosts/test_audit.py`
and `tests/hosts/test_audit_ports.py` assert that servers of ours raise no alarm, and the first that
they pass what the last column says. `scripts/audit-faults`
writes this page; do not edit it.

What no server of Debian does wrong any more is done by two programs of `tests/hosts`, which run on the lab's
host, listen on the port and speak with TLS: `flawed_server.py` is a mail server with one flaw, and
`tls_meddler.py` changes one thing in the handshakes of the server behind it.

| check | fault | made with | comes to | passes at |
| --- | --- | --- | --- | --- |
"""


def outside() -> tuple[Check, ...]:
    """The checks that are made from outside: those of no module of the package `inside`."""
    names = [one.name for one in pkgutil.iter_modules(inside.__path__, f"{inside.__name__}.")]
    modules = [importlib.import_module(name) for name in names]
    others = {check for module in modules for check in getattr(module, "CHECKS", ())}
    return tuple(check for check in CHECKS if check not in others)


def faults() -> dict[str, list[tuple[Fault, str, str]]]:
    """Check → its faults, each with what it was made with and where."""
    found: dict[str, list[tuple[Fault, str, str]]] = {}
    for seed in SEEDS:
        for identity, fault in seed.wrong.items():
            found.setdefault(identity, []).append((fault, seed.where, seed.domain))
    for child in zones.CHILDREN:
        for identity, fault in child.wrong.items():
            found.setdefault(identity, []).append((fault, "a zone of Knot", child.domain))
    found["dnssec.resolver"] = [(RESOLVER, "unbound", "sound.test")]
    return found


def passing() -> dict[str, str]:
    """Check → the domain of the lab at which it passes."""
    found = {identity: seed.domain for seed in SEEDS for identity in seed.sound}
    zone_checks = [identity for child in zones.CHILDREN for identity in child.wrong]
    found |= dict.fromkeys([*zone_checks, "dnssec.resolver"], "sound.test")
    return found | {"audit.complete": "given only where something is missing"}


def ours() -> set[str]:
    """Checks whose sound case is a server that we provisioned (`tests/hosts/test_audit.py`)."""
    return set(faults()) - set(passing())


def page() -> str:
    """The page."""
    seeded, sound = faults(), passing()
    rows = [
        f"| `{check.id}` | {fault.what} | {where} | {fault.outcome} |"
        f" {sound.get(check.id, 'a server of ours')} |\n"
        for check in outside()
        for fault, where, _ in _own(seeded.get(check.id, []))
    ]
    return _HEAD + "".join(rows)


def _own(found: list[tuple[Fault, str, str]]) -> list[tuple[Fault, str, str]]:
    """Those that were made for the check, not those that come with another's."""
    return [one for one in found if not one[0].what.startswith("the same")] or found
