"""The JSON that `ansible-inventory --list` and every dynamic inventory prints."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.errors import Location
from provisioner.inventory.graph import Draft
from provisioner.inventory.values import EncryptedText, Mark, UnsafeText, place
from provisioner.inventory.yaml_document import Document
from provisioner.inventory.yaml_form import kind, read_variables

_VAULT, _UNSAFE = "__ansible_vault", "__ansible_unsafe"


def is_list_form(document: Document) -> bool:
    """Whether a document is that JSON, and not a YAML inventory that happens to be written as JSON."""
    value = document.value
    if not document.is_json or not isinstance(value, dict):
        return False
    if "_meta" in value:
        return True
    return bool(value) and any(
        isinstance(group, list)
        or (
            isinstance(group, dict) and any(isinstance(group.get(key), list) for key in ("hosts", "children"))
        )
        for group in value.values()
    )


def read_list(document: Document, file: str, draft: Draft) -> None:
    """Add what `document` says to `draft`."""
    reader = _Reader(file, draft)
    groups = document.value
    if not isinstance(groups, dict):
        draft.fail(f"the JSON of an inventory is a mapping of groups, not {kind(groups)}", Location(file))
        return
    for name, body in groups.items():
        if name != "_meta":
            reader.group(str(name), body, _inside(document.mark, name))
    meta = groups.get("_meta")
    if meta is not None:
        reader.host_variables(meta, _inside(document.mark, "_meta"))


def _inside(mark: Mark | None, key: str | int) -> Mark | None:
    return mark.inside.get(key) if mark and mark.inside else None


@dataclass
class _Reader:
    file: str
    draft: Draft

    def group(self, name: str, body: object, mark: Mark | None) -> None:
        """`name: {hosts: [...], children: [...], vars: {...}}`, or a bare list of hosts."""
        group = self.draft.group(name, place(self.file, mark))
        sections: dict[str, object] = body if isinstance(body, dict) else {"hosts": body}
        if isinstance(body, dict) and body and not {"hosts", "children", "vars"} & body.keys():
            sections = {"hosts": [name], "vars": body}
        for number, host in enumerate(self.names(name, "hosts", sections, mark)):
            where = place(self.file, _inside(_inside(mark, "hosts"), number)) if mark else Location(self.file)
            self.draft.host(host, self.file, where)
            group.hosts.setdefault(host, where)
        for number, child in enumerate(self.names(name, "children", sections, mark)):
            where = (
                place(self.file, _inside(_inside(mark, "children"), number)) if mark else Location(self.file)
            )
            self.draft.group(child, where)
            self.draft.add_child(name, child, where)
        variables = sections.get("vars")
        if variables is not None:
            self.variables(name, variables, _inside(mark, "vars"), group=True)

    def names(self, group: str, key: str, sections: dict[str, object], mark: Mark | None) -> list[str]:
        """A section that lists names."""
        names = sections.get(key, [])
        if isinstance(names, list) and all(isinstance(name, str) and name for name in names):
            return names
        self.draft.fail(
            f"`{group}.{key}` must be a list of names", place(self.file, _inside(mark, key) or mark)
        )
        return []

    def host_variables(self, meta: object, mark: Mark | None) -> None:
        """`_meta: {hostvars: {name: {...}}}`"""
        hostvars = meta.get("hostvars", {}) if isinstance(meta, dict) else None
        if not isinstance(hostvars, dict):
            self.draft.fail("`_meta.hostvars` must be a mapping of hosts", place(self.file, mark))
            return
        inside = _inside(mark, "hostvars")
        for name, variables in hostvars.items():
            if name in self.draft.hosts:
                self.variables(name, variables, _inside(inside, name), group=False)

    def variables(self, owner: str, variables: object, mark: Mark | None, *, group: bool) -> None:
        """The variables of a group or host."""
        if not isinstance(variables, dict):
            self.draft.fail(
                f"the variables of `{owner}` must be a mapping, not {kind(variables)}", place(self.file, mark)
            )
            return
        decoded = {key: decode_markers(value) for key, value in variables.items()}
        for name, written in read_variables(decoded, mark, self.file, self.draft).items():
            self.draft.set_variable(owner, name, written, group=group)


def decode_markers(value: object) -> object:
    """`{"__ansible_vault": …}` and `{"__ansible_unsafe": …}` are how JSON says `!vault` and `!unsafe`."""
    if isinstance(value, list):
        return [decode_markers(item) for item in value]
    if isinstance(value, dict):
        if len(value) == 1:
            if isinstance(text := value.get(_VAULT), str):
                return EncryptedText(text)
            if isinstance(text := value.get(_UNSAFE), str):
                return UnsafeText(text)
        return {key: decode_markers(item) for key, item in value.items()}
    return value
