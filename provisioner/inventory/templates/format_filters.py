"""Filters that read and write JSON and YAML, as Ansible has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml

from provisioner.errors import InputError
from provisioner.inventory.templates.lazy import plain


def from_json(text: Any, **options: Any) -> Any:
    """The value that JSON stands for."""
    if not isinstance(text, str):
        raise TypeError(f"`from_json` needs text, not {type(text).__name__}")
    return json.loads(text)


def to_json(value: Any, indent: int | None = None, sort_keys: bool = False, **options: Any) -> str:
    """JSON of a value."""
    allowed = {k: v for k, v in options.items() if k in ("ensure_ascii", "separators")}
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, default=_isoformat, **allowed)


def tojson(value: Any, indent: int | None = None) -> str:
    """Jinja2's own: keys sorted, and safe inside HTML."""
    text = to_json(value, indent=indent, sort_keys=True)
    for sign in "<>&'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def to_nice_json(value: Any, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    """JSON for people."""
    return to_json(value, indent=indent, sort_keys=sort_keys, **options | {"separators": (",", ": ")})


def _isoformat(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def from_yaml(text: Any) -> Any:
    """The value that YAML stands for."""
    if not isinstance(text, str):
        return text
    from provisioner.inventory.yaml_document import parse

    mistakes: list[InputError] = []
    document = parse(text, "text", mistakes, marked=False)
    if mistakes:
        raise ValueError(f"the text is no YAML: {mistakes[0].message}")
    return document.value if document else None


def from_yaml_all(text: Any) -> list[Any]:
    """The values of several YAML documents."""
    return [] if text is None else [from_yaml(part) for part in str(text).split("\n---\n")]


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # either class will do
    """Without anchors, which nobody who reads the result expects."""

    def ignore_aliases(self, data: Any) -> bool:
        """Every value is written out."""
        return True


def to_yaml(value: Any, *args: Any, default_flow_style: bool | None = None, **options: Any) -> str:
    """YAML of a value."""
    allowed = {k: v for k, v in options.items() if k in ("indent", "width", "sort_keys", "explicit_start")}
    return str(
        yaml.dump(
            plain(value), Dumper=_Dumper, allow_unicode=True, default_flow_style=default_flow_style, **allowed
        )
    )


def to_nice_yaml(
    value: Any, indent: int = 4, *args: Any, default_flow_style: bool = False, **options: Any
) -> str:
    """YAML for people."""
    return to_yaml(value, indent=indent, default_flow_style=default_flow_style, **options)


FILTERS: dict[str, Callable[..., Any]] = {
    "from_json": from_json,
    "to_json": to_json,
    "tojson": tojson,
    "to_nice_json": to_nice_json,
    "from_yaml": from_yaml,
    "from_yaml_all": from_yaml_all,
    "to_yaml": to_yaml,
    "to_nice_yaml": to_nice_yaml,
}
