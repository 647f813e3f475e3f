"""What stands against guessing passwords of mailboxes: bans by fail2ban and its like, limits of services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside import sockets
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.units import Unit, units
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

GUESSING = Check(
    "bans.guessing",
    Severity.MEDIUM,
    "Guessing passwords is slowed down or stopped",
    "Every public mail server is tried with lists of passwords, all day long. What stops nobody lets them"
    " try until one fits.",
    "`apt-get install fail2ban` with the jails `postfix-sasl` and `dovecot`; or Postfix's"
    " `smtpd_client_auth_rate_limit = 60` beside Dovecot's own delays.",
    "postconf(5), smtpd_client_auth_rate_limit; jail.conf(5); NIST SP 800-63B §5.2.2",
)
RUNNING = Check(
    "bans.running",
    Severity.MEDIUM,
    "What is to ban attackers runs",
    "It was installed because somebody wanted it, and now nobody is banned.",
    "`systemctl status fail2ban`; `fail2ban-client -t` names the mistake. On Debian 12 and later without"
    " rsyslog: `backend = systemd`.",
    "fail2ban-client(1), jail.conf(5)",
)
JAILS = Check(
    "bans.mail-jails",
    Severity.MEDIUM,
    "fail2ban watches the log-ins of mail",
    "As Debian installs it, it watches SSH alone.",
    "/etc/fail2ban/jail.local: `[postfix-sasl]` and `[dovecot]`, each with `enabled = true`, then"
    " `fail2ban-client reload`.",
    "jail.conf(5)",
)
SEEING = Check(
    "bans.jails-see",
    Severity.MEDIUM,
    "fail2ban's jails see the failed log-ins",
    "A jail that reads the wrong log finds nothing, and looks as if all were well.",
    "`fail2ban-client status JAIL` shows what it reads; without /var/log/mail.log: `backend = systemd`.",
    "jail.conf(5), backend",
)
CHECKS = (GUESSING, RUNNING, JAILS, SEEING)

_LOGIN_PORTS = frozenset({110, 143, 465, 587, 993, 995})
_TOOLS = ("fail2ban", "crowdsec", "sshguard")
_MAIL_JAIL = re.compile(r"postfix|dovecot|sasl|imap|pop3|smtp|mail|exim|sieve", re.I)
_NOTICED = 50
"""Failed log-ins in the log's last lines that a jail should have noticed some of."""


@dataclass(frozen=True, slots=True)
class Jail:
    """One jail of fail2ban."""

    name: str
    failed: int
    banned: int


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge what stands against guessing. Subject of each finding: the host."""
    jails = _jails(inside.output("jails"))
    mail = [jail for jail in jails if _MAIL_JAIL.search(jail.name)]
    yield _guessing(inside, mail).of(GUESSING, subject)
    yield _running(inside).of(RUNNING, subject)
    yield _mail_jails(inside, jails, mail).of(JAILS, subject)
    yield _seeing(inside, mail).of(SEEING, subject)


def _jails(text: str) -> list[Jail]:
    found = []
    for block in re.split(r"^jail ", text, flags=re.M)[1:]:
        numbers = {
            name: int(number) for name, number in re.findall(r"(Total failed|Total banned):\s*(\d+)", block)
        }
        found.append(
            Jail(block.split("\n")[0], numbers.get("Total failed", 0), numbers.get("Total banned", 0))
        )
    return found


def _offers_logins(inside: Inside) -> bool:
    return any(one.port in _LOGIN_PORTS and not one.local for one in sockets.sockets(inside))


def _guessing(inside: Inside, mail: list[Jail]) -> Verdict:
    known = units(inside)
    if mail:
        return passed(f"fail2ban bans by {', '.join(jail.name for jail in mail)}")
    if known.get("crowdsec.service", Unit()).active:
        return passed("crowdsec runs")
    if inside.ran("sockets") and not _offers_logins(inside):
        return skipped("no log-in is offered to the network")
    limits = dict(
        line.replace(" = ", " ", 1).partition(" ")[::2] for line in inside.output("login-limits").splitlines()
    )
    evidence = tuple(f"{name} = {value}" for name, value in limits.items() if value)
    rate = limits.get("smtpd_client_auth_rate_limit", "")
    postfix = limits.get("sasl") != "yes" or (rate.isdecimal() and int(rate) > 0)
    # Dovecot's delays hold for Postfix's log-ins too where it asks Dovecot.
    dovecot = limits.get("auth_penalty") == "on"
    if postfix and dovecot:
        return passed("nobody is banned; Postfix and Dovecot slow down who tries often", *evidence)
    if dovecot and limits.get("smtpd_sasl_type") == "dovecot":
        return warned("only Dovecot's delays slow down who tries often", *evidence, severity=Severity.LOW)
    return failed("nothing bans or slows down who guesses passwords", *evidence)


def _running(inside: Inside) -> Verdict:
    known = units(inside)
    there = [name for name in _TOOLS if known.get(f"{name}.service", Unit()).known]
    if not there:
        return skipped("none of fail2ban, crowdsec and sshguard is installed")
    stopped = [name for name in there if not known[f"{name}.service"].active]
    if stopped:
        return failed(
            f"{stopped[0]} is installed and does not run",
            f"{stopped[0]}.service {known[f'{stopped[0]}.service'].state}",
        )
    late = [name for name in there if not known[f"{name}.service"].at_boot]
    if late:
        return warned(f"{late[0]} runs, and will not after a reboot", severity=Severity.LOW)
    return passed(f"{there[0]} runs")


def _mail_jails(inside: Inside, jails: list[Jail], mail: list[Jail]) -> Verdict:
    if not units(inside).get("fail2ban.service", Unit()).active:
        return skipped("fail2ban does not run here")
    if not _offers_logins(inside):
        return skipped("no log-in is offered to the network")
    if not mail:
        return failed(
            "fail2ban has no jail for mail", f"jails: {', '.join(jail.name for jail in jails) or 'none'}"
        )
    return passed(f"fail2ban has jails for mail: {', '.join(jail.name for jail in mail)}")


def _seeing(inside: Inside, mail: list[Jail]) -> Verdict:
    if not mail:
        return skipped("fail2ban has no jail for mail")
    rows = (line.split("\t") for line in inside.output("mail-log").splitlines())
    fails = sum(int(row[1]) for row in rows if row[0] == "address" and len(row) > 2 and row[2] != "127.0.0.1")
    seen = sum(jail.failed for jail in mail)
    shown = [f"{jail.name}: {jail.failed} failed, {jail.banned} banned" for jail in mail]
    if fails >= _NOTICED and not seen:
        return failed(f"the log has {fails} failed log-ins, and fail2ban's jails saw none", *shown)
    return passed(f"fail2ban's jails saw {seen} failed log-ins", *shown)
