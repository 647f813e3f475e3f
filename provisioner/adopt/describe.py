"""From what a server answered to the inventory that describes it: pure, nothing contacted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from provisioner.adopt import postfix_services
from provisioner.adopt.addresses import Addresses, Gathering
from provisioner.adopt.certificate import certificate
from provisioner.adopt.dovecot_settings import Deciding as DovecotDeciding
from provisioner.adopt.dovecot_text import parse
from provisioner.adopt.mailboxes import Mailboxes, mailboxes
from provisioner.adopt.people import people
from provisioner.adopt.postfix_settings import Deciding as PostfixDeciding
from provisioner.adopt.postfix_settings import PostfixSettings
from provisioner.adopt.result import Described, Fate, Note, Template
from provisioner.adopt.seen import Seen
from provisioner.adopt.signing import Signing, signing
from provisioner.adopt.tables import aliases
from provisioner.errors import AnswerIsNo

OTHERS = {
    "exim4-base": "Exim",
    "exim4-daemon-light": "Exim",
    "opensmtpd": "OpenSMTPD",
    "sendmail-bin": "Sendmail",
    "courier-mta": "Courier",
    "nullmailer": "nullmailer",
    "msmtp-mta": "msmtp",
    "dma": "the DragonFly mail agent",
    "ssmtp": "sSMTP",
    "qmail": "qmail",
    "citadel-server": "Citadel",
    "cyrus-imapd": "Cyrus IMAP",
    "courier-imap": "Courier IMAP",
    "stalwart-mail": "Stalwart",
    "maddy": "maddy",
}
"""Debian packages of mail servers that adopt does not read, and what people call them."""
BESIDE = (
    "amavisd-new", "spamassassin", "spamd", "clamav-daemon", "clamav-milter", "postgrey",
    "postfix-policyd-spf-python", "opendmarc", "fail2ban", "mailman3", "mailman", "sympa",
    "roundcube-core", "postfixadmin", "postsrsd", "getmail6", "fetchmail", "procmail", "nginx",
    "apache2", "mariadb-server", "postgresql", "slapd", "ufw",
)  # fmt: skip
"""Packages beside the mail server that stay as they are, and are not in the inventory."""


_NONE = object()
_DEFAULTS: Mapping[str, object] = {
    "dovecot_uid": 5000,
    "dovecot_gid": 5000,
    "dovecot_user": "vmail",
    "dovecot_group": "vmail",
    "dovecot_pop3": True,
    "dovecot_quota": "0",
    "rspamd_dkim_selector": "mail",
}
"""Defaults of the roles, which need not be said."""


def unsupported(seen: Seen, host: str) -> AnswerIsNo | None:
    """Why this server can't be adopted; None where it can."""
    if "postfix" in seen.packages or "dovecot-core" in seen.packages:
        return None
    if seen.output("postconf-all") or seen.output("doveconf"):
        return None
    others = {
        f"{name} {seen.packages[package]}" for package, name in OTHERS.items() if package in seen.packages
    }
    if others:
        return AnswerIsNo(
            f"{host} runs {', '.join(sorted(others))}; adopt reads Postfix and Dovecot",
            hint="Write an inventory for a new host (provision init) and move the mail with doveadm "
            "or imapsync. "
            "provision audit judges any mail server.",
        )
    return AnswerIsNo(f"{host} has neither Postfix nor Dovecot", hint="Is it the right host?")


