"""What can stand after `|`: Jinja2's filters and the common ones of Ansible, by name."""

from __future__ import annotations

import base64
import hashlib
import ntpath
import posixpath
import shlex
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from itertools import combinations, permutations, product, zip_longest
from random import Random
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from jinja2.filters import FILTERS as JINJA_FILTERS

from provisioner.inventory.templates import data_filters, format_filters, number_filters, text_filters
from provisioner.inventory.templates.markers import Broken, Marker, Missing

_TRUE, _FALSE = frozenset({"yes", "on", "true", "1"}), frozenset({"no", "off", "false", "0"})
_NAMESPACE = uuid.UUID("361E6D51-FAEC-444A-9079-341386DA8E2E")
"""Ansible's, so that `to_uuid` gives the same answer."""


def default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """`value`, or `default_value` where it is undefined (or, asked so, empty)."""
    if isinstance(value, Missing):
        return default_value
    if isinstance(value, Broken):
        return value
    return default_value if boolean and not value else value


def mandatory(value: Any, msg: str | None = None) -> Any:
    """`value`, which must be defined."""
    if isinstance(value, Missing):
        name = f"`{value.key}` " if value.key else ""
        raise ValueError(msg or f"the mandatory variable {name}is not defined")
    return value


def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    """One of two values, or a third for null."""
    if isinstance(value, Marker):
        return value
    if value is None and none_val is not None:
        return none_val
    return true_val if bool(value) else false_val


def to_bool(value: object) -> bool:
    """`yes`, `on`, `true` and `1` are true; `no`, `off`, `false` and `0` false; the rest is an error."""
    word = str(value).lower() if isinstance(value, str | int) else value
    if isinstance(word, str):
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    # Ansible calls everything else false, with a warning that it will be an error.
    return bool(value == 1)


def type_debug(value: object) -> str:
    """The name of the value's type; Ansible's names for what is missing or failed."""
    if isinstance(value, Marker):
        return "UndefinedMarker" if isinstance(value, Missing) else "CapturedExceptionMarker"
    if isinstance(value, dict):
        return "dict"
    if isinstance(value, list):
        return "list"
    return "str" if isinstance(value, str) else type(value).__name__


def get_hash(value: object, hashtype: str = "sha1") -> str:
    """The hexadecimal digest of the text."""
    if hashtype not in hashlib.algorithms_available or hashtype.startswith("shake"):
        raise ValueError(f"there is no hash `{hashtype}`")
    return hashlib.new(hashtype, _bytes(value), usedforsecurity=False).hexdigest()


