"""What `provision lock` and `unlock` say: a line per host."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.text import Text

from provisioner.errors import AnswerIsNo, ProvisionError
from provisioner.report import failure
from provisioner.report.errors import error_document
from provisioner.report.escape import escape
from provisioner.report.json_output import FORMAT, hold_document
from provisioner.report.layout import folded, moment

if TYPE_CHECKING:
    from provisioner.hosts.hold import Answer


def answer_lines(
    answers: Mapping[str, Answer | ProvisionError], width: int, name: failure.Name = str
) -> list[Text]:
    """What became of the lock of each host, in the inventory's order."""
    column = min(max(len(escape(host)) for host in answers), width // 2) + 3
    lines: list[Text] = []
    for host, answer in answers.items():
        said, style = _said(answer)
        first, *rest = folded(said.split(" "), width, column + 2, " ")
        lines.append(Text.assemble((escape(host).ljust(column), "bold"), (first, style)))
        lines += [Text(" " * (column + 2) + row, style) for row in rest]
        if isinstance(answer, ProvisionError):
            lines += failure.body(answer, width, name)
    return lines


def answers_document(
    command: str, answers: Mapping[str, Answer | ProvisionError], seconds: float
) -> dict[str, object]:
    """The same as one JSON document."""
    hosts = {host: _document(answer) for host, answer in answers.items()}
    return {"format": FORMAT, "command": command, "hosts": hosts, "seconds": round(seconds, 3)}


def code(answer: Answer | ProvisionError) -> int:
    """3 where the lock is somebody else's, as is what the host could not be asked."""
    if isinstance(answer, ProvisionError):
        return answer.exit_code
    return AnswerIsNo.exit_code if answer.done == "refused" else 0


def _said(answer: Answer | ProvisionError) -> tuple[str, str]:
    if isinstance(answer, ProvisionError):
        return f"✗ {failure.headline(answer)}", "red"
    now = datetime.now(UTC)
    owner = escape(answer.before.who.partition(" <")[0]) if answer.before else ""
    busy = f"; a transaction is at work now: {escape(answer.busy)}" if answer.busy else ""
    match answer.done:
        case "set" if answer.until:
            return f"✓ locked until {moment(answer.until, now)}{busy}", "green"
        case "released":
            return f"✓ unlocked; it was locked by {owner or 'somebody'}{busy}", "green"
        case "refused" if answer.before:
            until = moment(answer.before.until, now)
            reason = escape(answer.before.reason)
            return f"✗ locked by {owner} until {until}: {reason}. --force goes past it", "yellow"
    return "✓ not locked", ""


def _document(answer: Answer | ProvisionError) -> dict[str, object]:
    if isinstance(answer, ProvisionError):
        return {"done": "failed", "error": error_document(answer)}
    return {
        "done": answer.done,
        "error": None,
        "until": answer.until.isoformat() if answer.until else None,
        "before": hold_document(answer.before),
        "busy": answer.busy,
    }
