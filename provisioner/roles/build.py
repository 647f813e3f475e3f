"""Items of role.yml made into resources, ports and records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from provisioner.resources import (
    Command,
    Directory,
    Group,
    Guard,
    Link,
    Package,
    Resource,
    Service,
    Timer,
    User,
)
from provisioner.roles.expand import Item, flag, number, texts
from provisioner.roles.model import Port, Record

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]*")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_UNIT = re.compile(r"[A-Za-z0-9_.@:\\-]+\.(service|timer|socket|path|target)")


def path_of(item: Item, text: str | None = None, key: str = "") -> str:
    """An absolute path without `..`, doubled slashes or control characters. Raises InputError."""
    path = item.key if text is None else text
    plain = path.startswith("/") and path.isprintable() and str(PurePosixPath(path)) == path
    if not plain or ".." in PurePosixPath(path).parts:
        raise item.wrong(f"`{path}` is not an absolute path in its plain form", *([key] if key else []))
    return path


def mode_of(item: Item, default: int) -> int:
    """`mode: "0640"` as a number."""
    text = str(item.spec.get("mode", f"{default:04o}"))
    if not re.fullmatch(r"[0-7]{3,4}", text):
        raise item.wrong(f'expected a mode such as "0644", got {text!r}', "mode")
    return int(text, 8)


def account_of(item: Item, key: str, default: str) -> str:
    """The name of a user or group in an item."""
    return _checked(item, str(item.spec.get(key, default)), _ACCOUNT, "an account's name", key)


def _checked(item: Item, text: str, pattern: re.Pattern[str], what: str, *inner: str) -> str:
    if not pattern.fullmatch(text):
        raise item.wrong(f"`{text}` is not {what}", *inner)
    return text


def package(item: Item) -> Package:
    """An entry of `packages`."""
    name = _checked(item, item.key, re.compile(r"[a-z0-9][a-z0-9+.-]+"), "a package's name")
    return Package(name, item.role.name, texts(item, "warm_up"))


def group(item: Item) -> Group:
    """An entry of `groups`."""
    return Group(_checked(item, item.key, _ACCOUNT, "a group's name"), item.role.name, number(item, "gid"))


def user(item: Item) -> User:
    """An entry of `users`."""
    name = _checked(item, item.key, _ACCOUNT, "a user's name")
    return User(
        name,
        item.role.name,
        uid=number(item, "uid"),
        group=account_of(item, "group", name),
        groups=texts(item, "groups"),
        home=path_of(item, str(item.spec.get("home", "/nonexistent")), "home"),
        shell=path_of(item, str(item.spec.get("shell", "/usr/sbin/nologin")), "shell"),
    )


def directory(item: Item) -> Directory:
    """An entry of `directories`."""
    return Directory(
        path_of(item),
        item.role.name,
        owner=account_of(item, "owner", "root"),
        group=account_of(item, "group", "root"),
        mode=mode_of(item, 0o755),
    )


def link(item: Item) -> Link:
    """An entry of `links`."""
    return Link(
        path_of(item),
        str(item.spec["target"]),
        item.role.name,
        reload=texts(item, "reload"),
        restart=texts(item, "restart"),
    )


def service(item: Item) -> Service:
    """An entry of `services`; without `unit` it is NAME.service."""
    name = _checked(item, item.key, _NAME, "a service's name")
    unit = _checked(item, str(item.spec.get("unit", f"{name}.service")), _UNIT, "a unit's name", "unit")
    enable = str(item.spec.get("enable", ""))
    return Service(
        name,
        unit,
        item.role.name,
        running=flag(item, "running", True),
        enabled=flag(item, "enabled", True),
        enable_unit=_checked(item, enable, _UNIT, "a unit's name", "enable") if enable else "",
        can_reload=flag(item, "reloadable", True),
        reload_holds=number(item, "reload_holds") or 0,
    )


def timer(item: Item) -> Timer:
    """An entry of `timers`; its key may leave out `.timer`."""
    unit = str(item.spec.get("unit", item.key if item.key.endswith(".timer") else f"{item.key}.timer"))
    return Timer(item.key, _checked(item, unit, _UNIT, "a unit's name"), item.role.name)


def command(item: Item) -> Command:
    """An entry of `commands`."""
    creates, unless = str(item.spec.get("creates", "")), texts(item, "unless")
    return _command(item, "commit", Guard(creates, unless) if creates or unless else None)


def validator(item: Item) -> Command:
    """An entry of `validators`."""
    for index, pattern in enumerate(texts(item, "allow")):
        try:
            re.compile(pattern)
        except re.error as error:
            raise item.wrong(f"`{pattern}` is not a regular expression: {error}", "allow", index) from None
    return _command(item, "validate", None)


def proof(item: Item) -> Command:
    """An entry of `prove`."""
    return _command(item, "prove", None)


def _command(item: Item, when: str, guard: Guard | None) -> Command:
    return Command(
        _checked(item, item.key, _NAME, "a command's name"),
        texts(item, "argv"),
        item.role.name,
        when=when,
        guard=guard,
        allow=texts(item, "allow"),
        paths=texts(item, "paths"),
        reload=texts(item, "reload"),
        restart=texts(item, "restart"),
        timeout=number(item, "timeout", 60) or 60,
    )


def port(item: Item) -> Port:
    """An entry of `ports`."""
    value = number(item, "number") or 0
    if not 0 < value < 65536:
        raise item.wrong(f"{value} is not a port", "number")
    return Port(
        value,
        str(item.spec["protocol"]),
        item.role.name,
        tls=str(item.spec.get("tls", "none")),
        public=flag(item, "public", True),
        doc=str(item.spec.get("doc", "")),
    )


def record(item: Item) -> Record:
    """An entry of `dns`."""
    return Record(
        item.key.removesuffix("."),
        str(item.spec["type"]).upper(),
        str(item.spec["value"]),
        item.role.name,
        why=str(item.spec.get("why", "")),
        ttl=number(item, "ttl", 3600) or 3600,
    )


BEFORE_FILES: Mapping[str, Callable[[Item], Resource]] = {
    "groups": group,
    "users": user,
    "packages": package,
    "directories": directory,
}
AFTER_FILES: Mapping[str, Callable[[Item], Resource]] = {
    "links": link,
    "commands": command,
    "validators": validator,
    "prove": proof,
    "services": service,
    "timers": timer,
}
"""Sections in the order their resources are changed in, around `files`."""