def describe(seen: Seen, name: str) -> Described:
    """The server as an inventory; `name` is the host's where the server has no better one."""
    has_dovecot = bool(seen.output("doveconf").strip())
    conf = parse(seen.output("doveconf"))
    deciding = PostfixDeciding(seen, has_dovecot=has_dovecot)
    values = deciding.values
    hostname = _hostname(values, name)
    gathering = Gathering(seen, values)
    found = gathering.gather()
    everybody = people(seen, conf, set(found.mailboxes)) if has_dovecot else None
    persons = everybody.persons if everybody else ()
    accounts = {person.login: person for person in persons if person.login in seen.accounts}
    if has_dovecot:
        _local(gathering, found, accounts)
    boxes = mailboxes(found, persons, seen, hostname) if has_dovecot or found.domains else Mailboxes()
    notes = list(boxes.notes)
    settings = deciding.decide(found.patterns)
    if not has_dovecot:
        _keep_local_delivery(seen, {**values, **deciding.explicit}, settings)
        gathering.local_aliases({})
        boxes.variables.pop("dovecot_mail_directory", None)
    services = postfix_services.decide(
        seen, deciding.known, {**values, **_texts(settings.parameters)}, has_people=has_dovecot
    )
    dovecot = DovecotDeciding(conf, seen).decide() if has_dovecot else None
    signs = signing(seen, boxes.domains)
    shown = certificate(seen, deciding.explicit, conf, hostname)
    variables: dict[str, object] = {"roles": _roles(seen, has_dovecot, signs), "mail_hostname": hostname}
    variables |= shown.variables
    variables |= {"mail_domains": boxes.domains} if boxes.domains else {}
    if found.root and re.fullmatch(r"[^@\s,]+@[^@\s,]+", found.root[0]):
        variables["mail_postmaster"] = found.root[0]
    variables |= boxes.variables | (dovecot.variables if dovecot else {}) | settings.variables
    if signs.selector and "rspamd" in variables["roles"]:  # type: ignore[operator]  # a list, set above
        variables["rspamd_dkim_selector"] = signs.selector
    variables |= _milters(deciding.explicit, "rspamd" in str(variables["roles"]), notes)
    variables |= _files(settings)
    variables |= {"postfix_parameters": settings.parameters} if settings.parameters else {}
    variables |= {"postfix_services": services.options} if services.options else {}
    variables |= {"postfix_more_services": services.more} if services.more else {}
    if dovecot and dovecot.settings:
        variables["dovecot_settings"] = dovecot.settings
    unread = everybody.unread if everybody else ()
    notes += [
        *shown.notes,
        *signs.notes,
        *settings.notes,
        *services.notes,
        *(dovecot.notes if dovecot else ()),
    ]
    notes += _about_host(seen, signs, unread, services.ports)
    secrets = {
        **boxes.secrets,
        **shown.secrets,
        **(signs.secrets if signs.selector else {}),
        **_secret_files(settings),
    }
    variables = {name: value for name, value in variables.items() if _DEFAULTS.get(name, _NONE) != value}
    return Described(
        name=hostname if "." in hostname else name,
        release=seen.release,
        software=_software(seen),
        variables=variables,
        secrets=secrets,
        files=shown.files,
        notes=tuple(dict.fromkeys(notes)),
        places=tuple(boxes.places),
    )


def _hostname(values: Mapping[str, str], name: str) -> str:
    own = values.get("myhostname", "").lower().rstrip(".")
    return own if "." in own and not own.endswith(".localdomain") else name.lower()


def _local(gathering: Gathering, found: Addresses, accounts: Mapping[str, Any]) -> None:
    """/etc/aliases counts for people where accounts have mailboxes; else it says where root's mail goes."""
    if not accounts:
        locals_here, found.local_domains = found.local_domains, ()
        gathering.local_aliases({})
        if locals_here:
            found.notes.append(
                Note(
                    Fate.CHANGED,
                    f"mydestination {', '.join(locals_here)}",
                    "no account of the system has mail of its own; "
                    "mail for root and postmaster there goes to mail_postmaster",
                )
            )
        return
    gathering.local_aliases(accounts)


def _roles(seen: Seen, has_dovecot: bool, signs: Signing) -> list[str]:
    roles = ["postfix"] if "postfix" in seen.packages or seen.output("postconf-all") else []
    roles += ["dovecot"] if has_dovecot else []
    filters = {"rspamd", "spamassassin", "amavisd-new", "spamd"} & seen.packages.keys()
    return [*roles, *(["rspamd"] if signs.program or filters else [])]


def _software(seen: Seen) -> str:
    names = {"postfix": "Postfix", "dovecot-core": "Dovecot", "rspamd": "Rspamd", "opendkim": "OpenDKIM"}
    found = {names[p]: re.sub(r"^\d+:|[-+~].*", "", seen.packages[p]) for p in names if p in seen.packages}
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _texts(parameters: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items()}


