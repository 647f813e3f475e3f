"""Lines of mail servers' logs, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from provisioner.explain.kinds import kind as kind_of
from provisioner.explain.replies import explain_reply, stage_of
from provisioner.explain.result import LogLine

_DATE = r"(?:@[0-9a-f]{24}|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)"
_HEAD = re.compile(rf"^(?:<\d+>)?{_DATE} (?:(?P<host>[A-Za-z0-9_.-]+) )?(?=\S)")
_PROGRAM = re.compile(
    r"^(?P<name>postfix[\w/-]*|dovecot(?:: [\w-]+)?|exim4?|rspamd|opendkim|opensmtpd|smtpd|sendmail|sm-mta|"
    r"qmail)\b"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one program writes one event."""

    by: str
    pattern: re.Pattern[str]
    kind: str
    example: str


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule of `logs.yml`, in the order in which they are tried."""
    import yaml

    text = files("provisioner.explain").joinpath("logs.yml").read_text(encoding="utf-8")
    document: dict[str, dict[str, list[dict[str, str]]]] = yaml.safe_load(text)
    return tuple(
        Rule(by, re.compile(entry["match"], re.IGNORECASE), entry["kind"], entry["example"])
        for by, group in document.items()
        for entry in group["lines"]
    )


def looks_like_a_log(text: str) -> bool:
    """Whether the first line with anything in it is one of a log."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    return bool(
        _HEAD.match(line) or _PROGRAM.match(line) or re.match(r"\w{6}-\w{6,11}-\w{2,4} (\*\*|==|<=)", line)
    )


def read(line: str) -> LogLine | None:
    """What a line says; None where no rule knows it."""
    body = _HEAD.sub("", line.strip(), count=1)
    program = _PROGRAM.match(body)
    name = program["name"].replace(": ", " ") if program else ""
    for rule in rules():
        if (
            name
            and rule.by.lower() not in name
            and name.split("/")[0].split(" ")[0] in ("postfix", "dovecot")
        ):
            continue
        match = rule.pattern.search(body)
        if match is None:
            continue
        found = match.groupdict()
        if found.get("reply") and rule.kind != "accepted":
            said = found["reply"]
            if rule.by == "qmail":  # It writes spaces and line breaks so (qmail-send.c).
                said = said.replace("_", " ").replace("/", " ")
            reply = explain_reply(said, stage=stage_of(said) or "recipient")
            return LogLine(line.strip(), name, reply.kind, reply)
        detail = found.get("why") or found.get("action") or ""
        return LogLine(line.strip(), name, kind_of(rule.kind, detail=detail[:200]))
    return None
