"""Why a transaction did not stay: the error that a person reads, with evidence and the line that made it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from provisioner.errors import (
    AnswerIsNo,
    HostError,
    Interrupted,
    Location,
    Locked,
    NotBegun,
    NotPutBack,
    PutBack,
)
from provisioner.hosts.hold import sentence
from provisioner.hosts.together import ALL_OR_NONE, Company
from provisioner.hosts.transaction import Ended, Failure
from provisioner.inventory.model import Host, VariablePath
from provisioner.plan import Plan
from provisioner.resources.observed import Hold
from provisioner.verify.result import PortResult

VERBS = ("answer", "offer", "show", "does ", "greet", "takes ", "accept", "let", "relays ", "refuse")
"""How outcomes begin that go on from `port 25`; others stand after a colon."""


def locked(why: str) -> Locked:
    """Why a host is left alone, and what a person can do about it."""
    return Locked(why, hint="Ask them; provision unlock ends the lock, --ignore-lock goes past it.")


def called_off(ended: Ended, company: Company) -> AnswerIsNo | Interrupted | PutBack | None:
    """What to say of a transaction that did not fail: it was locked out, or others called it off."""
    failure = ended.failure or Failure("")
    if failure.kind == "locked" and ended.outcome == "untouched":
        who = " ".join(failure.words) or "somebody"
        return Locked(
            f"another transaction is at work: {who}",
            hint="Apply again once it is done; --lock-timeout SECONDS waits longer.",
        )
    if failure.kind == "held" and ended.outcome == "untouched" and len(failure.words) == 3:
        who, until, reason = failure.words
        # Eleven digits lead to the year 5138; a host may say anything.
        epoch = datetime.fromtimestamp(int(until[:11]) if until.isdecimal() else 0, UTC)
        return locked(sentence(Hold(epoch, epoch, who, reason)))
    if not ended.called_off or ended.outcome not in ("untouched", "undone"):
        return None
    who = company.together.who if company.together else ""
    person = company.stop.undo.is_set() or company.together is None
    person = person or (company.stop.no_more.is_set() and not who)  # not all could be begun any more
    other = who or "another host"
    if ended.outcome == "undone":
        return PutBack("interrupted before it was kept" if person else f"{ALL_OR_NONE}, and {other} failed")
    if person:
        return Interrupted("interrupted while it waited for another transaction")
    return NotBegun(f"{ALL_OR_NONE}, and {other} failed")


def failure_of(plan: Plan, ended: Ended, ports: tuple[PortResult, ...]) -> HostError:
    """The error for a transaction that ended as `undone`, `untouched`, `stuck` or `unknown`."""
    failure = ended.failure or Failure("lost")
    message, hint, evidence = _said(failure, ports, plan.cuts_off)
    source = _source(plan.host, (*evidence, *failure.log))
    note, where = "", None
    if source is not None:
        path, where = source
        note = ".".join(str(part) for part in path)
        hint = _nearest(plan, path, (*evidence, *failure.log)) or hint
    if any(change.action == "install" for change in plan.changes) and ended.outcome == "undone":
        installed = [c.resource.split(":", 1)[1] for c in plan.changes if c.action == "install"]
        evidence = (*evidence, f"Packages stay installed: {', '.join(installed)}")
    if ended.outcome in ("undone", "untouched"):
        return PutBack(message, where=where, note=note, hint=hint, evidence=evidence)
    if ended.outcome == "unknown":
        return NotPutBack(
            f"{message}; the host did not say how it ended",
            where=where,
            hint="It puts itself back when no word comes within two minutes. Run plan to see how it is.",
            evidence=evidence,
        )
    left = ", ".join(ended.left)
    return NotPutBack(
        f"{message}; not everything could be put back: {left}",
        where=where,
        note=note,
        hint="What was there before lies in /var/lib/provision/history on the host, under saved/.",
        evidence=evidence,
    )


def _said(
    failure: Failure, ports: tuple[PortResult, ...], cuts_off: bool
) -> tuple[str, str, tuple[str, ...]]:
    """Message, hint and evidence for one kind of failure."""
    words = " ".join(failure.words)
    bad = [result for result in ports if not result.ok]
    match failure.kind:
        case "refused" if bad:
            first = bad[0]
            others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
            colon = "" if first.outcome.startswith(VERBS) else ":"
            return f"port {first.port.number}{colon} {first.outcome}{others}", first.hint, first.evidence
        case "packages":
            return "apt-get could not install the packages", "", failure.output
        case "validate":
            return f"the new configuration does not pass its checker ({words})", "", failure.output
        case "service":
            unit, _, action = words.partition(" ")
            said = "does not stay up" if action == "stays" else f"did not {action}"
            return f"{unit} {said}", "", failure.log or failure.output
        case "prove":
            return f"the proof `{words}` failed on the host", "", failure.output
        case "command":
            return f"the command `{words}` failed", "", failure.output
        case "changed":
            return f"{words} changed after the plan was made", "Plan again.", ()
        case "unfinished":
            return "an earlier transaction did not end", "Run apply again: it puts that back first.", ()
        case "silence" if cuts_off:
            return (
                "this machine could not come in again after the change, so the host took it back",
                "Let SSH from here through (firewall, sshd, addresses), then apply again.",
                failure.output,
            )
        case "silence":
            return "no word came from this machine in time", "", ()
        case "write":
            return f"{words} could not be written", "", failure.output
        case "way":
            return (
                f"a directory above {words} is a link that does not belong to root, and was not followed",
                "Make it a directory, or give the link to root: chown -h root.",
                (),
            )
        case "stage":
            return f"{words} could not be staged below /var/lib/provision", "", failure.output
        case "save":
            return f"{words} could not be saved", "", failure.output
        case "account":
            return f"the account {words} could not be made", "", failure.output
    return "the transaction ended early", "", failure.output


def _source(host: Host, lines: tuple[str, ...]) -> tuple[VariablePath, Location] | None:
    """The inventory value that the host's own words point at."""
    from provisioner.roles.provenance import trace

    for line in lines:
        # An address in a conversation names a mailbox, not the setting that is wrong.
        if (found := trace(line, host)) is not None and found[0][0] != "mail_domains":
            return found
    return None


def _nearest(plan: Plan, path: VariablePath, lines: tuple[str, ...]) -> str:
    """`permit_mynetworks`, where a word of the value that failed is one slip from one that is known."""
    from provisioner.roles import nearest

    known = _words(plan.desired.roles)
    value: object = plan.host.variables
    for key in path:
        value = value[key] if isinstance(value, Mapping | list | tuple) else ""  # type: ignore[index]
    said = "\n".join(lines)
    for word in re.findall(r"[a-z][a-z0-9_]{3,60}", str(value)):
        if word not in known and word in said and (near := nearest(word, known)):
            return str(near)
    return ""


@cache
def _words(roles: tuple[str, ...]) -> frozenset[str]:
    """Values that the software of these roles knows: `names/words.txt` of each."""
    from provisioner.roles.folders import built_in_folder

    files = (built_in_folder("roles") / role / "names" / "words.txt" for role in roles)
    return frozenset(word for file in files if file.is_file() for word in file.read_text().split())
