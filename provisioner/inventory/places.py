"""The places of a host's variables, looked up in the marks that hosts share instead of copied for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.errors import Location
from provisioner.inventory.model import VariablePath
from provisioner.inventory.values import Mark, Written, place


class Places(Mapping[VariablePath, Location]):
    """Path of a value → where it is written."""

    def __init__(self, written: Mapping[str, Written]) -> None:
        """`written` are a host's variables."""
        self._written = written

    def __getitem__(self, path: VariablePath) -> Location:
        """The place of just this path. Raises KeyError where it has none of its own."""
        if not path or not isinstance(path[0], str):
            raise KeyError(path)
        variable = self._written[path[0]]
        mark = variable.mark
        for step in path[1:]:
            inside = mark.inside if mark else None
            if inside is None or step not in inside:
                raise KeyError(path)
            mark = inside[step]
        return place(variable.file, mark)

    def __iter__(self) -> Iterator[VariablePath]:
        """Every path, outer before inner."""
        for name, variable in self._written.items():
            yield (name,)
            yield from _paths((name,), variable.mark)

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)


def _paths(path: VariablePath, mark: Mark | None) -> Iterator[VariablePath]:
    for step, inside in ((mark.inside if mark else None) or {}).items():
        yield (*path, step)
        yield from _paths((*path, step), inside)
