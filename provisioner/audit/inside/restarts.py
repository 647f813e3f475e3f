"""Whether services and the kernel run what is installed, or still what an update has replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

RESTARTED = Check(
    "updates.restarted",
    Severity.MEDIUM,
    "Services run the libraries that are installed",
    "A service runs the old, broken library until it is restarted.",
    "`systemctl restart SERVICE`; `needrestart` finds and does it.",
    "needrestart(1), checkrestart(8)",
)
REBOOTED = Check(
    "updates.rebooted",
    Severity.LOW,
    "The host has started since its last update that asks for it",
    "A mended kernel, or a library that everything uses, mends nothing until the host starts with it.",
    "Reboot in a quiet hour: other servers try again for days, and no mail is lost.",
    "Debian Administrator's Handbook, Keeping a system up to date",
)
CHECKS = (RESTARTED, REBOOTED)

_PROGRAMS = re.compile(
    r"master|smtpd?|smtp|qmgr|pickup|tlsmgr|tlsproxy|postscreen|anvil|cleanup|local|virtual|lmtp|proxymap|"
    r"dovecot|imap|imap-login|pop3|pop3-login|managesieve.*|auth|config|stats|log|anvil|rspamd|opendkim|"
    r"opendmarc|exim4|smtpd|spamd|amavisd.*|clamd|redis-server"
)


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge what runs against what is installed. Subject of each finding: the host."""
    yield _restarted(inside).of(RESTARTED, subject)
    yield _rebooted(inside).of(REBOOTED, subject)


def _restarted(inside: Inside) -> Verdict:
    lines = [line.split(None, 2) for line in inside.output("replaced-libraries").splitlines()]
    rows = [(words[1], words[2]) for words in lines if len(words) == 3]
    mail = sorted({f"{program} runs {library}" for program, library in rows if _PROGRAMS.fullmatch(program)})
    if mail:
        return failed("mail services run libraries that an update has replaced", *mail)
    if rows:
        programs = sorted({f"{program} runs {library}" for program, library in rows})
        return warned(
            "other programs run libraries that an update has replaced", *programs, severity=Severity.LOW
        )
    return passed("no program runs a library that was replaced")


def _rebooted(inside: Inside) -> Verdict:
    lines = inside.output("kernel").splitlines()
    if inside.output("virtualization").strip() not in ("", "none"):
        if "required" in lines:  # By libc or systemd, say, which a container has of its own.
            return warned("an update asks for a reboot", "/run/reboot-required")
        return skipped("the host is a container: the machine beneath has the kernel")
    running = next((line.partition(" ")[2] for line in lines if line.startswith("running ")), "")
    installed = [line.partition("vmlinuz-")[2] for line in lines if line.startswith("installed ")]
    if not running:
        return untested("the running kernel's version is not known")
    newest = max(installed, key=_version, default="")
    flavour = running.rpartition("-")[2]
    same = [one for one in installed if one.rpartition("-")[2] == flavour]
    newest = max(same, key=_version, default=newest)
    if "required" in lines:
        return warned("an update asks for a reboot", f"running {running}", "/run/reboot-required")
    if newest and running in installed and _version(newest) > _version(running):
        return warned(f"{running} runs, and {newest} is installed")
    if newest and running not in installed and same:
        return warned(f"{running} runs, which is not installed any more; {newest} is")
    return passed(f"{running} runs, and no newer one is installed")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))