def b64encode(value: object, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    """Base64 of a text."""
    data = str(value).encode(encoding)
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(data).decode("ascii")


def b64decode(value: object, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    """The text that base64 stands for."""
    return (base64.urlsafe_b64decode if urlsafe else base64.b64decode)(_bytes(value)).decode(encoding)


def to_uuid(value: object, namespace: object = _NAMESPACE) -> str:
    """A UUID of version 5, always the same for the same text."""
    space = namespace if isinstance(namespace, uuid.UUID) else uuid.UUID(str(namespace))
    return str(uuid.uuid5(space, str(value)))


def strftime(string_format: str, second: object = None, utc: bool = False) -> str:
    """A moment, in seconds since 1970, as text."""
    if second is None:
        raise ValueError("`strftime` needs the moment: the same inventory must always mean the same")
    moment = float(str(second))
    return time.strftime(string_format, time.gmtime(moment) if utc else time.localtime(moment))


def to_datetime(text: str, format: str = "%Y-%m-%d %H:%M:%S") -> datetime:
    """The moment that a text stands for."""
    return datetime.strptime(text, format)  # as Ansible


def shuffled(value: Any, seed: object = None) -> Any:
    """Another order, the same for the same seed."""
    if not seed:
        raise ValueError("`shuffle` needs a seed: the same inventory must always mean the same")
    if not isinstance(value, list | tuple | str):
        return value
    items = list(value)
    Random(seed).shuffle(items)  # type: ignore[arg-type]  # noqa: S311  # not for secrets, as Ansible
    return items


def random(end: Any, start: int | None = None, step: int | None = None, seed: object = None) -> Any:
    """A number or item, the same for the same seed."""
    if seed is None:
        raise ValueError("`random` needs a seed: the same inventory must always mean the same")
    chance = Random(seed)  # type: ignore[arg-type]  # noqa: S311  # not for secrets, as Ansible
    return chance.randrange(start or 0, end, step or 1) if isinstance(end, int) else chance.choice(list(end))


def url_split(value: str, query: str = "") -> Any:
    """The parts of a URL, or one of them."""
    parts = urlsplit(value)
    names = ("fragment", "hostname", "netloc", "password", "path", "port", "query", "scheme", "username")
    found = {name: getattr(parts, name) for name in names}
    if query and query not in found:
        raise ValueError(f"a URL has no part `{query}`")
    return found[query] if query else found


def path_join(paths: Any) -> str:
    """Paths put together."""
    if isinstance(paths, dict):
        raise TypeError("`path_join` needs text or a list")
    return posixpath.join(paths) if isinstance(paths, str) else posixpath.join(*paths)


def split(value: str, *args: Any) -> list[str]:
    """Python's `split`."""
    return value.split(*args)


def quote(value: object) -> str:
    """Quoted for a shell."""
    return shlex.quote("" if value is None else str(value))


def _text(value: object) -> str:
    """A text, which paths and JSON are; a list or number there is a mistake."""
    if not isinstance(value, str):
        raise TypeError(f"this needs text, not {type_debug(value)}")
    return str.__str__(value)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


FILTERS: dict[str, Callable[..., Any]] = {
    **JINJA_FILTERS,
    **data_filters.FILTERS,
    **format_filters.FILTERS,
    **number_filters.FILTERS,
    **text_filters.FILTERS,
    "default": default,
    "d": default,
    "mandatory": mandatory,
    "ternary": ternary,
    "bool": to_bool,
    "type_debug": type_debug,
    "hash": get_hash,
    "md5": lambda value: get_hash(value, "md5"),
    "sha1": get_hash,
    "checksum": get_hash,
    "b64encode": b64encode,
    "b64decode": b64decode,
    "to_uuid": to_uuid,
    "strftime": strftime,
    "to_datetime": to_datetime,
    "shuffle": shuffled,
    "random": random,
    "urlsplit": url_split,
    "urldecode": lambda value: unquote_plus(_text(value)),
    "quote": quote,
    "indent": lambda value, *args, **kwargs: JINJA_FILTERS["indent"](_text(value), *args, **kwargs),
    "split": split,
    "basename": lambda value: posixpath.basename(_text(value)),
    "dirname": lambda value: posixpath.dirname(_text(value)),
    "normpath": lambda value: posixpath.normpath(_text(value)),
    "splitext": lambda value: list(posixpath.splitext(_text(value))),
    "relpath": lambda value, start="/": posixpath.relpath(_text(value), start),
    "commonpath": lambda paths: posixpath.commonpath(list(paths)),
    "path_join": path_join,
    "expanduser": lambda value: posixpath.expanduser(_text(value)),
    "win_basename": lambda value: ntpath.basename(_text(value)),
    "win_dirname": lambda value: ntpath.dirname(_text(value)),
    "win_splitdrive": lambda value: list(ntpath.splitdrive(_text(value))),
    "zip": zip,
    "zip_longest": zip_longest,
    "product": product,
    "permutations": permutations,
    "combinations": combinations,
}
for _name in ("pprint", "xmlattr", "urlize"):
    FILTERS.pop(_name)

TAKES_MARKERS = frozenset({"default", "d", "mandatory", "type_debug", "ternary"})
"""Filters that look at missing values themselves."""

WIDTHS = frozenset(
    {
        "center",
        "indent",
        "wordwrap",
        "batch",
        "slice",
        "tojson",
        "to_json",
        "to_nice_json",
        "to_yaml",
        "to_nice_yaml",
    }
    | {"comment", "round", "truncate", "permutations", "combinations"}
)
"""Filters that make much of little when a number given to them is large."""

REFUSED_FILTERS = {
    "password_hash": "a password is hashed before it leaves; write it plain, from an encrypted file",
    "vault": "ansible-vault makes vault values",
    "unvault": "vault values are read without a filter",
    "fileglob": "lookup('file', …) reads one file beside the inventory",
    "realpath": "what a path leads to differs from machine to machine",
    "expandvars": "lookup('env', …) reads one variable of the environment",
    "now": "the same inventory must always mean the same",
}
"""Filters of Ansible's that are refused, and why."""
