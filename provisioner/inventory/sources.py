"""From the INVENTORY that a user names, a file, a folder, `-` or `a,b,`, to a draft of groups and hosts."""

from __future__ import annotations

import os
import re
from pathlib import Path

from provisioner.errors import InputError, Location
from provisioner.inventory.files import Text, Tree, decode, outside, read_standard_input
from provisioner.inventory.graph import Draft
from provisioner.inventory.ini_form import read_ini
from provisioner.inventory.list_form import is_list_form, read_list
from provisioner.inventory.yaml_document import Document, parse
from provisioner.inventory.yaml_form import add_hosts, read_yaml

YAML_SUFFIXES = (".yml", ".yaml", ".json")
_IGNORED_SUFFIXES = (
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry", ".toml",
    ".age", ".pub", ".key", ".j2", ".lock",
)  # fmt: skip
_BESIDE = frozenset(
    {"host_vars", "group_vars", "vars_plugins", "roles", "templates", "files", "tests", "known_hosts"}
    | {"secrets.yml", "secrets.key", "LICENSE", "README"}
)
"""What lies beside an inventory in a folder of inventories, and is none."""
_MAX_FOLDERS = 20


def read_source(source: str, tree: Tree, draft: Draft) -> None:
    """Read all that `source` names into `draft`; what is wrong goes to the draft's mistakes."""
    if source == "-":
        text = decode(read_standard_input(), "<stdin>")
        _read_text(Text("<stdin>", text), ".json" if text.lstrip()[:1] == "{" else "", draft)
    elif "," in source and not Path(source).exists():
        for name in source.split(","):
            if name.strip():
                add_hosts(name.strip(), "ungrouped", {}, source, None, draft)
    elif Path(source).is_dir():
        _read_folder(source, tree, draft, 0)
    else:
        _read_file(source, tree, draft)


def _read_folder(folder: str, tree: Tree, draft: Draft, depth: int) -> None:
    if depth > _MAX_FOLDERS or not tree.contains(folder):
        draft.mistakes.append(outside(folder, tree.root))
        return
    try:
        paths = sorted(Path(folder).iterdir())
    except OSError as error:
        draft.fail(f"cannot read the folder {folder}: {error.strerror}", Location(folder))
        return
    for path in paths:
        if path.name.startswith(".") or path.name in _BESIDE or path.name.endswith(_IGNORED_SUFFIXES):
            continue
        if path.is_dir():
            _read_folder(str(path), tree, draft, depth + 1)
        else:
            _read_file(str(path), tree, draft)


def _read_file(path: str, tree: Tree, draft: Draft) -> None:
    suffix = Path(path).suffix
    try:
        text = tree.read(path, lenient=suffix not in YAML_SUFFIXES)
    except InputError as error:
        draft.mistakes.append(error)
        return
    if text.text.startswith("#!") and os.access(path, os.X_OK):
        draft.fail(
            f"{path} is a program, and programs are not run as inventories",
            Location(path),
            hint=f"Pipe what it prints instead: {path} --list | provision … -",
        )
        return
    if suffix == ".toml":
        draft.fail(
            "TOML inventories are not read",
            Location(path),
            hint=f"ansible-inventory -i {path} --list | provision … -",
        )
        return
    _read_text(text, suffix, draft)


def _read_text(text: Text, suffix: str, draft: Draft) -> None:
    """Hand a text to the reader of its format: by its suffix, and where it has none by its looks."""
    if text.decrypted:
        draft.secret_files.add(text.file)
    marked = not text.decrypted
    if suffix in YAML_SUFFIXES:
        if (document := parse(text.text, text.file, draft.mistakes, marked=marked)) is not None:
            _read_document(document, text.file, draft)
    elif suffix:
        read_ini(text.text, text.file, draft, marked=marked)
    else:
        mistakes: list[InputError] = []
        found = parse(text.text, text.file, mistakes, marked=marked)
        if found is not None and isinstance(found.value, dict):
            draft.mistakes += mistakes
            _read_document(found, text.file, draft)
        elif mistakes and _looks_like_yaml(text.text):
            draft.mistakes += mistakes
        else:
            read_ini(text.text, text.file, draft, marked=marked)


def _read_document(document: Document, file: str, draft: Draft) -> None:
    if document.value is None:
        return
    if is_list_form(document):
        read_list(document, file, draft)
    else:
        read_yaml(document, file, draft)


def _looks_like_yaml(text: str) -> bool:
    """By the first line that says anything: `all:`, `---` or `{`."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith(("#", ";")):
            return bool(re.match(r"---|\{|[^\s\[=]+:\s*(#.*)?$", line.strip()))
    return False
