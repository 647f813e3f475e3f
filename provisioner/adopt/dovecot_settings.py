"""What of Dovecot's configuration stays: as variables of the role, as `dovecot_settings`, or not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from provisioner.adopt.dovecot_text import Block, truth
from provisioner.adopt.lookups import lookups
from provisioner.adopt.people import quota_of
from provisioner.adopt.places import neutral
from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen
from provisioner.roles.folders import built_in_folder
from provisioner.roles.model import RELEASES
from provisioner.roles.names import read_names

_TOP = frozenset(
    {
        "auth_mechanisms", "auth_username_format", "auth_default_realm", "auth_default_domain",
        "auth_verbose", "disable_plaintext_auth", "auth_allow_cleartext", "auth_allow_weak_schemes",
        "dovecot_config_version", "dovecot_storage_version", "first_valid_uid", "last_valid_uid",
        "first_valid_gid", "last_valid_gid", "mail_location", "mail_driver", "mail_path", "mail_home",
        "mail_inbox_path", "mail_index_path", "mail_control_path", "mail_alt_path",
        "mail_volatile_path", "mail_uid", "mail_gid", "mail_privileged_group", "mail_plugins",
        "mail_access_groups", "mailbox_list_layout", "protocols", "passdb", "userdb",
        "recipient_delimiter", "ssl", "hostname", "quota_storage_size", "quota_storage_grace",
        "quota_status_success", "quota_status_nouser", "quota_status_overquota", "shutdown_clients",
        "managesieve_notify_capability", "managesieve_sieve_capability", "postmaster_address", "listen",
        "sql_driver", "sqlite_path", "mail_debug", "auth_debug", "log_path", "info_log_path",
        "syslog_facility", "lda_mailbox_autocreate", "lda_mailbox_autosubscribe", "sieve_plugins",
    }
)  # fmt: skip
"""Settings that the role has its own value or variable for."""
_SAME_POP3 = frozenset({"%08Xu%08Xv", "%{uid | hex(8)}%{uidvalidity | hex(8)}"})
_PLUGINS = frozenset({"quota", "imap_quota", "sieve", "imap_sieve"})


@dataclass
class DovecotSettings:
    """What becomes of Dovecot's configuration."""

    settings: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, object] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


