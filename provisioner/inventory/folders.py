"""`group_vars/` and `host_vars/`: which files give variables to a group or host, and what they say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.inventory.files import Tree, outside
from provisioner.inventory.graph import Draft
from provisioner.inventory.list_form import decode_markers
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.values import Written
from provisioner.inventory.yaml_document import parse
from provisioner.inventory.yaml_form import kind, read_variables

_SUFFIXES = ("", ".yml", ".yaml", ".json")
"""In the order in which one hides the next."""
_SLIP = 0.75
"""How like a known name a file's name must be to be taken for a slip: files may be of other inventories."""


@dataclass
class VariableFolder:
    """One folder, `group_vars` or `host_vars`, beside the inventory."""

    path: str
    tree: Tree
    draft: Draft
    read: dict[str, dict[str, Written]] = field(default_factory=dict)

    @cached_property
    def names(self) -> frozenset[str]:
        """What is in the folder; nothing where there is no folder."""
        if not os.path.lexists(self.path):
            return frozenset()
        try:
            if not self.tree.contains(self.path):
                raise outside(self.path, self.tree.root)
            return frozenset(entry.name for entry in Path(self.path).iterdir())
        except NotADirectoryError:
            self.draft.fail(f"{self.path} is no folder", Location(self.path))
        except OSError as error:
            self.draft.fail(f"cannot read the folder {self.path}: {error.strerror}", Location(self.path))
        except InputError as error:
            self.draft.mistakes.append(error)
        return frozenset()

    def variables_of(self, name: str) -> dict[str, Written]:
        """The variables that the folder has for the group or host `name`."""
        if not self.names or name.startswith("/"):
            return {}
        for suffix in _SUFFIXES:
            entry = name + suffix
            if entry in self.names or ("/" in entry and Path(self.path, entry).exists()):
                path = Path(self.path, entry)
                files = self._files_below(path) if path.is_dir() else [str(path)]
                result: dict[str, Written] = {}
                for file in files:
                    result.update(self._variables_in(file))
                return result
        return {}

    def unused(self, known: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Files whose names are one slip from a name that is known: (path, note)."""
        names = set(known)
        for entry in sorted(self.names):
            stem = entry.removesuffix(Path(entry).suffix) if Path(entry).suffix in _SUFFIXES else entry
            if stem not in names and not entry.startswith(".") and (note := did_you_mean(stem, names, _SLIP)):
                yield str(Path(self.path, entry)), note

    def _files_below(self, folder: Path, above: frozenset[str] = frozenset()) -> list[str]:
        real = os.path.realpath(folder)
        if real in above:
            self.draft.fail(f"{folder} is a link back to a folder that holds it", Location(str(folder)))
            return []
        if not self.tree.contains(str(folder)):
            self.draft.mistakes.append(outside(str(folder), self.tree.root))
            return []
        found: list[str] = []
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            self.draft.fail(f"cannot read the folder {folder}: {error.strerror}", Location(str(folder)))
            return []
        for path in paths:
            if path.name.startswith(".") or path.name.endswith("~"):
                continue
            if path.is_dir():
                if not path.suffix:
                    found += self._files_below(path, above | {real})
            elif path.suffix in _SUFFIXES:
                found.append(str(path))
        return found

    def _variables_in(self, path: str) -> dict[str, Written]:
        if path not in self.read:
            self.read[path] = self._parse(path)
        return self.read[path]

    def _parse(self, path: str) -> dict[str, Written]:
        try:
            text = self.tree.read(path)
        except InputError as error:
            self.draft.mistakes.append(error)
            return {}
        if text.decrypted:
            self.draft.secret_files.add(path)
        document = parse(text.text, path, self.draft.mistakes, marked=not text.decrypted)
        if document is None or document.value is None:
            return {}
        if not isinstance(document.value, dict):
            self.draft.fail(
                f"{path} must hold a mapping of variables, not {kind(document.value)}", Location(path, 1, 1)
            )
            return {}
        value = decode_markers(document.value) if path.endswith(".json") else document.value
        assert isinstance(value, dict)
        return read_variables(value, document.mark, path, self.draft)
