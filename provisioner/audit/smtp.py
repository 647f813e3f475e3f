"""Port 25 as another server sees it: who answers, TLS, and which mail is taken.

Nothing here is more than an ordinary server or a sender's address check does; see `smtp_talk`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from provisioner.audit import smtp_judgement as judgement
from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.server_port import ServerPort
from provisioner.audit.smtp_talk import SmtpTalk, talk_smtp
from provisioner.audit.verdict import Verdict, judge

_JUDGEMENTS: dict[Check, Callable[[SmtpTalk], Verdict | None]] = {
    Check(
        "smtp.answers",
        Severity.HIGH,
        "The mail exchanger greets and answers EHLO",
        "Other servers keep mail for days where nobody answers, and then send it back.",
        "Postfix: systemctl status postfix; inet_interfaces = all. Exim: dc_local_interfaces empty (Debian). "
        "OpenSMTPD: `listen on` lines for IPv4 and IPv6. Port 25 open in the firewall.",
        "RFC 5321 §3.1, §4.1.1.1",
    ): judgement.answers,
    Check(
        "smtp.banner-name",
        Severity.LOW,
        "The greeting begins with the server's full name",
        "Filters compare this name with the address's PTR record. A name that means nothing outside "
        "counts against the server.",
        "The PTR's name: Postfix: myhostname = mx1.example.org, smtpd_banner = $myhostname ESMTP. Exim: "
        "primary_hostname. OpenSMTPD: `listen on … hostname mx1.example.org`.",
        "RFC 5321 §4.2, §4.1.1.1",
    ): judgement.banner_name,
    Check(
        "smtp.banner-software",
        Severity.INFO,
        "The greeting tells no version",
        "Who looks for servers with a known hole reads greetings first.",
        "Postfix: smtpd_banner = $myhostname ESMTP. Exim: smtp_banner = $smtp_active_hostname ESMTP.",
        "CIS Controls 4.1; Postfix smtpd_banner",
    ): judgement.banner_software,
    Check(
        "smtp.starttls",
        Severity.HIGH,
        "STARTTLS is offered and works",
        "Without it every message crosses the network as a postcard, and senders that insist on TLS "
        "send nothing.",
        "Postfix: smtpd_tls_security_level = may, and smtpd_tls_chain_files with key and certificate. Exim: "
        "tls_advertise_hosts = *, tls_certificate, tls_privatekey. OpenSMTPD: `pki`, and `listen on … tls`.",
        "RFC 3207 §4; RFC 7435",
    ): judgement.starttls,
    Check(
        "smtp.starttls-stripped",
        Severity.HIGH,
        "Nobody on the way removes STARTTLS",
        "A firewall that inspects SMTP, or somebody in between, overwrites the offer so that mail goes "
        "unencrypted.",
        "Switch off SMTP inspection (Cisco: no inspect esmtp); compare with an audit from elsewhere.",
        "RFC 3207 §6; RFC 7435 §3",
    ): judgement.stripped,
    Check(
        "smtp.starttls-again",
        Severity.LOW,
        "STARTTLS is not offered inside TLS",
        "The state from before the handshake should be gone. An offer inside TLS says that it is not.",
        "Update the mail server or the TLS proxy in front of it.",
        "RFC 3207 §4.2",
    ): judgement.starttls_again,
    Check(
        "smtp.login-before-tls",
        Severity.HIGH,
        "No login is offered before TLS",
        "A mail program that takes the offer sends its password in clear text.",
        "Postfix: smtpd_tls_auth_only = yes. Exim: auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}.",
        "RFC 4954 §4; RFC 8314 §3",
    ): judgement.login_before_tls,
    Check(
        "smtp.login-on-25",
        Severity.LOW,
        "No login is offered on port 25",
        "Port 25 is for other servers; a login there is guessed at by everybody, and many networks "
        "close it to people.",
        "Postfix: smtpd_sasl_auth_enable = no in main.cf, and yes in master.cf for submission(s) only. "
        "Exim: auth_advertise_hosts = ${if eq{$received_port}{25}{}{*}}. OpenSMTPD: no `auth` in the line of "
        "port 25.",
        "RFC 8314 §3; RFC 6409 §3.1",
    ): judgement.login_here,
    Check(
        "smtp.size",
        Severity.INFO,
        "A reasonable size limit is announced",
        "A sender that knows the limit does not send 40 MB to hear no. "
        "Without a limit, one message fills the disk.",
        "Postfix: message_size_limit = 52428800. Exim: message_size_limit = 50M. OpenSMTPD: smtp "
        "max-message-size 50M.",
        "RFC 1870 §4",
    ): judgement.size,
    Check(
        "smtp.extensions",
        Severity.INFO,
        "8BITMIME and PIPELINING are offered",
        "Without 8BITMIME, signed messages are converted on the way and their signatures break.",
        "Postfix offers both: take them out of smtpd_discard_ehlo_keywords. Exim: leave accept_8bitmime and "
        "pipelining_advertise_hosts alone.",
        "RFC 6152; RFC 2920; RFC 6531; RFC 3030; RFC 3461",
    ): judgement.extensions,
    Check(
        "smtp.etrn",
        Severity.INFO,
        "ETRN is not offered to everybody",
        "ETRN was for dial-up sites. Today it lets a stranger start deliveries and learn which domains "
        "are queued for.",
        "Postfix: smtpd_discard_ehlo_keywords = etrn, silent-discard (or smtpd_etrn_restrictions = reject). "
        "Exim: leave acl_smtp_etrn unset.",
        "RFC 1985; Postfix ETRN_README",
    ): judgement.etrn,
    Check(
        "smtp.null-sender",
        Severity.HIGH,
        "Bounces are taken",
        "A server that refuses the null sender never learns that its mail was not delivered. "
        "Receivers that check senders refuse its mail.",
        "Postfix: take rules that reject <> out of smtpd_sender_restrictions. Exim: out of acl_smtp_mail and "
        "acl_smtp_rcpt. OpenSMTPD: out of `match … mail-from`.",
        "RFC 5321 §4.5.5, §6.1",
    ): judgement.null_sender,
    Check(
        "smtp.postmaster",
        Severity.MEDIUM,
        "Mail for postmaster is taken",
        "It is the one address that must exist: other admins write there when something is wrong.",
        "Postfix: postmaster@DOMAIN in virtual_alias_maps (or `postmaster: root` in /etc/aliases). Exim: "
        "/etc/aliases. OpenSMTPD: the same, and the server's own name among the domains of a `match`: "
        "`postmaster` without a domain belongs to it.",
        "RFC 5321 §4.5.1; RFC 2142 §5",
    ): judgement.postmaster,
    Check(
        "smtp.abuse",
        Severity.LOW,
        "Mail for abuse is taken",
        "Complaints about your mail go there; some block lists and feedback loops ask for it.",
        "Postfix: abuse@DOMAIN in virtual_alias_maps. Everywhere: `abuse: root` in /etc/aliases.",
        "RFC 2142 §4",
    ): judgement.abuse,
    Check(
        "smtp.unknown-recipient",
        Severity.HIGH,
        "Mail for addresses that nobody has is refused at once",
        "What is taken and bounced later goes to the forged senders of spam, and the server ends on "
        "block lists for back-scatter.",
        "Postfix: name every address (virtual_mailbox_maps, local_recipient_maps, relay_recipient_maps) "
        "and leave smtpd_reject_unlisted_recipient = yes. A catch-all (`@example.org` in "
        "virtual_alias_maps) is no back-scatter, but collects spam. Exim: require verify = recipient in "
        "acl_smtp_rcpt.",
        "RFC 5321 §3.6.2, §6.2; Postfix BACKSCATTER_README",
    ): judgement.unknown_recipient,
    Check(
        "smtp.address-literal",
        Severity.INFO,
        "Mail for the bare address gets a clear answer",
        "A server that neither takes nor refuses `postmaster@[address]` leaves senders trying for days.",
        "Postfix: leave resolve_numeric_domain = no; name the address in proxy_interfaces behind NAT.",
        "RFC 5321 §4.1.3, §4.5.1",
    ): judgement.address_literal,
}

CHECKS = tuple(_JUDGEMENTS)
INTRUSIVE: tuple[Check, ...] = ()
"""Checks of this module that do more than an ordinary client: none."""


@dataclass(frozen=True, slots=True)
class SmtpAudit:
    """The findings about a port 25, and the conversation that others learn from."""

    findings: tuple[Finding, ...]
    talk: SmtpTalk


def audit_smtp(port: ServerPort, domain: str) -> SmtpAudit:
    """Judge port 25 in one conversation. Never raises for what a server does.

    `domain` is a mail domain that the server should take mail for, `""` where none is known.
    """
    talk = talk_smtp(port, domain)
    return SmtpAudit(judge(_JUDGEMENTS, talk, port.subject, talk.trouble), talk)
