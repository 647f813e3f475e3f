"""YAML (and JSON, as YAML sees it) into plain values, with the place of every key and item.

YAML 1.1 as PyYAML and thus Ansible read it: `0644` is 420, `on` is true. Stricter where
leniency hides a mistake: a key written twice, a tag nobody knows, a document that
multiplies itself through aliases are errors, all of them reported.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from provisioner.errors import InputError, Location
from provisioner.inventory.values import Mark
from provisioner.inventory.yaml_nodes import NodeReader, first_line

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a whole file, and the marks of what is in it."""

    value: object
    mark: Mark | None
    is_json: bool = False


def parse(text: str, file: str, mistakes: list[InputError], *, marked: bool = True) -> Document | None:
    """The one document in `text`; None, with the reason added to `mistakes`, where it is no YAML.

    `marked` is False for decrypted text, whose lines are not those of the file.
    Text that is JSON gets JSON's types, as with Ansible: `1e3` is a number there.
    """
    try:
        node = _compose(text, file, marked)
    except InputError as error:
        mistakes.append(error)
        return None
    if node is None:
        return Document(None, None)
    reader = NodeReader(file, mistakes, marked, strict_json=_is_json(text))
    if not reader.measure(node):
        return None
    value, mark = reader.build(node, 0)
    return Document(value, mark, reader.strict_json)


def _compose(text: str, file: str, marked: bool) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file, marked) from error
    except yaml.YAMLError as error:
        raise InputError(f"this is no YAML: {first_line(str(error))}", where=Location(file)) from error
    except RecursionError as error:
        raise InputError("nested too deeply", where=Location(file)) from error
    finally:
        loader.dispose()
    return node


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str, marked: bool) -> InputError:
    problem = error.problem or error.context or "no YAML"
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    hint = _syntax_hint(problem, line, mark.column if mark is not None else 0)
    if mark is None or not marked:
        return InputError(f"this is no YAML: {problem}", where=Location(file), hint=hint)
    return InputError(
        f"this is no YAML: {problem}", where=Location(file, mark.line + 1, mark.column + 1), hint=hint
    )


def _syntax_hint(problem: str, line: str, column: int) -> str:
    """What the commonest slips look like from where the parser stumbles."""
    if "\t" in line[: column + 1]:
        return "YAML indents with spaces, never with tabs."
    if re.search(r"(:|-)\s+\{[{%]", line):
        return 'A value that begins with `{` needs quotes: "{{ … }}".'
    if "mapping values are not allowed" in problem:
        return "A value that holds `: ` needs quotes; else the indentation of this line is off."
    if "cannot start any token" in problem:
        return "A value that begins with one of @`%&*!|>{}[] needs quotes."
    return ""


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
