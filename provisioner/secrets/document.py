"""`secrets.yml` as text: what is in it, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import InputError, Location, Mistakes

if TYPE_CHECKING:
    import yaml

    _Pairs = dict[str, tuple[yaml.ScalarNode, yaml.Node]]

BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----"
MAX_BYTES = 16 * 1024 * 1024
"""Larger than thousands of secrets; past it the file is something else."""

_NAME = re.compile(r"\w[\w.@+/%=-]{0,199}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret as it stands in the file; `first` and `last` are its 0-based lines."""

    name: str
    cipher: str
    where: Location
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a `secrets.yml` and what was found in it."""

    path: str
    text: str
    recipients: tuple[tuple[str, Location], ...]
    entries: Mapping[str, Entry]
    recipients_at: Entry
    """The whole `recipients` section."""
    secrets_line: int
    """0-based line of the key `secrets`."""
    indent: int = 2


def check_name(name: str, where: Location | None = None) -> None:
    """Refuse a name that would not read well in YAML, a path or a template (`InputError`)."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:60]!r} can't be the name of a secret",
            where=where,
            hint="A name is up to 200 letters, digits and . _ @ + / % = -, such as dkim/example.org/2026.",
        )


def parse(path: str, text: str) -> Document:
    """Read a `secrets.yml`; every mistake in it is in the `Mistakes` (or the one `InputError`) raised."""
    import yaml

    _refuse_conflict_marks(path, text)
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        raise _mistake(path, _error_line(error), f"is not YAML: {_problem(error)}") from None
    mistakes: list[InputError] = []
    sections = _mapping(path, root, "it", mistakes)
    if mistakes:
        raise Mistakes(mistakes)
    for name, (key, _) in sections.items():
        if name not in ("recipients", "secrets"):
            what = f"has an unknown key `{name}`; expected are `recipients` and `secrets`"
            mistakes.append(_mistake(path, key.start_mark.line + 1, what))
    for name in ("recipients", "secrets"):
        if name not in sections:
            mistakes.append(_mistake(path, 0, f"has no `{name}`"))
    if mistakes:
        raise Mistakes(mistakes)
    lines = text.splitlines()
    recipients = _recipients(path, sections["recipients"][1], mistakes)
    key, value = sections["secrets"]
    entries = _entries(path, value, lines, mistakes)
    if mistakes:
        raise Mistakes(mistakes)
    at = sections["recipients"][0].start_mark.line
    last = _last_line(sections["recipients"][1], lines, at)
    first_key = next(iter(value.value), None) if isinstance(value, yaml.MappingNode) else None
    return Document(
        path=path,
        text=text,
        recipients=recipients,
        entries=entries,
        recipients_at=Entry("recipients", "", Location(path, at + 1, 1), at, last),
        secrets_line=key.start_mark.line,
        indent=first_key[0].start_mark.column if first_key else 2,
    )


def _refuse_conflict_marks(path: str, text: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            raise InputError(
                f"{path} holds an unfinished merge",
                where=Location(path, number, 1, 7),
                hint="Keep the secrets of both sides where their names differ, one where they are the same, "
                "and take the marker lines out.",
            )


def _mapping(path: str, node: object, what: str, mistakes: list[InputError]) -> _Pairs:
    import yaml

    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1 if isinstance(node, yaml.Node) else 0
        mistakes.append(_mistake(path, line, f"has in {what} no mapping of names to values"))
        return {}
    found: _Pairs = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name in found:
            first = found[name][0].start_mark.line + 1
            what = f"has `{name}` twice, first in line {first}"
            mistakes.append(_mistake(path, key.start_mark.line + 1, what, "Take one of them out."))
        found.setdefault(name, (key, value))
    return found


def _recipients(path: str, node: object, mistakes: list[InputError]) -> tuple[tuple[str, Location], ...]:
    import yaml

    if not isinstance(node, yaml.SequenceNode):
        mistakes.append(_mistake(path, 0, "has no list in `recipients`"))
        return ()
    return tuple((str(item.value), _place(path, item)) for item in node.value)


def _entries(path: str, node: object, lines: list[str], mistakes: list[InputError]) -> dict[str, Entry]:
    import yaml

    entries: dict[str, Entry] = {}
    if isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~"):
        return entries
    if isinstance(node, yaml.MappingNode) and node.flow_style and node.value:
        mistakes.append(_mistake(path, node.start_mark.line + 1, "has more than one secret in a line"))
        return entries
    for name, (key, value) in _mapping(path, node, "`secrets`", mistakes).items():
        where = _place(path, key)
        try:
            check_name(name, where)
        except InputError as error:
            mistakes.append(error)
        if not isinstance(value, yaml.ScalarNode) or not value.value.lstrip().startswith(BEGIN):
            hint = (
                f"Take it out and give it with `provision secrets set {name}`. If it was ever committed or "
                "sent anywhere, choose a new value: git keeps the old one."
            )
            mistakes.append(_mistake(path, where.line or 0, f"has the secret `{name}` in clear", hint))
            continue
        last = _last_line(value, lines, key.start_mark.line)
        entries[name] = Entry(name, value.value.strip() + "\n", where, key.start_mark.line, last)
    return entries


def _last_line(node: object, lines: list[str], first: int) -> int:
    """The last line that belongs to a value: libyaml ends a block where the next token begins."""
    import yaml

    assert isinstance(node, yaml.Node)
    end = node.end_mark.line if node.end_mark.column else node.end_mark.line - 1
    last = min(max(end, first), len(lines) - 1)
    while last > first and (not lines[last].strip() or lines[last].lstrip().startswith("#")):
        last -= 1
    return last


def _place(path: str, node: object) -> Location:
    import yaml

    assert isinstance(node, yaml.Node)
    mark = node.start_mark
    width = len(node.value) if isinstance(node, yaml.ScalarNode) and node.style is None else 1
    return Location(path, mark.line + 1, mark.column + 1, max(1, min(width, 80)))


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def _error_line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 0


def _mistake(path: str, line: int, what: str, hint: str = "") -> InputError:
    """A mistake whose line is named, but not to be shown: there may be a secret in it, in clear."""
    return InputError(f"{path}{f', line {line},' if line else ''} {what}", where=Location(path), hint=hint)
