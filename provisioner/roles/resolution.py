"""From a host and its roles to the desired state: everything rendered, nothing contacted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from provisioner.errors import InputError, Location, Mistakes
from provisioner.inventory.model import Host
from provisioner.mail.domains import Mail
from provisioner.resources import Command, File, Link, Resource
from provisioner.roles import build
from provisioner.roles.expand import Item, flag, items, texts
from provisioner.roles.folders import file_inside, work_tree
from provisioner.roles.format import has_template
from provisioner.roles.known_names import unknown_names
from provisioner.roles.loading import Roles, in_order
from provisioner.roles.merge import merged
from provisioner.roles.mistakes import schema_mistakes
from provisioner.roles.model import RELEASES, Desired, Role, SecretStore
from provisioner.roles.variables import filled_in

_T = TypeVar("_T")
_R = TypeVar("_R", bound=Resource)
_LARGEST_FILE = 4 << 20
_SHORTEST_SECRET = 4
"""Characters; a shorter one is part of too many words to look for."""
_MAGIC = ("group_names", "groups", "inventory_hostname_short")
"""Of Ansible's own variables those that do not depend on where the inventory lies."""
MANAGED = (
    "Managed by provision, from template {}. Changes made here are shown by the next plan "
    "and overwritten by the next apply."
)


@dataclass(frozen=True, slots=True)
class TemplateHost:
    """What templates see of the host as `host`."""

    name: str
    groups: tuple[str, ...]


def resolve(host: Host, roles: Roles, secrets: SecretStore, release: str) -> Desired:
    """The desired state of `host` on a Debian release (`bookworm`, `trixie`).

    Secrets that roles declare and that do not exist yet are made in `secrets`. Raises Mistakes
    with everything that is wrong: what cannot be rendered, what two roles contradict each other in,
    names that this release's software does not know.
    """
    if release not in RELEASES:
        known = " and ".join(RELEASES)
        raise InputError(f"{host.name} runs Debian {release}; roles are written for {known}")
    return _Resolution(host, roles, secrets, release).desired()


