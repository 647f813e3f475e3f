"""Edits of `secrets.yml` that leave every other line as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping

from provisioner.errors import InputError
from provisioner.secrets.document import Document, parse

NEW = """\
# Secrets of this inventory. Names are in clear; each value is encrypted (age) for every recipient.
# Change it with `provision secrets`. It belongs in git; the key that reads it (secrets.key) does not.
recipients:
secrets:
"""


def edited(document: Document, changes: Mapping[str, str | None]) -> Document:
    """The document with each secret of `changes` put in, replaced, or (`None`) taken out."""
    lines = document.text.splitlines()
    place = {entry.first: entry for entry in document.entries.values()}
    ordered = [place[first] for first in sorted(place)]
    new = sorted(name for name, cipher in changes.items() if cipher and name not in document.entries)
    out = lines[: document.secrets_line]
    remains = any(changes.get(entry.name, "") is not None for entry in ordered) or bool(new)
    out.append("secrets:" if remains else "secrets: {}")
    at = document.secrets_line + 1
    for entry in ordered:
        while new and new[0] < entry.name:
            out.append(_line(new[0], changes[new.pop(0)] or "", document.indent))
        out += lines[at : entry.first]
        cipher = changes.get(entry.name, "")
        if cipher:
            out.append(_line(entry.name, cipher, document.indent))
        elif cipher is not None:
            out += lines[entry.first : entry.last + 1]
        at = entry.last + 1
    out += [_line(name, changes[name] or "", document.indent) for name in new]
    out += lines[at:]
    try:
        return parse(document.path, "\n".join(out) + "\n")
    except InputError as error:
        raise InputError(
            f"{document.path} can't be changed: values in it refer to one another",
            where=error.where,
            hint="Write each secret out, without & and *.",
        ) from None


def with_recipients(document: Document, recipients: Mapping[str, str]) -> Document:
    """The document for these recipients; the values are their comments (`""` for none).

    A recipient that was there keeps its line, comment and all.
    """
    lines = document.text.splitlines()
    known = {text: lines[(where.line or 1) - 1] for text, where in document.recipients}
    known = {text: line for text, line in known.items() if line.lstrip().startswith("- ")}
    section = ["recipients:" if recipients else "recipients: []"]
    for text, comment in recipients.items():
        section.append(known.get(text) or f"  - {text}" + (f"   # {comment}" if comment else ""))
    at = document.recipients_at
    return parse(document.path, "\n".join([*lines[: at.first], *section, *lines[at.last + 1 :]]) + "\n")


def new(path: str, recipients: Mapping[str, str]) -> Document:
    """An empty `secrets.yml` for these recipients (value: a comment, or `""`)."""
    text = NEW.replace("recipients:\n", "recipients: []\n").replace("secrets:\n", "secrets: {}\n")
    return with_recipients(parse(path, text), recipients)


def _line(name: str, cipher: str, indent: int) -> str:
    """One secret is one line, so that git merges two people's secrets by lines (`merge=union`).

    As a block, the armour's last line would be common to both, and a merge would fold it into one.
    """
    import yaml

    key = name if yaml.safe_load(name) == name else json.dumps(name)
    return f"{' ' * indent}{key}: {json.dumps(cipher.strip() + chr(10))}"
