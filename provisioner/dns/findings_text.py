"""What `provision dns --check` says: what is wrong first, with both sides one above the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.dns.compare import OUTCOMES, Finding

_SIGNS = {"differs": "✗", "missing": "✗", "unanswered": "…", "published": "✓"}


def lines(findings: Sequence[Finding], asked: str) -> Iterator[str]:
    """Lines for a person; `asked` names the resolver. Published data in them is not escaped yet."""
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        head = f"{_SIGNS[finding.outcome]} {finding.outcome:<10} {finding.type:<5} {finding.name:<{width}}"
        if finding.outcome == "published":
            yield head + (f"   also there: {', '.join(finding.also)}" if finding.also else "")
            continue
        yield f"{head}   {finding.error}".rstrip()
        yield from (f"    published  {value}" for value in finding.found)
        yield from (f"    needed     {value}" for value in finding.wanted)
    counts = {outcome: sum(finding.outcome == outcome for finding in findings) for outcome in OUTCOMES}
    summary = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    yield f"{summary or 'No records are needed'}. Asked {asked}."


def document(findings: Sequence[Finding], asked: str) -> dict[str, object]:
    """The same as JSON: `{"format": 1, "command": "dns", "resolver", "records": […], "summary": {…}}`."""
    return {
        "format": 1,
        "command": "dns",
        "resolver": asked,
        "records": [
            {
                "name": finding.name,
                "type": finding.type,
                "outcome": finding.outcome,
                "wanted": list(finding.wanted),
                "found": list(finding.found),
                "also": list(finding.also),
                "error": finding.error,
            }
            for finding in findings
        ],
        "summary": {outcome: sum(finding.outcome == outcome for finding in findings) for outcome in OUTCOMES},
    }
