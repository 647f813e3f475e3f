"""What Dovecot opens and gives: ports, sockets, accounts of its processes, limits, quotas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from provisioner.adopt.dovecot_text import Block, truth
from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside import postfix_view
from provisioner.audit.inside.dovecot_view import Dovecot, judged
from provisioner.audit.inside.postfix_recipients import asks_the_next_server, lists_recipients
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

LMTP = Check(
    "dovecot.lmtp-network",
    Severity.HIGH,
    "LMTP is not reachable from the network",
    "Whoever reaches it puts mail into every mailbox, past all of Postfix's restrictions and filters.",
    "`service lmtp { unix_listener /var/spool/postfix/private/dovecot-lmtp { … } }` in place of the"
    " inet_listener, or"
    " `address = 127.0.0.1` in it (2.4: `listen`).",
    "doc.dovecot.org, LMTP Server; RFC 2033 §4",
)
DOVEADM = Check(
    "dovecot.doveadm-network",
    Severity.HIGH,
    "Mailboxes can't be managed from the network",
    "doveadm does anything to any mailbox, for whoever has its one password.",
    "Take the inet_listener of `service doveadm` out, or give it an address that only the replica"
    " reaches, and TLS.",
    "doc.dovecot.org, doveadm Server",
)
SOCKETS = Check(
    "dovecot.sockets",
    Severity.MEDIUM,
    "Only those who need them may write to Dovecot's sockets",
    "Through the socket for authentication every account on the host guesses passwords past all delays;"
    " through others"
    " it delivers mail, or runs doveadm.",
    "In the unix_listener: `mode = 0660` with `user = postfix` and `group = postfix`, or leave the mode out.",
    "doc.dovecot.org, Services: unix_listener",
)
UIDS = Check(
    "dovecot.first-uid",
    Severity.MEDIUM,
    "No mailbox belongs to root or to a daemon",
    "first_valid_uid is the last barrier: with a low number, a wrong entry in the user database has a"
    " process for mail"
    " run as a service of the system.",
    "`first_valid_uid = 1000`, or the number of the account that owns the mailboxes.",
    "doc.dovecot.org, first_valid_uid",
)
GROUPS = Check(
    "dovecot.mail-groups",
    Severity.MEDIUM,
    "People's mail processes do not share a group that reads other mail",
    "With `mail` in mail_access_groups every user can read, by a link in their own folder, whatever the"
    " group mail"
    " may read.",
    "Take mail_access_groups out; `mail_privileged_group = mail` is enough for mbox files in /var/mail.",
    "doc.dovecot.org, mail_access_groups",
)
LIMITS = Check(
    "dovecot.limits",
    Severity.LOW,
    "One user can't take all connections, and guessing takes time",
    "Without mail_max_userip_connections one runaway program locks everybody out; without"
    " auth_failure_delay passwords"
    " are guessed as fast as the network goes.",
    "`mail_max_userip_connections = 20`, `auth_failure_delay = 2 secs`.",
    "doc.dovecot.org, mail_max_userip_connections, auth_failure_delay",
)
QUOTA = Check(
    "dovecot.quota",
    Severity.INFO,
    "Mailboxes have a quota",
    "Without one a single mailbox can fill the disk, and then nobody gets mail.",
    "`mail_plugins = quota` with a quota of your choice, and `imap_quota` so that people see it.",
    "doc.dovecot.org, Quota Plugin",
)
WARNINGS = Check(
    "dovecot.warnings",
    Severity.LOW,
    "Dovecot has no warning about its configuration",
    "Obsolete settings are gone in the next version: Dovecot then does not start after the upgrade.",
    "Change what `doveconf -n` warns of.",
    "doveconf(1)",
)
ANY_USER = Check(
    "dovecot.any-user",
    Severity.MEDIUM,
    "Dovecot takes mail for users that exist",
    "With allow_all_users a static userdb knows every name: Dovecot takes mail for each, and makes a mailbox"
    " that nobody reads. Whoever asks it whether a recipient exists, as Postfix can, hears yes.",
    "Take `allow_all_users=yes` out of the userdb (Dovecot then asks the passdb), or name the users in a"
    " passwd-file or SQL userdb; and list recipients in Postfix.",
    "doc.dovecot.org, Static User Database: allow_all_users",
)
CHECKS = (LMTP, DOVEADM, SOCKETS, UIDS, GROUPS, LIMITS, QUOTA, WARNINGS, ANY_USER)

_FOR_ALL = re.compile(
    r"(auth-userdb|login/.*|token-login/.*|stats-writer|dict|anvil.*|ssl-params|indexer|lmtp-proxy)$"
)
"""Sockets that Dovecot itself opens to all, and looks at who connects; or that lie in a closed folder."""


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge what is open and what is limited. Subject of each finding: the host."""
    ways = {
        LMTP: _lmtp,
        DOVEADM: _doveadm,
        SOCKETS: _sockets,
        UIDS: _uids,
        GROUPS: _groups,
        LIMITS: _limits,
        QUOTA: _quota,
        WARNINGS: _warnings,
        ANY_USER: _any_user,
    }
    return judged(inside, subject, ways)


