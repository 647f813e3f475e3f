"""One host with the servers of the seeded faults: Postfix at an address for each, Dovecot, OpenSSL, GnuTLS.

A seed with `smtpd` has an IPv6 address of its own, where Postfix listens on port 25 with these parameters.
The others have SRV records that lead to a port of the host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_fault_zones import write
from tests.hosts.audit_seeds import Faults, Seed, doubts, fails
from tests.unit.certificate_making import CA, Made, make

POSTFIX = "Postfix 3.7"
DOVECOT = "Dovecot 2.3"
SERVER = "servers.test"
"""The name of the host at its IPv4 address."""


@dataclass(frozen=True)
class MailSeed(Seed):
    """A domain with a Postfix of its own."""

    smtpd: tuple[str, ...] = ()
    """Parameters, as `name = value`."""
    pointers: tuple[str, ...] | None = None
    """Names in the address's PTR records; None for the server's own name."""
    where: str = POSTFIX
    tlsa: tuple[str, ...] = ()
    """TLSA records of the server; `{spki}` and `{cert}` are the right hashes."""

    @property
    def host(self) -> str:
        """The name of its server."""
        return f"mx.{self.domain}"


SASL = ("smtpd_sasl_auth_enable = yes",)
OPEN = (*SASL, "smtpd_tls_auth_only = no")
SMTP = (
    MailSeed(
        "smtp-sound",
        {},
        sound=(
            "smtp.answers",
            "smtp.starttls",
            "reverse-dns.present",
            "reverse-dns.confirmed",
            "reverse-dns.single",
            "reverse-dns.own-name",
            "reverse-dns.greeting",
            "reverse-dns.greeting-name",
            "blocklist.address",
            "blocklist.name",
        ),
    ),
    MailSeed(
        "smtp-closed",
        fails(smtp__answers="`smtpd_client_restrictions = reject`, `smtpd_delay_reject = no`"),
        smtpd=("smtpd_client_restrictions = reject", "smtpd_delay_reject = no"),
    ),
    MailSeed(
        "smtp-names",
        {
            **fails(smtp__banner_name="`myhostname = localhost.localdomain`"),
            **doubts(smtp__banner_software="a version in `smtpd_banner`"),
        },
        smtpd=("myhostname = localhost.localdomain", "smtpd_banner = $myhostname ESMTP Postfix 3.7.11"),
    ),
    MailSeed(
        "smtp-plain",
        fails(smtp__starttls="`smtpd_tls_security_level = none`"),
        smtpd=("smtpd_tls_security_level = none",),
    ),
    MailSeed(
        "smtp-masked",
        fails(
            smtp__starttls_stripped="a greeting of asterisks, no STARTTLS: what a Cisco leaves",
            smtp__starttls="the same",
            smtp__banner_name="the same",
        ),
        smtpd=("smtpd_banner = **********************", "smtpd_tls_security_level = none"),
    ),
    MailSeed(
        "smtp-login",
        {
            **fails(smtp__login_before_tls="`smtpd_tls_auth_only = no`"),
            **doubts(smtp__login_on_25="`smtpd_sasl_auth_enable = yes` on port 25"),
        },
        smtpd=OPEN,
    ),
    MailSeed(
        "smtp-small",
        doubts(
            smtp__size="`message_size_limit = 5000000`",
            smtp__extensions="PIPELINING taken out of EHLO",
            smtp__etrn="ETRN left in EHLO",
        ),
        smtpd=("message_size_limit = 5000000", "smtpd_discard_ehlo_keywords = pipelining"),
    ),
    MailSeed(
        "smtp-bounce",
        fails(smtp__null_sender="`check_sender_access` refuses `<>`"),
        smtpd=("smtpd_sender_restrictions = check_sender_access inline:{<>=REJECT}",),
    ),
    MailSeed(
        "smtp-deaf",
        {
            **fails(smtp__postmaster="`check_recipient_access` refuses it", smtp__abuse="the same"),
            **doubts(
                smtp__unknown_recipient="no `virtual_mailbox_maps`",
                smtp__address_literal="450 for `[address]`",
            ),
        },
        smtpd=(
            "virtual_mailbox_maps =",
            "smtpd_recipient_restrictions = check_recipient_access regexp:/etc/postfix/deaf",
        ),
    ),
)
RELAY = MailSeed(
    "smtp-relay",
    {
        **fails(
            smtp__open_relay="`mynetworks = 0.0.0.0/0 [::]/0`",
            smtp__smuggling="`smtpd_forbid_bare_newline = no`",
            smtp__vrfy="`disable_vrfy_command = no`",
        ),
        **doubts(smtp__early_pipelining="`smtpd_forbid_unauth_pipelining = no`"),
    },
    smtpd=(
        "mynetworks = 0.0.0.0/0 [::]/0",
        "smtpd_forbid_bare_newline = no",
        "disable_vrfy_command = no",
        "smtpd_forbid_unauth_pipelining = no",
    ),
)
"""For the intrusive checks."""
DANE = (
    MailSeed(
        "dane-sound",
        {},
        tlsa=("3 1 1 {spki}", f"3 1 1 {'ab' * 32}"),
        sound=("dane.present", "dane.secure", "dane.usable", "dane.matches", "dane.rollover", "dane.renewal"),
    ),
    MailSeed("dane-none", fails(dane__present="no TLSA record")),
    MailSeed(
        "dane-pkix",
        doubts(dane__usable="`1 1 1` beside a record that can be used"),
        tlsa=("3 1 1 {spki}", f"3 1 1 {'ab' * 32}", "1 1 1 {spki}"),
    ),
    MailSeed(
        "dane-stale",
        fails(dane__matches="hashes of other keys"),
        tlsa=(f"3 1 1 {'cd' * 32}", f"3 1 1 {'ab' * 32}"),
    ),
    MailSeed("dane-one", doubts(dane__rollover="a single record"), tlsa=("3 1 1 {spki}",)),
    MailSeed("dane-cert", doubts(dane__renewal="selector 0"), tlsa=("3 0 1 {cert}", f"3 0 1 {'ab' * 32}")),
)
REVERSE = (
    MailSeed("ptr-none", fails(reverse_dns__present="no PTR record"), pointers=()),
    MailSeed(
        "ptr-false",
        {
            **fails(reverse_dns__confirmed="a PTR record to a name of another address"),
            **doubts(reverse_dns__greeting="the same"),
        },
        pointers=("mx.smtp-sound.test",),
    ),
    MailSeed(
        "ptr-two",
        doubts(reverse_dns__single="two PTR records"),
        pointers=("mx.ptr-two.test", "www.ptr-two.test"),
    ),
    MailSeed(
        "ptr-isp",
        doubts(
            reverse_dns__own_name="a name made of the address",
            reverse_dns__greeting="the server greets by another name",
        ),
        pointers=("{generic}",),
    ),
    MailSeed(
        "ptr-hello",
        {
            **doubts(reverse_dns__greeting="`myhostname` is another name"),
            **fails(reverse_dns__greeting_name="`myhostname` is a name that does not exist"),
        },
        smtpd=("myhostname = gone.ptr-hello.test",),
    ),
)
LISTED = MailSeed(
    "listed",
    fails(
        blocklist__address="an entry in a list of addresses", blocklist__name="an entry in a list of domains"
    ),
)
QUICK = ("smtpd_tls_protocols = >=TLSv1.3",)
"""For DANE only the certificate is of interest: less to scan."""
MAIL = (*SMTP, RELAY, *(replace(seed, smtpd=QUICK) for seed in DANE), *REVERSE, LISTED)


@dataclass(frozen=True)
class PortSeed(Seed):
    """A domain with SRV records that lead to ports of the host: service → port."""

    ports: dict[str, int] = field(default_factory=dict)
    smtpd: tuple[str, ...] = ()
    """Parameters of a Postfix at its port."""
    host: str = SERVER

    @property
    def srv(self) -> str:
        """Its SRV records."""
        return "".join(f"_{name}._tcp SRV 0 1 {port} {self.host}.\n" for name, port in self.ports.items())


def submission(name: str, wrong: Faults, number: int, *smtpd: str, sound: tuple[str, ...] = ()) -> PortSeed:
    """A submission port of Postfix that has these parameters besides what it should have."""
    return PortSeed(
        f"submit-{name}", wrong, where=POSTFIX, sound=sound, ports={"submission": number}, smtpd=smtpd
    )


RESTRICTED = "smtpd_client_restrictions = permit_sasl_authenticated, reject"
SUBMISSION = (
    submission(
        "closed",
        fails(submission__answers="a port that greets with 554"),
        12001,
        "smtpd_client_restrictions = reject",
        "smtpd_delay_reject = no",
    ),
    submission(
        "plain",
        fails(submission__tls="`smtpd_tls_security_level = none`"),
        12002,
        *SASL,
        "smtpd_tls_security_level = none",
        RESTRICTED,
    ),
    submission(
        "open",
        {
            **fails(
                submission__login_before_tls="`smtpd_tls_auth_only = no`",
                submission__login_required="no `smtpd_client_restrictions`",
            ),
            **doubts(submission__mechanisms="CRAM-MD5", submission__banner_software="a version"),
        },
        12003,
        *OPEN,
        "smtpd_sasl_path = private/weak",
        "smtpd_banner = $myhostname ESMTP Postfix 3.7.11",
    ),
    submission("mute", fails(submission__login_offered="`smtpd_sasl_auth_enable = no`"), 12004, RESTRICTED),
    submission(
        "helo",
        fails(submission__ehlo_literal="`check_helo_access` refuses names that are addresses"),
        12005,
        *SASL,
        "smtpd_delay_reject = no",
        "smtpd_recipient_restrictions = permit_sasl_authenticated, reject",
        "smtpd_helo_restrictions = check_helo_access regexp:/etc/postfix/helo",
    ),
)
SUBMISSION_OPEN = submission(
    "relay",
    fails(
        submission__open_relay="`mynetworks = 0.0.0.0/0`",
        submission__cleartext_login="`smtpd_tls_auth_only = no`",
    ),
    12006,
    *OPEN,
    "mynetworks = 0.0.0.0/0",
)
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
TLS_NAME = "mx1.example.test"
OPENSSL = "`openssl s_server`"


def tls(name: str, wrong: Faults, number: int, where: str = OPENSSL, sound: tuple[str, ...] = ()) -> PortSeed:
    """A port of TLS, taken for IMAP's."""
    return PortSeed(f"tls-{name}", wrong, where=where, sound=sound, ports={"imaps": number}, host=TLS_NAME)


