"""Reading `mail_domains`: addresses completed, every contradiction found, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from provisioner.inventory.model import VariablePath
from provisioner.mail.addresses import complete, domain_fault, local_part_fault, size_in_bytes
from provisioner.mail.domains import Hasher, Mailbox, MailMistake
from provisioner.mail.passwords import password_fault


class Reading:
    """One pass over `mail_domains`. Values of a wrong shape are the schema's business and skipped here."""

    def __init__(self, value: object, hasher: Hasher, weak_hashes: bool = False) -> None:
        """Read all of `value`; see the attributes for what was found."""
        self.domains: list[str] = []
        self.users: dict[str, Mailbox] = {}
        self.aliases: dict[str, tuple[str, ...]] = {}
        self.mistakes: list[MailMistake] = []
        self._hasher = hasher
        self._weak_hashes = weak_hashes
        self._places: dict[str, VariablePath] = {}
        """Address → where it was first declared."""
        domains = value if isinstance(value, Mapping) else {}
        self.domains = [str(name) for name in domains if self._domain_is_right(str(name))]
        for name in self.domains:
            self._read_users(name, domains[name])
        for name in self.domains:
            self._read_aliases(name, domains[name])
        self._check_targets()
        self._check_circles()

    def _wrong(self, path: VariablePath, message: str, note: str = "", hint: str = "") -> None:
        self.mistakes.append(MailMistake(path, message, note, hint))

    def _domain_is_right(self, name: str) -> bool:
        fault, instead = domain_fault(name)
        if fault:
            note = f"write `{instead}`" if instead else ""
            self._wrong(("mail_domains", name), f"mail domain `{name}` {fault}", note)
        return not fault

    def _read_users(self, domain: str, spec: object) -> None:
        for key, user in _mapping(spec, "users"):
            path: VariablePath = ("mail_domains", domain, "users", key)
            local = key.lower()
            if fault := local_part_fault(local):
                self._wrong(path, f"user `{key}` of {domain} {fault}")
                continue
            email = f"{local}@{domain}"
            if email in self.users:
                self._wrong(path, f"{email} is there twice; letters' case makes no difference")
                continue
            values = user if isinstance(user, Mapping) else {}
            self._places[email] = path
            self.users[email] = Mailbox(
                email=email,
                local=local,
                domain=domain,
                quota_bytes=self._quota(path, email, values.get("quota")),
                password=self._password(path, email, values.get("password")),
                hasher=self._hasher,
                **_place(values),
            )

    def _quota(self, path: VariablePath, email: str, value: object) -> int | None:
        if value is None or isinstance(value, bool) or not isinstance(value, str | int):
            return None
        size = size_in_bytes(value)
        if size is None:
            self._wrong((*path, "quota"), f"quota of {email}: expected a size such as `2G`, got {value!r}")
        return size or None

    def _password(self, path: VariablePath, email: str, value: object) -> str:
        if not isinstance(value, str):
            return ""
        fault, hint = password_fault(value, weak=self._weak_hashes)
        if fault:
            self._wrong((*path, "password"), f"the password of {email} {fault}", hint=hint)
            return ""
        return value

    def _read_aliases(self, domain: str, spec: object) -> None:
        for key, user in _mapping(spec, "users"):
            owner = f"{key.lower()}@{domain}"
            names = user.get("aliases") if isinstance(user, Mapping) else None
            if owner in self.users and isinstance(names, list):
                for index, name in enumerate(names):
                    path: VariablePath = ("mail_domains", domain, "users", key, "aliases", index)
                    self._add_alias(path, str(name), domain, (owner,))
        for key, targets in _mapping(spec, "aliases"):
            texts = targets if isinstance(targets, list) else [targets]
            complete_targets = tuple(complete(str(text), domain) for text in texts if isinstance(text, str))
            self._add_alias(("mail_domains", domain, "aliases", key), key, domain, complete_targets)

    def _add_alias(self, path: VariablePath, name: str, domain: str, targets: tuple[str, ...]) -> None:
        address = f"@{domain}" if name == "@" else complete(name, domain)
        local, _, own_domain = address.rpartition("@")
        if own_domain not in self.domains:
            self._wrong(
                path,
                f"alias {address}: {own_domain} is not a mail domain of this inventory",
                _meant(own_domain, self.domains),
            )
        elif local and (fault := local_part_fault(local)):
            self._wrong(path, f"alias `{name}` {fault}")
        elif address in self.users and address not in targets:
            self._wrong(
                path,
                f"{address} is a mailbox and can't be an alias too",
                hint="To keep a copy and send it on, name the mailbox among the alias's targets.",
            )
        elif address in self.aliases:
            self._wrong(
                path,
                f"alias {address} is there twice",
                hint="Say it once, under `aliases:` of its domain, with all its targets.",
            )
        else:
            self._places.setdefault(address, path)
            self._places[f"alias {address}"] = path
            self.aliases[address] = tuple(dict.fromkeys(targets))

    def _check_targets(self) -> None:
        for address, targets in self.aliases.items():
            path = self._places[f"alias {address}"]
            if not targets:
                self._wrong(path, f"alias {address} leads nowhere")
            for index, target in enumerate(targets):
                inner = path if len(path) > 4 else (*path, index)
                self._check_target(inner, address, target)

    def _check_target(self, path: VariablePath, address: str, target: str) -> None:
        local, _, domain = target.rpartition("@")
        if not local or local_part_fault(local, delimiter="") or domain_fault(domain)[0]:
            self._wrong(path, f"alias {address}: `{target}` is not a mail address")
        elif domain in self.domains and not self._is_known(local, domain):
            self._wrong(
                path,
                f"alias {address} leads to {target}, which is neither mailbox nor alias",
                _meant(target, [*self.users, *self.aliases]),
            )

    def _is_known(self, local: str, domain: str) -> bool:
        plain = local.partition("+")[0]
        return any(
            f"{name}@{domain}" in known for name in (local, plain, "") for known in (self.users, self.aliases)
        )

    def _check_circles(self) -> None:
        done: set[str] = set()
        for start in self.aliases:
            circle = self._circle(start, (), done)
            if circle:
                path = self._places[f"alias {circle[0]}"]
                self._wrong(
                    path,
                    f"aliases go round in a circle: {' → '.join(circle)}",
                    hint="A message to any of them would be refused after it was sent.",
                )

    def _circle(self, address: str, way: tuple[str, ...], done: set[str]) -> tuple[str, ...]:
        if address in way:
            return (*way[way.index(address) :], address)
        if address in done:
            return ()
        done.add(address)
        for target in self.aliases.get(address, ()):
            if target in self.aliases and not (target == address and address in self.users):
                circle = self._circle(target, (*way, address), done)
                if circle:
                    return circle
        return ()


def _place(values: Mapping[str, object]) -> dict[str, Any]:
    """Where a mailbox lies and whose it is, as far as it says so itself."""
    texts = {name: values[name] for name in ("home", "mail") if isinstance(values.get(name), str)}
    numbers = {name: values[name] for name in ("uid", "gid") if isinstance(values.get(name), int)}
    return {**texts, **numbers}


def _mapping(spec: object, key: str) -> Iterator[tuple[str, object]]:
    inner = spec.get(key) if isinstance(spec, Mapping) else None
    if isinstance(inner, Mapping):
        for name, value in inner.items():
            yield str(name), value


def _meant(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean `{near[0]}`?" if near else ""
