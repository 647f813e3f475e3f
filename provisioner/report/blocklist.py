"""What `provision blocklist` says: each target's listings worst first, what they mean, how to get off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from textwrap import wrap

from rich.text import Text

from provisioner.blocklists.result import Answer, BlockList, Ended, Impact, Target, Verdict
from provisioner.report.escape import escape
from provisioner.report.layout import counted, folded, names, seconds

SIGNS = {
    Verdict.LISTED: ("✗ listed", "bold red"),
    Verdict.NOTED: ("· noted", "yellow"),
    Verdict.TRUSTED: ("✓ trusted", "green"),
}
OLD = 365
"""Days after which what we know of a list should be looked up again."""
LABEL = 6
COLUMN = 14
_ORDER = (list(Verdict), list(Impact))


def report_lines(
    targets: Sequence[Target], advice: Sequence[str], width: int, *, every: bool = False
) -> list[Text]:
    """All targets in the user's order, then once what to do about any listing.

    `every` names each list that has nothing, and each that could not be asked, one a line.
    """
    lines = [line for target in targets for line in (*_target(target, width, every), Text())]
    if any(target.listed for target in targets):
        lines += [Text("Before you ask to be removed:"), *_steps(advice, width, 2), Text()]
    return lines


def totals(targets: Sequence[Target], resolver: str, elapsed: float) -> Text:
    """`1 of 2 targets is listed. Asked 192.0.2.53 in 1.2 s.`"""
    listed = sum(target.listed for target in targets)
    unknown = sum(not target.known and not target.listed for target in targets)
    of = counted(len(targets), "target")
    said = [f"{listed} of {of} {'is' if listed == 1 else 'are'} listed"] if listed else []
    said += [f"{unknown} of {of} could not be asked about"] if unknown else []
    text = "; ".join(said) or "Nothing is listed"
    style = "bold red" if listed else "yellow" if unknown else ""
    return Text(f"{text}. Asked {resolver} in {seconds(elapsed)}.", style)


def _target(target: Target, width: int, every: bool) -> Iterator[Text]:
    yield _head(target)
    belonging = [f"{address} ({escape(host)})" for address, host in target.addresses if host]
    belonging += [escape(name) for name in target.names if name != target.name]
    for number, line in enumerate(folded(belonging, width, 2 + LABEL)):
        yield Text(f"  {'with' if number == 0 else '':<{LABEL}}{line}")
    for note in target.notes:
        yield from _labelled("note", escape(note), width)
    for same in _grouped([answer for answer in target.answers if answer.verdict in SIGNS]):
        yield from _answer(same, width)
    yield from _unknown(target.answers, width, every)
    yield from _clean([one for one in target.answers if one.verdict is Verdict.NOT_LISTED], width, every)


def _head(target: Target) -> Text:
    blocking = [answer for answer in target.answers if not answer.list.white]
    asked = {answer.list.name for answer in blocking if answer.verdict is not Verdict.UNKNOWN}
    on = {answer.list.name for answer in blocking if answer.verdict is Verdict.LISTED}
    if on:
        said, style = f"✗ listed on {len(on)} of {counted(len(asked), 'list')}", "bold red"
    elif asked:
        said, style = f"✓ on none of {counted(len(asked), 'list')}", "green"
    else:
        said, style = "… no list could be asked", "yellow"
    return Text.assemble((escape(target.name), "bold"), "   ", (said, style))


def _grouped(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Answers that say the same of several subjects, together; worst first."""
    groups: dict[tuple[object, ...], list[Answer]] = {}
    for answer in answers:
        key = (answer.list.name, answer.verdict, answer.meanings)
        groups.setdefault(key, []).append(answer)
    return sorted(groups.values(), key=lambda same: _weight(same[0]))


def _weight(answer: Answer) -> tuple[int, int]:
    verdicts, impacts = _ORDER
    return verdicts.index(answer.verdict), impacts.index(answer.list.impact)


def _answer(same: Sequence[Answer], width: int) -> Iterator[Text]:
    answer = same[0]
    sign, style = SIGNS[answer.verdict]
    yield Text.assemble(
        "  ", (f"{sign:<11}", style), f"{answer.list.title}   {names([a.subject for a in same])}"
    )
    for meaning in answer.meanings:
        yield from _labelled(meaning.code, meaning.means, width, 4, COLUMN)
    if answer.verdict is Verdict.TRUSTED:
        return
    for reason in dict.fromkeys(escape(one.reason) for one in same if one.reason):
        yield from _labelled("said", reason, width, 4, COLUMN)
    yield from _labelled("page", answer.list.page, width, 4, COLUMN)
    for number, step in enumerate(answer.steps):
        yield from _labelled("get off" if number == 0 else "", step, width, 4, COLUMN)


