"""Keys that a program knows on a release: a mistyped parameter is refused before anything is contacted.

A role says `names: {postfix_parameters: names}`; the folder `names/` in the role's holds
`bookworm.txt` and `trixie.txt`, one name a line, read on a real host. `*` stands for anything
(`*_destination_concurrency_limit`), and `plugin/*` says that keys inside `plugin` are free. With
`names: {postfix_services.*: names}` it is the keys of each value in `postfix_services` that are checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

from provisioner.errors import InputError
from provisioner.inventory.model import Host, VariablePath
from provisioner.roles.folders import file_inside
from provisioner.roles.mistakes import schema_mistakes
from provisioner.roles.model import Role
from provisioner.roles.names import nearest, read_names

EACH = ".*"
"""At the end of a variable in `names`: its values are checked, each a mapping, not the variable itself."""


def unknown_names(host: Host, roles: Sequence[Role], releases: Sequence[str]) -> list[InputError]:
    """Keys of the host's variables that none of `releases` knows, with the nearest that is known."""
    return [
        mistake
        for role in roles
        for variable in role.names
        for mistake in _unknown_in(host, role, variable, releases)
    ]


def _unknown_in(host: Host, role: Role, variable: str, releases: Sequence[str]) -> Iterator[InputError]:
    name = variable.removesuffix(EACH)
    whole = host.variables.get(name)
    if not isinstance(whole, Mapping):
        return
    folder = file_inside(role.folder, role.names[variable], role.folder)
    known = {release: read_names(folder / f"{release}.txt") for release in releases}
    if not all(known.values()):
        return
    names = {name for words in known.values() for name in words}
    wrong = {mistake.path for mistake in schema_mistakes(whole, role.variables[name].schema)}
    parts = {(str(key),): inner for key, inner in whole.items()} if variable != name else {(): whole}
    for start, value in parts.items():
        for path in _unknown_keys(value, frozenset(names)) if isinstance(value, Mapping) else ():
            full = (*start, *path)
            if any(full[: len(way)] == way and len(full) > len(way) for way in wrong):
                continue  # inside of a value that is wrong as a whole
            yield _mistake(host, role, (name, *full), names, releases)


def _mistake(
    host: Host, role: Role, path: VariablePath, names: set[str], releases: Sequence[str]
) -> InputError:
    key = str(path[-1]).split(" ")[0]
    near = nearest(key, sorted(name for name in names if "*" not in name))
    on = f" on Debian {releases[0]}" if len(releases) == 1 else ""
    return InputError(
        f"{role.name} knows no `{key}`{on} (for {host.name})",
        where=host.origins.find(path),
        note=f"did you mean `{near}`?" if near else f"in {path[0]}",
    )


def _unknown_keys(value: Mapping[object, object], names: frozenset[str]) -> Iterator[VariablePath]:
    """Ways to keys that are not among `names`, at any depth; a block's own name may follow after a blank."""
    exact, patterns = _split(names)
    for key, inner in value.items():
        word = str(key).split(" ")[0]
        known = word in exact or any(fnmatchcase(word, pattern) for pattern in patterns)
        if not known and not _is_referred_to(word, value):
            yield (str(key),)
        elif isinstance(inner, Mapping) and f"{word}/*" not in names:
            named = all(isinstance(block, Mapping) for block in inner.values())
            for name, block in inner.items() if named else ((None, inner),):
                way: VariablePath = (str(key),) if name is None else (str(key), str(name))
                for path in _unknown_keys(block, names):
                    yield (*way, *path)


@cache
def _split(names: frozenset[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    patterns = tuple(name for name in names if "*" in name and "/" not in name)
    return names - set(patterns), patterns


def _is_referred_to(name: str, value: Mapping[object, object]) -> bool:
    """Whether a value uses `$name`, or it is a restriction class: names that people define (postconf(5))."""
    if name in str(value.get("smtpd_restriction_classes", "")).replace(",", " ").split():
        return True
    reference = re.compile(rf"\$[({{]?{re.escape(name)}\b")
    return any(isinstance(text, str) and reference.search(text) for text in value.values())
