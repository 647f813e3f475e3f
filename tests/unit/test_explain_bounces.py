"""Bounces that are not as RFC 3464 has them: what each server writes, rendered by ourselves."""

from __future__ import annotations

import pytest

from provisioner.dns.resolver import Reply, Status
from provisioner.explain.read import read

HEAD = "Return-Path: <>\nFrom: MAILER-DAEMON@mx1.example.org\nTo: alice@example.org\n"
QMAIL_TEXT = """Hi. This is the qmail-send program at mx1.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<carol@elsewhere.test>:
192.0.2.9 does not like recipient.
Remote host said: 550 5.1.1 <carol@elsewhere.test>: Recipient address rejected: User unknown
Giving up on 192.0.2.9.

<dave@nowhere.test>:
Sorry, I couldn't find any host named nowhere.test. (#5.1.2)
"""
QMAIL = f"""{HEAD}Subject: failure notice

{QMAIL_TEXT}
--- Below this line is a copy of the message.

Return-Path: <alice@example.org>
Subject: Hello

<erin@elsewhere.test>:
This stands in the message that came back.
"""
QMAIL_MIME = f"""{HEAD}MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"
Subject: failure notice

--b

{QMAIL_TEXT}
--- Enclosed is a copy of the message.

--b
Content-Type: message/rfc822

Subject: Hello

Hello.
--b--
"""
OPENSMTPD_TEXT = """    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

carol@elsewhere.test: 550 5.1.1 <carol@elsewhere.test>: Recipient address rejected: User unknown
dave@nowhere.test: No MX found for domain

    Below is a copy of the original message:
"""
OPENSMTPD = f"""{HEAD}MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"
Subject: Delivery status notification: failed

This is a MIME-encapsulated message.

--b
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

{OPENSMTPD_TEXT}
--b
Content-Description: Delivery Report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx1.example.org

Final-Recipient: rfc822; carol@elsewhere.test
Action: failed
Status: 5.0.0

Final-Recipient: rfc822; dave@nowhere.test
Action: failed
Status: 5.0.0

--b
Content-Description: Message headers
Content-Type: text/rfc822-headers

Subject: Hello

--b--
"""
OPENSMTPD_OLD = f"""{HEAD}Subject: Delivery status notification: error

{OPENSMTPD_TEXT}
Subject: Hello
"""
GMX = f"""{HEAD}Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

The following address failed:

"carol@elsewhere.test":
SMTP error from remote server after RCPT command:
host: mx.elsewhere.test
5.1.1 <carol@elsewhere.test>... User unknown

"dave@nowhere.test":
no valid MX hosts found for domain

--- The header of the original message is following. ---

Subject: Hello
"""
POSTFIX_OLD = f"""{HEAD}Subject: Undelivered Mail Returned to Sender

This is the mail system at host mx1.example.org.

<carol@elsewhere.test>: host
    mx.elsewhere.test[192.0.2.9] said: 550 5.1.1 <carol@elsewhere.test>:
    Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command)

<dave@nowhere.test>: Host or domain name not found. Name service error for name=nowhere.test type=MX:
    Host not found
"""
UNKNOWN = [("carol@elsewhere.test", "recipient-unknown"), ("dave@nowhere.test", "recipient-domain-unknown")]


def nobody(name: str, rdtype: str) -> Reply:
    """For a bounce no record is asked for; for a message there is none."""
    return Reply(name, rdtype, Status.NXDOMAIN)


def of(message: str) -> list[tuple[str, str]]:
    """Recipient and kind of each delivery that a bounce speaks of."""
    found = read(message.encode(), nobody).bounce
    assert found is not None, "it is taken for a bounce"
    return [(one.recipient, one.explanation.kind.id) for one in found.deliveries]


