"""Hosts as the reading script would tell them, made of the few outputs that a test is about."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.audit.finding import Finding
from provisioner.audit.inside.seen import File, Inside, Output

NOW = 1795651200
"""2026-11-26 00:00 UTC."""


def host(
    texts: dict[str, str] | None = None,
    *,
    absent: Iterable[str] = (),
    files: dict[str, str] | None = None,
    at: int = NOW,
) -> Inside:
    """A host: what commands printed, by name; `absent` are commands that it does not have."""
    outputs = {name: Output(0, text) for name, text in (texts or {}).items()}
    outputs |= {name: Output(127, "") for name in absent}
    contents = {path: text.encode() for path, text in (files or {}).items()}
    seen = {
        path: File(path, "file", 0o644, "root", "root", len(text), at, text)
        for path, text in contents.items()
    }
    return Inside(at, seen, outputs)


def outcomes(findings: Iterable[Finding]) -> dict[str, str]:
    """What each check came to."""
    return {finding.check.id.partition(".")[2]: finding.outcome.value for finding in findings}


def one(findings: Iterable[Finding], name: str) -> Finding:
    """The finding of one check, by the second word of its id."""
    (found,) = (finding for finding in findings if finding.check.id.partition(".")[2] == name)
    return found
