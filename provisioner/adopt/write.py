"""The described server as files in a folder: inventory.yml, secrets encrypted beside it, certificates.

Everything is made in memory first; then each file is put in place whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from provisioner.adopt.result import Described, Template
from provisioner.errors import InputError
from provisioner.secrets import Secrets

INVENTORY, REPORT = "inventory.yml", "ADOPTED.md"
_TEMPLATE_MARKS = ("{{", "{%", "{#")


class _Dumper(yaml.SafeDumper):
    """Block style, texts of several lines as such, and what a server said never as a template."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Items of a list are indented, as in the documentation."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: a person reads this."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    unsafe = not isinstance(value, Template) and any(mark in value for mark in _TEMPLATE_MARKS)
    plain = not unsafe and all(one.isprintable() or one == "\n" for one in value)
    style = '"' if not plain or isinstance(value, Template) else "|" if "\n" in value else None
    tag = "!unsafe" if unsafe else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str(value), style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Template, _text)


def refuse_to_overwrite(folder: Path, *, force: bool) -> None:
    """Raises InputError where something is there that would be overwritten, unless `force`."""
    there = [name for name in (INVENTORY, REPORT) if (folder / name).exists()]
    if there and not force:
        raise InputError(
            f"{folder / there[0]} is there already",
            hint="--output DIR takes another folder; --force overwrites it.",
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder")


def inventory_text(described: Described, connection: Mapping[str, object], source: str) -> str:
    """inventory.yml: a comment, then the host with its connection, then everything it is."""
    document = {"all": {"hosts": {described.name: dict(connection)}, "vars": _plain(described.variables)}}
    head = (
        f"# Written by provision adopt from {source}: {described.software} on Debian {described.release}.\n"
        f"# {REPORT} says what was kept, what changes with the first apply, and why.\n"
    )
    return head + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def write_secrets(described: Described, folder: Path, *, force: bool) -> Secrets:
    """The secrets, encrypted, beside the inventory. Raises InputError where one is there and differs."""
    secrets = Secrets.open(folder, persist=True)
    names = set(secrets.names())
    for name, text in described.secrets.items():
        if name in names and not force and secrets.get(name) != text:
            raise InputError(
                f"the secret `{name}` is there already and differs",
                where=secrets.where(name),
                hint="--force overwrites it.",
            )
        if name not in names or secrets.get(name) != text:
            secrets.put(name, text)
    return secrets


@contextmanager
def all_or_nothing(paths: Iterable[Path]) -> Iterator[None]:
    """What fails in here leaves these files as they were, and none where there was none."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        raise


def put(path: Path, text: str) -> None:
    """A file in place, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise InputError(f"{path} can't be written: {error.strerror}") from None
