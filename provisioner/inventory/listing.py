"""An inventory as `ansible-inventory` prints it: `--list`, `--host` and `--graph`, secrets hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from provisioner.inventory.model import Host, Inventory
from provisioner.inventory.values import EncryptedText, UnsafeText

HIDDEN = "<secret>"
SHORTEST = 4
"""Characters; a shorter secret is hidden only where it is the whole value."""

_UNASKED_NAMES = """
    ansible_async_path ansible_collection_name ansible_config_file ansible_dependent_role_names
    ansible_diff_mode ansible_facts ansible_forks ansible_inventory_sources ansible_limit
    ansible_play_batch ansible_play_hosts ansible_play_hosts_all ansible_play_role_names
    ansible_playbook_python ansible_role_name ansible_role_names ansible_run_tags ansible_skip_tags
    ansible_verbosity ansible_version inventory_dir inventory_file inventory_hostname
    inventory_hostname_short groups group_names hostvars playbook_dir play_hosts role_name role_names
    role_path role_uuid
"""
_UNASKED = frozenset(_UNASKED_NAMES.split())
"""Ansible's names for what it gives every host unasked; its listings leave them out, and so do ours."""

Shown = Callable[[str, object], object]
"""(name of a variable, its value) → what is printed of it."""


def list_document(
    inventory: Inventory, *, raw: bool = False, show_secrets: bool = False
) -> dict[str, object]:
    """The JSON of `ansible-inventory --list`: groups, and every host's variables in `_meta`."""
    hosts = {host.name: host for host in inventory.hosts}
    document = dict(_groups(inventory, "all", hosts, set()))
    variables = {
        name: host_document(host, raw=raw, show_secrets=show_secrets, unsafe_marked=raw)
        for name, host in hosts.items()
    }
    meta: dict[str, object] = {"hostvars": {name: values for name, values in variables.items() if values}}
    return {**document, "_meta": meta}


def _groups(
    inventory: Inventory, name: str, hosts: Mapping[str, Host], seen: set[str]
) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """A group and all below it, each once; a group that holds nothing is left out."""
    group = inventory.groups[name]
    entry: dict[str, list[str]] = {}
    own = [host for host in group.hosts if host in hosts] if name != "all" else []
    if own:
        entry["hosts"] = own
    if group.children:
        entry["children"] = list(group.children)
    if entry:
        yield name, entry
    for child in group.children:
        if child not in seen:
            seen.add(child)
            yield from _groups(inventory, child, hosts, seen)


def host_document(
    host: Host, *, raw: bool = False, show_secrets: bool = False, unsafe_marked: bool = False
) -> dict[str, object]:
    """The JSON of `ansible-inventory --host`: one host's variables."""
    shown = partial(_show_raw, unsafe_marked) if raw else _show
    hide = (lambda name, value: value) if show_secrets else _hiding(host)
    values = host.raw if raw else host.variables
    return {name: hide(name, shown(value)) for name, value in values.items() if name not in _UNASKED}


def _show(value: object) -> object:
    """A value as JSON can hold it."""
    if isinstance(value, dict):
        return {_key(key): _show(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_show(item) for item in value]
    if isinstance(value, float | int | str | None):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _show_raw(unsafe_marked: bool, value: object) -> object:
    """A value as written; vault and unsafe texts marked as Ansible's JSON marks them."""
    if isinstance(value, EncryptedText):
        return {"__ansible_vault": value.ciphertext}
    if isinstance(value, UnsafeText):
        text = str.__str__(value)
        return {"__ansible_unsafe": text} if unsafe_marked else text
    if isinstance(value, dict):
        return {_key(key): _show_raw(unsafe_marked, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_show_raw(unsafe_marked, item) for item in value]
    return _show(value)


def _key(key: object) -> str | int | float | bool | None:
    if isinstance(key, str | int | float | None):
        return key
    return str(_show(key))


def _hiding(host: Host) -> Shown:
    """Hides what came out of a vault or a secret."""
    long = sorted((text for text in host.secret_texts if len(text) >= SHORTEST), key=len, reverse=True)
    inside = re.compile("|".join(map(re.escape, long))) if long else None

    def hide_text(text: str) -> str:
        if text in host.secret_texts:
            return HIDDEN
        return inside.sub(HIDDEN, text) if inside else text

    def hide(name: str, value: object) -> object:
        if name in host.secret_variables:
            return _hide_all(value)
        return _map_texts(value, hide_text) if host.secret_texts else value

    return hide


def _map_texts(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value


def _hide_all(value: object) -> object:
    if isinstance(value, dict):
        return {key: _hide_all(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hide_all(item) for item in value]
    return HIDDEN if value is not None and value != "" else value


def graph_lines(inventory: Inventory, group: str = "all") -> Iterator[str]:
    """The lines of `ansible-inventory --graph`."""
    chosen = {host.name for host in inventory.hosts}
    yield from _graph(inventory, group, chosen, 0)


def _graph(inventory: Inventory, name: str, chosen: set[str], depth: int) -> Iterator[str]:
    group = inventory.groups[name]
    yield _branch(f"@{name}:", depth)
    for child in group.children:
        yield from _graph(inventory, child, chosen, depth + 1)
    if name != "all":
        for host in group.hosts:
            if host in chosen:
                yield _branch(host, depth + 1)


def _branch(text: str, depth: int) -> str:
    return "  |" * depth + "--" + text if depth else text
