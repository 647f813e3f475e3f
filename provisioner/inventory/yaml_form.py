"""Ansible's YAML inventory: groups of `hosts`, `children` and `vars`."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.errors import Location
from provisioner.inventory.graph import Draft
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.ranges import expand, split_port
from provisioner.inventory.values import Mark, Written, is_dynamic, place
from provisioner.inventory.yaml_document import Document

SECTIONS = ("hosts", "children", "vars")


def read_yaml(document: Document, file: str, draft: Draft) -> None:
    """Add what `document` says to `draft`."""
    groups = document.value
    where = place(file, document.mark)
    if not isinstance(groups, dict):
        draft.fail(
            f"an inventory is a mapping of groups, not {kind(groups)}",
            Location(file, document.mark.line, document.mark.column) if document.mark else Location(file),
            hint="It begins with `all:`.",
        )
        return
    if "plugin" in groups:
        draft.fail(
            f"this is the configuration of an inventory plugin (`{groups['plugin']}`), not an inventory",
            _mark_of(document.mark, "plugin", file) or where,
            hint=f"ansible-inventory -i {file} --list | provision … - reads what it yields.",
        )
        return
    reader = _Reader(file, draft)
    for name, body in groups.items():
        reader.group(name, body, _inside(document.mark, name))


def kind(value: object) -> str:
    """What a value is, in words for people."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "yes or no"), (str, "text"), (int, "a number"), (float, "a number"), (dict, "a mapping"),
        (list, "a list"),
    )  # fmt: skip
    return "empty" if value is None else next((n for t, n in names if isinstance(value, t)), "another value")


def _inside(mark: Mark | None, key: object) -> Mark | None:
    return mark.inside.get(key) if mark and mark.inside and isinstance(key, str | int) else None


def _mark_of(mark: Mark | None, key: object, file: str) -> Location | None:
    inside = _inside(mark, key)
    return place(file, inside) if inside else None


@dataclass
class _Reader:
    file: str
    draft: Draft

    def group(self, name: object, body: object, mark: Mark | None) -> str | None:
        """One group and all that is below it; its name, if it is a group at all."""
        where = place(self.file, mark)
        if not isinstance(name, str) or not name:
            self.draft.fail(f"a group's name must be text, not {kind(name)}", where, hint=_quote_hint(name))
            return None
        if body is not None and not isinstance(body, dict):
            self.draft.warn(
                f"`{name}` is no group: it holds {kind(body)}, not hosts, children or vars", where
            )
            return None
        self.draft.group(name, where)
        for key, section in (body or {}).items():
            inside = _inside(mark, key)
            if key not in SECTIONS:
                self._unknown_section(name, key, place(self.file, inside))
                continue
            entries = self._entries(name, key, section, inside)
            if key == "vars":
                self._variables(name, entries, inside)
            elif key == "children":
                for child, below in entries.items():
                    if (child_name := self.group(child, below, _inside(inside, child))) is not None:
                        self.draft.add_child(name, child_name, place(self.file, _inside(inside, child)))
            else:
                for pattern, variables in entries.items():
                    self._host(name, pattern, variables, _inside(inside, pattern))
        return name

    def _unknown_section(self, group: str, key: object, where: Location) -> None:
        note = did_you_mean(str(key), SECTIONS)
        message = f"`{key}` means nothing in the group `{group}`: it may hold hosts, children and vars"
        if note:
            self.draft.fail(message, where, note=note)
        else:
            self.draft.warn(message, where)

    def _entries(self, group: str, key: str, section: object, mark: Mark | None) -> dict[object, object]:
        """A section as a mapping; `hosts: a` is short for `hosts: {a: }`."""
        if section is None:
            return {}
        if isinstance(section, str):
            return {str(section): None}
        if isinstance(section, dict):
            return section
        hint = f"Write each as a key: `{section[0]}:`" if isinstance(section, list) and section else ""
        self.draft.fail(
            f"`{key}` of the group `{group}` must be a mapping, not {kind(section)}",
            place(self.file, mark),
            hint=hint,
        )
        return {}

    def _variables(self, owner: str, variables: dict[object, object], mark: Mark | None) -> None:
        for name, written in read_variables(variables, mark, self.file, self.draft).items():
            self.draft.set_variable(owner, name, written, group=True)

    def _host(self, group: str, pattern: object, variables: object, mark: Mark | None) -> None:
        where = place(self.file, mark)
        if not isinstance(pattern, str) or not pattern:
            self.draft.fail(
                f"a host's name must be text, not {kind(pattern)}", where, hint=_quote_hint(pattern)
            )
            return
        if variables is not None and not isinstance(variables, dict):
            self.draft.fail(f"the variables of `{pattern}` must be a mapping, not {kind(variables)}", where)
            variables = {}
        own = read_variables(variables or {}, mark, self.file, self.draft)
        add_hosts(pattern, group, own, self.file, mark, self.draft)


def add_hosts(
    pattern: str, group: str, variables: dict[str, Written], file: str, mark: Mark | None, draft: Draft
) -> None:
    """Add every host that `pattern` stands for to `group`, each with `variables`."""
    where = place(file, mark)
    text, port = split_port(pattern)
    try:
        names = expand(text)
    except ValueError as error:
        draft.fail(f"`{pattern}`: {error}", where)
        return
    written_port = None if port is None else Written(port, file, mark)
    for name in names:
        draft.host(name, file, where, written_port)
        draft.groups[group].hosts.setdefault(name, where)
        for key, written in variables.items():
            draft.set_variable(name, key, written, group=False)


def read_variables(
    variables: dict[object, object], mark: Mark | None, file: str, draft: Draft
) -> dict[str, Written]:
    """A mapping's entries as variables; a name that is no text is a mistake."""
    result: dict[str, Written] = {}
    secret = file in draft.secret_files
    for name, value in variables.items():
        inside = _inside(mark, name)
        if not isinstance(name, str):
            draft.fail(
                f"a variable's name must be text, not {kind(name)}",
                place(file, inside),
                hint=_quote_hint(name),
            )
            continue
        result[name] = Written(value, file, inside, secret or is_dynamic(value), secret)
    return result


def _quote_hint(name: object) -> str:
    if isinstance(name, bool):
        return "YAML reads on, off, yes and no as true and false: quote the name."
    return "Quote it." if name is not None else ""
