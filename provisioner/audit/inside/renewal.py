"""Certificates of the mail services: whether they will be renewed in time, and whether the new is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.software import names
from provisioner.audit.inside.units import Unit, units
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

IN_TIME = Check(
    "renewal.in-time",
    Severity.HIGH,
    "The certificates on disk hold for weeks",
    "When one has run out, mail programs warn everybody on the same morning, and servers that check"
    " refuse mail.",
    "`certbot renew` and read what it says; most often port 80 is closed or the name points elsewhere.",
    "RFC 5280 §4.1.2.5; RFC 9773",
)
AUTOMATIC = Check(
    "renewal.automatic",
    Severity.HIGH,
    "Short-lived certificates are renewed by a timer",
    "A certificate for 90 days that somebody renews by hand runs out once that person is on holiday.",
    "`systemctl enable --now certbot.timer`; for acme.sh: `acme.sh --install-cronjob`.",
    "certbot, Automated renewals; RFC 8555 §1",
)
SUCCEEDED = Check(
    "renewal.succeeded",
    Severity.MEDIUM,
    "The last renewal did not fail",
    "It fails without a sound each day, until the certificate runs out.",
    "`journalctl -u certbot`, then `certbot renew --dry-run`.",
    "certbot(1); systemd.service(5)",
)
RELOADS = Check(
    "renewal.reloads",
    Severity.MEDIUM,
    "A renewed certificate reaches the mail servers",
    "Services keep the certificate they began with. It runs out in their memory while a new one lies on"
    " disk.",
    "/etc/letsencrypt/renewal-hooks/deploy/mail: `#!/bin/sh` and `systemctl reload postfix dovecot`;"
    " `chmod +x`. OpenSMTPD: `systemctl restart opensmtpd`. Exim sees a new file by itself.",
    "certbot, Renewing certificates, deploy hooks",
)
SERVED = Check(
    "renewal.served",
    Severity.HIGH,
    "The services show the certificate that is on disk",
    "The old one may be about to run out, or its key may be out already.",
    "`systemctl reload postfix dovecot`, `systemctl restart opensmtpd`.",
    "Postfix TLS_README; Dovecot, SSL configuration",
)
CHECKS = (IN_TIME, AUTOMATIC, SUCCEEDED, RELOADS, SERVED)

SHORT = timedelta(days=100)
"""Lifetime of certificates that are meant to be renewed by a program."""
LATE = timedelta(days=14)
_RENEWERS = ("certbot", "snap.certbot.renew", "provision-acme", "acme.sh", "dehydrated", "lego")
_KEEPING_NONE = frozenset({"Exim", "dma", "nullmailer", "msmtp", "sSMTP"})
"""Exim reads a certificate for each connection, or watches its file (4.95); the others serve nobody."""
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


@dataclass(frozen=True)
class Chain:
    """A file's, or a port's, certificate: the first of its chain."""

    where: str
    leaf: x509.Certificate

    @property
    def lifetime(self) -> timedelta:
        """From its first day to its last."""
        return self.leaf.not_valid_after_utc - self.leaf.not_valid_before_utc

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal."""
        return self.leaf.fingerprint(SHA256()).hex()

    @property
    def short_lived(self) -> bool:
        """Whether an authority gave it for a short time; a self-signed one nobody renews over the net."""
        return self.lifetime <= SHORT and self.leaf.issuer != self.leaf.subject


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the certificates' renewal. Subject of each finding: the host."""
    files = _chains(inside.output("certificates"), "file ")
    yield _in_time(files, datetime.fromtimestamp(inside.at, UTC)).of(IN_TIME, subject)
    short = [chain for chain in files if chain.short_lived]
    yield _automatic(inside, short).of(AUTOMATIC, subject)
    yield _succeeded(inside).of(SUCCEEDED, subject)
    yield _reloads(inside, short).of(RELOADS, subject)
    yield _served(files, _chains(inside.output("served-certificates"), "port ")).of(SERVED, subject)


def _chains(text: str, mark: str) -> list[Chain]:
    found = []
    for block in re.split(f"^{mark}", text, flags=re.M)[1:]:
        pem = _PEM.search(block)
        if not pem:
            continue
        try:
            found.append(Chain(block.split("\n")[0], x509.load_pem_x509_certificate(pem[0].encode())))
        except ValueError:
            continue
    return found


