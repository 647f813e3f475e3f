"""Secrets kept out of what is shown, also where a role did not say that a file is sensitive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from provisioner.resources.change import Change

SHORTEST = 4
"""Characters; a shorter secret is part of too many words to look for."""


class Redaction:
    """Knows the secrets of one run, and looks at each different diff once, however many hosts share it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """A secret of several lines counts line by line, since that is how a diff has it."""
        lines = {line.strip() for text in secrets for line in text.split("\n")}
        self._telling = tuple(line for line in lines if len(line) >= SHORTEST)
        self._tells: dict[str, bool] = {"": False}

    def __call__(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        """`changes`, those whose diff holds a secret without their diff.

        The whole diff goes, not only the secret: the line that it replaces may hold the one before it.
        """
        return tuple(self._without(change) for change in changes)

    def _without(self, change: Change) -> Change:
        edited = change.edited
        shown = (edited.theirs, edited.merged, *edited.inventory) if edited else ()
        if not any(self._tell(text) for text in (change.diff, *shown)):
            return change
        if edited is not None:
            edited = replace(edited, theirs="", merged="", inventory=())
        return replace(change, diff="", sensitive=True, edited=edited)

    def _tell(self, diff: str) -> bool:
        if diff not in self._tells:
            self._tells[diff] = any(text in diff for text in self._telling)
        return self._tells[diff]