TLS = (
    tls(
        "weak",
        {
            **doubts(tls__mozilla_intermediate="all of this", tls__post_quantum="no hybrid group"),
            **fails(
                tls__version="TLS 1.0",
                tls__ciphers="`ALL:@SECLEVEL=0`",
                tls__cipher_order="the client's order",
                tls__fs_params="a field of 1024 bits",
                tls__kex_hash_func="SHA-1",
                tls__renegotiation_client="`-client_renegotiation`",
                certificate__trust="self-signed",
                certificate__pubkey="RSA, 1024 bits",
                certificate__signature="SHA-1",
                certificate__lifetime="900 days",
            ),
        },
        9003,
    ),
    tls(
        "old",
        {
            **fails(
                tls__extended_master_secret="`%NO_SESSION_HASH`",
                tls__renegotiation_secure="`%DISABLE_SAFE_RENEGOTIATION`",
                tls__renegotiation_client="as `gnutls-serv` is",
            ),
            **doubts(tls__post_quantum="no hybrid group"),
        },
        9012,
        "`gnutls-serv`",
    ),
    tls("none", fails(tls__offered="a port of IMAP without TLS, promised as IMAPS"), 14401, DOVECOT),
    tls("expired", fails(certificate__expiry="ended ten days ago"), 9005),
    tls(
        "strange",
        fails(certificate__hostmatch="a certificate for another name", certificate__trust="self-signed"),
        9006,
    ),
    tls(
        "short", fails(certificate__chain="no intermediate certificate", certificate__trust="the same"), 9008
    ),
    tls(
        "nameless",
        fails(certificate__names="no subject alternative name", certificate__hostmatch="the same"),
        9013,
    ),
    tls("client", fails(certificate__usage="extended key usage: clients only"), 9014),
    tls("staple", fails(certificate__ocsp_stapling="must-staple, and nothing is stapled"), 9015),
)
PORTS = (*SUBMISSION, SUBMISSION_OPEN, *MAILBOX, CLEARTEXT, *TLS)

