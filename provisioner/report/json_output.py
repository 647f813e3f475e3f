"""Plan and apply as one JSON document: the public contract, so fields are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioner.errors import Defect, NotPutBack, NotTouched, ProvisionError, PutBack
from provisioner.report.errors import error_document
from provisioner.resources.change import Change

if TYPE_CHECKING:
    from provisioner.apply import HostOutcome
    from provisioner.plan import Plan
    from provisioner.resources.observed import Hold, LastApplied

FORMAT = 1
STATUSES = ("unchanged", "changed", "failed", "rolled-back", "unreachable", "skipped")


def document(command: str, hosts: Mapping[str, Mapping[str, object]], seconds: float) -> dict[str, object]:
    """The whole document of a run of `command`; `hosts` in the inventory's order."""
    summary = {status: sum(host["status"] == status for host in hosts.values()) for status in STATUSES}
    return {
        "format": FORMAT,
        "command": command,
        "hosts": dict(hosts),
        "summary": summary,
        "seconds": round(seconds, 3),
    }


def planned_host(result: Plan | ProvisionError, seconds: float, round_trips: int) -> dict[str, object]:
    """One host of a plan; `changed` is what apply would make of it."""
    if isinstance(result, ProvisionError):
        return _host(status_of(result), (), result, seconds, round_trips)
    host = _host("changed" if result.changes else "unchanged", result.changes, None, seconds, round_trips)
    return {
        **host,
        "release": result.release,
        "warnings": list(result.warnings),
        "last": _last(result.last),
        "lock": hold_document(result.observed.hold),
    }


def hold_document(hold: Hold | None) -> dict[str, object] | None:
    """The lock that a person has set on the host; None where there is none."""
    if hold is None:
        return None
    times = {"since": hold.since.isoformat(), "until": hold.until.isoformat()}
    return {"who": hold.who, "reason": hold.reason, **times}


def _last(last: LastApplied | None) -> dict[str, object] | None:
    """What was applied last; None on a host that was never touched."""
    if last is None:
        return None
    return {
        "id": last.id,
        "when": last.when.isoformat(),
        "who": last.who,
        "commit": last.commit,
        "clean": last.clean,
    }


def applied_host(outcome: HostOutcome, warnings: Sequence[str] = ()) -> dict[str, object]:
    """One host after an apply; `warnings` are its plan's."""
    host = _host(outcome.status, outcome.changes, outcome.error, outcome.seconds, outcome.round_trips)
    if outcome.ports:
        host["ports"] = [
            {
                "port": result.port.number,
                "protocol": result.port.protocol,
                "ok": result.ok,
                "kind": result.kind,
                "message": result.outcome,
            }
            for result in outcome.ports
        ]
    if outcome.service_ms:
        host["service_ms"] = dict(outcome.service_ms)
    for name, lines in (
        ("warnings", warnings),
        ("undone", outcome.undone),
        ("left", outcome.left),
        ("log", outcome.log),
    ):
        if lines:
            host[name] = list(lines)
    return host


def status_of(error: ProvisionError) -> str:
    """The status of a host that ended with `error`."""
    if isinstance(error, PutBack):
        return "rolled-back"
    if isinstance(error, NotTouched):
        return "unreachable"
    return "failed" if isinstance(error, NotPutBack | Defect) else "skipped"


def _host(
    status: str, changes: Iterable[Change], error: ProvisionError | None, seconds: float, round_trips: int
) -> dict[str, object]:
    return {
        "status": status,
        "changes": [_change(change) for change in changes],
        "error": None if error is None else error_document(error),
        "seconds": round(seconds, 3),
        "round_trips": round_trips,
    }


def _change(change: Change) -> dict[str, object]:
    document: dict[str, object] = {
        "resource": change.resource,
        "action": change.action,
        "role": change.role,
        "diff": change.diff,
        "sensitive": change.sensitive,
    }
    if change.why:
        document["why"] = change.why
    if change.holds:
        document["holds_seconds"] = change.holds
    if edited := change.edited:
        document["edited"] = {
            "when": f"{datetime.fromtimestamp(edited.when, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "by": edited.by,
            "diff": edited.theirs,
            "merged": edited.merged,
            "mergeable": edited.mergeable,
            "conflicts": edited.conflicts,
            "inventory": list(edited.inventory),
        }
    return document
