"""The faults that no server of Debian has any more, and EXPN, which Exim does where it is told to.

`flawed_server.py` has the first: at an address for each flaw of port 25, at ports for the other protocols.
Exim is on a host of its own, since Debian has it in Postfix's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_fault_zones import write
from tests.hosts.audit_seeds import Faults, fails
from tests.hosts.audit_server_seeds import SERVER, MailSeed, PortSeed

PROGRAM = "`flawed_server.py`"
EXIM = "Exim 4.96"
_ABOUT_STARTTLS = ("smtp.starttls-injection", "smtp.starttls-state", "smtp.starttls-again")


def _smtp(name: str, wrong: Faults) -> MailSeed:
    """A domain with the program on port 25, sound in what its other flaws are about."""
    sound = tuple(identity for identity in _ABOUT_STARTTLS if identity not in wrong)
    return MailSeed(f"smtp-{name}", wrong, where=PROGRAM, sound=sound)


KEEPS = "what comes behind STARTTLS is answered inside TLS (CVE-2011-0411)"
SMTP = {
    "keeps-buffer": _smtp("keeps", fails(smtp__starttls_injection=KEEPS)),
    "keeps-transaction": _smtp("state", fails(smtp__starttls_state="MAIL from before TLS counts inside it")),
    "offers-again": _smtp("again", fails(smtp__starttls_again="STARTTLS is offered inside TLS")),
}
"""Flaw of `flawed_server.py` → the seed."""
PORTS = {
    "keeps-buffer": PortSeed(
        "ports-keep",
        fails(
            submission__starttls_injection=KEEPS,
            imap__starttls_injection=KEEPS,
            pop3__starttls_injection=KEEPS,
            managesieve__starttls_injection=KEEPS,
        ),
        where=PROGRAM,
        sound=tuple(f"{area}.user-enumeration" for area in ("submission", "imap", "pop3", "managesieve")),
        ports={"submission": 15001, "imap": 15002, "pop3": 15003, "sieve": 15004},
    ),
    "no-login": PortSeed(
        "ports-mute",
        fails(
            imap__login_offered="LOGINDISABLED inside TLS, and no `AUTH=`",
            pop3__login_offered="neither USER nor SASL in CAPA's answer",
            managesieve__login_offered="an empty list of SASL",
        ),
        where=PROGRAM,
        ports={"imap": 15012, "pop3": 15013, "sieve": 15014},
    ),
}
"""The same for ports where people log in."""
EXPN = MailSeed(
    "smtp-expn",
    fails(smtp__expn="`acl_smtp_expn = accept`"),
    where=EXIM,
    sound=("smtp.vrfy", *_ABOUT_STARTTLS),
)
_EXIM = f"""
primary_hostname = {EXPN.host}
qualify_domain = {EXPN.domain}
smtp_banner = $primary_hostname ESMTP
domainlist local_domains = {EXPN.domain} : {SERVER}
tls_advertise_hosts = *
tls_certificate = /etc/exim4/exim.pem
acl_smtp_expn = accept
acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
  accept local_parts = postmaster
         domains = :
  require message = relay not permitted
          domains = +local_domains
  require verify = recipient
  accept
begin routers
aliases:
  driver = redirect
  local_parts = postmaster : abuse : alice
  data = bob
mailboxes:
  driver = accept
  local_parts = bob
  transport = nowhere
begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = mail
"""


def start(host: SandboxHost, at: Mapping[str, str]) -> None:
    """Start the program; `at` is seed → address."""
    listeners = [f"smtp,{at[seed.name]},25,{seed.host},{flaw}" for flaw, seed in SMTP.items()]
    listeners += [
        f"{'managesieve' if service == 'sieve' else service},{host.address},{port},{SERVER},{flaw}"
        for flaw, seed in PORTS.items()
        for service, port in seed.ports.items()
    ]
    write(host, "/srv/flawed_server.py", Path(__file__).with_name("flawed_server.py").read_text())
    serve = "systemd-run -q --working-directory=/srv/tls -- python3 /srv/flawed_server.py ec.pem ec.key"
    succeed(host, f"{serve} {' '.join(listeners)}")


def start_exim(host: SandboxHost, certificate: str) -> None:
    """Configure Exim; `certificate` is a key and a certificate."""
    write(host, "/etc/exim4/exim.pem", certificate)
    write(host, "/etc/exim4/exim4.conf", _EXIM)
    succeed(
        host,
        "chgrp Debian-exim /etc/exim4/exim.pem; systemctl restart exim4 2>&1;"
        " until ss -Hltn sport = :25 | grep -q .; do sleep 0.1; done",
    )
