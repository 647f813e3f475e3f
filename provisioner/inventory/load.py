"""An inventory from what the user names: read, merged, evaluated, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import InputError, Location, Mistakes
from provisioner.inventory.addresses import shared_addresses
from provisioner.inventory.files import Tree, tree_root
from provisioner.inventory.folders import VariableFolder
from provisioner.inventory.graph import Draft, Membership
from provisioner.inventory.model import Group, Host, Inventory, Origins
from provisioner.inventory.patterns import Names, choose
from provisioner.inventory.places import Places
from provisioner.inventory.precedence import Precedence
from provisioner.inventory.ranges import is_address
from provisioner.inventory.roles_list import names_of_roles
from provisioner.inventory.sources import read_source
from provisioner.inventory.values import SecretSource, Written
from provisioner.secrets.vault import VaultPasswords

if TYPE_CHECKING:
    from provisioner.inventory.templates.evaluate import Evaluator, Surroundings


MOST_MISTAKES = 100
"""As many as a person reads; a file with more has one cause."""


def load_inventory(
    source: str | Path,
    *,
    limit: str | None = None,
    vault: VaultPasswords | None = None,
    secrets: SecretSource | None = None,
) -> Inventory:
    """The inventory at `source`: a YAML, INI or JSON file, a folder of them, `-`, or `host1,host2`.

    `limit` is a pattern that narrows `hosts`. `vault` opens Ansible Vault values, `secrets` is what
    `{{ secrets.NAME }}` looks in; both are asked only for what is used.
    Raises Mistakes with everything that is wrong. A variable that cannot be resolved is no mistake
    yet: it is in its host's `unresolved`.
    """
    name = str(source)
    folder = _folder_of(name)
    passwords = vault or VaultPasswords()
    tree = Tree(tree_root(folder), passwords.decrypt_file)
    draft = Draft()
    read_source(name, tree, draft)
    draft.settle()
    run = _Run(name, folder, tree, draft, passwords, secrets)
    if draft.mistakes:
        run.read_all_variables()
    _stop_at(draft.mistakes)
    chosen = run.choose(limit)
    hosts = tuple(run.host(host) for host in chosen)
    run.warn_of_unused_files()
    draft.mistakes += shared_addresses(hosts, draft.hosts)
    _stop_at(draft.mistakes)
    return Inventory(name, folder, hosts, run.groups(), tuple(draft.warnings))


def _folder_of(source: str) -> Path:
    """The folder that roles, secrets and variables lie in, beside the inventory."""
    path = Path(source)
    if source == "-" or ("," in source and not path.exists()):
        return Path()
    return path if path.is_dir() else path.parent


def _stop_at(mistakes: list[InputError]) -> None:
    if mistakes:
        unique = list({(str(error.where), error.message): error for error in mistakes}.values())
        if len(unique) > MOST_MISTAKES:
            rest = len(unique) - MOST_MISTAKES
            unique = [*unique[:MOST_MISTAKES], InputError(f"{rest} more mistakes are not shown")]
        raise Mistakes(unique)


@dataclass
class _Run:
    """One reading of one inventory."""

    source: str
    folder: Path
    tree: Tree
    draft: Draft
    passwords: VaultPasswords
    secrets: SecretSource | None
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    _written: dict[str, dict[str, Written]] = field(default_factory=dict)
    _paths: dict[str, Path | None] = field(default_factory=dict)

    @cached_property
    def membership(self) -> Membership:
        """Who is in what."""
        return Membership(self.draft.groups, self.draft.hosts)

    @cached_property
    def precedence(self) -> Precedence:
        """Which value counts."""
        return Precedence(
            self.membership, self._variable_folder("group_vars"), self._variable_folder("host_vars")
        )

    def _variable_folder(self, name: str) -> VariableFolder:
        return VariableFolder(str(self.folder / name), self.tree, self.draft)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What evaluation needs; Jinja2 is imported only here."""
        from provisioner.inventory.templates.environment import ValueEnvironment
        from provisioner.inventory.templates.evaluate import Surroundings
        from provisioner.inventory.templates.lookups import Lookups

        functions = Lookups(self.folder, self.tree).functions()
        return Surroundings(
            ValueEnvironment(functions),
            self.passwords.decrypt_text,
            self.secrets,
            self.evaluator,
            self._names,
        )

    def _names(self) -> Iterator[str]:
        return iter(self.draft.hosts)

    def choose(self, limit: str | None) -> list[str]:
        """The hosts of this run, in the inventory's order."""
        members = self.membership.hosts_of
        if not self.draft.hosts:
            error = InputError("there is no host in this inventory", where=Location(_shown(self.source)))
            raise Mistakes([error])
        everyone = list(members["all"])
        if limit is None:
            return everyone
        names = Names(list(self.draft.hosts), members)
        chosen = {host for piece in _limits(limit) for host in choose(names, piece)}
        return [host for host in everyone if host in chosen]

    def evaluator(self, name: str) -> Evaluator | None:
        """The evaluator of a host, made when it is first asked for."""
        from provisioner.inventory.templates.evaluate import Evaluator

        if name not in self.draft.hosts:
            return None
        if name not in self.evaluators:
            written = self.written(name)
            self.evaluators[name] = Evaluator(name, written, self._magic(name), self.surroundings)
        return self.evaluators[name]

    def read_all_variables(self) -> None:
        """Look for mistakes in the files of variables too, so that all are shown at once."""
        for name in self.draft.groups:
            self.precedence.group_vars.variables_of(name)
        for name in self.draft.hosts:
            self.precedence.host_vars.variables_of(name)

    def warn_of_unused_files(self) -> None:
        """Files of variables that belong to nobody, and look as if they were meant for somebody."""
        for folder, known in (
            (self.precedence.group_vars, self.draft.groups),
            (self.precedence.host_vars, self.draft.hosts),
        ):
            for path, note in folder.unused(known):
                self.draft.warn(f"{path} gives its variables to nobody", Location(path), note=note)

    def written(self, name: str) -> dict[str, Written]:
        """A host's variables as written, after precedence."""
        if name not in self._written:
            self._written[name] = self.precedence.variables_of(name)
        return self._written[name]

    def _magic(self, name: str) -> dict[str, object]:
        file = self.draft.hosts[name].file
        if file not in self._paths:
            self._paths[file] = Path(file).absolute() if Path(file).exists() else None
        path = self._paths[file]
        groups = self.membership.groups_of[name]
        return {
            "inventory_hostname": name,
            "inventory_hostname_short": name if is_address(name) else name.split(".")[0],
            "inventory_file": str(path) if path else None,
            "inventory_dir": str(path.parent) if path else None,
            "group_names": sorted(group for group in groups if group != "all"),
            "groups": self._group_lists,
        }

    @cached_property
    def _group_lists(self) -> dict[str, list[str]]:
        return {name: list(hosts) for name, hosts in self.membership.hosts_of.items()}

    def host(self, name: str) -> Host:
        """One host with all its variables evaluated."""
        written = self.written(name)
        variables: dict[str, object] = {}
        unresolved: dict[str, InputError] = {}
        for key, variable in written.items():
            try:
                variables[key] = self._resolve(name, variable, key) if variable.dynamic else variable.value
            except InputError as error:
                unresolved[key] = error
        roles = self._roles(name, unresolved)
        evaluator = self.evaluators.get(name)
        return Host(
            name=name,
            variables=variables,
            raw={key: variable.value for key, variable in written.items()},
            groups=self.membership.groups_of[name],
            roles=tuple(roles),
            role_places=tuple(roles.values()),
            origins=Origins(Places(written)),
            unresolved=unresolved,
            secret_texts=frozenset(evaluator.secret_texts) if evaluator else frozenset(),
            secret_variables=frozenset(key for key, variable in written.items() if variable.secret),
            magic=self._magic(name),
        )

    def _resolve(self, host: str, written: Written, name: str) -> object:
        evaluator = self.evaluator(host)
        assert evaluator is not None
        return (
            evaluator.resolve(name)
            if evaluator.written.get(name) is written
            else evaluator.resolve_written(name, written)
        )

    def _roles(self, name: str, unresolved: dict[str, InputError]) -> dict[str, Location]:
        def resolve(written: Written) -> object:
            return self._resolve(name, written, "roles") if written.dynamic else written.value

        roles, mistakes = names_of_roles(self.precedence.each_of(name, "roles"), resolve)
        for mistake in mistakes:
            unresolved.setdefault("roles", mistake)
        return roles

    def groups(self) -> dict[str, Group]:
        """The groups as written."""
        return {
            group.name: Group(
                group.name,
                tuple(group.children),
                tuple(group.hosts),
                {key: variable.value for key, variable in group.variables.items()},
            )
            for group in self.draft.groups.values()
        }


def _limits(limit: str) -> list[str]:
    """A limit is one pattern, or `@file` with one to a line."""
    if not limit.startswith("@"):
        return [limit]
    from provisioner.inventory.files import decode, read_bytes

    lines = decode(read_bytes(limit[1:]), limit[1:]).splitlines()
    return [line.strip() for line in lines if line.strip()]


def _shown(source: str) -> str:
    return "<stdin>" if source == "-" else source