@pytest.mark.parametrize(
    "message",
    [QMAIL, QMAIL_MIME, OPENSMTPD, OPENSMTPD_OLD, GMX, POSTFIX_OLD],
    ids=["qmail", "qmail in parts", "OpenSMTPD", "OpenSMTPD before 5.4", "GMX", "Postfix in prose"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_each_recipient_is_explained_by_the_words_of_the_other_server(message: str, end: str) -> None:
    assert of(message.replace("\n", end)) == UNKNOWN


def test_the_words_in_the_text_are_taken_where_the_report_has_a_status_only() -> None:
    found = read(OPENSMTPD.encode(), nobody).bounce

    assert found is not None and found.reporter == "mx1.example.org"
    assert found.deliveries[0].explanation.enhanced == "5.1.1"


def test_a_warning_of_exim_is_a_delay() -> None:
    message = f"""{HEAD}Auto-Submitted: auto-replied
Subject: Warning: message 1tABCD-000001-AB delayed 24 hours

A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mx1.example.org.

The address to which the message has not yet been delivered is:

  carol@elsewhere.test
    host mx.elsewhere.test [192.0.2.9]
    Delay reason: SMTP error from remote mail server after RCPT TO:<carol@elsewhere.test>:
    450 4.2.0 <carol@elsewhere.test>: Recipient address rejected: Greylisted

No action is required on your part.
"""
    found = read(message.encode(), nobody).bounce

    assert found is not None
    (delivery,) = found.deliveries
    assert (delivery.recipient, delivery.action, delivery.explanation.kind.id) == (
        "carol@elsewhere.test",
        "delayed",
        "greylisted",
    )


def test_a_message_of_a_person_in_parts_is_no_bounce() -> None:
    message = QMAIL_MIME.replace("MAILER-DAEMON@mx1.example.org", "bob@example.org").replace(
        "<>", "<bob@x.test>"
    )

    assert read(message.encode(), nobody).bounce is None


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (
            "SMTP error from remote mail server after RCPT TO:<carol@elsewhere.test>:\n"
            "    host mx.elsewhere.test [192.0.2.9]: 550 turned away",
            "recipient-unknown",
        ),
        (
            "SMTP error from remote mail server after end of data:\n"
            "    host mx.elsewhere.test [192.0.2.9]: 550 turned away:\n    carol@elsewhere.test",
            "policy",
        ),
        ("Unrouteable address", "recipient-unknown"),
        ("all hosts have been failing for a long time", "expired"),
    ],
)
def test_a_bounce_of_exim_is_explained_by_its_reason_and_the_stage_that_it_names(
    reason: str, kind: str
) -> None:
    message = f"""{HEAD}X-Failed-Recipients: carol@elsewhere.test
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  carol@elsewhere.test
    {reason}

------ This is a copy of the message, including all the headers. ------

Received: from mx.example.net (mx.example.net [192.0.2.222]) for <carol@elsewhere.test>
Subject: Hello
"""

    assert of(message) == [("carol@elsewhere.test", kind)]


@pytest.mark.parametrize(
    ("command", "kind"),
    [("RCPT TO", "recipient-unknown"), ("final DATA", "policy"), ("MAIL FROM", "unknown-refusal")],
)
def test_a_bounce_of_dma_is_explained_by_the_command_that_was_refused(command: str, kind: str) -> None:
    message = f"""{HEAD}Subject: Mail delivery failed

This is the DragonFly Mail Agent v0.13 at mx1.example.org.

There was an error delivering your mail to <carol@elsewhere.test>.

mx.elsewhere.test [192.0.2.9] did not like our {command}:
550 turned away

Message headers follow.

Subject: Hello
"""

    assert of(message) == [("carol@elsewhere.test", kind)]


def test_google_s_words_about_a_group_are_taken_where_no_reason_stands_beside_the_address() -> None:
    message = f"""{HEAD}X-Failed-Recipients: friends@groups.test

Hello alice@example.org,

We're writing to let you know that the group you tried to contact (friends) may not exist, or you may
not have permission to post messages to the group.

----- Original message -----

Received-SPF: pass (domain of alice@example.org designates 192.0.2.222 as permitted sender)
"""

    assert of(message) == [("friends@groups.test", "recipient-refused")]


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.5.0", "550 turned away", "unknown-refusal"),
        ("5.0.0", "550 turned away (in reply to end of DATA command)", "policy"),
        ("5.0.0", "550 turned away (in reply to RCPT TO command)", "recipient-unknown"),
        ("5.2.2", "550 turned away", "mailbox-full"),
    ],
)
def test_a_status_that_says_nothing_does_not_stand_for_the_other_server_s_code(
    status: str, diagnostic: str, kind: str
) -> None:
    """Sendmail and others fill in 5.5.0 or 5.0.0 where the other server gave no status."""
    message = f"""{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx1.example.org

Final-Recipient: rfc822; carol@elsewhere.test
Action: failed
Status: {status}
Diagnostic-Code: smtp; {diagnostic}

--b--
"""

    assert of(message) == [("carol@elsewhere.test", kind)]