def _unknown(answers: Sequence[Answer], width: int, every: bool) -> Iterator[Text]:
    """Those that could not be asked, one line for each list and reason."""
    reasons: dict[str, dict[str, None]] = {}
    answering = {answer.list.name for answer in answers if answer.verdict is not Verdict.UNKNOWN}
    for answer in answers:
        if answer.verdict is Verdict.UNKNOWN:
            about = f" ({escape(answer.subject)})" if answer.list.name in answering else ""
            reasons.setdefault(escape(answer.detail), {})[answer.list.title + about] = None
    for detail, titles in reasons.items():
        said = ", ".join(titles) if every or len(titles) < 5 else counted(len(titles), "list")
        yield from _labelled("… unknown", f"{said}: {detail}", width, 2, 11)


def _clean(answers: Sequence[Answer], width: int, every: bool) -> Iterator[Text]:
    titles = list(dict.fromkeys(answer.list.title for answer in answers if not answer.list.white))
    if titles and every:
        lines = folded(titles, width, 15)
        yield Text.assemble("  ", ("✓ not on   ", "green"), "  ", lines[0])
        yield from (Text(f"{'':15}{line}") for line in lines[1:])
    elif titles:
        yield Text.assemble("  ", ("✓ not on   ", "green"), counted(len(titles), "list"), " (-v names them)")


def _labelled(label: str, text: str, width: int, indent: int = 2, column: int = LABEL) -> Iterator[Text]:
    lines = wrap(text, max(width - indent - column, 20), break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield Text(f"{'':{indent}}{label if number == 0 else '':<{column}}{line}")


def _steps(steps: Sequence[str], width: int, indent: int) -> Iterator[Text]:
    for number, step in enumerate(steps, 1):
        yield from _labelled(f"{number}.", step, width, indent, 3)


def list_lines(lists: Sequence[BlockList], ended: Sequence[Ended], today: date, width: int) -> list[Text]:
    """What lists there are, how each may be used, and which entries of ours are old."""
    lines: list[Text] = []
    for found in lists:
        age = "; that is over a year ago" if (today - found.checked).days > OLD else ""
        age += "" if found.confirmed else "; codes not confirmed there"
        head = (found.name, "bold"), f"   {found.title}, {found.zone or 'with a key only'}"
        lines.append(Text.assemble(*head))
        asks = {"address": "IPv4 and IPv6 addresses" if found.ipv6 else "IPv4 addresses"}
        lines += _labelled("asks", asks.get(found.asks, "names"), width, 2, 9)
        lines += _labelled("terms", found.terms, width, 2, 9)
        lines += _labelled("page", found.page, width, 2, 9)
        lines += _labelled("from", f"{found.source}, {found.checked}{age}", width, 2, 9)
    lines += [Text(), Text("Never asked:")]
    return lines + [line for one in ended for line in _labelled(one.zone, one.means, width, 2, 32)]


def document(
    targets: Iterable[Target], resolver: str, warnings: Sequence[str], elapsed: float
) -> dict[str, object]:
    """The whole as JSON: docs/json.md says what its fields mean."""
    named = {target.name: target for target in targets}
    return {
        "format": 1,
        "command": "blocklist",
        "resolver": resolver,
        "warnings": list(warnings),
        "targets": {name: _target_document(target) for name, target in named.items()},
        "summary": {
            "listed": sum(target.listed for target in named.values()),
            "not-listed": sum(target.known and not target.listed for target in named.values()),
            "unknown": sum(not target.known for target in named.values()),
        },
        "seconds": round(elapsed, 3),
    }


def _target_document(target: Target) -> dict[str, object]:
    return {
        "listed": target.listed,
        "addresses": [{"address": address, "host": host} for address, host in target.addresses],
        "names": list(target.names),
        "notes": list(target.notes),
        "results": [_answer_document(answer) for answer in target.answers],
    }


def _answer_document(answer: Answer) -> dict[str, object]:
    return {
        "list": answer.list.name,
        "title": answer.list.title,
        "zone": answer.list.zone,
        "subject": answer.subject,
        "verdict": answer.verdict,
        "impact": answer.list.impact,
        "codes": [
            {"code": meaning.code, "means": meaning.means, "verdict": meaning.verdict}
            for meaning in answer.meanings
        ],
        "reason": answer.reason,
        "detail": answer.detail,
        "page": answer.list.page,
        "delisting": list(answer.steps),
    }


def lists_document(lists: Sequence[BlockList], ended: Sequence[Ended]) -> dict[str, object]:
    """What lists there are, as JSON."""
    return {
        "format": 1,
        "command": "blocklist",
        "lists": [
            {
                "name": found.name,
                "title": found.title,
                "zone": found.zone,
                "asks": found.asks,
                "impact": found.impact,
                "white": found.white,
                "terms": found.terms,
                "page": found.page,
                "delisting": list(found.steps),
                "source": found.source,
                "checked": found.checked.isoformat(),
                "confirmed": found.confirmed,
            }
            for found in lists
        ],
        "ended": [{"name": one.name, "zone": one.zone, "means": one.means} for one in ended],
    }
