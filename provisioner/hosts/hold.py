"""The lock that a person sets on a host for a while, with a reason. One exchange to set or to end it."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from provisioner.errors import InputError, NotTouched
from provisioner.hosts.wire import decode, line
from provisioner.resources.observed import Hold

if TYPE_CHECKING:
    from provisioner.hosts.session import Connection

SCRIPT = files("provisioner.hosts").joinpath("hold.sh").read_text(encoding="utf-8")
LONGEST = timedelta(days=31)
LONGEST_REASON = 300
"""Characters."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said to `set` or `release`."""

    done: str
    """`set`, `released`, `nothing` (there was no lock to end) or `refused` (it is somebody else's)."""
    before: Hold | None = None
    """The lock that was in force before."""
    busy: str = ""
    """Who has a transaction at work there now, and since when."""
    until: datetime | None = None
    """When a lock that was set is over, by the host's clock."""


def duration(text: str) -> timedelta:
    """`2h`, `30m`, `1d12h` as a time span. Raises InputError for what is none, or is more than 31 days."""
    words = re.findall(r"([0-9]{1,6})([smhdw])", text)
    if not words or "".join(number + unit for number, unit in words) != text:
        raise InputError(f"--for {text!r} is no time span", hint="For example --for 90m, 2h, 1d12h.")
    span = timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in words))
    if not timedelta() < span <= LONGEST:
        raise InputError(f"--for {text} is not between 1 s and {LONGEST.days} days")
    return span


def read_hold(record: str, now: float) -> Hold | None:
    """The lock that a host's file describes; None where there is none, or it is over at `now`.

    Raises ValueError, or OverflowError, for what we never write.
    """
    fields = dict(text.split(" ", 1) for text in record.splitlines() if " " in text)
    if not fields or int(fields["until"]) <= now:
        return None
    return Hold(
        until=datetime.fromtimestamp(int(fields["until"]), UTC),
        since=datetime.fromtimestamp(int(fields.get("since", "0")), UTC),
        who=decode(fields.get("who", "unknown"))[:LONGEST_REASON],
        reason=decode(fields.get("reason", ""))[:LONGEST_REASON],
    )


def sentence(hold: Hold) -> str:
    """`locked by Anna until 2026-11-24 14:02 UTC: kernel update`."""
    reason = f": {hold.reason}" if hold.reason else ""
    return f"locked by {hold.who.partition(' <')[0]} until {hold.until:%Y-%m-%d %H:%M} UTC{reason}"


def set_hold(connection: Connection, span: timedelta, who: str, reason: str, *, force: bool) -> Answer:
    """Lock the host for `span`; with `force` even in the place of somebody else's lock."""
    seconds = int(span.total_seconds())
    return _ask(connection, line("set", seconds, who, "yes" if force else "no", reason), seconds)


def release_hold(connection: Connection, who: str, *, force: bool) -> Answer:
    """End the lock; with `force` also somebody else's."""
    return _ask(connection, line("release", who, "yes" if force else "no"), 0)


def _ask(connection: Connection, question: str, seconds: int) -> Answer:
    result = connection.run(SCRIPT, question.encode(), argv0="provision-hold", limit_bytes=65536)
    try:
        lines = result.stdout.decode("ascii").split("\n")
        said = lines[lines.index("provision-hold 1") + 1 : lines.index("end")]
        fields = dict(text.split(" ", 1) for text in said if " " in text)
        now = float(fields["now"])
        before = b64decode(fields.get("was", ""), validate=True).decode("utf-8", "replace")
        until = datetime.fromtimestamp(now + seconds, UTC) if fields["done"] == "set" else None
        return Answer(fields["done"], read_hold(before, now), decode(fields.get("busy", "")), until)
    except (ValueError, KeyError, OverflowError, OSError) as error:
        raise NotTouched(
            "the host did not say whether it is locked",
            evidence=result.stderr.decode("utf-8", "replace").splitlines()[-5:],
            hint="A full disk or a read-only file system is a likely reason.",
        ) from error
