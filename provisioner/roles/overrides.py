"""Settings from the inventory written into configuration, in each program's own syntax.

Template filters: `{% filter postfix_parameters(overrides) %}` around main.cf, and
`{{ settings | dovecot(release) }}`, `{{ settings | ucl }}` (Rspamd).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.errors import InputError
from provisioner.roles.mail_locations import dovecot_path, mail_location_settings, passwd_file_line
from provisioner.roles.placeholders import through_placeholders
from provisioner.secrets.pem import ed25519_bytes, pem_certificates, pem_key
from provisioner.secrets.public import dkim_record, tlsa_record

_PARAMETER = re.compile(r"([A-Za-z0-9_]+)[ \t]*=[ \t]*(.*)")
_SECTIONS_WITH_NAMES = frozenset(
    {
        "dict_server",
        "fs",
        "inet_listener",
        "fifo_listener",
        "unix_listener",
        "language",
        "local",
        "local_name",
        "mailbox",
        "metric",
        "namespace",
        "oauth2",
        "passdb",
        "protocol",
        "remote",
        "service",
        "sieve_script",
        "userdb",
        "event_exporter",
    }
)
"""Blocks of Dovecot's that carry a name: `service lmtp { … }`."""
_UCL_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_UCL_AMOUNT = re.compile(r"-?\d+(\.\d+)?(ms|s|min|h|d|w|y|k|kb|m|mb|g|gb)", re.IGNORECASE)


def postfix_parameters(text: str, overrides: Mapping[str, object]) -> str:
    """main.cf `text` with the parameters in `overrides` set instead.

    A parameter is replaced where the text sets it, the value it had is kept in a comment, and what
    the text does not set comes at the end. Booleans become `yes` and `no`, lists are joined with
    commas, and null takes the parameter out, so that Postfix's own default holds.
    """
    result: list[str] = []
    done: set[str] = set()
    for name, lines in _logical_lines(text):
        if name not in overrides:
            result += lines
            continue
        was = (
            " ".join(part.strip() for part in lines if not part.lstrip().startswith("#"))
            .partition("=")[2]
            .strip()
        )
        result.append(f"# The inventory sets {name} (the role's own value: {was or 'empty'}).")
        if name not in done:
            result += _postfix_lines(name, overrides[name])
        done.add(name)
    added = [name for name in overrides if name not in done and overrides[name] is not None]
    if added:
        result += ["", "# Set in the inventory."] if result and result[-1] else ["# Set in the inventory."]
    for name in added:
        result += _postfix_lines(name, overrides[name])
    return "\n".join(result) + "\n"


def _logical_lines(text: str) -> list[tuple[str, list[str]]]:
    """Lines grouped as Postfix reads them: a parameter with its continuation lines, or a line apart.

    A line that begins with white space goes on from the one before; comments and empty lines
    in between do not end it (postconf(5)).
    """
    groups: list[tuple[str, list[str]]] = []
    last = -1
    for line in text.rstrip("\n").split("\n"):
        ignored = not line.strip() or line.lstrip().startswith("#")
        if match := _PARAMETER.match(line):
            groups.append((match[1], [line]))
            last = len(groups) - 1
        elif line[:1] in (" ", "\t") and not ignored and last >= 0:
            between = [inner for _, lines in groups[last + 1 :] for inner in lines]
            del groups[last + 1 :]
            groups[last][1].extend([*between, line])
        else:
            groups.append(("", [line]))
    return groups


def _postfix_lines(name: str, value: object) -> list[str]:
    if value is None:
        return []
    lines = [line for line in _postfix_value(value).splitlines() if line.strip()] or [""]
    return [f"{name} = {lines[0]}".rstrip(), *(f"    {line.strip()}" for line in lines[1:])]


def _postfix_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_postfix_value(item) for item in value)
    if isinstance(value, Mapping):
        raise InputError("a Postfix parameter is text, a number, true or false, or a list of these")
    return str(value)


def dovecot(settings: Mapping[str, object], release: str) -> str:
    """Nested settings in the syntax of Dovecot 2.3 (bookworm) or 2.4 (trixie).

    A mapping is a block; blocks of a kind that carries a name are written by kind and name,
    `service: {lmtp: {…}}`, or with both in the key, `"service lmtp": {…}`. A list is the words of
    a setting. Null leaves a setting out.
    """
    return "".join(f"{line}\n" for line in _dovecot_lines(settings))


def _dovecot_lines(settings: Mapping[str, object], indent: str = "") -> list[str]:
    lines: list[str] = []
    for key, value in settings.items():
        if value is None:
            continue
        if not isinstance(value, Mapping):
            lines.append(f"{indent}{key} = {_dovecot_value(key, value)}".rstrip())
            continue
        named = (
            key in _SECTIONS_WITH_NAMES
            and value
            and all(isinstance(item, Mapping) for item in value.values())
        )
        blocks = {f"{key} {name}": block for name, block in value.items()} if named else {key: value}
        for title, block in blocks.items():
            lines += [f"{indent}{title} {{", *_dovecot_lines(block, indent + "  "), f"{indent}}}"]
    return lines


def _dovecot_value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_dovecot_value(key, item) for item in value)
    text = str(value)
    if "\n" in text:
        raise InputError(f"Dovecot's settings have one line each; `{key}` has several")
    if text != text.strip() or "#" in text or text.startswith(('"', "'")):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def ucl(settings: object, indent: str = "") -> str:
    """A mapping in UCL, Rspamd's syntax. Amounts such as `10min` stay bare, so that Rspamd counts them."""
    if not isinstance(settings, Mapping):
        return _ucl_value(settings, indent)
    lines = []
    for key, value in settings.items():
        name = str(key) if _UCL_PLAIN.fullmatch(str(key)) else json.dumps(str(key))
        if isinstance(value, Mapping):
            lines.append(f"{indent}{name} {{\n{ucl(value, indent + '  ')}{indent}}}\n")
        else:
            lines.append(f"{indent}{name} = {_ucl_value(value, indent)};\n")
    return "".join(lines)


def _ucl_value(value: object, indent: str) -> str:
    if isinstance(value, Mapping):
        return f"{{\n{ucl(value, indent + '  ')}{indent}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_ucl_value(item, indent) for item in value)}]"
    if isinstance(value, str) and not _UCL_AMOUNT.fullmatch(value):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, str) else json.dumps(value)


def needed(value: object, why: str) -> object:
    """`value`, which must not be empty; `why` says which variable is missing, and for what."""
    if value in (None, "", [], {}):
        raise InputError(why)
    return value


FILTERS: Mapping[str, Callable[..., Any]] = {
    "dkim_record": through_placeholders("dkim_record", dkim_record),
    "ed25519_bytes": through_placeholders("ed25519_bytes", ed25519_bytes),
    "pem_certificates": through_placeholders("pem_certificates", pem_certificates),
    "pem_key": through_placeholders("pem_key", pem_key),
    "tlsa_record": through_placeholders("tlsa_record", tlsa_record),
    "needed": needed,
    "dovecot_path": dovecot_path,
    "mail_location_settings": mail_location_settings,
    "passwd_file_line": passwd_file_line,
    "postfix_parameters": postfix_parameters,
    "dovecot": dovecot,
    "ucl": ucl,
}
"""What templates of roles have beyond Jinja2's own filters."""
