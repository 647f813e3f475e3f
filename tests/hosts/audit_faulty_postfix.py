"""The faults that Postfix can be made to have: on port 25 at an address for each, and on submission ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_fault_zones import write
from tests.hosts.audit_seeds import Faults, doubts, fails
from tests.hosts.audit_server_seeds import POSTFIX, MailSeed, PortSeed

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
SUBMISSION_TOLD = submission(
    "told",
    fails(submission__user_enumeration="a passdb of Dovecot with `deny = yes` and a `reason`"),
    12007,
    *SASL,
    "smtpd_sasl_path = private/told",
    RESTRICTED,
    sound=("submission.starttls-injection",),
)
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


def start(host: SandboxHost, at: Mapping[str, str]) -> None:
    """Start Postfix; `at` is seed → address."""
    write(host, "/etc/postfix/main.cf", MAIN)
    write(host, "/etc/postfix/domains", r"/\.test$/ OK")
    write(host, "/etc/postfix/users", "/^(postmaster|abuse|alice)@/ x")
    write(host, "/etc/postfix/deaf", "/^(postmaster|abuse)@[^[]/ REJECT\n/@\\[/ 450 4.2.0 later")
    write(host, "/etc/postfix/helo", r"/^\[/ REJECT")
    write(host, "/etc/postfix/more", _master(at))
    succeed(
        host,
        "cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf;"
        " sed -i '/^smtp *inet/d' /etc/postfix/master.cf; cat /etc/postfix/more >> /etc/postfix/master.cf;"
        " { postfix stop; postfix start; } 2>&1; postfix check 2>&1",
    )


def _master(at: Mapping[str, str]) -> str:
    lines = [(f"[{at[seed.name]}]:25", (f"myhostname = {seed.host}", *seed.smtpd)) for seed in MAIL]
    lines += [
        (str(seed.ports["submission"]), seed.smtpd)
        for seed in (*SUBMISSION, SUBMISSION_OPEN, SUBMISSION_TOLD)
    ]
    return "".join(
        f"{place} inet n - n - - smtpd\n" + "".join(f"  -o {{ {parameter} }}\n" for parameter in parameters)
        for place, parameters in lines
    )
