"""YAML of a role, with the place of every key and item kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioner.errors import InputError, Location
from provisioner.inventory.model import VariablePath

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LARGEST_FILE = 1 << 20
"""Bytes; a role.yml is a few hundred lines, and anything beyond this is a mistake."""
_MOST_NODES = 50_000
_DEEPEST = 50


@dataclass(frozen=True)
class Document:
    """What a YAML file says, and where it says it."""

    file: str
    value: object
    places: Mapping[VariablePath, Location]

    def locate(self, path: VariablePath, choices: tuple[str, ...] = ()) -> Location:
        """The place of `path`, or of the nearest value around it; never fails.

        `path` may leave out keys named in `choices`: where the document has one of them in
        between (a value per release), the way goes through it.
        """
        node, way = self.value, list[str | int]()
        for step in path:
            while isinstance(node, Mapping) and step not in node:
                choice = next((name for name in choices if name in node), None)
                if choice is None:
                    return self._nearest(tuple(way))
                way.append(choice)
                node = node[choice]
            way.append(step)
            if isinstance(node, list) and isinstance(step, int) and step < len(node):
                node = node[step]
            else:
                node = node.get(step) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping):
            way += [name for name in choices if name in node][:1]
        return self._nearest(tuple(way))

    def _nearest(self, path: VariablePath) -> Location:
        while path:
            if (place := self.places.get(path)) is not None:
                return place
            path = path[:-1]
        return Location(self.file, 1, 1)


def read_document(file: Path) -> Document:
    """Read one YAML document. Raises InputError, with its place, for what is not plain data."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}", where=Location(str(file))) from None
    if len(raw) > _LARGEST_FILE:
        raise InputError(
            f"{file} has {len(raw)} bytes; a role is at most {_LARGEST_FILE}", where=Location(str(file))
        )
    try:
        return parse_document(raw.decode("utf-8"), str(file))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError("the file is not UTF-8 text", where=Location(str(file), line)) from None


def parse_document(text: str, file: str) -> Document:
    """The same for a text; `file` is the name that errors give it."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
        raise InputError(f"this is not YAML: {error.problem}", where=where) from None
    except yaml.YAMLError as error:
        raise InputError(f"this is not YAML: {error}", where=Location(file)) from None
    reader = _Reader(file)
    value = reader.read(node, ()) if node is not None else None
    return Document(file, value, reader.places)


class _Reader:
    """Turns YAML nodes into values and notes where each began."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[VariablePath, Location] = {}
        self._scalars = yaml.constructor.SafeConstructor()
        self._nodes = 0

    def read(self, node: yaml.Node, path: VariablePath) -> object:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _DEEPEST:
            raise InputError("the YAML is too large or nested too deeply", where=self._place(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path)
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            raise InputError(
                f"{node.value!r} is not a value that roles know", where=self._place(node)
            ) from None

    def _mapping(self, node: yaml.MappingNode, path: VariablePath) -> dict[object, object]:
        value: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            place = self._place(key_node)
            if key is None or key_node.tag == "tag:yaml.org,2002:merge":
                raise InputError("a key must be plain text", where=place)
            if key in value:
                raise InputError(f"`{key}` is there twice", where=place, note="the second one")
            self.places[(*path, key)] = place
            value[key] = self.read(value_node, (*path, key))
        return value

    def _sequence(self, node: yaml.SequenceNode, path: VariablePath) -> list[object]:
        items = []
        for index, item in enumerate(node.value):
            self.places[(*path, index)] = self._place(item)
            items.append(self.read(item, (*path, index)))
        return items

    def _place(self, node: yaml.Node) -> Location:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else 1
        return Location(self.file, start.line + 1, start.column + 1, max(1, width))
