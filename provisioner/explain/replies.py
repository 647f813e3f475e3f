"""An SMTP, IMAP or POP3 answer in plain words.

The words decide first: `wordings.yml` knows how each server and provider says what it means, and
the same code means a dozen things. Then the enhanced status code (RFC 3463, IANA's registry), then
the code together with the stage at which it came (RFC 5321 §4.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from provisioner.explain.kinds import kind as kind_of
from provisioner.explain.result import Explanation

STAGES = ("greeting", "hello", "starttls", "login", "sender", "recipient", "data", "message")
LONGEST = 4000
"""Characters of an answer that are looked at; a reply line has 512."""

_CODE = re.compile(r"(?:^|[\s:(])([245])([0-9]{2})(?=[\s\-:#]|$)")
_STAGE = (
    ("greeting", re.compile(r"initial (server )?(greeting|connection)|refused to talk to me", re.IGNORECASE)),
    ("hello", re.compile(r"in reply to (EHLO|HELO|LHLO)\b", re.IGNORECASE)),
    ("sender", re.compile(r"(in reply to|after|not like our) MAIL FROM", re.IGNORECASE)),
    (
        "recipient",
        re.compile(r"(in reply to|after|not like our) RCPT|does not like recipient", re.IGNORECASE),
    ),
    (
        "message",
        re.compile(
            r"(end of|in reply to|after|not like our|final) DATA|after I sent the message", re.IGNORECASE
        ),
    ),
)
"""What servers add to another's reply (Postfix, Exim, qmail, dma): where in the conversation it came."""
_ENHANCED = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9]*\.[0-9])")


@dataclass(frozen=True, slots=True)
class Wording:
    """How one server says one thing."""

    by: str
    pattern: re.Pattern[str]
    kind: str
    example: str
    """A rendering of our own of the whole answer, which the rule must explain."""
    source: str
    checked: str


@cache
def wordings() -> tuple[Wording, ...]:
    """Every rule, in the order in which they are tried."""
    found = []
    for by, group in _document("wordings.yml").items():
        for entry in group["replies"]:
            found.append(
                Wording(
                    by=by,
                    pattern=re.compile(str(entry["match"]), re.IGNORECASE),
                    kind=str(entry["kind"]),
                    example=str(entry["example"]),
                    source=str(entry.get("source", group["source"])),
                    checked=str(entry.get("checked", group["checked"])),
                )
            )
    return tuple(found)


def explain_reply(text: str, *, stage: str = "", **values: str) -> Explanation:
    """What an answer means; `stage` is one of `STAGES` where it is known.

    `text` may be one line or many, with or without the code at its beginning; where no stage is given, it is
    taken from what the sending server adds, such as "in reply to RCPT TO command". `values` fill the
    placeholders of the kind (`host`, `port`, `user`, `provider`).
    """
    flat = " ".join(_without_repetition(text[:LONGEST]).split())
    code, enhanced = _codes(flat)
    stage = stage or stage_of(flat)
    found = next((rule for rule in wordings() if rule.pattern.search(flat)), None)
    name = found.kind if found else _by_code(code, enhanced, stage)
    meant = kind_of(name, **{"detail": _words(flat), **values})
    first = str(code)[0] if code is not None else enhanced[:1]
    return Explanation(
        replace(meant, temporary=first == "4") if first in ("4", "5") else meant,
        flat,
        code,
        enhanced,
        _meaning(enhanced),
        found.by if found else "",
        found.source if found else "",
    )


def stage_of(text: str) -> str:
    """Where in the conversation a reply came, by what the sending server says of it; `""` if it doesn't."""
    return next((name for name, words in _STAGE if words.search(text)), "")


def _without_repetition(text: str) -> str:
    """A reply of many lines as one text, each line's code but the first taken away (RFC 5321 §4.2.1)."""
    lines = text.strip().splitlines()
    return "\n".join(
        [*lines[:1], *(re.sub(r"^\d{3}[ -](?:\d\.\d{1,3}\.\d{1,3} )?", "", x) for x in lines[1:])]
    )


def _codes(text: str) -> tuple[int | None, str]:
    enhanced = _ENHANCED.search(text)
    code = _CODE.search(text[:200])
    return (
        int(code[1] + code[2]) if code else None,
        ".".join(enhanced.groups()) if enhanced else "",
    )


def _words(text: str) -> str:
    """The answer without its codes, for the sentence."""
    return re.sub(r"^(?:[245]\d\d[ -])?(?:[245]\.\d{1,3}\.\d{1,3} )?", "", text)[:200]


def _by_code(code: int | None, enhanced: str, stage: str) -> str:
    """The kind where no wording is known."""
    table = _document("codes.yml")
    if enhanced:
        entry = table["enhanced"].get(enhanced[2:])
        if isinstance(entry, dict) and entry.get("kind"):
            return str(entry["kind"])
    if code is not None:
        at_stage = table["stages"].get(stage) or {}
        if code in at_stage:
            return str(at_stage[code])
        if code in table["codes"]:
            return str(table["codes"][code])
    first = str(code)[0] if code is not None else enhanced[:1]
    if stage == "login" and first not in ("2", "4"):
        return "login-wrong"
    return {"2": "accepted", "4": "unknown-delay"}.get(first, "unknown-refusal")


def _meaning(enhanced: str) -> str:
    """What IANA's registry says of an enhanced status code."""
    table = _document("codes.yml")["enhanced"]
    entry = table.get(enhanced[2:]) if enhanced else None
    return str(entry["means"]) if isinstance(entry, dict) else ""


@cache
def _document(name: str) -> dict[str, dict]:  # type: ignore[type-arg]  # data of our own, tested whole
    import yaml

    text = files("provisioner.explain").joinpath(name).read_text(encoding="utf-8")
    document: dict[str, dict] = yaml.safe_load(text)  # type: ignore[type-arg]
    return document
