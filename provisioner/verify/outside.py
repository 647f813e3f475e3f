"""Every deployed port from outside, over IPv4 and IPv6, as checks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from provisioner.mail.certificate import Certificate
from provisioner.roles.model import Port
from provisioner.verify.addresses import Reach
from provisioner.verify.expectations import Expectations
from provisioner.verify.ports import Forwarder, prove_ports
from provisioner.verify.result import Check, PortResult

ENDS_SOON_DAYS = 7
"""ACME clients renew 30 days before the end: a week before it, something is wrong."""
OFTEN_BLOCKED = 25
"""The port that access networks close to their customers, so that it says nothing of the host."""
BLOCKED_HINT = (
    "A firewall on the host or on the way drops it. If this machine's own network does: verify elsewhere."
)


def reach_ports(
    ports: Sequence[Port], expect: Expectations, ways: Sequence[Reach], forwarder: Forwarder, seconds: float
) -> tuple[PortResult, ...]:
    """Hold a conversation with every port, over every way at the same time; in the order of ways."""

    def reach(way: Reach) -> list[PortResult]:
        results = prove_ports(
            ports, expect, address=way.address, outward=way.outward, forwarder=forwarder, seconds=seconds
        )
        return judge_ways(results)

    if not ways:
        return ()
    with ThreadPoolExecutor(len(ways), thread_name_prefix="way") as pool:
        return tuple(result for results in pool.map(reach, ways) for result in results)


def judge_ways(results: Sequence[PortResult]) -> list[PortResult]:
    """Not reached directly though its neighbours are: that port is blocked, whatever the host itself sees.

    Where no port is reached directly (the host is behind a jump host), what the host sees has to do.
    """
    direct = any(r.ok and not r.forwarded for r in results)
    return [
        replace(
            r, ok=False, kind="blocked", outcome="answers on the host, but can't be reached from here",
            hint=BLOCKED_HINT,
        )
        if direct and r.ok and r.forwarded and r.port.number != OFTEN_BLOCKED
        else r
        for r in results
    ]  # fmt: skip


def port_checks(results: Sequence[PortResult]) -> list[Check]:
    """Each result as a check: `postfix.port_25`, `postfix.port_25_ipv6`; and one for the certificate."""
    checks = [_port_check(result) for result in results]
    certificates = {r.certificate.fingerprint: r.certificate for r in results if r.certificate}
    if certificates:
        checks.append(_certificate_check(list(certificates.values()), datetime.now(UTC)))
    return checks


def _port_check(result: PortResult) -> Check:
    port = result.port
    suffix = "_ipv6" if ":" in result.address else ""
    said = result.outcome
    if result.forwarded and result.ok:
        said = f"{said} (from the host itself)".strip()
    message = said if result.ok else f"{port.number} {port.protocol} at {result.address} {said}"
    return Check(
        id=f"{port.role}.port_{port.number}{suffix}",
        role=port.role,
        outcome="pass" if result.ok else "fail",
        message=message,
        evidence=result.evidence,
        hint=result.hint,
        seconds=result.milliseconds / 1000,
    )


def _certificate_check(certificates: Sequence[Certificate], now: datetime) -> Check:
    first = min(certificates, key=lambda certificate: certificate.not_after)
    days = first.days_left(now)
    message = f"{first.subject}, {first.issuer}, {days} days left"
    if days < ENDS_SOON_DAYS:
        return Check(
            "tls.certificate", "tls", "fail", f"the certificate ends soon: {message}",
            hint="It should have been renewed by now: look at the log of what renews it.",
        )  # fmt: skip
    return Check("tls.certificate", "tls", "pass", message)
