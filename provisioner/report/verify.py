"""What `verify` says: each host's ports and roles, what failed with its evidence, a summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.text import Text

from provisioner.report import failure
from provisioner.report.errors import error_document
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded, seconds, two_ends
from provisioner.verify.result import Check, HostReport, PortResult

GRAVEST = (
    "open-relay", "mail-without-login", "login-without-tls", "certificate-date", "certificate-name",
    "certificate-trust",
)  # fmt: skip
"""Kinds of a port's failure that come first: others could misuse them now, or no client connects."""
EVIDENCE_LINES = 8
LINE_CHARACTERS = 300
INDENT = 2


def report_lines(reports: Sequence[HostReport], width: int, name: failure.Name = str) -> list[Text]:
    """Every host in the inventory's order; below each its ports, its roles, and its failures, worst first."""
    column = min(max((len(escape(report.host)) for report in reports), default=0), width // 2) + 3
    return [line for report in reports for line in _host(report, column, width, name)]


def totals(reports: Sequence[HostReport], elapsed: float) -> Text:
    """`43 checks passed on 1 host in 1.9 s.`"""
    checks = [check for report in reports for check in report.checks]
    by_outcome = {o: sum(c.outcome == o for c in checks) for o in ("pass", "fail", "skipped")}
    failed, skipped = by_outcome["fail"], by_outcome["skipped"]
    reached = sum(report.error is None for report in reports)
    said = f"{counted(by_outcome['pass'], 'check')} passed"
    said += f", {failed} failed" if failed else ""
    said += f", {skipped} skipped" if skipped else ""
    said += f" on {counted(reached, 'host')}"
    away = len(reports) - reached
    said += f"; {counted(away, 'host')} could not be verified" if away else ""
    return Text(f"{said} in {seconds(elapsed)}.", "bold red" if failed or away else "")


def report_document(reports: Iterable[HostReport], elapsed: float) -> dict[str, object]:
    """The whole as the contract's JSON."""
    hosts = {report.host: host_document(report) for report in reports}
    return {"format": 1, "command": "verify", "hosts": hosts, "seconds": round(elapsed, 3)}


def host_document(report: HostReport) -> dict[str, object]:
    """One host's part of the JSON."""
    return {
        "checks": [
            {"id": c.id, "role": c.role, "outcome": c.outcome, "message": _whole_message(c)}
            for c in report.checks
        ],
        "ports": [_port_document(result) for result in report.ports],
        "error": None if report.error is None else error_document(report.error),
        "seconds": round(report.seconds, 3),
    }


def _whole_message(check: Check) -> str:
    """A failure's message goes on with what the server said."""
    evidence = check.evidence if check.outcome == "fail" else ()
    return "\n".join((check.message, *evidence))


def _port_document(result: PortResult) -> dict[str, object]:
    return {
        "port": result.port.number,
        "protocol": result.port.protocol,
        "address": result.address,
        "ok": result.ok,
        "kind": result.kind,
        "tls": result.tls_version,
        "mechanisms_before_tls": list(result.mechanisms_before),
        "mechanisms": list(result.mechanisms_after),
        "seconds": round(result.milliseconds / 1000, 3),
    }


def _host(report: HostReport, column: int, width: int, name: failure.Name) -> list[Text]:
    host = escape(report.host).ljust(column)
    if report.error is not None:
        head = Text.assemble(
            (host, "bold"), ("✗ not verified: " + failure.first_line(report.error.message), "red")
        )
        return [head, *failure.body(report.error, width, name)]
    lines = [Text.assemble((host, "bold"), _certificate(report))]
    lines += _ports(report.ports, width)
    lines += _roles(report.checks, width)
    names = {_check_name(result): result for result in report.ports}
    for result, numbers in _alike([names[c.id] for c in report.failed if c.id in names]):
        said = f"{numbers}: {result.outcome}"
        lines += _failure(said, f"{result.port.role}.{result.kind}", result.evidence, result.hint, width)
    for check in report.failed:
        if check.id not in names:
            lines += _failure(check.message, check.id, check.evidence, check.hint, width)
    return lines


def _certificate(report: HostReport) -> str:
    found = next((result.certificate for result in report.ports if result.certificate), None)
    if found is None:
        return ""
    days = found.days_left(datetime.now(UTC))
    issuer = "self-signed" if found.self_signed else escape(found.issuer)
    return f"certificate {escape(found.subject)}, {issuer}, {counted(days, 'day')} left"


def _ports(results: Sequence[PortResult], width: int) -> list[Text]:
    """A line for each port; IPv4 and IPv6 together where they came to the same."""
    together: dict[int, list[PortResult]] = {}
    for result in results:
        together.setdefault(result.port.number, []).append(result)
    lines = [line for _, several in sorted(together.items()) for line in _port(several, width)]
    both = len({_family(result) for result in results}) > 1
    return [*lines, Text("       all of it over IPv4 and IPv6", "dim")] if both else lines


def _family(result: PortResult) -> str:
    return "IPv6" if ":" in result.address else "IPv4"


def _port(several: Sequence[PortResult], width: int) -> list[Text]:
    first = next((result for result in several if not result.ok), several[0])
    words = _outcome(first) if first.ok else ""  # what failed is said below, with its evidence
    if any(result.ok != first.ok for result in several):
        words = f"over {_family(first)}"
    sign, style = ("✓", "green") if first.ok else ("✗", "red")
    left = f"{first.port.number:>5}  {first.port.protocol:<12} {_tls(first):<13} {_login(first):<17}"
    outcome = Text.assemble((sign, style), f" {words}".rstrip())
    if len(left) + 1 + outcome.cell_len <= width:
        return [Text.assemble(left, " ", outcome)]
    return [Text.assemble(left, " ", (sign, style)), *(_folded(words, width, 7) if words else [])]


def _tls(result: PortResult) -> str:
    version = result.tls_version.removeprefix("TLSv")
    if not version:
        return "no TLS" if result.ok else ""
    return f"{'STARTTLS' if result.port.tls == 'starttls' else 'TLS'} {version}"


def _login(result: PortResult) -> str:
    if result.mechanisms_after:
        return escape(" ".join(m for m in result.mechanisms_after if m != "USER"))
    return "no login offered" if result.ok and result.port.protocol == "smtp" else ""


def _outcome(result: PortResult) -> str:
    said = escape(result.outcome)
    return f"{said} (seen from the host)".strip() if result.forwarded else said


def _roles(checks: Sequence[Check], width: int) -> list[Text]:
    """`postfix 14 ✓   dovecot 10 ✓ 1 ✗`, in the order of the roles; a port is counted with its role."""
    counts: dict[str, dict[str, int]] = {}
    for check in checks:
        outcomes = counts.setdefault(check.role or "checks", {"pass": 0, "fail": 0, "skipped": 0})
        outcomes[check.outcome] += 1
    signs = {"pass": "✓", "fail": "✗", "skipped": "skipped"}
    words = [
        " ".join((escape(role), *(f"{number} {signs[o]}" for o, number in outcomes.items() if number)))
        for role, outcomes in counts.items()
    ]
    lines: list[str] = []
    for word in words:
        if lines and INDENT + len(lines[-1]) + 3 + len(word) <= width:
            lines[-1] += f"   {word}"
        else:
            lines.append(word)
    return [Text(" " * INDENT + line) for line in lines]


def _check_name(result: PortResult) -> str:
    return f"{result.port.role}.port_{result.port.number}{'_ipv6' if ':' in result.address else ''}"


def _alike(failed: Iterable[PortResult]) -> list[tuple[PortResult, str]]:
    """Failures that differ only in their port are one, with all its ports; the gravest first."""
    groups: dict[tuple[object, ...], list[PortResult]] = {}
    for result in sorted(failed, key=lambda result: result.port.number):
        key = (result.kind, result.outcome, result.evidence, result.hint)
        groups.setdefault(key, []).append(result)
    ranks = {kind: rank for rank, kind in enumerate(GRAVEST)}
    worst_first = sorted(groups.values(), key=lambda group: ranks.get(group[0].kind, len(GRAVEST)))
    return [(group[0], _port_numbers(group)) for group in worst_first]


def _port_numbers(group: Iterable[PortResult]) -> str:
    """`143, 993 over IPv6`: a family is named where only one failed."""
    families: dict[int, set[str]] = {}
    for result in group:
        families.setdefault(result.port.number, set()).add(_family(result))
    return ", ".join(
        f"{number} over {next(iter(failed))}" if len(failed) == 1 else str(number)
        for number, failed in families.items()
    )


def _failure(said: str, check_id: str, evidence: Sequence[str], hint: str, width: int) -> list[Text]:
    """What failed, its id at the right, the evidence below, then what to do."""
    *before, last = folded(escape(said).split(" "), width, 4, " ") or [""]
    rows = [Text(f"    {line}") for line in before]
    rows += two_ends(Text(f"    {last}"), Text(escape(check_id), "dim"), width)
    rows[0] = Text.assemble(("  ✗ ", "red"), rows[0][4:])
    rows += [Text(f"      {escape(_cut(line))}") for line in evidence[:EVIDENCE_LINES]]
    return rows + (_folded(hint, width, 4) if hint else [])


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"


def _folded(text: str, width: int, indent: int) -> list[Text]:
    return [Text(" " * indent + line, "dim") for line in folded(escape(text).split(" "), width, indent, " ")]


def detail_lines(reports: Iterable[HostReport]) -> list[Text]:
    """Every conversation, `< ` what the server said, `> ` what we said; and why checks were skipped."""
    lines: list[Text] = []
    for report in reports:
        for result in report.ports:
            head = f"{escape(report.host)}:{result.port.number} at {escape(result.address)}"
            lines.append(Text(head, "bold"))
            lines += [Text(f"  {escape(line)}", "dim") for line in result.transcript]
        skipped = [check for check in report.checks if check.outcome == "skipped"]
        lines += [
            Text(f"{escape(report.host)}: {escape(check.id)} skipped: {escape(check.message)}", "dim")
            for check in skipped
        ]
    return lines
