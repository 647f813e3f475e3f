"""How people come into the host by SSH: by keys, or by passwords that can be guessed."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

ROOT = Check(
    "ssh.root-password",
    Severity.HIGH,
    "root can't log in by a password over SSH",
    "root's name is known everywhere, so that only the password is left to guess.",
    "/etc/ssh/sshd_config: `PermitRootLogin prohibit-password`, then `systemctl reload ssh`.",
    "sshd_config(5), PermitRootLogin; CIS Controls 5.4",
)
PASSWORDS = Check(
    "ssh.passwords",
    Severity.MEDIUM,
    "SSH takes keys and no passwords",
    "Passwords of SSH are guessed at day and night, and people use one in many places. A key can't be"
    " guessed.",
    "/etc/ssh/sshd_config: `PasswordAuthentication no` and `KbdInteractiveAuthentication no`, once keys"
    " work.",
    "sshd_config(5), PasswordAuthentication; NIST IR 7966 §4",
)
EMPTY = Check(
    "ssh.empty-passwords",
    Severity.CRITICAL,
    "SSH takes no empty password",
    "Whoever knows the name of an account is in.",
    "/etc/ssh/sshd_config: `PermitEmptyPasswords no`.",
    "sshd_config(5), PermitEmptyPasswords",
)
CHECKS = (ROOT, PASSWORDS, EMPTY)


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge sshd as `sshd -T` describes it. Subject of each finding: the host."""
    ran = inside.outputs.get("sshd")
    settings = dict(line.partition(" ")[::2] for line in inside.output("sshd").splitlines())
    if ran is None or ran.status == 127 or "permitrootlogin" not in settings:
        absent = ran is None or ran.status == 127
        say = (
            skipped("there is no sshd") if absent else untested("`sshd -T` could not read its configuration")
        )
        for check in CHECKS:
            yield say.of(check, subject)
        return
    states = dict(line.split()[:2] for line in inside.output("passwords").splitlines() if line.count(" ") > 1)
    by_password = [name for name in ("passwordauthentication", "kbdinteractiveauthentication")
                   if settings.get(name) == "yes"]  # fmt: skip
    yield _root(settings, states, by_password).of(ROOT, subject)
    yield _passwords(states, by_password).of(PASSWORDS, subject)
    yield _empty(settings, states, by_password).of(EMPTY, subject)


def _root(settings: dict[str, str], states: dict[str, str], by_password: list[str]) -> Verdict:
    line = f"permitrootlogin {settings['permitrootlogin']}"
    if settings["permitrootlogin"] != "yes" or not by_password:
        return passed("root can't log in by a password", line)
    if states.get("root") == "P":
        return failed("root can log in by a password", line)
    return passed("root has no password to log in with", line)


def _passwords(states: dict[str, str], by_password: list[str]) -> Verdict:
    if not by_password:
        return passed("sshd takes no passwords")
    having = sorted(name for name, state in states.items() if state == "P" and name != "root")
    if not states:
        return warned("sshd takes passwords", *by_password)
    if not having:
        return passed("sshd takes passwords, and no account but root has one", *by_password)
    count = f"{len(having)} accounts" if len(having) > 1 else "1 account"
    return warned(f"{count} can log in by a password", ", ".join(having[:20]), *by_password)


def _empty(settings: dict[str, str], states: dict[str, str], by_password: list[str]) -> Verdict:
    if settings.get("permitemptypasswords") != "yes" or not by_password:
        return passed("sshd refuses empty passwords")
    empty = sorted(name for name, state in states.items() if state == "NP")
    if empty:
        return failed("accounts without a password can log in", ", ".join(empty[:20]))
    return failed("empty passwords are allowed, though no account has one", severity=Severity.LOW)
