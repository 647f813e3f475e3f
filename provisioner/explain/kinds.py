"""The kinds of failure, read from `kinds.yml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from provisioner.explain.result import Kind, Side

PLACEHOLDERS = ("host", "port", "name", "names", "user", "provider", "detail")


@cache
def kinds() -> dict[str, Kind]:
    """Every kind by its id, in the order of the file."""
    import yaml

    text = files("provisioner.explain").joinpath("kinds.yml").read_text(encoding="utf-8")
    document: dict[str, dict[str, object]] = yaml.safe_load(text)
    return {name: _kind(name, entry) for name, entry in document.items()}


def kind(id_: str, /, **values: str) -> Kind:
    """The kind `id_` with its placeholders filled; one that has no value is left out with its brackets.

    `KeyError` for a name that is none: those are written in our own code and data.
    """
    found = kinds()[id_]
    return Kind(
        found.id,
        fill(found.says, values),
        found.side,
        tuple(fill(text, values) for text in found.do),
        found.temporary,
    )


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with `{host}` and its like replaced by what is known."""
    for name in PLACEHOLDERS:
        value = values.get(name, "")
        if not value:
            text = text.replace(f" ({{{name}}})", "").replace(f" on port {{{name}}}", "")
            text = text.replace(f" {{{name}}}", "" if name in ("provider", "host", "port") else " it")
        text = text.replace(f"{{{name}}}", value)
    return text.strip()


def _kind(name: str, entry: dict[str, object]) -> Kind:
    listed = entry.get("do") or []
    do = tuple(str(text) for text in listed) if isinstance(listed, list) else ()
    return Kind(name, str(entry["says"]), Side(str(entry["side"])), do, bool(entry.get("temporary", False)))
