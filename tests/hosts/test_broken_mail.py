"""Configurations that would stop the mail: each is put back, and mail is served with the old one.

Several pass the software's own checkers; only a real conversation tells.
"""

from __future__ import annotations

import shutil
import smtplib
import ssl
from collections.abc import Callable

import pytest

from provisioner.apply import HostOutcome
from provisioner.errors import HostError, InputError, Mistakes
from provisioner.roles.folders import built_in_folder
from tests.hosts.conftest import MailServer

PICTURE = (
    "find /etc/postfix /etc/dovecot/dovecot.conf /etc/dovecot/users /etc/dovecot/sieve /etc/rspamd "
    "/etc/ssl/provision /etc/systemd/system -xdev ! -name '*.db' ! -name '*.svbin' "
    "-printf '%p %y %m %u %g %l\\n' | sort; "
    "cat /etc/postfix/* /etc/dovecot/dovecot.conf /etc/ssl/provision/* 2>/dev/null | sha256sum; "
    "systemctl is-active postfix dovecot rspamd"
)


def takes_mail(server: MailServer) -> bool:
    """Whether port 25 takes a message for alice."""
    with smtplib.SMTP(server.sandbox.address, 25, timeout=20) as smtp:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        smtp.starttls(context=context)
        smtp.ehlo("[192.0.2.7]")
        return smtp.mail("")[0] == 250 and smtp.rcpt("alice@example.test")[0] == 250


def put_back(server: MailServer, apply: Callable[[], HostOutcome]) -> HostError:
    """Apply what is broken; the host must be as before, serve mail, and say why."""
    before = server.sh(PICTURE)
    outcome = apply()
    assert outcome.status == "rolled-back", (outcome.status, outcome.error, outcome.left)
    assert isinstance(outcome.error, HostError) and outcome.error.exit_code == 4
    assert server.sh(PICTURE) == before
    assert takes_mail(server)
    server.write()
    assert server.changes() == []
    return outcome.error


def test_a_misspelt_restriction(mail_server: MailServer) -> None:
    wrong = {"smtpd_relay_restrictions": "permit_mynetwroks, reject_unauth_destination"}
    error = put_back(mail_server, lambda: mail_server.apply(postfix_parameters=wrong))
    assert error.where is not None and error.where.file.endswith("inventory.yml")
    assert error.note == "postfix_parameters.smtpd_relay_restrictions"
    assert "permit_mynetworks" in error.hint


def test_a_misspelt_tls_level(mail_server: MailServer) -> None:
    wrong = {"smtpd_tls_security_level": "encrpyt"}
    error = put_back(mail_server, lambda: mail_server.apply(postfix_parameters=wrong))
    assert error.note == "postfix_parameters.smtpd_tls_security_level"
    assert "encrypt" in error.hint


def test_a_milter_that_is_not_there(mail_server: MailServer) -> None:
    wrong = {"smtpd_milters": "inet:127.0.0.1:11999", "milter_default_action": "tempfail"}
    error = put_back(mail_server, lambda: mail_server.apply(postfix_parameters=wrong))
    assert error.note.startswith("postfix_parameters.")


def test_a_passdb_that_cannot_be_read(mail_server: MailServer) -> None:
    dialect = "2.3" if mail_server.sandbox.release == "bookworm" else "2.4"
    own = mail_server.folder / "templates" / "dovecot" / dialect / "dovecot.conf.j2"
    own.parent.mkdir(parents=True)
    built_in = built_in_folder("templates") / "dovecot" / dialect / "dovecot.conf.j2"
    own.write_text(built_in.read_text().replace("/etc/dovecot/users", "/etc/dovecot/missing"))

    def apply() -> HostOutcome:
        try:
            return mail_server.apply()
        finally:
            shutil.rmtree(mail_server.folder / "templates")

    put_back(mail_server, apply)


def test_a_port_that_something_else_holds(mail_server: MailServer) -> None:
    holder = (
        "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 4190, Listen => 1) or die; sleep 600"
    )
    mail_server.sh(f"systemd-run --quiet --unit=holds-a-port perl -e '{holder}'")
    mail_server.sh("for i in $(seq 50); do grep -q ':105E ' /proc/net/tcp && break; sleep 0.1; done")
    try:
        put_back(mail_server, lambda: mail_server.apply(dovecot_managesieve=True))
    finally:
        mail_server.sh("systemctl stop holds-a-port")


def test_a_certificate_that_does_not_match_its_key(mail_server: MailServer) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = ec.generate_private_key(ec.SECP256R1())
    key = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    certificate = mail_server.sh("cat /etc/ssl/provision/fullchain.pem")
    (mail_server.folder / "cert.pem").write_text(certificate)
    (mail_server.folder / "key.pem").write_text(key)
    wrong = {"tls_provider": "files", "tls_certificate_file": "cert.pem", "tls_key_file": "key.pem"}
    before = mail_server.sh(PICTURE)
    try:
        outcome = mail_server.apply(**wrong)
    except (InputError, Mistakes) as refused:
        assert "key" in str(refused)
    else:
        assert outcome.status == "rolled-back", (outcome.status, outcome.error)
    assert mail_server.sh(PICTURE) == before
    assert takes_mail(mail_server)


def test_a_parameter_that_this_postfix_does_not_know_is_refused_before_any_contact(
    mail_server: MailServer,
) -> None:
    with pytest.raises(Mistakes) as caught:
        mail_server.apply(postfix_parameters={"mesage_size_limit": 1000000})
    (mistake, *_) = caught.value.mistakes
    assert "mesage_size_limit" in mistake.message and "message_size_limit" in mistake.note + mistake.hint
    assert mistake.where is not None and mistake.where.line is not None
    assert mail_server.steps == []


def test_what_a_wrong_configuration_left_behind_does_not_undo_the_right_one(mail_server: MailServer) -> None:
    mail_server.sh(
        "sed -i 's/^smtpd_tls_security_level = .*/smtpd_tls_security_level = encrpyt/' /etc/postfix/main.cf; "
        "systemctl restart postfix postfix@- 2>/dev/null || systemctl restart postfix"
    )
    with pytest.raises((smtplib.SMTPException, OSError)):
        takes_mail(mail_server)  # smtpd died, and Postfix starts none for a minute

    outcome = mail_server.apply()

    assert outcome.status == "changed", (outcome.error, outcome.log)
    assert takes_mail(mail_server)
