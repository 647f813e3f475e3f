"""Versions with known holes, by what apt knows on the host, and whether new ones are mended in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.units import Unit, units
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

RELEASE = Check(
    "updates.release",
    Severity.HIGH,
    "The release of Debian gets security updates",
    "Past its end nobody mends new holes, and nothing on the host says so.",
    "Upgrade to a current release, one release at a time, by its release notes.",
    "Debian, wiki.debian.org/LTS and debian.org/releases",
)
SECURITY_ARCHIVE = Check(
    "updates.security-archive",
    Severity.HIGH,
    "apt knows the security archive",
    "Without it, mended packages come months later with the next point release, or never.",
    "In /etc/apt/sources.list: `deb http://security.debian.org/debian-security CODENAME-security main`.",
    "Debian release notes, section Security archive; sources.list(5)",
)
LISTS = Check(
    "updates.lists",
    Severity.MEDIUM,
    "apt's lists are fresh",
    "A host that doesn't ask has no updates pending, whatever holes it has.",
    '`apt-get update`, and daily by `APT::Periodic::Update-Package-Lists "1";`.',
    "apt.systemd.daily(8)",
)
MAIL = Check(
    "updates.mail-software",
    Severity.HIGH,
    "The mail software has no hole that Debian has mended",
    "What was mended is public, and mail servers are searched for it from the whole world.",
    "`apt-get update && apt-get upgrade`, and restart what was upgraded.",
    "Debian Security Advisories, debian.org/security",
)
SECURITY = Check(
    "updates.security",
    Severity.MEDIUM,
    "No other security update is pending",
    "A hole in a library or the kernel helps whoever came in by another.",
    "`apt-get update && apt-get upgrade`.",
    "Debian Security Advisories, debian.org/security",
)
OTHER = Check(
    "updates.other",
    Severity.INFO,
    "No other update is pending",
    "Point releases mend faults, some of them holes of less weight.",
    "`apt-get update && apt-get upgrade`.",
    "debian.org/releases, point releases",
)
ORPHANS = Check(
    "updates.orphans",
    Severity.MEDIUM,
    "The mail software comes from an archive that still has it",
    "A package that no archive has any longer gets no update; upgrades from old releases leave such behind.",
    "`apt list '?obsolete'`; replace or remove what it lists.",
    "Debian release notes, section Obsolete packages",
)
AUTOMATIC = Check(
    "updates.automatic",
    Severity.MEDIUM,
    "Security updates are installed without anybody's doing",
    "Between a hole's becoming known and its use lie days, and people have holidays.",
    '`apt-get install unattended-upgrades`, and `APT::Periodic::Unattended-Upgrade "1";`.',
    "unattended-upgrades(8), Debian Reference §2.7.8",
)
CHECKS = (RELEASE, SECURITY_ARCHIVE, LISTS, MAIL, SECURITY, OTHER, ORPHANS, AUTOMATIC)

ENDS = {
    8: date(2020, 6, 30),
    9: date(2022, 6, 30),
    10: date(2024, 6, 30),
    11: date(2026, 8, 31),
    12: date(2028, 6, 30),
    13: date(2030, 6, 30),
}
"""The last day of security updates, by the LTS team too (wiki.debian.org/LTS, read 2026-11)."""
_CODENAMES = ("jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke")
"""Releases 8 to 15 (debian.org/releases): a suite may also be called `stable` or by another's own name."""
SOON = 180
"""Days before its end in which a release is worth a warning."""
FRESH = 3
"""Days after which lists are not fresh any more."""
STALE = 7
"""Days after which lists say nothing; the security archive's own validity is as long (Valid-Until)."""
_DAY = 86400

