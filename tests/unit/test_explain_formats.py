"""Lines in the very form in which programs write them: format strings of their sources, with our own names.

The rules of `wordings.yml` and `logs.yml` have an example each; here are the forms of other versions and
other branches of the same code, which a rule drawn too narrowly would miss.
"""

from __future__ import annotations

import pytest

from provisioner.explain import logs
from provisioner.explain.replies import explain_reply

AT = ", rip=192.0.2.7, lip=192.0.2.10, TLS, session=<abc>"
REPLIES = [
    ("Postfix smtpd", "450 4.7.1 Error: too many AUTH commands from unknown[192.0.2.7]", "rate-limited"),
    (
        "Postfix smtpd",
        "421 4.7.0 mx1.example.org Error: too many new TLS sessions from unknown[192.0.2.7]",
        "rate-limited",
    ),
    ("Postfix smtpd", "450 4.7.1 Error: too many recipients from unknown[192.0.2.7]", "rate-limited"),
    ("Postfix smtpd", "552 5.3.4 Message size exceeds file system imposed limit", "too-large"),
    ("Postfix smtpd", "552 5.3.4 Chunk exceeds message size limit", "too-large"),
    ("Postfix smtpd", "552 5.3.4 Error: message file too big", "too-large"),
    ("Postfix smtpd", "550 5.5.2 mx1.example.org Error: bare <LF> received", "not-conform"),
    ("Postfix smtpd", "450 4.7.1 <laptop>: Helo command rejected: Host not found", "hello-refused"),
    (
        "Postfix smtpd",
        "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.7]",
        "ptr-missing",
    ),
    ("Postfix smtpd", "421 4.3.0 mx1.example.org Server local data error", "system-error"),
    ("Postfix smtpd", "421 4.3.0 Mail system error", "system-error"),
    (
        "Postfix smtpd",
        "535 5.7.8 Error: authentication failed: Invalid authentication mechanism: 'NTLM'",
        "login-method",
    ),
    ("Postfix smtpd", "554 5.5.1 Error: no valid recipients", "not-conform"),
    ("Postfix smtpd", "553 5.6.7 Must declare SMTPUTF8 to send unicode address", "smtputf8"),
    ("Postfix postscreen", "421 4.3.2 All screening ports are busy", "busy"),
    ("Postfix smtp", "TLS is required, but our TLS engine is unavailable", "tls-policy"),
    (
        "Postfix smtp",
        "TLS is required, but was not offered by host mx.elsewhere.test[192.0.2.9]",
        "tls-policy",
    ),
    ("Postfix smtp", "Cannot start TLS: handshake failure", "tls-policy"),
    ("Postfix smtp", "TLSA lookup error for mx.elsewhere.test:25", "tls-policy"),
    ("Postfix smtp", "Server certificate not verified", "tls-policy"),
    (
        "Postfix smtp",
        "SASL authentication failed; server relay.example.net[192.0.2.9] said: 535 5.7.8 "
        "Error: authentication failed: (reason unavailable)",
        "login-wrong",
    ),
    (
        "Postfix smtp",
        "lost connection with mx.elsewhere.test[192.0.2.9] while receiving the initial server greeting",
        "no-answer-from-next",
    ),
    (
        "Postfix smtp",
        "Host or domain name not found. Name service error for name=nowhere.test type=MX: Host not found",
        "recipient-domain-unknown",
    ),
    ("Postfix qmgr", "unknown mail transport error", "server-fault"),
    ("Dovecot", "NO Authentication disallowed on non-secure (SSL/TLS) connections.", "login-needs-tls"),
    (
        "Dovecot",
        "-ERR [AUTH] Cleartext authentication disallowed on non-secure (SSL/TLS) connections.",
        "login-needs-tls",
    ),
    ("Dovecot", "* OK Waiting for authentication master process to respond..", "login-unavailable"),
    ("Dovecot", "BYE Too many invalid bad commands.", "not-conform"),
    ("Dovecot", "NO [OVERQUOTA] Not enough disk quota", "mailbox-full"),
    ("Dovecot", "552 5.2.2 <alice@example.org> Too many messages in the mailbox", "mailbox-full"),
    ("Dovecot", "NO Login disabled for this user", "account-disabled"),
    ("Dovecot", "NO [UNAVAILABLE] Internal login failure (pid=812 id=3)", "login-unavailable"),
    ("Exim", "535 Incorrect authentication data (set_id=alice)", "login-wrong"),
    ("Exim", "501 Syntactically invalid HELO argument(s)", "hello-refused"),
    ("Exim", "552 Message size exceeds maximum permitted", "too-large"),
    ("Exim", "message is too big (transport limit = 52428800)", "too-large"),
    ("Exim", "554 SMTP synchronization error", "not-conform"),
    ("Exim", "retry time not reached for any host for 'elsewhere.test'", "expired"),
    (
        "Microsoft 365",
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        "auth-required",
    ),
    ("Microsoft 365", "550 5.7.64 TenantAttribution; Relay Access Denied", "relay-denied"),
    ("Microsoft 365", "550 5.4.1 Relay Access Denied", "relay-denied"),
    ("Microsoft 365", "550 5.7.705 Access denied, tenant has exceeded threshold", "sending-limit"),
    (
        "Microsoft 365",
        "550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded.",
        "rate-limited",
    ),
    ("Microsoft 365", "451 4.7.500 Access denied, please try again later", "rate-limited"),
    ("Exchange", "554 5.4.6 Hop count exceeded - possible mail loop", "loop"),
    (
        "Gmail",
        "421-4.7.0 Our system has detected an unusual rate of unsolicited mail originating "
        "from your IP address. To protect our users from spam, mail sent from your IP address "
        "has been temporarily blocked. - gsmtp",
        "rate-limited",
    ),
    ("Gmail", "421 4.7.0 TLS required for RCPT domain, closing connection. - gsmtp", "tls-required"),
    ("Gmail", "421 4.7.0 IP not in whitelist for RCPT domain, closing connection. - gsmtp", "policy"),
    ("Gmail", "421 4.4.5 Server busy, try again later. - gsmtp", "busy"),
    ("Gmail", "421 4.3.0 Temporary System Problem. Try again later. - gsmtp", "system-error"),
    ("Gmail", "450 4.2.1 Peak SMTP relay limit exceeded for customer. - gsmtp", "sending-limit"),
    (
        "Gmail",
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly. - gsmtp",
        "rate-limited",
    ),
    (
        "Yahoo",
        "421 4.7.0 Messages from 192.0.2.7 temporarily deferred due to user complaints - 4.16.55",
        "rate-limited",
    ),
    ("Yahoo", "421 4.7.0 [TS02] Temporarily deferred", "rate-limited"),
    ("Exim", "421 mx1.example.org: Too many concurrent SMTP connections; please try again later", "busy"),
    ("Rspamd", "451 4.7.1 Try again later", "greylisted"),
    ("GMX", "421 Rate limit reached. Please try again later", "rate-limited"),
    (
        "GMX",
        "554-gmx.net (mxgmx104) Nemesis ESMTP Service not available 554-No SMTP service "
        "554-IP address is black listed.",
        "block-listed",
    ),
    ("iCloud", "550 5.7.1 [CS02] Message rejected due to local policy.", "reputation"),
    ("iCloud", "550 5.7.1 Your message was rejected due to example.org DMARC policy.", "dmarc-failed"),
    ("iCloud", "421 4.7.1 Messages to carol@icloud.com deferred due to excessive volume.", "rate-limited"),
    ("Amazon SES", "454 Throttling failure: Maximum sending rate exceeded", "rate-limited"),
    ("Amazon SES", "454 Throttling failure: Daily message quota exceeded", "sending-limit"),
    ("Amazon SES", "421 Too many concurrent SMTP connections", "busy"),
]
LINES = [
    (
        "qmail",
        "qmail: 1764144000.123456 delivery 7: failure: 192.0.2.9_does_not_like_recipient./"
        "Remote_host_said:_550_5.1.1_Recipient_address_rejected:_User_unknown/",
        "recipient-unknown",
    ),
    (
        "qmail by multilog",
        "@400000006926c0d50b8c4d2c delivery 8: deferral: "
        "Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/",
        "no-answer-from-next",
    ),
    (
        "qmail",
        "qmail: 1764144000.123456 delivery 9: failure: 192.0.2.9_failed_after_I_sent_the_message./"
        "Remote_host_said:_554_turned_away/",
        "policy",
    ),
    (
        "Sendmail",
        "sm-mta[812]: 4AQ80VsJ028505: to=<carol@elsewhere.test>, relay=mx.elsewhere.test., "
        "dsn=4.0.0, stat=Deferred: Name server: mx.elsewhere.test.: host name lookup failure",
        "name-server-failed",
    ),
    (
        "OpenSMTPD",
        "smtpd[812]: 3a4b5c6d7e8f9a0b mta delivery evpid=1 from=<a@example.org> to=<b@nowhere.test> "
        'rcpt=<-> source="-" relay="-" delay=4d result="PermFail" stat="No MX found for domain"',
        "recipient-domain-unknown",
    ),
    (
        "Postfix",
        "postfix/smtpd[901]: warning: SASL: Connect to Dovecot auth socket 'private/auth' "
        "failed: No such file or directory",
        "login-unavailable",
    ),
    (
        "Postfix",
        "postfix/smtpd[901]: warning: not enough free space in mail queue: 1048576 bytes < "
        "1.5*message size limit",
        "disk-full",
    ),
    (
        "Postfix",
        "postfix/smtpd[901]: improper command pipelining after CONNECT from unknown[192.0.2.7]: QUIT\\r\\n",
        "client-odd",
    ),
    (
        "Postfix",
        "postfix/smtpd[901]: SSL_accept error from unknown[192.0.2.7]: lost connection",
        "client-tls",
    ),
    (
        "Postfix",
        "postfix/smtpd[901]: warning: hostname mail.example.net does not resolve to address "
        "192.0.2.7: Name or service not known",
        "ptr-missing",
    ),
    (
        "Postfix",
        'postfix/smtpd[901]: warning: unknown smtpd restriction: "permit_mynetwroks"',
        "setting-wrong",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 "
        f"secs) (auth_failed): user=<alice@example.org>, method=PLAIN{AT}",
        "login-wrong",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (no auth attempts in 0 secs) "
        f"(no_auth_attempts): user=<>{AT}",
        "client-left",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (user disabled, 1 attempts in "
        f"2 secs) (user_disabled): user=<alice@example.org>{AT}",
        "account-disabled",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (password expired, 1 attempts "
        f"in 2 secs) (password_expired): user=<alice@example.org>{AT}",
        "password-expired",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (connection limit reached, 1/1 "
        f"successful auths in 1 secs) (connection_limit): user=<alice@example.org>{AT}",
        "login-too-many",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (client didn't finish SASL "
        f"auth, 1 attempts in 2 secs) (auth_waiting_client): user=<>{AT}",
        "client-left",
    ),
    (
        "Dovecot 2.4",
        "dovecot: imap-login: Login aborted: Connection closed (auth process communication "
        f"failure, 1 attempts in 2 secs) (auth_process_comm_fail): user=<>{AT}",
        "login-unavailable",
    ),
    (
        "Dovecot 2.4",
        f"dovecot: imap-login: Login failed: Cleartext authentication disabled: user=<>{AT}",
        "login-needs-tls",
    ),
    (
        "Dovecot 2.3",
        "dovecot: imap-login: Disconnected: Connection closed (user disabled): "
        f"user=<alice@example.org>, method=PLAIN{AT}",
        "account-disabled",
    ),
    (
        "Dovecot 2.3",
        "dovecot: pop3-login: Disconnected: Connection closed (tried to use disallowed "
        f"plaintext auth): user=<>{AT}",
        "login-needs-tls",
    ),
    (
        "Dovecot 2.3",
        "dovecot: imap-login: Disconnected: Connection closed (password expired): "
        f"user=<alice@example.org>, method=PLAIN{AT}",
        "password-expired",
    ),
]


@pytest.mark.parametrize(("by", "reply", "kind"), REPLIES)
def test_a_reply_in_its_program_s_own_form_is_explained(by: str, reply: str, kind: str) -> None:
    assert explain_reply(reply).kind.id == kind, by


@pytest.mark.parametrize(("by", "line", "kind"), LINES)
def test_a_line_of_a_log_in_its_program_s_own_form_is_explained(by: str, line: str, kind: str) -> None:
    found = logs.read(f"Nov 25 10:00:00 mx1 {line}")

    assert found is not None, by
    assert found.kind.id == kind, by
