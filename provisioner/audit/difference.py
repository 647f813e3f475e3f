"""What `audit diff` finds: plain values.

A finding is the same in two reports where its target, check id and subject are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from provisioner.audit.finding import Outcome, Severity

Key = tuple[str, str, str]
"""Target, check id, subject."""


class Turn(StrEnum):
    """What became of a finding, in the order of the report."""

    WORSE = "worse"
    """It passed or was less bad, and is worse now."""
    NEW = "new"
    """Something is wrong that the first report does not know of."""
    UNKNOWN = "unknown"
    """It was wrong, and could not be checked this time."""
    BETTER = "better"
    """It was wrong, and is less so or not at all."""
    GONE = "gone"
    """It was wrong, and its target or subject is not there any more."""


BAD = (Turn.WORSE, Turn.NEW)


@dataclass(frozen=True, slots=True)
class Told:
    """One finding as a report tells it."""

    severity: Severity
    outcome: Outcome
    summary: str

    @property
    def wrong(self) -> int:
        """0 where nothing is wrong, more the worse it is; a warning is half a step less than a failure."""
        if self.outcome not in (Outcome.FAIL, Outcome.WARN):
            return 0
        return 2 * (len(Severity) - self.severity.rank) - (self.outcome is Outcome.WARN)

    @property
    def known(self) -> bool:
        """Whether the check was answered."""
        return self.outcome in (Outcome.PASS, Outcome.FAIL, Outcome.WARN)


@dataclass(frozen=True, slots=True)
class Report:
    """What is compared of a report."""

    scores: Mapping[str, int | None]
    """By target, in the report's order."""
    findings: Mapping[Key, Told]


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding that is not what it was; `before` or `after` is None where there was none."""

    turn: Turn
    target: str
    id: str
    subject: str
    before: Told | None
    after: Told | None

    @property
    def told(self) -> Told:
        """What to show: how it is now, else how it was."""
        found = self.after or self.before
        assert found is not None, "a difference has at least one side"
        return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs, worst first."""

    before: Report
    after: Report
    differences: tuple[Difference, ...]

    @property
    def worse(self) -> bool:
        """Whether something got worse, or something new is wrong."""
        return any(difference.turn in BAD for difference in self.differences)