def _milters(explicit: Mapping[str, str], has_rspamd: bool, notes: list[Note]) -> dict[str, object]:
    """Filters other than those that the role rspamd takes the place of."""
    found = explicit.get("smtpd_milters", "").replace(",", " ").split()
    replaced = ("8891", "8893", "11332", "opendkim", "opendmarc", "rspamd", "12345", "54321")
    others = [milter for milter in found if not any(word in milter for word in replaced)]
    for milter in found:
        if milter not in others:
            notes.append(Note(Fate.CHANGED, f"filter {milter}", "the role rspamd signs and checks mail"))
    if not others:
        return {}
    notes.append(Note(Fate.KEPT, f"filters {', '.join(others)}", "`postfix_milters`"))
    return {"postfix_milters": [*(["inet:127.0.0.1:11332"] if has_rspamd else []), *others]}


def _files(settings: PostfixSettings) -> dict[str, object]:
    files = {
        name: Template(f"{{{{ secrets['postfix/{name}'] }}}}") if name in settings.secret_files else text
        for name, text in settings.files.items()
    }
    found: dict[str, object] = {"postfix_files": files} if files else {}
    return found | ({"postfix_packages": sorted(settings.packages)} if settings.packages else {})


def _secret_files(settings: PostfixSettings) -> dict[str, str]:
    return {f"postfix/{name}": settings.files[name] for name in settings.secret_files}


def _keep_local_delivery(seen: Seen, values: Mapping[str, str], settings: PostfixSettings) -> None:
    """Without Dovecot Postfix's own local delivery stays, with what it needs beside it."""
    rows = [f"{name} {', '.join(to)}" for name, to in aliases(seen.text("/etc/aliases"))]
    settings.files["local-aliases"] = "\n".join(rows) + "\n"
    settings.parameters |= {
        "mydestination": values.get("mydestination", "$myhostname, localhost"),
        "local_transport": "local:$myhostname",
        "local_recipient_maps": "proxy:unix:passwd.byname $alias_maps",
        "alias_maps": "texthash:/etc/postfix/local-aliases",
        "virtual_alias_domains": "",
    }
    settings.parameters.pop("alias_database", None)
    settings.files.pop("own-aliases", None)
    settings.parameters.pop("virtual_alias_maps", None)
    settings.notes[:] = [
        n
        for n in settings.notes
        if not n.what.startswith(("alias_maps =", "alias_database =", "mydestination ="))
    ]
    settings.notes.append(
        Note(
            Fate.OVERRIDE,
            "local delivery: mydestination, /etc/aliases",
            "no Dovecot here: Postfix hands mail to accounts "
            "of the system as before; aliases are in `postfix_files`: local-aliases",
        )
    )


def _about_host(seen: Seen, signs: Signing, unread: tuple[str, ...], ports: list[int]) -> list[Note]:
    notes = [
        Note(
            Fate.LOST,
            f"users in {where}",
            "they could not be read",
            "List them in mail_domains before the first apply.",
        )
        for where in (*unread, *seen.refused)
    ]
    beside = [name for name in BESIDE if name in seen.packages]
    if beside:
        notes.append(
            Note(
                Fate.KEPT,
                f"beside the mail server: {', '.join(beside)}",
                "they stay as they are and are not in the inventory",
            )
        )
    if signs.program == "opendkim":
        notes.append(
            Note(
                Fate.CHANGED,
                "OpenDKIM",
                "Rspamd signs, with the same keys; nobody asks OpenDKIM any longer",
                "Purge the package when you are content.",
            )
        )
    if not signs.program:
        notes.append(
            Note(Fate.KEPT, "no signatures, no spam filter", "add `rspamd` to the roles to have them")
        )
    rules = seen.output("nft").strip() or re.search(r"(?m)^-A ", seen.output("iptables"))
    notes.append(
        Note(
            Fate.KEPT,
            "firewall" if rules else "no firewall",
            "the role `firewall` is not among the roles; what is there stays"
            if rules
            else "add `firewall` to the roles to have one",
        )
    )
    if ports:
        notes.append(
            Note(
                Fate.KEPT,
                f"further ports {', '.join(map(str, ports))}",
                "with the role firewall they need `firewall_open`",
            )
        )
    left = seen.output("left-behind").split()
    if left:
        shown = ", ".join(left[:6]) + (f" and {len(left) - 6} more" if len(left) > 6 else "")
        notes.append(Note(Fate.KEPT, f"old copies: {shown}", "nothing reads them; delete them when you like"))
    return notes
