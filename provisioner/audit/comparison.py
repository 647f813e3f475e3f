"""Two reports of an audit compared: what got better, what got worse, what is new, what is gone.

Reports are the JSON documents that `--format json` writes; evidence and wording may differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from provisioner.audit.difference import Comparison, Difference, Key, Report, Told, Turn
from provisioner.audit.finding import Outcome, Severity
from provisioner.errors import InputError

LARGEST = 64 * 1024 * 1024
"""Bytes of a report: some thousand targets."""


def read_report(path: Path) -> Report:
    """The report in a file. Raises `InputError` where it is not one of ours."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path} is larger than any report")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise _no_report(path, f"it is not JSON ({str(error)[:100]})") from None
    try:
        return parse_report(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_report(path, f"{type(error).__name__}: {str(error)[:100]}") from None


def _no_report(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} is no report of an audit: {why}",
        hint="provision audit TARGET --format json --output FILE writes one.",
    )


def parse_report(document: Mapping[str, object]) -> Report:
    """The report in a JSON document; KeyError, TypeError, AttributeError or ValueError where it is none."""
    if document["format"] != 1 or document.get("command") != "audit":
        raise ValueError("`format` is not 1, or `command` is not audit")
    targets = cast("Mapping[str, Mapping[str, object]]", document["targets"])
    scores = {name: _score(target["score"]) for name, target in targets.items()}
    findings: dict[Key, Told] = {}
    for name, target in targets.items():
        for told in cast("Iterable[Mapping[str, object]]", target["findings"]):
            key = (name, str(told["id"]), str(told.get("subject", "")))
            found = Told(
                Severity(str(told["severity"])), Outcome(str(told["outcome"])), str(told.get("summary", ""))
            )
            # Several of one key: the worst stands for all.
            if key not in findings or found.wrong > findings[key].wrong:
                findings[key] = found
    return Report(scores, findings)


def _score(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError("a score is a number or null")
    return value


def compared(before: Report, after: Report) -> Comparison:
    """What differs, by what became of it and then worst first."""
    turns = list(Turn)
    found = sorted(
        _differences(before, after),
        key=lambda one: (turns.index(one.turn), -one.told.wrong, one.target, one.subject),
    )
    return Comparison(before, after, tuple(found))


def _differences(before: Report, after: Report) -> Iterator[Difference]:
    for key in dict.fromkeys((*before.findings, *after.findings)):
        old, new = before.findings.get(key), after.findings.get(key)
        turn = _turn(old, new)
        if turn is not None:
            yield Difference(turn, *key, old, new)


def _turn(old: Told | None, new: Told | None) -> Turn | None:
    if new is None:
        return Turn.GONE if old is not None and old.wrong else None
    if old is None or not old.known:
        return Turn.NEW if new.wrong else None
    if not new.known:
        return Turn.UNKNOWN if old.wrong else None
    if new.wrong == old.wrong:
        return None
    return Turn.WORSE if new.wrong > old.wrong else Turn.BETTER
