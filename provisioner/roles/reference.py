"""What a role is, for people: the page of the reference, and what `provision role show` prints.

Everything here comes from role.yml, so that what is written cannot differ from what is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from provisioner.roles.model import RELEASES, Role
from provisioner.roles.words import type_words, yaml_words

DEBIAN = {"bookworm": "Debian 12", "trixie": "Debian 13"}


def role_document(role: Role) -> dict[str, object]:
    """A role as the JSON of `provision role show`."""
    return {
        "name": role.name,
        "description": role.description,
        "doc": role.doc,
        "requires": list(role.requires),
        "built_in": role.built_in,
        "variables": {
            name: {
                "type": type_words(variable.schema),
                "schema": dict(variable.schema),
                "default": variable.default,
                "required": variable.required,
                "doc": variable.doc,
                "example": variable.example,
            }
            for name, variable in role.variables.items()
        },
        "ports": list(declared_list(role, "ports")),
        "dns": list(declared_list(role, "dns")),
        "packages": {release: package_names(role, release) for release in RELEASES},
        "files": list(declared(role, "files")),
        "services": list(declared(role, "services")),
        "secrets": [str(entry["name"]) for entry in declared_list(role, "secrets")],
        "checks": checks(role),
    }


def declared(role: Role, section: str) -> dict[str, Mapping[str, Any]]:
    """A section of names of both releases together, as written."""
    merged: dict[str, Mapping[str, Any]] = {}
    for release in reversed(RELEASES):
        found = cast("Mapping[str, Mapping[str, Any] | None]", role.declared[release].get(section, {}))
        merged = {**{name: spec or {} for name, spec in found.items()}, **merged}
    return merged


def declared_list(role: Role, section: str) -> list[Mapping[str, Any]]:
    """A section that is a list, of both releases together, each entry once."""
    entries: list[Mapping[str, Any]] = []
    for release in RELEASES:
        for entry in cast("list[Mapping[str, Any]]", role.declared[release].get(section, [])):
            if entry not in entries:
                entries.append(entry)
    return entries


def package_names(role: Role, release: str) -> list[str]:
    """The packages of a role on a release; those with a condition say it."""
    found = cast("list[Any]", role.declared[release].get("packages", []))
    return [_package(entry) for entry in found]


def _package(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return f"{entry['name']} (when {entry['when']})" if "when" in entry else str(entry["name"])


def checks(role: Role) -> list[str]:
    """The names of a role's test files."""
    return sorted(file.name for file in role.checks.glob("test_*.py")) if role.checks else []


def markdown(role: Role) -> str:
    """The page of a role in the reference."""
    parts = [
        f"# {role.name}",
        role.description + ("" if role.description.endswith(".") else "."),
        role.doc,
        _sentence("Brings with it: ", [f"[{name}]({name}.md)" for name in role.requires]),
        *_variables(role),
        *_ports(role),
        *_records(role),
        *_what_it_brings(role),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sentence(start: str, words: Sequence[str]) -> str:
    return f"{start}{', '.join(words)}." if words else ""


def _variables(role: Role) -> Iterator[str]:
    if not role.variables:
        return
    yield "## Variables"
    for name, variable in role.variables.items():
        default = "required" if variable.required else f"default `{_default(variable.default)}`"
        yield f"### `{name}`"
        yield f"{_first_upper(type_words(variable.schema))}; {default}."
        yield variable.doc
        if variable.example is not None:
            yield f"```yaml\n{_yaml_block(name, variable.example)}```"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _default(value: object) -> str:
    return value if isinstance(value, str) and value else yaml_words(value)


def _yaml_block(name: str, value: object) -> str:
    import yaml

    short = f"{name}: {yaml_words(value)}\n"
    if len(short) < 90 and not (isinstance(value, str) and "\n" in value):
        return short
    value = {name: value}
    return yaml.safe_dump(value, default_flow_style=None, width=100, allow_unicode=True, sort_keys=False)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _ports(role: Role) -> Iterator[str]:
    ports = declared_list(role, "ports")
    if ports:
        rows = [
            [str(port["number"]), str(port["protocol"]), str(port.get("tls", "none")), _doc(port)]
            for port in ports
        ]
        yield "## Ports"
        yield _table(["port", "protocol", "TLS", ""], rows)


def _doc(entry: Mapping[str, Any]) -> str:
    doc = str(entry.get("doc", entry.get("why", "")))
    when = f"when `{entry['when']}`" if "when" in entry else ""
    each = f"for each of `{entry['for_each']}`" if "for_each" in entry else ""
    return "; ".join(filter(None, [doc.strip().rstrip("."), each, when]))


def _records(role: Role) -> Iterator[str]:
    records = declared_list(role, "dns")
    if records:
        rows = [[f"`{one['name']}`", _type(one), f"`{one['value']}`", _doc(one)] for one in records]
        yield "## DNS records"
        yield _table(["name", "type", "value", "why"], rows)


def _type(record: Mapping[str, Any]) -> str:
    kind = str(record["type"])
    return f"`{kind}`" if "{{" in kind else kind


def _what_it_brings(role: Role) -> Iterator[str]:
    yield "## On the host"
    packages = {release: package_names(role, release) for release in RELEASES}
    if len({tuple(names) for names in packages.values()}) == 1:
        lines = [_sentence("Packages: ", [f"`{name}`" for name in packages[RELEASES[0]]])]
    else:
        lines = [
            _sentence(f"Packages on {DEBIAN[release]}: ", [f"`{name}`" for name in names])
            for release, names in packages.items()
        ]
    lines += [
        _sentence("Users: ", [f"`{name}`" for name in declared(role, "users")]),
        _sentence("Files: ", [f"`{name}`" for name in declared(role, "files")]),
        _sentence("Services: ", [f"`{name}`" for name in declared(role, "services")]),
        _sentence("Timers: ", [f"`{name}`" for name in declared(role, "timers")]),
        _sentence("Secrets made once: ", [f"`{one['name']}`" for one in declared_list(role, "secrets")]),
        _sentence("Checks: ", [f"`{name}`" for name in checks(role)]),
    ]
    shown = [f"- {line}" for line in lines if line]
    yield "\n".join(shown) if shown else "Nothing of its own."


def index(roles: Mapping[str, Role]) -> str:
    """The first page of the reference."""
    rows = [[f"[{name}]({name}.md)", role.description] for name, role in roles.items()]
    return (
        "# Roles\n\nWhat a host can be for: `roles: [mail_server]` on a host or group. "
        "How to write one: [Writing a role](../writing-a-role.md).\n\n"
        f"{_table(['role', 'what it is'], rows)}\n"
    )
