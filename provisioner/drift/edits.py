"""Which files somebody edited since we wrote them, what a change says of it, and a plan that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import unified_diff

from provisioner.drift.merge import Merged, merge
from provisioner.drift.settings import are_settled, inventory_lines
from provisioner.resources.change import Change, Edited
from provisioner.resources.file import File
from provisioner.resources.observed import Edit, FileState, Observed, Written


def edited(seen: Observed) -> Iterator[tuple[Written, FileState]]:
    """Every file whose content is not what the last transaction says that roles brought."""
    for note in seen.written:
        state = seen.files.get(note.name)
        if note.kind == "file" and state and state.kind == "file" and state.digest != note.digest:
            yield note, state


def annotate(change: Change, wanted: File | None, seen: Observed) -> Change:
    """`change` with what is known of somebody's edit of its file; as it is where there is none.

    `wanted` is the file as it shall be, None where it is to be deleted.
    """
    found = {note.name: state for note, state in edited(seen)}
    path = change.resource.partition(":")[2]
    state = found.get(path)
    if state is None or change.resource != f"file:{path}" or (wanted and wanted.digest == state.digest):
        return change
    edit = seen.edits.get(path, Edit())
    secret = (wanted.sensitive if wanted else change.sensitive) or not state.mode & 0o004
    if edit.written is None or edit.content is None:
        return replace(change, edited=Edited(state.changed, edit.by, mergeable=wanted is None))
    merged = None if wanted is None else merge(edit.written, edit.content, wanted.content)
    if wanted and _is_in(edit.written, edit.content, wanted, merged):
        return change
    shown = Edited(
        state.changed,
        edit.by,
        "" if secret else _diff(path, edit.written, edit.content),
        "" if secret or merged is None else _diff(path, edit.content, merged.content),
        mergeable=wanted is None or (merged is not None and not merged.conflicts),
        conflicts=merged.conflicts if merged else 0,
        inventory=() if secret or wanted is None else inventory_lines(path, edit.written, edit.content),
    )
    return replace(change, edited=shown)


def _is_in(written: bytes, there: bytes, wanted: File, merged: Merged | None) -> bool:
    """Whether what is wanted has their edit in it already, so that nothing of theirs would be lost."""
    same = merged is not None and not merged.conflicts and merged.content == wanted.content
    return same or are_settled(wanted.path, written, there, wanted.content)


def kept(file: File, edits: Mapping[str, Edit]) -> File | None:
    """`file` with somebody's edit in it; None where there is none, or it can't be kept whole."""
    edit = edits.get(file.path)
    if edit is None or edit.written is None or edit.content is None:
        return None
    merged: Merged | None = merge(edit.written, edit.content, file.content)
    if merged is None or merged.conflicts or merged.content == file.content:
        return None
    return replace(file, content=merged.content)


def _diff(path: str, before: bytes, after: bytes) -> str:
    try:
        old, new = before.decode().splitlines(), after.decode().splitlines()
    except UnicodeDecodeError:
        return ""
    return "\n".join(unified_diff(old, new, path, path, lineterm=""))
