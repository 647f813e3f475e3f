"""Which mail server a host runs, and whether its settings can be judged here."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.sockets import sockets
from provisioner.audit.verdict import Verdict, passed, skipped

KNOWN = Check(
    "software.known",
    Severity.INFO,
    "The mail server's settings can be judged",
    "Settings are judged for Postfix and Dovecot. Of other mail servers the host is judged: files, updates,"
    " what listens, firewall, disks, certificates.",
    "Nothing needs to be done. What the server does at its ports is judged from outside, whoever wrote it.",
    "docs/audit.md",
)
CHECKS = (KNOWN,)

JUDGED = {"postfix": "Postfix", "dovecot-core": "Dovecot"}
"""Packages whose settings are judged."""
OTHERS = {
    "exim4-daemon-light": "Exim", "exim4-daemon-heavy": "Exim", "opensmtpd": "OpenSMTPD",
    "sendmail-bin": "Sendmail", "courier-mta": "Courier", "courier-imap": "Courier IMAP",
    "courier-pop": "Courier POP3", "cyrus-imapd": "Cyrus IMAP", "dma": "dma", "nullmailer": "nullmailer",
    "msmtp-mta": "msmtp", "ssmtp": "sSMTP", "masqmail": "masqmail", "citadel-server": "Citadel",
}  # fmt: skip
"""Packages of other mail servers, and of programs that only hand mail on."""
_PROGRAMS = {
    "exim4": "Exim", "exim": "Exim", "sendmail-mta": "Sendmail", "courieresmtpd": "Courier",
    "couriertcpd": "Courier", "cyrmaster": "Cyrus IMAP", "stalwart": "Stalwart", "stalwart-mail": "Stalwart",
    "maddy": "maddy", "mailpit": "Mailpit", "haraka": "Haraka", "java": "a Java program",
    "docker-proxy": "a container", "rootlessport": "a container", "conmon": "a container",
}  # fmt: skip
"""Programs that may listen at a mail port without a package of Debian's."""
_MAIL_PORTS = frozenset({25, 110, 143, 465, 587, 993, 995, 4190})


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Name the mail server. Subject of the finding: the host."""
    yield _known(inside).of(KNOWN, subject)


def note(inside: Inside) -> str:
    """What a reader should know before the findings: whose settings were not judged. Empty: all were."""
    judged, others = installed(inside)
    if others:
        rest = f"; those of {' and '.join(judged)} are" if judged else ""
        return f"The host runs {' and '.join(others)}, whose settings are not judged from inside{rest}."
    return "" if judged else "No mail server was found on the host."


def installed(inside: Inside) -> tuple[list[str], list[str]]:
    """Mail servers with their versions: those whose settings are judged, and others."""
    judged, others = _found(inside)
    return ([f"{name} {version}" for name, version in judged.items()],
            [f"{name} {version}" for name, version in others.items()])  # fmt: skip


def names(inside: Inside) -> list[str]:
    """All of them by name alone."""
    judged, others = _found(inside)
    return [*judged, *others]


def _found(inside: Inside) -> tuple[dict[str, str], dict[str, str]]:
    """Name → version, or the port where no package tells one; those whose settings are judged, and others."""
    versions = {}
    for line in inside.output("packages-installed").splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[2] == "installed":
            versions[words[0]] = _upstream(words[1])
    judged = {name: versions[package] for package, name in JUDGED.items() if package in versions}
    others = {name: versions[package] for package, name in OTHERS.items() if package in versions}
    for socket in sockets(inside):
        if socket.port in _MAIL_PORTS and (name := _PROGRAMS.get(socket.program)) is not None:
            others.setdefault(name, f"at port {socket.port}")
    return judged, others


def _upstream(version: str) -> str:
    """`3.7.11` of `3.7.11-0+deb12u1`, `2.3.19.1` of `1:2.3.19.1+dfsg1-2.1` (deb-version(7))."""
    return re.sub(r"^\d+:|[-+~].*$", "", version)


def _known(inside: Inside) -> Verdict:
    judged, others = installed(inside)
    if others:
        return skipped(f"runs {' and '.join(others)}, whose settings are not known here", *judged)
    if judged:
        return passed(f"runs {' and '.join(judged)}")
    return skipped("no mail server was found")