MAIN = """
compatibility_level = 3.6
myhostname = mx.smtp-sound.test
mydestination = localhost
mynetworks = 127.0.0.0/8
inet_interfaces = all
virtual_mailbox_domains = regexp:/etc/postfix/domains
virtual_mailbox_maps = regexp:/etc/postfix/users
virtual_transport = discard:
smtpd_banner = $myhostname ESMTP
smtpd_tls_security_level = may
smtpd_tls_chain_files = /srv/tls/ec.key, /srv/tls/ec.pem
smtpd_discard_ehlo_keywords = etrn
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_forbid_bare_newline = normalize
smtpd_forbid_unauth_pipelining = yes
disable_vrfy_command = yes
message_size_limit = 50000000
maillog_file = /var/log/mail.log
smtpd_peername_lookup = no
"""
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


def addresses(host: SandboxHost) -> dict[str, str]:
    """The IPv6 address of each seed's Postfix: the host's own, with a number before its last group."""
    own = int(ipaddress.ip_address(host.address6 or "::"))
    return {
        seed.name: str(ipaddress.ip_address(own + ((number + 1) << 16))) for number, seed in enumerate(MAIL)
    }


@cache
def certificates() -> dict[str, Made]:
    """What the servers show that `tls_servers.sh` does not have."""
    ocsp = x509.TLSFeature([x509.TLSFeatureType.status_request])
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return {
        "nameless": make(TLS_NAME, CA, names=()),
        "client": make("client", CA, extensions=(client,)),
        "staple": make("staple", CA, extensions=(ocsp,)),
    }


