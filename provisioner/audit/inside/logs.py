"""What the last lines of the mail log say: signs of abuse, and of trouble that nobody has noticed.

The host counts and names the worst of each kind; the lines themselves stay there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.software import installed
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

KEPT = Check(
    "logs.kept",
    Severity.MEDIUM,
    "The mail log is there, and survives a reboot",
    "Without it nobody can say where a message went or who logged in.",
    "`mkdir -p /var/log/journal && systemctl restart systemd-journald`, or `apt-get install rsyslog`.",
    "journald.conf(5), Storage; CIS Controls 8.3",
)
GUESSED = Check(
    "logs.guessed",
    Severity.HIGH,
    "Nobody came in who tried many accounts first",
    "An address that fails for many names and then succeeds has found a password.",
    "Lock the account and change its password; the mail log says from where it was used. Then ban the"
    " address.",
    "NIST SP 800-63B §5.2.2; M3AAWG, Compromised user accounts",
)
FAILED = Check(
    "logs.failed-logins",
    Severity.LOW,
    "Nobody tries passwords for long",
    "An address that fails hundreds of times is stopped by nothing.",
    "fail2ban with jails for Postfix and Dovecot; accounts with second factors or long passwords.",
    "NIST SP 800-63B §5.2.2; jail.conf(5)",
)
TRAVELLERS = Check(
    "logs.many-networks",
    Severity.MEDIUM,
    "Accounts are used from few networks",
    "People are in a handful of networks in a week. A stolen password is used from dozens.",
    "Ask the person; if it was not them, change the password and end open sessions: `doveadm kick USER`.",
    "M3AAWG, Compromised user accounts",
)
SENDING = Check(
    "logs.sending",
    Severity.HIGH,
    "No account sends all at once to hundreds",
    "That is what happens within minutes after a password is stolen, and what gets a server listed.",
    "If it was no newsletter: change the password. A limit helps: `smtpd_client_recipient_rate_limit`, or"
    " Rspamd's `ratelimit` by user.",
    "M3AAWG Sender Best Common Practices; postconf(5)",
)
LISTED = Check(
    "logs.listed",
    Severity.HIGH,
    "No receiver refuses mail because of a block list",
    "They believe that spam comes from here. Sometimes they are right.",
    "`provision blocklist` names the list and the way off it; find what was sent first.",
    "RFC 5782; M3AAWG Sender Best Common Practices",
)
DELIVERED = Check(
    "logs.delivered",
    Severity.MEDIUM,
    "Most mail to others is taken",
    "Receivers that refuse much of it soon refuse all of it.",
    "`provision explain` for a refusal; take dead addresses off lists, and look who sends them.",
    "M3AAWG Sender Best Common Practices",
)
CRASHES = Check(
    "logs.crashes",
    Severity.HIGH,
    "No mail service crashes or refuses to work",
    "It loses what it was doing, and somebody sends what makes it crash.",
    "Look the line up with `provision explain`; upgrade; report it to the project.",
    "Postfix DEBUG_README; Dovecot, bug reporting",
)
LIMITS = Check(
    "logs.limits",
    Severity.MEDIUM,
    "No limit on processes and connections was reached",
    "From there on people and servers are turned away at random.",
    "Postfix: `default_process_limit`, or the column maxproc in master.cf. Dovecot: `process_limit` and"
    " `client_limit` of the service, `mail_max_userip_connections`.",
    "Postfix STRESS_README; Dovecot, Service configuration",
)
SPACE = Check(
    "logs.space",
    Severity.HIGH,
    "The mail services did not run out of space",
    "Mail was refused, or a mailbox was left half-written.",
    "Make room, then `doveadm index -A '*'` where indexes broke.",
    "postconf(5), queue_minfree",
)
PARTS = Check(
    "logs.parts",
    Severity.MEDIUM,
    "Milters, look-up tables and the log-in service answer",
    "Mail waits, or goes through unsigned and unchecked, depending on `milter_default_action`.",
    "`systemctl status` of the service that the line names; `postmap` for a table that is out of date.",
    "Postfix MILTER_README, DATABASE_README, SASL_README",
)
CHECKS = (KEPT, GUESSED, FAILED, TRAVELLERS, SENDING, LISTED, DELIVERED, CRASHES, LIMITS, SPACE, PARTS)

MANY_FAILURES = 100
NAMES_TRIED = 5
MANY_NETWORKS = 12
MANY_AT_ONCE = 300
"""Receivers in an hour."""
ENOUGH = 50
"""Deliveries below which their share says nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """A count, what was counted, and more numbers or a line of the log."""

    count: int
    name: str
    more: tuple[str, ...]

    def number(self, place: int) -> int:
        """A further number; 0 where there is none."""
        return int(self.more[place]) if len(self.more) > place and self.more[place].isdecimal() else 0


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the mail log. Subject of each finding: the host."""
    rows = _rows(inside.output("mail-log"))
    yield _kept(inside, rows).of(KEPT, subject)
    if not _lines(rows):
        nothing = skipped("there is no mail log to read")
        for check in CHECKS[1:]:
            yield nothing.of(check, subject)
        return
    yield _guessed(rows.get("address", [])).of(GUESSED, subject)
    yield _failed(rows).of(FAILED, subject)
    yield _travellers(rows.get("login", [])).of(TRAVELLERS, subject)
    yield _sending(rows.get("sent", [])).of(SENDING, subject)
    yield _listed(rows.get("listed", [])).of(LISTED, subject)
    yield _delivered(rows.get("delivery", [])).of(DELIVERED, subject)
    kinds = (
        (CRASHES, ("crash", "fatal"), "crashed or gave up"),
        (LIMITS, ("limits",), "reached a limit"),
        (SPACE, ("space",), "ran out of space"),
        (PARTS, ("milter", "tables", "login"), "did not answer"),
    )
    for check, names, what in kinds:
        yield _trouble(rows.get("trouble", []), names, what).of(check, subject)


def _rows(text: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) >= 3 and words[1].isdecimal():
            found.setdefault(words[0], []).append(Row(int(words[1]), words[2], tuple(words[3:])))
    return found


def _lines(rows: dict[str, list[Row]]) -> int:
    return sum(row.count for row in rows.get("lines", []))


def _kept(inside: Inside, rows: dict[str, list[Row]]) -> Verdict:
    places = [
        line.split(" ", 2)[2] for line in inside.output("log-places").splitlines() if line.count(" ") >= 2
    ]
    lasting = [path for path in places if path.startswith("/var/log/")]
    if not _lines(rows) and not places:
        return failed("there is neither a journal nor /var/log/mail.log")
    if not lasting:
        return warned("the journal is kept in memory and gone after a reboot", *places)
    if not _lines(rows) and inside.output("packages-installed") and not installed(inside)[0]:
        return skipped("neither Postfix nor Dovecot is there to write one", *lasting)
    if not _lines(rows):
        return warned("there is a log, and nothing of mail in it", *lasting)
    (span,) = rows["lines"][:1]
    stop = span.more[0] if span.more else span.name
    return passed(
        f"the last {_of(span.count, 'line')} of mail are from {_hour(span.name)} to {_hour(stop)}", *lasting
    )


def _of(count: int, thing: str) -> str:
    """`1 line`, `2 addresses`."""
    ending = "" if count == 1 else "es" if thing.endswith("s") else "s"
    return f"{count} {thing}{ending}"


def _hour(text: str) -> str:
    return f"{text.replace('T', ' ')}:00"


def _from_outside(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _guessed(addresses: list[Row]) -> Verdict:
    # Many people behind one address log in more often than they mistype; who guesses does the reverse.
    found = [row for row in addresses if _from_outside(row.name) and row.number(0) >= NAMES_TRIED
             and 0 < row.number(1) * 10 <= row.count]  # fmt: skip
    if not found:
        return passed("no address came in that had tried many accounts")
    shown = [
        f"{row.name}: {_of(row.count, 'failure')} for {_of(row.number(0), 'account')},"
        f" then in as {row.more[2].strip()}"
        for row in found if len(row.more) > 2
    ]  # fmt: skip
    return failed(f"{found[0].name} came in after trying {found[0].number(0)} accounts", *shown)


def _failed(rows: dict[str, list[Row]]) -> Verdict:
    addresses = [
        row for row in rows.get("address", []) if _from_outside(row.name) and row.count >= MANY_FAILURES
    ]
    accounts = [row for row in rows.get("account", []) if row.count >= MANY_FAILURES]
    shown = [
        f"{row.name}: {_of(row.count, 'failure')} for {_of(row.number(0), 'account')}"
        for row in addresses[:5]
    ]
    shown += [
        f"{row.name}: {_of(row.count, 'failure')} from {_of(row.number(0), 'address')}"
        for row in accounts[:5]
    ]
    if addresses:
        return warned(
            f"{addresses[0].name} failed to log in {addresses[0].count} times and was not stopped", *shown
        )
    if accounts:
        return warned(f"somebody tries the password of {accounts[0].name}", *shown)
    return passed("nobody failed to log in a hundred times")


def _travellers(logins: list[Row]) -> Verdict:
    found = [row for row in logins if row.count >= MANY_NETWORKS]
    if found:
        shown = [f"{row.name}: {row.number(0)} log-ins from {row.count} networks" for row in found]
        return warned(f"{found[0].name} logged in from {found[0].count} networks", *shown)
    return passed("no account was used from many networks")


def _sending(sent: list[Row]) -> Verdict:
    found = []
    for row in sent:
        total, hours = row.number(0), row.number(1)
        usual = (total - row.count) / (hours - 1) if hours > 1 else 0
        if row.count >= MANY_AT_ONCE and row.count >= 5 * usual:
            found.append(
                f"{row.name}: {row.count} receivers in the hour from {_hour(row.more[2])}, {total} in all"
            )
    if found:
        name = found[0].partition(":")[0]
        return warned(f"{name} sent to hundreds within an hour", *found)
    return passed("no account sent to hundreds within an hour")


def _listed(listed: list[Row]) -> Verdict:
    if not listed:
        return passed("no receiver named a block list")
    shown = [row.more[0] for row in listed if row.more]
    return failed(
        f"{_of(len(listed), 'receiver')} refused mail because of a block list or reputation", *shown
    )


def _delivered(deliveries: list[Row]) -> Verdict:
    counts = {row.name: row.count for row in deliveries}
    total = sum(counts.values())
    if total < ENOUGH:
        return skipped(f"too few deliveries to others to judge: {total}")
    bounced, deferred = counts.get("bounced", 0), counts.get("deferred", 0)
    shown = ", ".join(f"{count} {name}" for name, count in counts.items())
    if bounced * 10 > total:
        return warned(f"{100 * bounced // total} % of deliveries to others were refused for good", shown)
    if deferred * 2 > total:
        return warned(
            f"{100 * deferred // total} % of tries to deliver were put off", shown, severity=Severity.LOW
        )
    return passed(f"{100 * bounced // total} % of deliveries to others were refused for good", shown)


def _trouble(troubles: list[Row], names: tuple[str, ...], what: str) -> Verdict:
    found = [row for row in troubles if row.name in names]
    if not found:
        return passed(f"the log has no line of anything that {what}")
    lines = sum(row.count for row in found)
    shown = [f"{_of(row.count, 'time')}: {row.more[0] if row.more else row.name}" for row in found]
    say = "says" if lines == 1 else "say"
    return failed(f"{_of(lines, 'line')} of the log {say} that something {what}", *shown)
