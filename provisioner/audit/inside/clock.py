"""The clock: whether something keeps it right, and whether it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

RIGHT = Check(
    "clock.right",
    Severity.HIGH,
    "The clock is right",
    "Signatures and certificates hold from a time to a time, and second factors for half a minute. A log with"
    " wrong times proves nothing.",
    "`timedatectl set-ntp true`, or `chronyc makestep`.",
    "RFC 6376 §3.5 (t=, x=), RFC 5280 §4.1.2.5, RFC 6238 §5.2",
)
KEPT = Check(
    "clock.kept",
    Severity.MEDIUM,
    "Something keeps the clock right",
    "A computer's clock runs off by seconds a day.",
    "`apt-get install systemd-timesyncd` and `timedatectl set-ntp true`; or chrony. Time servers need UDP"
    " port"
    " 123 outwards.",
    "RFC 8633 §3; systemd-timesyncd(8)",
)
CHECKS = (RIGHT, KEPT)

NOTABLE = 5.0
"""Seconds off that are worth a warning."""
WRONG = 60.0
"""Seconds off that break things."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Our own clock around the reading, in seconds since 1970."""

    sent: float
    received: float


def audit(inside: Inside, subject: str, exchange: Exchange | None = None) -> Iterator[Finding]:
    """Judge the clock, against ours where `exchange` says when the host was read. Subject: the host."""
    yield _right(inside, exchange).of(RIGHT, subject)
    yield _kept(inside).of(KEPT, subject)


def difference(at: int, exchange: Exchange) -> float:
    """Seconds that a clock is ahead of ours at least; negative: behind; 0 where it may be right.

    The host said whole seconds at some moment between our two.
    """
    if at > exchange.received:
        return at - exchange.received
    if at + 1 < exchange.sent:
        return at + 1 - exchange.sent
    return 0.0


def _right(inside: Inside, exchange: Exchange | None) -> Verdict:
    if exchange is None or not inside.at:
        return skipped("there was no clock to compare with")
    off = difference(inside.at, exchange)
    where = "ahead of" if off > 0 else "behind"
    if abs(off) > WRONG:
        return failed(f"the clock is {_span(abs(off))} {where} ours")
    if abs(off) > NOTABLE:
        return warned(f"the clock is {_span(abs(off))} {where} ours", severity=Severity.MEDIUM)
    return passed("the clock agrees with ours")


def _span(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _kept(inside: Inside) -> Verdict:
    container = inside.output("virtualization").strip()
    if container not in ("", "none"):
        return skipped(f"the host is a container ({container}): the machine beneath keeps the clock")
    said = dict(line.partition("=")[::2] for line in inside.output("time").splitlines() if "=" in line)
    if "NTPSynchronized" not in said:
        return untested("`timedatectl` does not say whether the clock is synchronised")
    if said["NTPSynchronized"] == "yes":
        return passed("the clock is synchronised")
    if said.get("NTP") == "yes":
        return failed("a time service is switched on, and has reached no time server", "NTPSynchronized=no")
    return failed("nothing keeps the clock right", "NTP=no", "NTPSynchronized=no")
