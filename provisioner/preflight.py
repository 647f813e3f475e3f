"""What is looked at before the first package goes onto a host that was never touched.

What would keep mail from working stops the apply, unless the person says otherwise; what may
harm it is a warning. Pure: everything here was in the probe's one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.hosts.probe import OTHER_MAIL_SERVERS, public_address
from provisioner.resources import Package
from provisioner.resources.observed import Observed
from provisioner.roles.model import RELEASES, Desired

CLOCK_SECONDS = 300
"""A clock further off than this breaks TLS, DKIM's time stamps and one-time passwords."""
DISK_KIB = 1024 * 1024
MEMORY_KIB = 400 * 1024
RSPAMD_MEMORY_KIB = 900 * 1024


@dataclass(frozen=True, slots=True)
class Preflight:
    """`stops` keep the apply from starting; `warnings` are only said."""

    stops: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def supported(seen: Observed) -> str:
    """Why this host cannot be managed at all; empty where it can."""
    facts = seen.facts
    if facts.uid != 0:
        return "the login is not root and does not become root: set ansible_become: true"
    if facts.system != "debian" or facts.release not in RELEASES:
        found = f"{facts.system or 'no Debian'} {facts.release or facts.debian}".strip()
        return f"it runs {found}; roles are written for Debian 12 (bookworm) and 13 (trixie)"
    if facts.init != "systemd":
        return f"its first process is {facts.init or 'unknown'}, not systemd"
    return ""


def look(desired: Desired, seen: Observed, now: float) -> Preflight:
    """Judge a host that no transaction of ours has touched. `now` is this machine's clock."""
    stops: list[str] = []
    warnings: list[str] = []
    brings = {r.name for r in desired.resources if isinstance(r, Package)}
    if others := [name for name in OTHER_MAIL_SERVERS if name in seen.packages]:
        stops.append(
            f"another mail server is installed: {', '.join(others)} (apt-get purge it, or use another host)"
        )
    if not brings & seen.packages.keys():
        stops += _ports_taken(desired, seen)
    facts = seen.facts
    if facts.disk_kib and facts.disk_kib < DISK_KIB:
        stops.append(f"/var has {facts.disk_kib // 1024} MiB free; packages and a first mailbox need 1 GiB")
    if facts.memory_kib:
        need = RSPAMD_MEMORY_KIB if "rspamd" in brings else MEMORY_KIB
        if facts.memory_kib < need:
            warnings.append(
                f"{facts.memory_kib // 1024} MiB of memory available; {need // 1024} MiB are wise"
            )
    if facts.now and abs(facts.now - now) > CLOCK_SECONDS:
        minutes = (facts.now - now) / 60
        stops.append(f"its clock is {abs(minutes):.0f} minutes {'ahead' if minutes > 0 else 'behind'}")
    _look_outside(desired, seen, brings, stops, warnings)
    if desired.ports and "." not in str(desired.variables.get("mail_hostname", "a.b")):
        warnings.append("its mail_hostname has no domain: other servers refuse such a HELO name")
    return Preflight(tuple(stops), tuple(warnings))


def _look_outside(
    desired: Desired, seen: Observed, brings: set[str], stops: list[str], warnings: list[str]
) -> None:
    """What the world must agree to before mail gets out: port 25, the PTR record, the resolver."""
    facts = seen.facts
    if facts.outbound == "closed":
        stops.append(
            f"port 25 of {desired.variables.get('mail_outbound_test')} can't be reached from it: no mail "
            "would leave (ask the provider to open port 25, or send through a relay)"
        )
    address, name = public_address(desired), str(desired.variables.get("mail_hostname", ""))
    if address and name and not facts.ptr:
        warnings.append(
            f"{address} has no PTR record: most receivers refuse mail from it; it must say {name}"
        )
    elif address and name and facts.ptr != name:
        warnings.append(
            f"the PTR record of {address} says {facts.ptr}, not {name}: receivers may refuse its mail"
        )
    if facts.validates == "no" and "postfix" in brings:
        warnings.append("its resolver does not validate DNSSEC: DANE can't protect the mail it sends")


def _ports_taken(desired: Desired, seen: Observed) -> list[str]:
    """Ports that a role will open and something else holds. Loopback-only listeners count too."""
    taken = {port for _, port in seen.listening}
    ours = sorted({port.number for port in desired.ports if port.protocol != "ssh"} & taken)
    return [f"port {number} is taken by something else on the host" for number in ours]
