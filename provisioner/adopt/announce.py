"""What the first apply will change, worked out before anybody plans it.

The inventory that was written is rendered for the server's release, and each setting of it held against the
server's. So nothing that changes can be missing in the list: what is deployed is what is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provisioner.adopt import postfix_words as words
from provisioner.adopt.dovecot_text import flat, parse
from provisioner.adopt.postfix_text import parameters, printed
from provisioner.adopt.result import Announced, Difference
from provisioner.adopt.seen import Seen
from provisioner.resources import File, Package
from provisioner.roles.model import Desired

MAIN_CF, DOVECOT_CONF = "/etc/postfix/main.cf", "/etc/dovecot/dovecot.conf"


def announce(desired: Desired, seen: Seen) -> Announced:
    """Every setting, file, package and other resource that may differ from what the server has."""
    files = {r.path: r for r in desired.resources if isinstance(r, File)}
    settings: list[Difference] = []
    if MAIN_CF in files:
        settings += _postfix(files[MAIN_CF].content.decode(), seen)
    if DOVECOT_CONF in files:
        settings += _dovecot(files[DOVECOT_CONF].content.decode(), seen)
    packages = [r.name for r in desired.resources if isinstance(r, Package) and r.name not in seen.packages]
    others = [r.id for r in desired.resources if not isinstance(r, File | Package)]
    return Announced(
        settings=tuple(settings),
        files=tuple(path for path, file in files.items() if seen.files.get(path) != file.content),
        packages=tuple(packages),
        others=tuple(others),
        ports=tuple(sorted({port.number for port in desired.ports} - seen.ports)),
    )


def _postfix(text: str, seen: Seen) -> Iterator[Difference]:
    """Every parameter whose value is another, explicit or by default, on either side."""
    defaults = printed(seen.output("postconf-default"))
    before, expanded = printed(seen.output("postconf-n")), printed(seen.output("postconf-expanded"))
    after = {name: value for name, value, _ in parameters(text)}
    reasons = comments(text)
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, defaults.get(name, "")), after.get(name, defaults.get(name, ""))
        if _words(new) not in (_words(old), _words(expanded.get(name, old))):
            why = words.OF_OTHER_TIMES.get(name) or words.OWN_WAY.get(name) or reasons.get(name, "")
            if not why and _words(new) == _words(
                re.sub(r"(hash|btree|lmdb):", "texthash:", expanded.get(name, old))
            ):
                why = "the same table, read as it is, without postmap"
            yield Difference("Postfix", name, old, new, why)


def _dovecot(text: str, seen: Seen) -> Iterator[Difference]:
    """Every setting that is said otherwise, or on one side only."""
    before, after = _settings(seen.output("doveconf")), _settings(text)
    reasons = comments(text)
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, ""), after.get(name, "")
        if _words(old) != _words(new):
            hidden = re.search(r"password|connect", name.rpartition("/")[2]) is not None
            shown = ("<secret>" if old else "", "<secret>" if new else "") if hidden else (old, new)
            yield Difference("Dovecot", name, *shown, reasons.get(name.rpartition("/")[2], ""))


def _settings(text: str) -> Mapping[str, str]:
    found = dict(flat(parse(text)))
    return {
        name: value
        for name, value in found.items()
        if not name.startswith(("managesieve_", "namespace inbox/location"))
    }


def _words(value: str) -> list[str]:
    return value.replace(",", " ").replace("$mail_plugins", "").split()


def comments(text: str) -> dict[str, str]:
    """The comment before each setting of a configuration file, up to an empty line: the reason for it."""
    found: dict[str, str] = {}
    comment, is_open = list[str](), False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            words = stripped.lstrip("# ")
            if not words.startswith(("The inventory sets", "Set in the inventory", "---", "From ")) and words:
                comment = [*comment, words] if is_open else [words]
                is_open = True
            continue
        if match := re.match(r"([A-Za-z0-9_:]+)\s*=", stripped):
            found.setdefault(match[1], " ".join(comment))
        elif not stripped:
            comment = []
        is_open = False
    return found