_MAIL = re.compile(
    r"postfix|dovecot|exim4?|opensmtpd|rspamd|opendkim|opendmarc|openarc|spamassassin|spamd|amavisd?|clamav|"
    r"postgrey|postsrsd|policyd|pypolicyd|openssl|libssl|libgnutls|cyrus|courier|sendmail|mailman3?|"
    r"roundcube|sogo|fetchmail|procmail|libmilter|libsasl2|redis|mariadb-server|mysql-server|postgresql|slapd|"
    r"unbound|bind9|openssh"
)
_UPGRADE = re.compile(r"^(\S+?)/(\S+) (\S+) \S+ \[upgradable from: (\S+)\]")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A package that apt would upgrade."""

    package: str
    suites: str
    after: str
    before: str

    @property
    def security(self) -> bool:
        """Whether it comes from the security archive."""
        return "security" in self.suites.lower()

    def __str__(self) -> str:
        return f"{self.package} {self.before}, mended in {self.after}" if self.security else (
            f"{self.package} {self.before}, now {self.after}"
        )  # fmt: skip


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge versions and updates. Subject of each finding: the host."""
    yield _release(inside).of(RELEASE, subject)
    if "archives" not in inside.outputs or inside.outputs["archives"].status == 127:
        nothing = skipped("the host has no apt")
        for check in (SECURITY_ARCHIVE, LISTS, MAIL, SECURITY, OTHER, ORPHANS, AUTOMATIC):
            yield nothing.of(check, subject)
    else:
        yield _security_archive(inside).of(SECURITY_ARCHIVE, subject)
        yield _lists(inside).of(LISTS, subject)
        yield from _pending(inside, subject)
        yield _orphans(inside).of(ORPHANS, subject)
        yield _automatic(inside).of(AUTOMATIC, subject)


def _system(inside: Inside) -> dict[str, str]:
    pairs = (line.partition("=") for line in inside.text("/etc/os-release").splitlines())
    return {key: value.strip("\"'") for key, _, value in pairs}


def _release(inside: Inside) -> Verdict:
    system = _system(inside)
    name = system.get("PRETTY_NAME", system.get("ID", "unknown"))
    number = system.get("VERSION_ID", "")
    if system.get("ID") != "debian":
        return skipped(f"the host runs {name}; only Debian's dates are known here")
    if not number.isdecimal():
        return skipped(f"{name} is no release: its packages are mended as they come")
    today = datetime.fromtimestamp(inside.at, UTC).date()
    release = int(number)
    if release < min(ENDS) or (release in ENDS and ENDS[release] < today):
        ended = f" on {ENDS[release]}" if release in ENDS else " long ago"
        return failed(f"{name} has had no security updates since its support ended{ended}", name)
    if release not in ENDS:
        return passed(f"{name} is newer than this program knows")
    left = (ENDS[release] - today).days
    if left < SOON:
        return warned(f"{name} gets security updates for {left} more days, until {ENDS[release]}", name)
    return passed(f"{name} gets security updates until {ENDS[release]}")


def _security_archive(inside: Inside) -> Verdict:
    archives = [line.split("|") for line in inside.output("archives").splitlines() if line.count("|") == 2]
    # Of archives whose lists were never fetched, apt knows the address only.
    named = re.findall(r"^'(\S+)/dists/(\S+)/InRelease'", inside.output("apt-sources"), re.M)
    archives += [[suite, "", site] for site, suite in named if suite not in [one[0] for one in archives]]
    if not inside.ran("archives"):
        return untested("apt could not read its sources", inside.output("archives").strip()[:300])
    if _system(inside).get("ID") == "debian" and not _system(inside).get("VERSION_ID", "").isdecimal():
        return skipped("there is no security archive for a release that is not out yet")
    security = [one for one in archives if "security" in " ".join(one).lower()]
    for release, _, site in security:
        if not _is_of_another(inside, release):
            return passed(f"apt knows {release} at {site}")
    if security:
        said = [f"{release} at {site}" for release, _, site in security]
        return failed("the security archive is that of another release than the host's", *said)
    shown = [f"{release} at {site}" for release, _, site in archives]
    return failed("apt's sources have no security archive", *shown)


def _is_of_another(inside: Inside, suite: str) -> bool:
    """Whether a suite is named after a release of Debian that the host does not run."""
    name = suite.partition("-")[0].partition("/")[0]
    return name in _CODENAMES and name != _system(inside).get("VERSION_CODENAME", name)


def _age(inside: Inside) -> float | None:
    """Days since `apt-get update` last did something; None where that isn't known."""
    times = [
        int(word)
        for word, _, path in (line.partition(" ") for line in inside.output("apt-times").splitlines())
        if word.isdecimal() and "unattended" not in path
    ]
    return (inside.at - max(times)) / _DAY if times else None