class _Resolution:
    """One host on its way to `Desired`; mistakes are gathered, so that a person sees all of them."""

    def __init__(self, host: Host, roles: Roles, secrets: SecretStore, release: str) -> None:
        self.host, self.all_roles, self.secrets, self.release = host, roles, secrets, release
        self.roles = roles.with_required(host.roles)
        self.templates = roles.templates
        self.mistakes: list[InputError] = []
        self._read_a_secret = False
        self._secrets_read: set[str] = set()

    def desired(self) -> Desired:
        context = self._context()
        self._make_secrets(context)
        ports = tuple(self._all("ports", build.port, context))
        context["ports"] = list(ports)
        resources, contradictions = merged(self._resources(context))
        self.mistakes += contradictions
        records = tuple(dict.fromkeys(self._all("dns", build.record, context)))
        self.mistakes += unknown_names(self.host, self.roles, (self.release,))
        if self.mistakes:
            raise Mistakes(in_order(self.mistakes))
        return Desired(
            host=self.host,
            release=self.release,
            resources=tuple(map(self.all_roles.shared, resources)),
            ports=ports,
            records=records,
            variables=self.variables,
            roles=tuple(role.name for role in self.roles),
            checks={role.name: checks for role in self.roles if (checks := role.checks)},
        )

    def _context(self) -> dict[str, object]:
        around: dict[str, object] = {
            "host": TemplateHost(self.host.name, self.host.groups),
            **{name: value for name, value in self.host.magic.items() if name in _MAGIC},
            "inventory_hostname": self.host.name,
            "release": self.release,
            "secret": self._secret,
            "inventory_file": self._inventory_file,
        }
        self.variables = filled_in(self.host.variables, self.roles, around, self.templates)
        self.mistakes += self._wrong_defaults()
        self.mail, mistakes = Mail.read(
            self.variables.get("mail_domains"),
            self._hash,
            weak_hashes=self.variables.get("mail_weak_hashes") is True,
        )
        self.mistakes += [mistake.located(self.host) for mistake in mistakes]
        return {**self.host.variables, **self.variables, **around, "mail": self.mail}

    def _wrong_defaults(self) -> Iterator[InputError]:
        """Defaults made of other values that come to what their own schema does not take."""
        for role in self.roles:
            for name, variable in role.variables.items():
                if name in self.host.variables or not has_template(variable.default):
                    continue
                for mistake in schema_mistakes(self.variables[name], variable.schema):
                    yield InputError(
                        f"`{name}` for {self.host.name}: {mistake.message}",
                        where=self.host.origins.find(("roles",)),
                        note=mistake.note or f"its default in role {role.name}",
                        hint=f"Set `{name}` in the inventory.",
                    )

    def _hash(self, password: str, address: str) -> str:
        from provisioner.secrets.passwords import hash_password

        return hash_password(password, address, self.secrets.password_key())

    def _secret(self, name: str) -> str:
        text = self.secrets.get(name)
        self._read_a_secret = True
        self._secrets_read.add(text)
        return text

    def _inventory_file(self, name: str) -> str:
        folder = self.all_roles.inventory_folder
        file = file_inside(folder, name, work_tree(folder))
        try:
            if file.stat().st_size > _LARGEST_FILE:
                raise InputError(f"{file} is larger than {_LARGEST_FILE} bytes")
            return file.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot read {file}: {error.strerror}") from None

    def _make_secrets(self, context: Mapping[str, object]) -> None:
        def make(item: Item) -> None:
            self.secrets.make(item.key, item.spec["make"])

        for _ in self._all("secrets", make, context):
            pass

    def _all(self, section: str, make: Callable[[Item], _T], context: Mapping[str, object]) -> Iterator[_T]:
        for role in self.roles:
            yield from self._of_role(role, section, make, context)

    def _of_role(
        self, role: Role, section: str, make: Callable[[Item], _T], context: Mapping[str, object]
    ) -> Iterator[_T]:
        try:
            for item in items(role, section, context, self.release, self.templates):
                try:
                    yield make(item)
                except InputError as error:
                    self.mistakes.append(self._for_host(error))
        except InputError as error:
            self.mistakes.append(self._for_host(error))

    def _for_host(self, error: InputError) -> InputError:
        message = f"{error.message} (for {self.host.name})"
        return InputError(message, where=error.where, hint=error.hint, note=error.note)

    def _resources(self, context: dict[str, object]) -> Iterator[tuple[Resource, Location]]:
        """Every resource in the order of its section, with the line of role.yml that declares it."""
        here = {
            item.key
            for role in self.roles
            for item in self._of_role(role, "services", lambda item: item, context)
        }
        for role in self.roles:
            sections = {**build.BEFORE_FILES, "files": self._file, **build.AFTER_FILES}
            for section, make in sections.items():
                for resource, place in self._of_role(role, section, partial(_placed, make), context):
                    yield _without_absent_services(resource, here), place

    def _file(self, item: Item) -> File:
        self._read_a_secret = False
        source, text = self._content(item)
        return File(
            path=build.path_of(item),
            content=_encoded(item, text),
            role=item.role.name,
            owner=build.account_of(item, "owner", "root"),
            group=build.account_of(item, "group", "root"),
            mode=build.mode_of(item, 0o644),
            sensitive=flag(item, "sensitive", False) or self._read_a_secret or self._tells_a_secret(text),
            template=source,
            reload=texts(item, "reload"),
            restart=texts(item, "restart"),
            runs=texts(item, "runs"),
        )

    def _content(self, item: Item) -> tuple[str, str]:
        """Where the content of a file comes from, and the content."""
        if (template := item.spec.get("template")) is not None:
            name = str(self.templates.value(template, item.context, item.where("template")))
            context = {**item.context, "managed": MANAGED.format(name)}
            return name, self.templates.render(name, context, item.where("template"))
        source = f"roles/{item.role.name}/role.yml"
        context = {**item.context, "managed": MANAGED.format(source)}
        return source, self.templates.render_text(item.spec["content"], context, item.where("content"))

    def _tells_a_secret(self, text: str) -> bool:
        known = self.host.secret_texts | self._secrets_read | self.mail.secret_texts
        return any(secret in text for secret in known if len(secret) >= _SHORTEST_SECRET)


def _encoded(item: Item, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise item.wrong(f"the character U+{code:04X} in {item.key} can't be written as UTF-8") from None


def _placed(make: Callable[[Item], Resource], item: Item) -> tuple[Resource, Location]:
    return make(item), item.where()


def _without_absent_services(resource: _R, here: set[str]) -> _R:
    """A role may make services of other roles take a file up; those that this host lacks don't."""
    if not isinstance(resource, File | Link | Command):
        return resource
    kept = {
        verb: tuple(name for name in getattr(resource, verb) if name in here)
        for verb in ("reload", "restart")
    }
    if kept["reload"] == resource.reload and kept["restart"] == resource.restart:
        return resource
    return replace(resource, reload=kept["reload"], restart=kept["restart"])