def _master(host: SandboxHost) -> str:
    at = addresses(host)
    lines = [(f"[{at[seed.name]}]:25", (f"myhostname = {seed.host}", *seed.smtpd)) for seed in MAIL]
    lines += [(str(seed.ports["submission"]), seed.smtpd) for seed in PORTS if seed.smtpd]
    return "".join(
        f"{place} inet n - n - - smtpd\n" + "".join(f"  -o {{ {parameter} }}\n" for parameter in parameters)
        for place, parameters in lines
    )


def start(host: SandboxHost) -> None:
    """Start all servers. `tls_servers.sh` has run there."""
    spread = " ".join(f"{address}/64" for address in addresses(host).values())
    write(host, "/etc/postfix/main.cf", MAIN)
    write(host, "/etc/postfix/domains", r"/\.test$/ OK")
    write(host, "/etc/postfix/users", "/^(postmaster|abuse|alice)@/ x")
    write(host, "/etc/postfix/deaf", "/^(postmaster|abuse)@[^[]/ REJECT\n/@\\[/ 450 4.2.0 later")
    write(host, "/etc/postfix/helo", r"/^\[/ REJECT")
    write(host, "/etc/postfix/more", _master(host))
    for name, made in certificates().items():
        write(host, f"/srv/tls/{name}.pem", made.pem)
        write(host, f"/srv/tls/{name}.key", made.key_pem)
    for name, ssl, strict, mechanisms, ports in (
        ("weak", "yes", "no", "plain login cram-md5", OPEN_DOVECOT),
        ("auth", "no", "yes", "plain login", PLAIN_DOVECOT),
    ):
        more = "" if strict == "no" else _DISCREET
        text = _DOVECOT.format(name=name, ssl=ssl, strict=strict, mechanisms=mechanisms, more=more, **ports)
        write(host, f"/etc/dovecot-{name}.conf", text)
    serve = "systemd-run -q --working-directory=/srv/tls -- openssl s_server -www -accept"
    succeed(
        host,
        "dev=$(ip -o -4 route show default | sed 's/.* dev //;s/ .*//');"
        f" for a in {spread}; do ip -6 addr add $a dev $dev nodad; done;"
        " cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf;"
        " sed -i '/^smtp *inet/d' /etc/postfix/master.cf; cat /etc/postfix/more >> /etc/postfix/master.cf;"
        " { postfix stop; postfix start; } 2>&1; postfix check 2>&1;"
        " for n in weak auth; do dovecot -c /etc/dovecot-$n.conf >/dev/null 2>&1 </dev/null; done;"
        f" n=9013; for c in nameless client staple; do {serve} $n -key $c.key -cert $c.pem; n=$((n+1)); done;"
        " systemd-run -q --working-directory=/srv/tls -- gnutls-serv --x509keyfile rsa.key"
        " --x509certfile full.pem"
        " -p 9012 --echo --priority"
        " 'NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-256-GCM:+AES-128-GCM:+AEAD"
        ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"
        ":+GROUP-X25519:+GROUP-SECP256R1:+COMP-NULL:+CTYPE-X509:%NO_SESSION_HASH:%DISABLE_SAFE_RENEGOTIATION';"
        " mkdir -p /tmp/preauth; chown nobody /tmp/preauth;"
        " systemd-run -q -p User=nobody -E HOME=/tmp/preauth -E USER=nobody --"
        " systemd-socket-activate --inetd --accept -l 14404 -E HOME -E USER /usr/lib/dovecot/imap"
        " -o mail_location=maildir:/tmp/preauth -o stats_writer_socket_path=",
    )


