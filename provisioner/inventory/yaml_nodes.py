"""The nodes of a YAML document as plain values, each key and item with its place.

Stricter than PyYAML where leniency hides a mistake: a key written twice, an unknown tag, a value
that contains or multiplies itself through aliases.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from provisioner.errors import InputError, Location
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.values import EncryptedText, Mark, UnsafeText

MAX_DEPTH = 100
MAX_NODES = 2_000_000
MAX_ALIASED_NODES = 50_000
"""A document whose aliases multiply it beyond this, and beyond ten times its own size, is a bomb."""

_CORE = "tag:yaml.org,2002:"
_KNOWN_TAGS = ("!vault", "!unsafe", "!vault-encrypted")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class NodeReader:
    file: str
    mistakes: list[InputError]
    marked: bool
    strict_json: bool
    built: dict[int, tuple[object, Mark | None]] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    plain: yaml.constructor.SafeConstructor = field(default_factory=yaml.constructor.SafeConstructor)

    def where(self, node: yaml.Node, width: int | None = None) -> Location:
        """The place of `node`."""
        if not self.marked:
            return Location(self.file)
        start, end = node.start_mark, node.end_mark
        if width is None:
            width = max(end.column - start.column, 1) if start.line == end.line else 1
        return Location(self.file, start.line + 1, start.column + 1, width)

    def fail(self, message: str, node: yaml.Node, *, note: str = "", hint: str = "") -> None:
        """Add a mistake at `node`."""
        self.mistakes.append(InputError(message, where=self.where(node), note=note, hint=hint))

    def measure(self, root: yaml.Node) -> bool:
        """Whether the document has a sane size once every alias is followed."""
        size = self._size(root, 0, set())
        if size is None:
            return False
        own = len(self.sizes)
        if size > MAX_NODES or (size > MAX_ALIASED_NODES and size > 10 * own):
            self.fail(
                f"aliases multiply this document to {size:,} values",
                root,
                hint="Write fewer `*aliases` of values that hold aliases themselves.",
            )
            return False
        return True

    def _size(self, node: yaml.Node, depth: int, open_nodes: set[int]) -> int | None:
        key = id(node)
        if (known := self.sizes.get(key)) is not None:
            return known
        if isinstance(node, yaml.ScalarNode):
            self.sizes[key] = 1
            return 1
        if key in open_nodes:
            self.fail("this value contains itself, through an alias", node)
            return None
        if depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} levels deep", node)
            return None
        open_nodes.add(key)
        total = 1
        children = (
            node.value if isinstance(node, yaml.SequenceNode) else (n for pair in node.value for n in pair)
        )
        for child in children:
            size = self._size(child, depth + 1, open_nodes)
            if size is None:
                return None
            total += size
        open_nodes.discard(key)
        self.sizes[key] = total
        return total

    def build(self, node: yaml.Node, depth: int) -> tuple[object, Mark | None]:
        """The value of `node` and the marks inside it; shared by all of a node's aliases."""
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node), None
        key = id(node)
        if (known := self.built.get(key)) is not None:
            return known
        tag = node.tag
        if isinstance(node, yaml.MappingNode):
            result = self.mapping(node, depth)
            if tag == _CORE + "set" and isinstance(result[0], dict):
                result = (list(result[0]), None)
        else:
            result = self.sequence(node, depth)
        if tag not in _CONTAINER_TAGS:
            self.unknown_tag(node)
        self.built[key] = result
        return result

    def sequence(self, node: yaml.Node, depth: int) -> tuple[object, Mark | None]:
        """A list; `!unsafe` on it counts for every text inside."""
        values: list[object] = []
        marks: dict[str | int, Mark] = {}
        for number, child in enumerate(node.value):
            value, mark = self.build(child, depth + 1)
            values.append(value)
            if self.marked:
                marks[number] = self.mark(child, mark)
        result: object = _unsafe(values) if node.tag == "!unsafe" else values
        return result, self.around(node, marks)

    def mapping(self, node: yaml.MappingNode, depth: int) -> tuple[object, Mark | None]:
        """A mapping, `<<` merged into it; a key written twice is a mistake."""
        values: dict[Any, object] = {}
        marks: dict[str | int, Mark] = {}
        merged: list[yaml.Node] = []
        seen: dict[Any, yaml.Node] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _CORE + "merge":
                merged.append(value_node)
                continue
            key = self.key(key_node)
            if key is _NO_KEY:
                continue
            if (first := seen.get(key)) is not None:
                note = f"first written in line {first.start_mark.line + 1}" if self.marked else ""
                self.fail(f"`{_shown(key)}` is written twice in one mapping", key_node, note=note)
                continue
            seen[key] = key_node
            value, mark = self.build(value_node, depth + 1)
            values[key] = value
            if self.marked and isinstance(key, str | int):
                marks[key] = self.mark(key_node, mark)
        if merged:
            values, marks = self.merge(merged, values, marks, depth)
        result: object = _unsafe(values) if node.tag == "!unsafe" else values
        return result, self.around(node, marks)

    def merge(
        self, sources: list[yaml.Node], own: dict[Any, object], marks: dict[str | int, Mark], depth: int
    ) -> tuple[dict[Any, object], dict[str | int, Mark]]:
        """`<<: *a` and `<<: [*a, *b]`: own keys win, then the earlier of the sources."""
        values: dict[Any, object] = {}
        inside: dict[str | int, Mark] = {}
        mappings: list[yaml.Node] = []
        for source in sources:
            mappings += source.value if isinstance(source, yaml.SequenceNode) else [source]
        for mapping in reversed(mappings):
            value, mark = self.build(mapping, depth + 1)
            if not isinstance(value, dict):
                self.fail("`<<` merges mappings only", mapping)
                continue
            values.update(value)
            inside.update((mark.inside if mark else None) or {})
        return values | own, inside | marks

    def key(self, node: yaml.Node) -> Any:
        """A mapping's key, or `_NO_KEY` where the node can be none."""
        if not isinstance(node, yaml.ScalarNode):
            hint = 'A value that begins with `{` needs quotes: "{{ … }}".' if _looks_templated(node) else ""
            self.fail("a key must be a plain text or number", node, hint=hint)
            return _NO_KEY
        key = self.scalar(node)
        if not isinstance(key, Hashable):
            self.fail("a key must be a plain text or number", node)
            return _NO_KEY
        return key

    def scalar(self, node: yaml.ScalarNode) -> object:
        """The value of a scalar by its tag."""
        tag = node.tag
        if self.strict_json and not node.style:
            return json.loads(node.value)
        if tag == _CORE + "str":
            return node.value
        if (construct := _SCALARS.get(tag)) is not None:
            try:
                return construct(self.plain, node)
            except (ValueError, OverflowError, RecursionError, yaml.YAMLError) as error:
                kind = tag.removeprefix(_CORE)
                self.fail(
                    f"`{_shown(node.value)}` is no {_KINDS.get(kind, kind)}",
                    node,
                    note=first_line(str(error)),
                )
                return node.value
        if tag in ("!vault", "!vault-encrypted"):
            return EncryptedText(node.value)
        if tag == "!unsafe":
            return self.unsafe(node)
        if tag == _CORE + "binary":
            self.fail(
                "`!!binary` values are of no use in an inventory",
                node,
                hint="Write base64 text and `| b64decode`.",
            )
        else:
            self.unknown_tag(node)
        return node.value

    def unsafe(self, node: yaml.ScalarNode) -> object:
        """`!unsafe 5` is still a number; `!unsafe "{{ x }}"` is text that is no template."""
        tag = _Loader("").resolve(yaml.ScalarNode, node.value, (True, False))
        plain = yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark, style=node.style)
        return _unsafe(self.scalar(plain))

    def unknown_tag(self, node: yaml.Node) -> None:
        """A tag that means nothing here: `!valut`, `!!python/object`."""
        tag = str(node.tag)
        shown = tag.replace(_CORE, "!!") if tag.startswith(_CORE) else tag
        self.fail(f"unknown tag `{_shown(shown)}`", node, note=did_you_mean(tag, _KNOWN_TAGS))

    def mark(self, node: yaml.Node, inside: Mark | None) -> Mark:
        """The mark of a key or item, with the marks inside its value."""
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if start.line == end.line else 1
        return Mark(start.line + 1, start.column + 1, max(width, 1), inside.inside if inside else None)

    def around(self, node: yaml.Node, inside: dict[str | int, Mark]) -> Mark | None:
        """The mark of a container itself."""
        if not self.marked:
            return None
        return Mark(node.start_mark.line + 1, node.start_mark.column + 1, 1, inside)