def _in_time(files: list[Chain], now: datetime) -> Verdict:
    if not files:
        return skipped("the mail servers have no certificate that can be read")
    past, soon = [], []
    for chain in files:
        left = chain.leaf.not_valid_after_utc - now
        line = f"{chain.where} holds until {chain.leaf.not_valid_after_utc:%Y-%m-%d}"
        if left <= timedelta():
            past.append(line)
        # Certificates for days (RFC 8555 authorities give some for six) are renewed at a third of their time.
        elif left < min(LATE, chain.lifetime / 6):
            soon.append(f"{line}, {left.days} days")
    if past:
        return failed("a certificate has run out", *past, *soon, severity=Severity.CRITICAL)
    if soon:
        return failed("a certificate is about to run out", *soon)
    first = min(chain.leaf.not_valid_after_utc for chain in files)
    return passed(f"the first certificate to run out holds until {first:%Y-%m-%d}")


def _automatic(inside: Inside, short: list[Chain]) -> Verdict:
    if not short:
        return skipped("no certificate is of the kind that a program renews")
    known = units(inside)
    timers = [name for name in _RENEWERS if known.get(f"{name}.timer", Unit()).active]
    if timers:
        return passed(f"{timers[0]}.timer renews")
    cron = [
        line
        for line in inside.output("renewal").splitlines()
        if re.match(r"/(etc|var/spool)/cron[^:]*$", line)
    ]
    # Debian's /etc/cron.d/certbot does nothing where systemd runs: its timer is to do it.
    cron = [line for line in cron if line != "/etc/cron.d/certbot" or not inside.ran("time")]
    if cron:
        return passed(f"{cron[0]} renews")
    stopped = [f"{name}.timer {known[f'{name}.timer'].state}" for name in _RENEWERS
               if known.get(f"{name}.timer", Unit()).known]  # fmt: skip
    days = f"{short[0].where} was given for {short[0].lifetime.days} days"
    return failed("nothing was found that renews the certificate", days, *stopped)


def _succeeded(inside: Inside) -> Verdict:
    known = units(inside)
    there = [name for name in _RENEWERS if known.get(f"{name}.service", Unit()).known]
    if not there:
        return skipped("no service that renews certificates is installed")
    bad = [f"{name}.service: {known[f'{name}.service'].result}" for name in there
           if known[f"{name}.service"].result not in ("", "success")]  # fmt: skip
    if bad:
        return failed("the last renewal failed", *bad)
    return passed(f"{there[0]}.service did not fail the last time")


def _reloads(inside: Inside, short: list[Chain]) -> Verdict:
    if not short:
        return skipped("no certificate is of the kind that a program renews")
    known = units(inside)
    if known.get("provision-acme.timer", Unit()).active:
        return passed("provision-acme reloads the services")
    lines = inside.output("renewal").splitlines()
    hooks = [
        line
        for line in lines
        if "/renewal-hooks/deploy/" in line
        or "/renewal-hooks/post/" in line
        or re.search(r"(renew|deploy|post)_hook *=|--(deploy|renew|post)-hook|ReloadCmd|reloadcmd", line)
    ]
    if hooks:
        return passed("a hook runs after each renewal", hooks[0])
    running = names(inside)
    keeping = [name for name in running if name not in _KEEPING_NONE]
    if "Exim" in running and not keeping:
        return passed("Exim sees a new certificate by itself")
    shown = " and ".join(keeping) or "the mail servers"
    return warned(f"nothing was found that reloads {shown} after a renewal")


def _served(files: list[Chain], served: list[Chain]) -> Verdict:
    if not files or not served:
        return skipped("no service shows a certificate on this host")
    on_disk = {chain.fingerprint for chain in files}
    other = [chain for chain in served if chain.fingerprint not in on_disk]
    if other:
        shown = [f"port {chain.where}: until {chain.leaf.not_valid_after_utc:%Y-%m-%d}" for chain in other]
        shown += [f"{chain.where}: until {chain.leaf.not_valid_after_utc:%Y-%m-%d}" for chain in files]
        return failed(f"port {other[0].where} shows a certificate that is not on disk", *shown)
    return passed(f"ports {' and '.join(chain.where for chain in served)} show what is on disk")
