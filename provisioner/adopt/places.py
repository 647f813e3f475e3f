"""Where Dovecot keeps mail, in the inventory's words: `{user}`, `{local}`, `{domain}`, `~` for the home."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from provisioner.adopt.dovecot_text import Block

_SHORT = re.compile(r"%([LUT]?)([undh])")
_LONG = re.compile(
    r"%\{\s*(user|username|domain|home|owner_user)\s*((?:\|\s*(?:username|domain|lower|upper)\s*)*)\}"
)
_SHORT_NAMES = {"u": "{user}", "n": "{local}", "d": "{domain}", "h": "~"}
_LONG_NAMES = {
    "user": "{user}",
    "owner_user": "{user}",
    "username": "{local}",
    "domain": "{domain}",
    "home": "~",
}
_PARTS_24 = {
    "mail_inbox_path": "INBOX",
    "mail_index_path": "INDEX",
    "mail_control_path": "CONTROL",
    "mail_alt_path": "ALT",
    "mail_volatile_path": "VOLATILEDIR",
    "mailbox_list_layout": "LAYOUT",
}


def neutral(template: str) -> str:
    """`%d/%n` or `%{user | domain}` as `{domain}/{local}`; empty where it says more than that.

    Addresses are in lower case in an inventory, so that `L` and `lower` change nothing.
    """
    text = _LONG.sub(_long, template)
    text = _SHORT.sub(lambda match: _SHORT_NAMES[match[2]], text).replace("%%", "\0")
    return "" if "%" in text or "\0" in text else text


def _long(match: re.Match[str]) -> str:
    filters = [word.strip() for word in match[2].split("|")]
    for part in ("domain", "username"):
        if part in filters:
            return _LONG_NAMES[part]
    return _LONG_NAMES[match[1]]


def expanded(template: str, login: str, home: str = "") -> str:
    """A neutral template for one user."""
    local, at, domain = login.partition("@")
    text = (
        template.replace("{user}", login).replace("{local}", local).replace("{domain}", domain if at else "")
    )
    return tidy(text, home)


def tidy(location: str, home: str) -> str:
    """Paths below the home begin with `~/`, and none ends in a slash."""
    parts = []
    for part in location.split(":"):
        name, equals, path = part.rpartition("=")
        path = re.sub(r"(?<=.)/+$", "", re.sub("//+", "/", path))
        if home and path.startswith(f"{home}/") and (equals or "/" in part):
            path = f"~{path[len(home) :]}"
        parts.append(f"{name}{equals}{path}")
    return ":".join(parts)


def location_of(conf: Block) -> str:
    """The location that holds for all, in the form of Dovecot 2.3; empty where none is set."""
    if location := conf.get("mail_location"):
        return location
    return location_24(conf.settings)


def location_24(settings: dict[str, str]) -> str:
    """Dovecot 2.4's settings as one location; empty where they don't say enough."""
    driver, path = settings.get("mail_driver", ""), settings.get("mail_path", "")
    if not driver or not path:
        return ""
    more = [f"{name}={settings[key]}" for key, name in _PARTS_24.items() if settings.get(key)]
    return ":".join([driver, path, *more])


def common_template(values: Iterable[tuple[str, str]]) -> str:
    """The template that fits most of `values`, pairs of a login and what it expands to; empty without any."""
    votes: Counter[str] = Counter()
    for login, value in values:
        local, at, domain = login.partition("@")
        if at and domain:
            value = re.sub(rf"(?<![^/=@]){re.escape(login)}(?![^/:])", "{user}", value)
            value = re.sub(rf"(?<![^/=]){re.escape(domain)}(?![^/:])", "{domain}", value)
        value = re.sub(rf"(?<![^/=]){re.escape(local)}(?![^/:])", "{local}", value)
        votes[value] += 1
    return votes.most_common(1)[0][0] if votes else ""