class Deciding:
    """One pass over what `doveconf -n` printed."""

    def __init__(self, conf: Block, seen: Seen) -> None:
        self.conf, self.seen = conf, seen
        self.result = DovecotSettings()
        folder = built_in_folder("roles") / "dovecot" / "names"
        self.known = set.intersection(*(set(read_names(folder / f"{release}.txt")) for release in RELEASES))

    def decide(self) -> DovecotSettings:
        """Everything."""
        self._protocols()
        self._logins()
        self._sieve()
        self._quota()
        self._plugins()
        for name, value in self.conf.settings.items():
            self._setting(name, value)
        for block in self.conf.blocks:
            self._block(block)
        return self.result

    def _note(self, fate: Fate, what: str, why: str = "", todo: str = "") -> None:
        self.result.notes.append(Note(fate, what[:300], why, todo))

    def _protocols(self) -> None:
        listed = truth(self.conf, "protocols")
        self.result.variables["dovecot_pop3"] = "pop3" in listed
        if "sieve" in listed:
            self.result.variables["dovecot_managesieve"] = True
        self._note(Fate.KEPT, f"protocols {' '.join(listed)}", "`dovecot_pop3`, `dovecot_managesieve`")
        if "imap" not in listed:
            self._note(Fate.CHANGED, "IMAP", "the role offers it, on 143 and 993")
        if "lmtp" not in listed:
            self._note(
                Fate.CHANGED,
                "LMTP",
                "Postfix hands mail over to Dovecot by LMTP, which knows quotas and filters",
            )

    def _logins(self) -> None:
        allowed = (
            self.conf.get("disable_plaintext_auth") == "no" or self.conf.get("auth_allow_cleartext") == "yes"
        )
        if allowed or self.conf.get("ssl") in ("no", "yes", ""):
            self._note(
                Fate.CHANGED,
                "logins without TLS",
                "nobody logs in before TLS any longer",
                "People whose programs say `no encryption` choose STARTTLS or SSL/TLS.",
            )
        further = [m for m in truth(self.conf, "auth_mechanisms") if m not in ("plain", "login")]
        if further:
            self._note(
                Fate.LOST,
                f"auth_mechanisms {' '.join(further)}",
                "only plain and login are offered, over TLS",
                "Mail programs choose one of these by themselves; else set it to `normal password`.",
            )
        for lookup in lookups(self.conf, "passdb", self.seen):
            self._note(
                Fate.CHANGED, f"passdb {lookup.where}", _passdb_reason(lookup.kind), _passdb_todo(lookup.kind)
            )

    def _sieve(self) -> None:
        plugin = self.conf.find("plugin", "") or Block()
        text = plugin.get("sieve")
        personal = self.conf.find("sieve_script", "personal") or Block()
        folder = personal.get("path") or personal.get("sieve_script_path") or re.sub(r"^file:|;.*", "", text)
        active = personal.get("active_path") or (re.search(r"active=([^;]+)", text) or ["", ""])[1]
        if text and "active=" not in text and not text.startswith("file:"):
            folder, active = plugin.get("sieve_dir", "~/sieve"), text
        if folder and active and neutral(folder) == folder and folder != "~/sieve":
            self.result.variables["dovecot_sieve_folder"] = folder
        if active and neutral(active) == active and active != "~/.dovecot.sieve":
            self.result.variables["dovecot_sieve_active"] = active
        self._note(
            Fate.KEPT, "people's Sieve filters", f"{active or '~/.dovecot.sieve'} in their homes, as before"
        )
        for name, value in plugin.settings.items():
            if re.fullmatch(r"sieve_(before|after|global|default)\w*", name):
                self._note(
                    Fate.LOST,
                    f"{name} = {value}",
                    "the role has one filter before people's own: marked spam goes to Junk",
                    "Bring others as files with a role of your own, and name them in dovecot_settings.",
                )
        for script in self.conf.all("sieve_script"):
            if script.get("type", "personal") != "personal":
                self._note(
                    Fate.LOST,
                    f"sieve_script {script.name}",
                    "the role has one filter before people's own",
                    "Name it in dovecot_settings.",
                )

    def _quota(self) -> None:
        plugin = self.conf.find("plugin", "") or Block()
        blocks = [block.settings for block in self.conf.all("quota")]
        found = [quota_of(one) for one in (plugin.settings, self.conf.settings, *blocks)]
        if size := next(filter(None, found), None):
            text = f"{size // (1 << 30)}G" if size % (1 << 30) == 0 else f"{max(1, size // (1 << 20))}M"
            self.result.variables["dovecot_quota"] = text
            self._note(Fate.KEPT, f"quota of {text}", "`dovecot_quota`")

    def _plugins(self) -> None:
        sections = [self.conf, *self.conf.all("protocol")]
        used = dict.fromkeys(name for section in sections for name in truth(section, "mail_plugins"))
        for name in used:
            if name not in _PLUGINS:
                self._note(
                    Fate.LOST,
                    f"mail_plugins {name}",
                    "the role does not load it",
                    "Add it to mail_plugins in dovecot_settings, in the words of the host's Dovecot.",
                )

    def _setting(self, name: str, value: str) -> None:
        if name in _TOP or name.startswith(("ssl_", "sieve_", "quota_")):
            return
        if name == "pop3_uidl_format":
            if value not in _SAME_POP3:
                self._note(
                    Fate.LOST,
                    f"{name} = {value}",
                    "POP3 programs may fetch old mail once more",
                    "Set it in dovecot_settings in the words of the host's Dovecot.",
                )
        elif name in self.known and "%" not in value and "$" not in value:
            self.result.settings[name] = int(value) if value.isdigit() else value
            self._note(Fate.OVERRIDE, f"{name} = {value}", "`dovecot_settings`")
        else:
            self._note(
                Fate.LOST,
                f"{name} = {value}",
                "Dovecot 2.3 and 2.4 write it differently",
                "Set it in dovecot_settings in the words of the host's Dovecot.",
            )

    def _block(self, block: Block) -> None:
        if block.kind == "namespace":
            self._namespace(block)
        elif block.kind == "service":
            self._service(block)
        elif block.kind == "plugin":
            for name, value in block.settings.items():
                if not name.startswith(("quota", "sieve")):
                    self._note(
                        Fate.LOST, f"plugin {name} = {value}", "its plugin is not loaded", "See mail_plugins."
                    )

    def _namespace(self, block: Block) -> None:
        kind = block.get("type", "private")
        if block.get("inbox") != "yes":
            self._note(
                Fate.LOST,
                f"namespace {block.name} ({kind})",
                "the role has one namespace, of people's own mail",
                "Write it in dovecot_settings in the words of the host's Dovecot.",
            )
            return
        own: dict[str, Any] = {n: block.get(n) for n in ("prefix", "separator") if block.get(n)}
        if own:
            self.result.settings.setdefault("namespace inbox", {}).update(own)
            self._note(
                Fate.OVERRIDE, f"namespace inbox: {own}", "`dovecot_settings`: folders keep their names"
            )
        for mailbox in block.all("mailbox"):
            role = (
                mailbox.get("special_use")
                if mailbox.name not in ("Drafts", "Sent", "Junk", "Trash", "Archive")
                else ""
            )
            if not role or (
                mailbox.name == "Sent Messages" and any(m.name == "Sent" for m in block.all("mailbox"))
            ):
                continue
            inner = self.result.settings.setdefault("namespace inbox", {})
            name = f'"{mailbox.name}"' if " " in mailbox.name else mailbox.name
            inner[f"mailbox {name}"] = {"special_use": role}
            self._note(Fate.OVERRIDE, f"mailbox {mailbox.name} ({role})", "`dovecot_settings`")

    def _service(self, block: Block) -> None:
        for listener in block.all("inet_listener"):
            port = listener.get("port")
            usual = {"imap": "143", "imaps": "993", "pop3": "110", "pop3s": "995", "sieve": "4190"}
            if port == "0" and listener.name in usual:
                self._note(
                    Fate.CHANGED,
                    f"port {usual[listener.name]} was closed",
                    "the role opens it; TLS before login",
                )
            elif port and port != usual.get(listener.name):
                # A second listener beside the role's own of that name, which stays.
                suffix = f"-{port}" if listener.name in usual else ""
                title = f"inet_listener {listener.name or 'more'}{suffix}"
                inner: dict[str, Any] = {"port": int(port)} if port.isdigit() else {}
                inner |= {"ssl": "yes"} if listener.get("ssl") == "yes" else {}
                self.result.settings.setdefault(block.title, {})[title] = inner
                self._note(Fate.OVERRIDE, f"{block.title}: port {port}", "`dovecot_settings`")
        limits = {
            n: v
            for n, v in block.settings.items()
            if re.fullmatch(r"process_\w+|client_limit|service_count|vsz_limit", n)
        }
        if limits and block.name not in ("quota-status",):
            kept = {n: v for n, v in limits.items() if n in self.known}
            self.result.settings.setdefault(block.title, {}).update(kept)
            self._note(Fate.OVERRIDE, f"{block.title}: {kept}", "`dovecot_settings`")


def _passdb_reason(kind: str) -> str:
    if kind in ("pam", "passwd", "shadow"):
        return "hashes are now in the inventory: what `passwd` changes on the host no longer counts for mail"
    if kind == "sql":
        return "users are now in the inventory: what changes in the database no longer counts"
    if kind in ("passwd-file", "static"):
        return "users are now in the inventory, and the file is written from it"
    return "it can't be read from outside, and its users are not in the inventory"


def _passdb_todo(kind: str) -> str:
    if kind in ("pam", "passwd", "shadow", "sql", "passwd-file"):
        return "A new password: provision secrets set ADDRESS, then apply."
    return "List its users in mail_domains, or write the passdb in dovecot_settings, before the first apply."
