"""The inventory line that would keep what somebody changed in a file of settings."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST = 10
"""More settings than these are not listed."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_WORDS = re.compile(r"[A-Za-z_/$][A-Za-z0-9_./@$-]*( [A-Za-z0-9_./@$-]+)*\Z")
_RESERVED = ("yes", "no", "true", "false", "on", "off", "null", "~")
_NUMBER = re.compile(r"(0|[1-9]\d{0,15})\Z")
Path = tuple[str, ...]


def inventory_lines(path: str, written: bytes, there: bytes) -> tuple[str, ...]:
    """`postfix_parameters: {message_size_limit: 52428800}` for each setting that differs.

    `written` is what roles brought, `there` what somebody made of it.
    """
    if path not in _FORMS:
        return ()
    form = _FORMS[path]
    lines = [
        f"{form.variable}: {_nested(key, 'null' if value is None else _scalar(value))}"
        for key, value in form.changed(written, there).items()
        if value is not None or form.can_be_taken_away
    ]
    return tuple(lines[:MOST])


def are_settled(path: str, written: bytes, there: bytes, wanted: bytes) -> bool:
    """Whether an edit changed settings, and what is `wanted` now gives each of them the edit's value."""
    if path not in _FORMS:
        return False
    form = _FORMS[path]
    changed, now = form.changed(written, there), form.settings(wanted)
    return bool(changed) and all(now.get(key) == value for key, value in changed.items())


def _postfix(text: str) -> Iterator[tuple[Path, str]]:
    """Parameters of main.cf; a line that begins with a blank goes on from the one before (postconf(5))."""
    name, value = "", ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[:1].isspace():
            value = f"{value} {line.strip()}".strip()
            continue
        if name:
            yield (name,), value
        name, _, value = (part.strip() for part in line.partition("="))
    if name:
        yield (name,), value


def _dovecot(text: str) -> Iterator[tuple[Path, str]]:
    """Settings of dovecot.conf by the blocks that they stand in."""
    blocks: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.endswith("{"):
            blocks.append(" ".join(line[:-1].split()))
        elif line == "}":
            del blocks[-1:]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield (*blocks, name.strip()), value.strip()


def _nested(path: Path, value: str) -> str:
    """The rest of the line in YAML's flow style."""
    for key in reversed(path):
        value = f"{{{key if _PLAIN.match(key) else json.dumps(key)}: {value}}}"
    return value


def _scalar(value: str) -> str:
    """A value as YAML reads it back; words plain where they can't be taken for anything else."""
    plain = _NUMBER.match(value) or (_WORDS.match(value) and value.lower() not in _RESERVED)
    return value if plain else json.dumps(value)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a file of settings is read, and which variable of the inventory sets what is in it."""

    variable: str
    read: Callable[[str], Iterator[tuple[Path, str]]]
    can_be_taken_away: bool = False

    def settings(self, text: bytes) -> dict[Path, str]:
        """Each setting's value; the last one counts."""
        return dict(self.read(text.decode("utf-8", "replace")))

    def changed(self, before: bytes, after: bytes) -> dict[Path, str | None]:
        """The settings that differ, with their new value; None for those that are gone."""
        old, new = self.settings(before), self.settings(after)
        return {key: new.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}


_FORMS = {
    "/etc/postfix/main.cf": _Form("postfix_parameters", _postfix, can_be_taken_away=True),
    "/etc/dovecot/dovecot.conf": _Form("dovecot_settings", _dovecot),
}