class _NoKey:
    """What `_Reader.key` answers where there is no usable key."""


_NO_KEY = _NoKey()
_KINDS = {"int": "whole number", "float": "number", "timestamp": "date", "bool": "yes or no"}
_CONTAINER_TAGS = frozenset(
    {_CORE + "map", _CORE + "seq", _CORE + "set", _CORE + "omap", _CORE + "pairs", "!unsafe"}
)


def _timestamp(plain: yaml.constructor.SafeConstructor, node: yaml.ScalarNode) -> datetime.date:
    value: datetime.date = plain.construct_yaml_timestamp(node)
    return value


_SCALARS: dict[str, Callable[[Any, yaml.ScalarNode], object]] = {
    _CORE + "null": lambda plain, node: None,
    _CORE + "bool": lambda plain, node: plain.construct_yaml_bool(node),
    _CORE + "int": lambda plain, node: plain.construct_yaml_int(node),
    _CORE + "float": lambda plain, node: plain.construct_yaml_float(node),
    _CORE + "timestamp": _timestamp,
    _CORE + "value": lambda plain, node: node.value,
    _CORE + "merge": lambda plain, node: node.value,
}


def _unsafe(value: object) -> object:
    if isinstance(value, str):
        return UnsafeText(value)
    if isinstance(value, list):
        return [_unsafe(item) for item in value]
    if isinstance(value, dict):
        return {key: _unsafe(item) for key, item in value.items()}
    return value


def _looks_templated(node: yaml.Node) -> bool:
    """`x: {{ y }}` without quotes is, to YAML, a mapping with a mapping as its key."""
    return isinstance(node, yaml.MappingNode)


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def first_line(text: str) -> str:
    return text.splitlines()[0] if text else "unreadable"
