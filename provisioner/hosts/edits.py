"""Look closer at files that somebody edited: one more exchange, only where there are some."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from provisioner.drift.edits import edited
from provisioner.hosts.connection import Connection
from provisioner.hosts.history import edited_questions, read
from provisioner.resources import File, Resource
from provisioner.resources.observed import Edit, Observed

MOST = 100
"""Edited files of one host that are looked at closer; further ones are only known to be edited."""
_SUDO = re.compile(r"\s*(\S{1,64}) : ")
"""How sudo's log begins: `anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/usr/bin/vi /etc/x`."""


def with_edits(connection: Connection, seen: Observed, wanted: Iterable[Resource]) -> Observed:
    """`seen` with what can be known of each edited file, unless it is as one of `wanted` already.

    Raises NotTouched.
    """
    fine = {(file.path, file.digest) for file in wanted if isinstance(file, File)}
    found = [(n, s) for n, s in edited(seen) if (n.name, s.digest) not in fine][:MOST]
    if not found:
        return seen
    questions = [q for note, state in found for q in edited_questions(note.name, state.changed, note.digest)]
    answer = read(connection, *questions)
    edits = {}
    for note, state in found:
        content = answer.contents.get(note.name)
        whole = content is not None and sha256(content).hexdigest() == state.digest
        who = _SUDO.match(answer.sudo.get(note.name, ""))
        edits[note.name] = Edit(
            answer.written.get(note.digest), content if whole else None, who[1] if who else ""
        )
    return replace(seen, edits=edits)
