"""Where mailboxes lie, in the words of the inventory, written in the dialect of Dovecot 2.3 or 2.4.

An inventory says `mbox:~/mail:INBOX=/var/mail/{local}` whatever release the host runs. Template filters:
`{{ dovecot_home | dovecot_path(release) }}`, `{{ location | mail_location_settings }}` (2.4 only) and
`{{ user | passwd_file_line(release) }}`.
"""

from __future__ import annotations

from provisioner.errors import InputError
from provisioner.mail.domains import Mailbox

_VARIABLES = {
    "bookworm": {"{user}": "%u", "{local}": "%n", "{domain}": "%d"},
    "trixie": {
        "{user}": "%{user}",
        "{local}": "%{user | username}",
        "{domain}": "%{user | domain}",
    },
}
"""Of Dovecot 2.3 (config variables of one letter) and of 2.4 (names with filters)."""
_OPTIONS = {
    "INBOX": "mail_inbox_path",
    "INDEX": "mail_index_path",
    "CONTROL": "mail_control_path",
    "ALT": "mail_alt_path",
    "VOLATILEDIR": "mail_volatile_path",
    "INDEXPVT": "mail_index_private_path",
    "LAYOUT": "mailbox_list_layout",
    "DIRNAME": "mailbox_directory_name",
}
"""What follows the path in a location of 2.3, and the settings that 2.4 has made of it."""


def dovecot_path(path: str, release: str) -> str:
    """`path` with `{user}`, `{local}` and `{domain}` as the release's Dovecot writes them."""
    for name, variable in _VARIABLES[release].items():
        path = path.replace(name, variable)
    return path


def location_parts(location: str) -> dict[str, str]:
    """A location as the settings of Dovecot 2.4, `mail_driver` and `mail_path` first.

    Raises InputError for an option that 2.4 has no setting for.
    """
    driver, _, rest = location.partition(":")
    path, *options = rest.split(":")
    settings = {"mail_driver": driver, "mail_path": path}
    for option in options:
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            known = ", ".join(f"{one}=" for one in _OPTIONS)
            raise InputError(f"`{option}` in the location `{location}` is not known", hint=f"Known: {known}.")
        settings[_OPTIONS[name]] = value
    return settings


def mail_location_settings(location: str) -> str:
    """A location as lines of Dovecot 2.4's configuration."""
    parts = location_parts(location)
    return "".join(f"{name} = {dovecot_path(value, 'trixie')}\n" for name, value in parts.items())


def passwd_file_line(user: Mailbox, release: str) -> str:
    """A mailbox as a line of Dovecot's passwd-file: what differs for it stands in its fields."""
    extra: list[str] = []
    if user.quota_bytes and release == "bookworm":
        extra.append(f"userdb_quota_rule=*:bytes={user.quota_bytes}")
    elif user.quota_bytes:
        extra.append(f"userdb_quota_storage_size={user.quota_bytes}B")
    if user.mail and release == "bookworm":
        location_parts(user.mail)  # the same mistakes on both releases
        extra.append(f"userdb_mail={dovecot_path(user.mail, release)}")
    elif user.mail:
        parts = location_parts(user.mail)
        extra += [f"userdb_{name}={dovecot_path(value, release)}" for name, value in parts.items()]
    ids = (str(number or "") for number in (user.uid, user.gid))
    fields = (user.email, user.password_hash or "{CRYPT}!", *ids, "", user.home, "", " ".join(extra))
    return ":".join(fields)