def _network(dovecot: Dovecot, service: str) -> str:
    """The first port of a service that the network can reach; `""` for none."""
    listeners = dovecot.listeners(service)
    return next((one.get("port") for one in listeners if not dovecot.is_local(one)), "")


def _lmtp(dovecot: Dovecot) -> Verdict:
    if "lmtp" not in dovecot.words("protocols"):
        return skipped("LMTP is off")
    if port := _network(dovecot, "lmtp"):
        return dovecot.at(
            failed(f"LMTP listens to the network on port {port}"), r"inet_listener lmtp", "service lmtp"
        )
    return passed("LMTP is not reachable from the network")


def _doveadm(dovecot: Dovecot) -> Verdict:
    if port := _network(dovecot, "doveadm"):
        return dovecot.at(failed(f"doveadm listens to the network on port {port}"), "service doveadm")
    return passed("doveadm is not reachable from the network")


def _sockets(dovecot: Dovecot) -> Verdict:
    for service in dovecot.set.all("service"):
        for listener in service.all("unix_listener"):
            mode = listener.get("mode", "0600")
            name = listener.get("path") or listener.name
            world = mode.isdigit() and int(mode, 8) & 0o002
            # In Postfix's private/ (0700) nobody else gets at it, whatever its own mode.
            if not world or _FOR_ALL.match(name) or name.startswith("/var/spool/postfix/private/"):
                continue
            severity = Severity.HIGH if service.name == "doveadm" or "master" in name else None
            verdict = failed(f"everybody on the host may write to {name} (service {service.name})",
                             f"mode = {mode}", severity=severity)  # fmt: skip
            return dovecot.at(verdict, rf"unix_listener {re.escape(listener.name)}")
    return passed("no socket of its own is open to everybody on the host")


def _uids(dovecot: Dovecot) -> Verdict:
    value = dovecot.get("first_valid_uid")
    if value.isdigit() and int(value) < 100:
        return dovecot.at(failed(f"mailboxes may belong to the account number {value}"), "first_valid_uid")
    return dovecot.at(
        passed(f"mailboxes belong to accounts from number {value or 500} on"), "first_valid_uid"
    )


def _groups(dovecot: Dovecot) -> Verdict:
    name = "mail_access_groups"
    groups = dovecot.get(name).replace(",", " ").split() or truth(dovecot.set, name)
    shared = [group for group in groups if group in ("mail", "root", "adm", "shadow", "dovecot", "postfix")]
    if shared:
        return dovecot.at(failed(f"every user's mail process is in the group {', '.join(shared)}"), name)
    return passed("mail processes have the groups of their user alone")


def _limits(dovecot: Dovecot) -> Verdict:
    name = "mail_max_userip_connections"
    if dovecot.get(name) in ("0", "unlimited"):
        return dovecot.at(warned("one user's connections are not limited"), name)
    if re.match(r"0($|\s)", dovecot.get("auth_failure_delay")):
        return dovecot.at(warned("a failed login costs no time"), "auth_failure_delay")
    return dovecot.at(
        passed(f"one user has at most {dovecot.get(name) or 10} connections from one address"), name
    )


def _quota(dovecot: Dovecot) -> Verdict:
    sections = [dovecot.set, *dovecot.set.all("protocol")]
    if any("quota" in truth(section, "mail_plugins") for section in sections):
        return dovecot.at(passed("the quota plugin is loaded"), "mail_plugins")
    return warned("no mailbox has a quota")


def _warnings(dovecot: Dovecot) -> Verdict:
    said = dovecot.inside.output("dovecot-warnings").splitlines()
    lines = [line for line in said if "Warning:" in line and "NOTE:" not in line]
    if not lines:
        return passed("`doveconf` has no warning")
    found = re.search(r"(/etc/dovecot/[^\s:]+)(?::| line )(\d+)", lines[0])
    return replace(warned(f"`doveconf` has {len(lines)} warning(s)", *lines),
                   place=f"{found[1]}:{found[2]}" if found else "")  # fmt: skip


def _any_user(dovecot: Dovecot) -> Verdict:
    open_ = [block for block in dovecot.set.all("userdb") if _knows_everybody(block)]
    if not open_:
        return passed("no userdb knows every name")
    verdict = dovecot.at(failed("every name has a mailbox (allow_all_users)"), r"userdb(\s+static)?")
    postfix = postfix_view.read(dovecot.inside)
    if postfix is None:
        return verdict
    if asks_the_next_server(postfix):
        said = "Postfix asks Dovecot whether recipients exist, and hears that all do (allow_all_users)"
        return replace(verdict, summary=said, severity=Severity.HIGH)
    # What Postfix lists itself, it refuses before Dovecot hears of it.
    needed = {"virtual_mailbox_domains": "virtual_mailbox_maps", "mydestination": "local_recipient_maps"}
    if all(lists_recipients(postfix, maps) for domains, maps in needed.items() if postfix.get(domains)):
        return passed("every name has a mailbox, but Postfix takes mail for those alone that it lists")
    return verdict


def _knows_everybody(block: Block) -> bool:
    """2.3: a word of `args`; 2.4: a setting, with `static_` in front or without."""
    settings = {name.rpartition("static_")[2]: value for name, value in block.settings.items()}
    return settings.get("allow_all_users") == "yes" or "allow_all_users=yes" in block.get("args").split()
