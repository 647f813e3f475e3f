"""The lookups a value may make: the environment, a file beside the inventory, another variable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from provisioner.errors import InputError
from provisioner.inventory.files import Tree
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.templates.budget import Refused
from provisioner.inventory.templates.markers import Missing, first_marker
from provisioner.inventory.templates.scope import Scope

_LOOKUPS = ("env", "file", "vars")


class Lookups:
    """`lookup(…)` and `query(…)` for the inventory in `folder`."""

    def __init__(self, folder: Path, tree: Tree) -> None:
        """Files are found beside the inventory, in `files/` there, and nowhere out of `tree`."""
        self.folder = folder
        self.tree = tree

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The names that templates call them by."""
        return {
            "lookup": _direct(self.lookup),
            "query": _direct(self.query),
            "q": _direct(self.query),
            "now": _refuse_now,
            "undef": lambda hint=None: Missing(hint=hint or "a value that must be overridden is not"),
        }

    def query(self, context: Context, plugin: str, *terms: Any, **options: Any) -> Any:
        """A lookup whose answer is a list."""
        return self.lookup(context, plugin, *terms, **options | {"wantlist": True})

    def lookup(self, context: Context, plugin: str, *terms: Any, **options: Any) -> Any:
        """One lookup by name. Raises Refused for any other than `env`, `file` and `vars`."""
        name = str(plugin).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
        if name not in _LOOKUPS:
            note = did_you_mean(name, _LOOKUPS)
            raise Refused(
                f"the lookup `{name}` is refused: an inventory may use {', '.join(_LOOKUPS)}. {note}".strip()
            )
        errors = options.pop("errors", "strict")
        try:
            values = [getattr(self, f"_{name}")(context, str(term), options) for term in terms]
        except InputError:
            if errors == "strict":
                raise
            return [] if options.get("wantlist") else None
        if options.get("wantlist"):
            return values
        if len(values) == 1:
            return values[0]
        return ",".join(values) if all(isinstance(value, str) for value in values) else values

    def _env(self, context: Context, term: str, options: dict[str, Any]) -> Any:
        name = (term.split() or [""])[0]
        return os.environ.get(name, options.get("default", ""))

    def _file(self, context: Context, term: str, options: dict[str, Any]) -> str:
        for folder in (self.folder / "files", self.folder):
            path = folder / Path(term).expanduser()
            if path.exists():
                found = self.tree.read(str(path))
                text = found.text
                if found.decrypted and isinstance(context.parent, Scope):
                    context.parent.note_secret(text)
                text = text.lstrip() if options.get("lstrip") else text
                return text.rstrip() if options.get("rstrip", True) else text
        raise InputError(f"lookup('file'): there is no file `{term}` beside the inventory or in files/")

    def _vars(self, context: Context, term: str, options: dict[str, Any]) -> Any:
        value = context.resolve_or_missing(term) if isinstance(term, str) else None
        if term in context.parent or term in context.vars:
            return value
        return options["default"] if "default" in options else Missing(name=term)


def _direct(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function that gets the context, and missing values as they are."""

    @pass_context
    def function(context: Context, *args: Any, **kwargs: Any) -> Any:
        if (marker := first_marker(args)) is not None:
            return marker
        return method(context, *args, **kwargs)

    function.direct = True  # type: ignore[attr-defined]  # how the environment knows it
    return function


def _refuse_now(*args: Any, **kwargs: Any) -> Any:
    raise Refused("`now()` is refused: the same inventory must always mean the same")
