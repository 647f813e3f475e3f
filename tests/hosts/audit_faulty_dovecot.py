"""The faults that Dovecot can be made to have, each in an instance with ports of its own."""

from __future__ import annotations

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_fault_zones import write
from tests.hosts.audit_seeds import Faults, doubts, fails
from tests.hosts.audit_server_seeds import DOVECOT, PortSeed

OPEN_DOVECOT = {"imap": 14301, "pop3": 14302, "sieve": 14303}
PLAIN_DOVECOT = {"imap": 14401, "pop3": 14402, "sieve": 14403}
_AREAS = {"imap": "imap", "pop3": "pop3", "sieve": "managesieve"}


def _mailboxes(**faults: str) -> Faults:
    return {
        identity: fault
        for area in _AREAS.values()
        for identity, fault in fails(**{f"{area}__{name}": what for name, what in faults.items()}).items()
    }


MAILBOX = (
    PortSeed(
        "box-open",
        {
            **_mailboxes(login_before_tls="`disable_plaintext_auth = no`"),
            **{
                f"{area}.{name}": doubt
                for area in _AREAS.values()
                for name, doubt in (
                    ("mechanisms", doubts(x="CRAM-MD5")["x"]),
                    ("banner-software", doubts(x="the greeting that Dovecot comes with")["x"]),
                )
            },
        },
        where=DOVECOT,
        ports=OPEN_DOVECOT,
    ),
    PortSeed("box-plain", _mailboxes(tls="`ssl = no`"), where=DOVECOT, ports=PLAIN_DOVECOT),
    PortSeed(
        "box-wrong",
        _mailboxes(answers="an SRV record that leads to a port of another protocol"),
        where=DOVECOT,
        ports={"imap": 14402, "pop3": 14401, "sieve": 14402},
    ),
    PortSeed(
        "box-preauth",
        fails(
            imap__preauth="`imap` started by a socket, as inetd does",
            imap__tls="the same",
        ),
        where=DOVECOT,
        ports={"imap": 14404},
    ),
)
CLEARTEXT = PortSeed(
    "box-clear",
    _mailboxes(cleartext_login="`disable_plaintext_auth = no`"),
    where=DOVECOT,
    ports=OPEN_DOVECOT,
)
_DOVECOT = """
base_dir = /run/dovecot-{name}
protocols = imap pop3 sieve
ssl = {ssl}
ssl_cert = </srv/tls/ec.pem
ssl_key = </srv/tls/ec.key
disable_plaintext_auth = {strict}
auth_mechanisms = {mechanisms}
passdb {{
  driver = static
  args = password={{PLAIN}}not-to-be-guessed-7f3a
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}}
service auth {{
  unix_listener /var/spool/postfix/private/{name} {{
    mode = 0666
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve}
  }}
}}
log_path = /var/log/dovecot-{name}.log
{more}
"""


_DISCREET = """login_greeting = ready.
protocol sieve {
  managesieve_implementation_string = ready
}
"""


def start(host: SandboxHost) -> None:
    """Start the instances, and an `imap` that takes everybody for logged in."""
    for name, ssl, strict, mechanisms, ports in (
        ("weak", "yes", "no", "plain login cram-md5", OPEN_DOVECOT),
        ("auth", "no", "yes", "plain login", PLAIN_DOVECOT),
    ):
        more = "" if strict == "no" else _DISCREET
        text = _DOVECOT.format(name=name, ssl=ssl, strict=strict, mechanisms=mechanisms, more=more, **ports)
        write(host, f"/etc/dovecot-{name}.conf", text)
    succeed(
        host,
        "for n in weak auth; do dovecot -c /etc/dovecot-$n.conf >/dev/null 2>&1 </dev/null; done;"
        " mkdir -p /tmp/preauth; chown nobody /tmp/preauth;"
        " systemd-run -q -p User=nobody -E HOME=/tmp/preauth -E USER=nobody --"
        " systemd-socket-activate --inetd --accept -l 14404 -E HOME -E USER /usr/lib/dovecot/imap"
        " -o mail_location=maildir:/tmp/preauth -o stats_writer_socket_path=",
    )