def _lists(inside: Inside) -> Verdict:
    age = _age(inside)
    if age is None:
        return failed("apt has no lists: it has never been updated here")
    if age > STALE:
        return failed(f"apt's lists are {age:.0f} days old")
    if age > FRESH:
        return warned(f"apt's lists are {age:.0f} days old")
    return passed("apt's lists are less than a day old" if age < 1 else f"apt's lists are {age:.0f} days old")


def _pending(inside: Inside, subject: str) -> Iterator[Finding]:
    matches = (_UPGRADE.match(line) for line in inside.output("upgrades").splitlines())
    found = [Upgrade(*match.groups()) for match in matches if match]
    mail = [one for one in found if one.security and _MAIL.match(one.package)]
    security = [one for one in found if one.security and one not in mail]
    rest = [one for one in found if not one.security]
    blind = _blind(inside)
    kinds = ((MAIL, mail, "security update of mail software"), (SECURITY, security, "other security update"),
             (OTHER, rest, "update without weight for security"))  # fmt: skip
    for check, upgrades, name in kinds:
        yield _kind(upgrades, name, blind, fails=check is not OTHER).of(check, subject)


def _blind(inside: Inside) -> str:
    """Why apt's silence means nothing; empty where it does mean that nothing is pending."""
    age = _age(inside)
    if not inside.ran("upgrades"):
        return "apt could not say what it would upgrade"
    if re.search(r"^apt [01]\.", inside.output("packages-installed"), re.M):
        return "apt is too old here to be asked"
    if age is None:
        return "apt has no lists"
    return "apt's lists are too old to say" if age > STALE else ""


def _kind(upgrades: list[Upgrade], name: str, blind: str, *, fails: bool) -> Verdict:
    if upgrades:
        say = failed if fails else warned
        name = name if len(upgrades) == 1 else name.replace("update", "updates", 1)
        plural = "are" if len(upgrades) > 1 else "is"
        return say(f"{len(upgrades)} {name} {plural} pending", *(str(one) for one in upgrades))
    return untested(blind) if blind else passed(f"no {name} is pending")


def _orphans(inside: Inside) -> Verdict:
    lines = [line for line in inside.output("upgrades").splitlines() if "/" in line]
    orphans = [
        line for line in lines if line.endswith(("[installed,local]", "[installed,auto-removable,local]"))
    ]
    mail = [line for line in orphans if _MAIL.match(line)]
    if mail:
        return failed("mail software is installed that no archive has any longer", *mail)
    if blind := _blind(inside):
        return untested(blind)
    if orphans:
        return passed(f"{len(orphans)} installed packages are in no archive, and no mail software among them")
    return passed("everything installed is in an archive")


def _automatic(inside: Inside) -> Verdict:
    settings = inside.output("apt-settings")
    installed = re.search(r"^unattended-upgrades \S+ installed$", inside.output("packages-installed"), re.M)
    if not installed:
        return failed("nothing installs security updates: unattended-upgrades is not there")
    wanted = {
        name: _on(settings, f"APT::Periodic::{name}")
        for name in ("Update-Package-Lists", "Unattended-Upgrade")
    }
    off = [f'APT::Periodic::{name} "0";' for name, on in wanted.items() if not on]
    if off:
        return failed("unattended-upgrades is installed and switched off", *off)
    known = units(inside)
    timer = known.get("apt-daily-upgrade.timer", Unit())
    if timer.loaded not in ("", "not-found") and not timer.active:
        return failed(
            "unattended-upgrades has no timer that starts it", f"apt-daily-upgrade.timer {timer.state}"
        )
    result = known.get("apt-daily-upgrade.service", Unit()).result
    if result not in ("", "success"):
        return failed("the last run of unattended-upgrades failed", f"apt-daily-upgrade.service: {result}")
    return passed("unattended-upgrades installs security updates every day")


def _on(settings: str, name: str) -> bool:
    """A value of APT::Periodic: `1`, a number of days, `always`; `0` and `` mean off."""
    match = re.search(rf'^{name} "(.*)";$', settings, re.M)
    return match is not None and match[1] not in ("", "0")