def records(host: SandboxHost) -> str:
    """The records of all these domains, for the zone `test`."""
    at = addresses(host)
    ec = x509.load_pem_x509_certificate(succeed(host, "cat /srv/tls/ec.pem").encode())
    key = ec.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    hashes = {"spki": sha256(key).hexdigest(), "cert": sha256(ec.public_bytes(Encoding.DER)).hexdigest()}
    text = f"$ORIGIN test.\nservers A {host.address}\nmx1.example A {host.address}\n"
    for seed in MAIL:
        tlsa = "".join(f"_25._tcp.mx TLSA {one.format(**hashes)}\n" for one in seed.tlsa)
        names = "".join(
            f"{name}. AAAA {at[seed.name]}\n"
            for name in names_of(seed, at[seed.name])
            if name not in (seed.host, "mx.smtp-sound.test")
        )
        text += f"$ORIGIN {seed.domain}.\n@ MX 10 mx\nmx AAAA {at[seed.name]}\n{tlsa}{names}"
    for port in PORTS:
        text += f"$ORIGIN {port.domain}.\n{port.srv}"
    return text + "$ORIGIN test.\n"


def names_of(seed: MailSeed, address: str) -> tuple[str, ...]:
    """What the PTR records of its address say."""
    digits = ipaddress.ip_address(address).exploded.replace(":", "")[16:]
    wanted = (seed.host,) if seed.pointers is None else seed.pointers
    return tuple(name.format(generic=f"h{digits}.isp.test") for name in wanted)


def pointers(host: SandboxHost) -> dict[str, tuple[str, ...]]:
    """The PTR records of all addresses."""
    at = addresses(host)
    return {at[seed.name]: names_of(seed, at[seed.name]) for seed in MAIL}


def wanted(seeds: Iterable[Seed]) -> list[str]:
    """The domains of these seeds."""
    return [seed.domain for seed in seeds]


AUTHORITIES = CA.pem
