"""The faults that Dovecot can be made to have, each in an instance with ports of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
TOLD_DOVECOT = {"imap": 14601, "pop3": 14602, "sieve": 14603}
USER = "alice@servers.test"
"""Who is told from others."""
TOLD = PortSeed(
    "box-told",
    _mailboxes(user_enumeration="a passdb with `deny = yes`, which tells who is in it"),
    where=DOVECOT,
    sound=tuple(
        f"{area}.{name}" for area in _AREAS.values() for name in ("starttls-injection", "login-offered")
    ),
    ports=TOLD_DOVECOT,
)
CLEARTEXT = PortSeed(
    "box-clear",
    _mailboxes(cleartext_login="`disable_plaintext_auth = no`"),
    where=DOVECOT,
    ports=OPEN_DOVECOT,
)
_DISCREET = """login_greeting = ready.
protocol sieve {
  managesieve_implementation_string = ready
}
"""


@dataclass(frozen=True)
class Instance:
    """A Dovecot with ports and a socket for Postfix of its own."""

    name: str
    ports: Mapping[str, int]
    ssl: str = "yes"
    disable_plaintext_auth: str = "yes"
    mechanisms: str = "plain login"
    more: str = _DISCREET

    @property
    def configuration(self) -> str:
        """Its dovecot.conf."""
        return f"""
base_dir = /run/dovecot-{self.name}
protocols = imap pop3 sieve
ssl = {self.ssl}
ssl_cert = </srv/tls/ec.pem
ssl_key = </srv/tls/ec.key
disable_plaintext_auth = {self.disable_plaintext_auth}
auth_mechanisms = {self.mechanisms}
{self.more}
passdb {{
  driver = static
  args = password={{PLAIN}}not-to-be-guessed-7f3a
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}}
service auth {{
  unix_listener /var/spool/postfix/private/{self.name} {{
    mode = 0666
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {self.ports["imap"]}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.ports["pop3"]}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {self.ports["sieve"]}
  }}
}}
log_path = /var/log/dovecot-{self.name}.log
"""


_LOCKED = """passdb {
  driver = passwd-file
  args = /etc/dovecot-locked
  deny = yes
}
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
"""The list of locked accounts is asked first. Without its delays the wrong logins of a test take no time."""
INSTANCES = (
    Instance("weak", OPEN_DOVECOT, disable_plaintext_auth="no", mechanisms="plain login cram-md5", more=""),
    Instance("auth", PLAIN_DOVECOT, ssl="no"),
    Instance("told", TOLD_DOVECOT, more=_DISCREET + _LOCKED),
)


def start(host: SandboxHost) -> None:
    """Start the instances, and an `imap` that takes everybody for logged in."""
    for one in INSTANCES:
        write(host, f"/etc/dovecot-{one.name}.conf", one.configuration)
    write(
        host,
        "/etc/dovecot-locked",
        f"{USER}:{{PLAIN}}not-to-be-guessed-9c1d::::::reason=locked",
    )
    names = " ".join(one.name for one in INSTANCES)
    succeed(
        host,
        f"for n in {names}; do dovecot -c /etc/dovecot-$n.conf >/dev/null 2>&1 </dev/null; done;"
        " mkdir -p /tmp/preauth; chown nobody /tmp/preauth;"
        " systemd-run -q -p User=nobody -E HOME=/tmp/preauth -E USER=nobody --"
        " systemd-socket-activate --inetd --accept -l 14404 -E HOME -E USER /usr/lib/dovecot/imap"
        " -o mail_location=maildir:/tmp/preauth -o stats_writer_socket_path=",
    )
