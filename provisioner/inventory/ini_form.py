"""Ansible's INI inventory: `[group]`, `[group:children]`, `[group:vars]`, a host to a line."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from dataclasses import dataclass, field

from provisioner.errors import InputError, Location
from provisioner.inventory.graph import Draft
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.values import Mark, Written, is_dynamic
from provisioner.inventory.yaml_form import add_hosts

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_STATES = ("hosts", "children", "vars")
MAX_LITERAL = 100_000


def read_ini(text: str, file: str, draft: Draft, *, marked: bool = True) -> None:
    """Add what `text` says to `draft`."""
    reader = _Reader(file, draft, marked)
    for number, line in enumerate(text.splitlines(), 1):
        reader.line(number, line)
    reader.finish()


@dataclass
class _Reader:
    file: str
    draft: Draft
    marked: bool
    group: str = "ungrouped"
    state: str = "hosts"
    declared: set[str] = field(default_factory=lambda: {"all", "ungrouped"})
    awaited: dict[str, list[tuple[str, Location]]] = field(default_factory=dict)
    """Groups named as children before they were declared: who wants them, and where."""
    only_vars: dict[str, Location] = field(default_factory=dict)
    seen: dict[str, Location] = field(default_factory=dict)
    """The variables of the section being read."""

    def __post_init__(self) -> None:
        """Groups of files read before count as declared."""
        self.declared |= set(self.draft.groups)

    def line(self, number: int, raw: str) -> None:
        """One line of the file."""
        line = raw.strip()
        if not line or line[0] in "#;":
            return
        start = len(raw) - len(raw.lstrip()) + 1
        if match := _SECTION.fullmatch(line):
            self.section(match, number, start)
        elif line.startswith("[") and line.endswith("]"):
            self.fail(
                f"`{line}` is no section: [group], [group:children] or [group:vars], without spaces",
                number,
                start,
                len(line),
            )
        elif self.state == "hosts":
            self.hosts(line, number, start)
        elif self.state == "vars":
            self.variable(line, number, start)
        else:
            self.child(line, number, start)

    def section(self, match: re.Match[str], number: int, start: int) -> None:
        """`[name:state]`"""
        name, state = match[1], match[2] or "hosts"
        word = 2 if match[2] and state not in _STATES else 1
        where = self.where(number, start + match.start(word), len(match[word]))
        self.group, self.seen = name, {}
        self.state = state
        if state not in _STATES:
            note = did_you_mean(state, _STATES)
            self.draft.mistakes.append(
                InputError(
                    f"`[{name}:{state}]`: a section is of hosts, children or vars", where=where, note=note
                )
            )
            self.state = "hosts"
        if state == "vars":
            if name not in self.declared:
                self.only_vars.setdefault(name, where)
        else:
            self.declared.add(name)
            self.only_vars.pop(name, None)
        self.draft.group(name, where)
        for parent, wanted in self.awaited.pop(name, ()) if name in self.declared else ():
            self.draft.add_child(parent, name, wanted)

    def hosts(self, line: str, number: int, start: int) -> None:
        """`name key=value …`"""
        try:
            tokens = shlex.split(line, comments=True)
        except ValueError as error:
            self.fail(f"this line cannot be split into words: {error}", number, start, len(line))
            return
        if not tokens:
            return
        pattern, variables = tokens[0], {}
        if pattern.strip() == "---":
            self.fail("`---` begins a YAML document, and this file is read as INI", number, start, 3)
            return
        if pattern.endswith(":"):
            self.fail(f"`{pattern}`: a `:` after a host is followed by its port", number, start, len(pattern))
            return
        position = len(pattern)
        for token in tokens[1:]:
            key, equals, text = token.partition("=")
            found = line.find(key, position)
            column = start + (found if found >= 0 else 0)
            position = found + len(key) if found >= 0 else position
            if not equals:
                self.fail(f"`{token}`: a host's variable is written key=value", number, column, len(token))
            elif key in variables:
                self.fail(f"`{key}` is written twice in one line", number, column, len(key))
            else:
                variables[key] = self.written(text, number, column, len(key))
        mark = Mark(number, start, len(pattern)) if self.marked else None
        add_hosts(pattern, self.group, variables, self.file, mark, self.draft)

    def variable(self, line: str, number: int, start: int) -> None:
        """`key = value`, to the end of the line."""
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            self.fail(f"`{line}`: a variable is written key=value", number, start, len(line))
            return
        where = self.where(number, start, len(key))
        if (first := self.seen.get(key)) is not None:
            self.fail(
                f"`{key}` is written twice in one section",
                number,
                start,
                len(key),
                f"first written in line {first.line}",
            )
            return
        self.seen[key] = where
        written = self.written(text, number, start, len(key))
        self.draft.set_variable(self.group, key, written, group=True)

    def child(self, line: str, number: int, start: int) -> None:
        """The name of a group; it may be declared further down."""
        match = _GROUP.fullmatch(line)
        if match is None:
            self.fail(f"`{line}` is no group's name", number, start, len(line))
            return
        where = self.where(number, start, len(match[1]))
        if match[1] in self.declared:
            self.draft.add_child(self.group, match[1], where)
        else:
            self.awaited.setdefault(match[1], []).append((self.group, where))

    def finish(self) -> None:
        """Groups that were named and never declared are mistakes."""
        for name, wanted in self.awaited.items():
            for parent, where in wanted:
                self.draft.fail(
                    f"`[{parent}:children]` names `{name}`, and there is no such group",
                    where,
                    note=did_you_mean(name, self.declared),
                )
        for name, where in self.only_vars.items():
            if name not in self.awaited:
                note = did_you_mean(name, self.declared)
                self.draft.fail(f"`[{name}:vars]` is of a group that is nowhere declared", where, note=note)

    def written(self, text: str, number: int, column: int, width: int) -> Written:
        """A value: a Python literal where it is one, else the text as it stands."""
        mark = Mark(number, column, width) if self.marked else None
        value: object = text
        if len(text) <= MAX_LITERAL:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SyntaxWarning)
                    value = _plain(ast.literal_eval(text))
            except (RecursionError, MemoryError):
                self.fail("nested too deeply", number, column, width)
            except (ValueError, SyntaxError, TypeError):
                value = text
        secret = self.file in self.draft.secret_files
        return Written(value, self.file, mark, secret or is_dynamic(value), secret)

    def where(self, number: int, column: int, width: int) -> Location:
        """A place in the file, as far as places mean anything."""
        return Location(self.file, number, column, max(width, 1)) if self.marked else Location(self.file)

    def fail(self, message: str, number: int, column: int, width: int, note: str = "") -> None:
        """Add a mistake."""
        self.draft.fail(message, self.where(number, column, width), note=note)


def _plain(value: object) -> object:
    """A Python literal as an inventory holds it: tuples and sets are lists, oddities are text."""
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is ...:
        return "..."
    return str(value) if isinstance(value, complex) else value


def _plain_key(key: object) -> object:
    return str(key) if isinstance(key, bytes | complex | tuple) else key
