"""What was measured, as a table for people or a document for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One thing measured: a value for each tool that was tried, and what was to be reached."""

    name: str
    values: Mapping[str, float]
    goals: Mapping[str, float]
    """How many times a peer's value ours may be."""
    unit: str
    limit: float | None = None
    """What our value may be at most, where that is the goal."""

    def ratios(self) -> dict[str, float]:
        """Our value by each peer's; empty where ours is missing."""
        ours = self.values.get("provision")
        return {} if ours is None else {n: ours / v for n, v in self.values.items() if n != "provision" and v}

    def met(self) -> bool:
        """Whether every goal was reached; a value that is missing reaches none."""
        ours, ratios = self.values.get("provision"), self.ratios()
        within = ours is not None and (self.limit is None or ours <= self.limit)
        return within and all(peer in ratios and ratios[peer] <= goal for peer, goal in self.goals.items())


def table(about: Mapping[str, object], measures: Sequence[Measure]) -> str:
    """A line for each measure and one for each peer of it."""
    lines = [", ".join(f"{name} {value}" for name, value in about.items()), ""]
    for measure in measures:
        ours = measure.values.get("provision")
        value = "failed" if ours is None else _number(ours, measure.unit)
        goal = f"at most {_number(measure.limit, measure.unit)}" if measure.limit is not None else ""
        sign = "✓" if measure.met() else "✗"
        lines.append(f"{sign} {measure.name:<28}{value:>10}   {goal}".rstrip())
        for peer, ratio in measure.ratios().items():
            wanted = f"goal {_fraction(measure.goals[peer])}" if peer in measure.goals else ""
            text = f"    {peer:<26}{_number(measure.values[peer], measure.unit):>10}"
            lines.append(f"{text}   we take {_fraction(ratio):<8} {wanted}".rstrip())
    return "\n".join(lines)


def document(about: Mapping[str, object], measures: Sequence[Measure]) -> dict[str, object]:
    """The same, for programs."""
    return {
        "format": 1,
        **about,
        "measures": [
            {
                "name": m.name,
                "unit": m.unit,
                "values": {name: round(value, 4) for name, value in m.values.items()},
                "ratios": {name: round(value, 4) for name, value in m.ratios().items()},
                "goals": dict(m.goals),
                "limit": m.limit,
                "met": m.met(),
            }
            for m in measures
        ],
    }


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def _fraction(ratio: float) -> str:
    """Below one as a share (`1/23`), else as a multiple."""
    return f"1/{1 / ratio:.0f}" if 0 < ratio < 0.67 else f"{ratio:.2f} ×"
