"""Logs, bounces and messages in plain words. Records come from a dictionary; nobody is asked."""

from __future__ import annotations

from email import message_from_bytes

import dns.rdata
import pytest

from provisioner.dns.resolver import Reply, Status
from provisioner.explain import filters, logs, path
from provisioner.explain.kinds import kinds
from provisioner.explain.read import Reading, read
from provisioner.report import explain as report

SPF = {"example.test TXT": '"v=spf1 ip4:203.0.114.9 -all"', "_dmarc.example.test TXT": '"v=DMARC1; p=reject"'}
MESSAGE = b"""Return-Path: <alice@example.test>
Authentication-Results: mx.recv.test; spf=pass smtp.mailfrom=example.test; dmarc=pass header.from=example.test
Received: from mx1.recv.test (mx1.recv.test [10.0.0.5])
 by store.recv.test (Postfix) with LMTP id 9; Tue, 24 Nov 2026 10:20:06 +0000
Received: from out.example.test (out.example.test [203.0.114.9])
 by mx1.recv.test (Postfix) with ESMTPS id 4; Tue, 24 Nov 2026 10:20:05 +0000
Received: from laptop (unknown [192.168.1.5])
 by out.example.test (Postfix) with ESMTPSA id 3; Tue, 24 Nov 2026 10:00:00 +0000
X-Spam-Status: No, score=-1.2 required=5.0 tests=DKIM_VALID
From: Alice <alice@example.test>
To: bob@recv.test
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Tue, 24 Nov 2026 10:00:00 +0000
Message-ID: <1@example.test>

Hi
"""
BOUNCE = b"""Return-Path: <>
From: MAILER-DAEMON@mx1.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

Sorry.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx1.example.org
Arrival-Date: Wed, 25 Nov 2026 10:00:00 +0000

Original-Recipient: rfc822;carol@elsewhere.test
Final-Recipient: rfc822; c.smith@elsewhere.test
Action: failed
Status: 5.2.2
Remote-MTA: dns; mx.elsewhere.test
Diagnostic-Code: smtp; 552 <carol@elsewhere.test> Quota exceeded
    (mailbox for user is full)

Final-Recipient: rfc822; dave@nowhere.test
Action: delayed
Status: 4.4.3

--b1
Content-Type: text/rfc822-headers

From: alice@example.org
Subject: Hello
Message-ID: <1@example.org>

--b1--
"""
QMAIL = b"""Return-Path: <>
From: MAILER-DAEMON@mail.example.net
To: alice@example.org
Subject: failure notice

Hi. This is the mail program at mail.example.net.
Some addresses could not be reached.

<carol@elsewhere.test>:
192.0.2.9 does not like recipient.
Remote host said: 550 sorry, no mailbox here by that name. (#5.1.1)
Giving up on 192.0.2.9.
"""
EXIM = b"""Return-Path: <>
X-Failed-Recipients: carol@elsewhere.test
From: Mail Delivery System <Mailer-Daemon@mail.example.net>
To: alice@example.org
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered:

  carol@elsewhere.test
    host mx.elsewhere.test [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<carol@elsewhere.test>:
    550 relay not permitted
"""


def ask(name: str, rdtype: str) -> Reply:
    text = SPF.get(f"{name} {rdtype}")
    if text is None:
        return Reply(name, rdtype, Status.NXDOMAIN)
    return Reply(name, rdtype, Status.FOUND, (dns.rdata.from_text("IN", rdtype, text),))


def nobody(name: str, rdtype: str) -> Reply:
    raise AssertionError(f"DNS was asked for {name}")


def verdicts(reading: Reading) -> dict[str, tuple[str, str]]:
    assert reading.message is not None
    return {verdict.method: (verdict.now, verdict.then) for verdict in reading.message.verdicts}


# --- logs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", logs.rules(), ids=lambda rule: f"{rule.by}: {rule.kind}: {rule.example[:40]}"
)
def test_a_line_of_a_log_is_explained(rule: logs.Rule) -> None:
    line = f"Nov 25 10:00:00 mx1 {rule.example}"

    found = logs.read(line)

    assert logs.looks_like_a_log(line)
    assert found is not None
    replied = rule.pattern.search(rule.example)
    assert replied is not None
    if "reply" in rule.pattern.groupindex and rule.kind != "accepted":
        assert found.reply is not None and not found.kind.id.startswith("unknown")
    else:
        assert found.kind.id == rule.kind


def test_dates_of_rsyslog_and_the_journal_are_read() -> None:
    line = "postfix/smtpd[9]: lost connection after AUTH from unknown[192.0.2.7]"

    for head in (
        "Nov  5 10:00:00 mx1 ",
        "2026-11-25T10:00:00.123456+00:00 mx1 ",
        "2026-11-25 10:00:00 mx1 ",
        "",
    ):
        found = logs.read(head + line)
        assert found is not None and (found.kind.id, found.program) == ("client-left", "postfix/smtpd")


def test_lines_that_nobody_knows_are_counted() -> None:
    reading = read(b"Nov 25 10:00:00 mx1 postfix/smtpd[9]: connect from x[192.0.2.7]\n" * 3, nobody)

    assert (reading.lines, reading.unknown) == ((), 3)


# --- bounces ----------------------------------------------------------------------------------


def test_each_recipient_of_a_bounce_is_explained_by_the_other_server_s_words() -> None:
    found = read(BOUNCE, nobody).bounce

    assert found is not None
    assert (found.reporter, found.subject, found.message_id) == (
        "mx1.example.org",
        "Hello",
        "<1@example.org>",
    )
    full, late = found.deliveries
    assert (full.recipient, full.action, full.remote_mta) == (
        "carol@elsewhere.test",
        "failed",
        "mx.elsewhere.test",
    )
    assert (full.explanation.kind.id, full.explanation.enhanced) == ("mailbox-full", "5.2.2")
    assert (late.recipient, late.action, late.explanation.kind.id) == (
        "dave@nowhere.test",
        "delayed",
        "name-server-failed",
    )
    assert late.explanation.kind.temporary and not full.explanation.kind.temporary


@pytest.mark.parametrize(("message", "kind"), [(QMAIL, "recipient-unknown"), (EXIM, "relay-denied")])
def test_bounces_in_prose_are_read(message: bytes, kind: str) -> None:
    found = read(message, nobody).bounce

    assert found is not None
    (delivery,) = found.deliveries
    assert (delivery.recipient, delivery.explanation.kind.id) == ("carol@elsewhere.test", kind)


def test_a_bounce_that_can_t_be_read_says_so() -> None:
    found = read(b"Return-Path: <>\nFrom: MAILER-DAEMON@x.test\nSubject: no\n\nNo.\n", nobody).bounce

    assert found is not None and found.deliveries == () and found.warnings


# --- messages ---------------------------------------------------------------------------------


def test_the_way_of_a_message_is_shown_with_its_delays() -> None:
    found = read(MESSAGE, ask).message

    assert found is not None
    assert [(hop.by, hop.address, hop.encrypted, hop.delay) for hop in found.hops] == [
        ("out.example.test", "192.168.1.5", True, None),
        ("mx1.recv.test", "203.0.114.9", True, 1205.0),
        ("store.recv.test", "10.0.0.5", False, 1.0),
    ]
    assert any("20 minutes between out.example.test and mx1.recv.test" in text for text in found.warnings)


def test_authentication_is_evaluated_again_and_set_against_the_receiver_s() -> None:
    found = verdicts(read(MESSAGE, ask))

    assert found["spf"] == ("pass", "pass")
    assert found["dkim"] == ("none", "")
    assert found["dmarc"] == ("pass", "pass")


def test_the_user_may_know_better_which_server_handed_it_in() -> None:
    found = verdicts(read(MESSAGE, ask, address="198.51.100.1"))

    assert found["spf"] == ("fail", "pass")
    assert found["dmarc"] == ("fail", "pass")


def test_without_a_public_address_spf_is_not_guessed() -> None:
    reading = read(MESSAGE.replace(b"203.0.114.9", b"192.168.7.7"), ask)

    assert verdicts(reading)["spf"] == ("", "pass")
    assert reading.message is not None and any("--ip" in text for text in reading.message.warnings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b"From: Alice <", b'From: "boss@bank.test" <'), "a common way to deceive"),
        ((b"To: bob", b"Reply-To: x@other.test\nTo: bob"), "answers go to another domain"),
        ((b"Message-ID: <1@example.test>\n", b""), "no Message-ID field"),
        ((b"Subject:", b"From: x@y.test\nSubject:"), "2 From fields"),
        ((b"10:20:06", b"10:05:06"), "is 15 minutes off"),
    ],
)
def test_what_is_odd_is_said(change: tuple[bytes, bytes], words: str) -> None:
    found = read(MESSAGE.replace(*change), ask).message

    assert found is not None and any(words in text for text in found.warnings)


def test_the_last_public_address_is_the_one_that_counts() -> None:
    forged = "from a.test (a.test [198.51.100.9]) by b.test with SMTP; Tue, 24 Nov 2026 10:00:00 +0000"
    real = "from b.test (b.test [8.8.4.4]) by mx.recv.test with ESMTP; Tue, 24 Nov 2026 10:00:01 +0000"

    entry = path.entry(path.hops([real, forged]))

    assert entry is not None and entry.address == "8.8.4.4"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("X-Spam-Status: Yes, score=9.1 required=5.0 tests=X", "taken for spam, 9.1 points where 5.0"),
        (
            "X-Spamd-Result: d: F [3.40 / 15.00]; BAYES_SPAM(5.10)[99%]; R_DKIM_ALLOW(-0.20)[x]",
            "3.40 points where 15.00 mean a refusal; BAYES_SPAM +5.1, R_DKIM_ALLOW -0.2",
        ),
        ("X-MS-Exchange-Organization-SCL: 5", "goes to Junk"),
        ("X-Forefront-Antispam-Report: CIP:192.0.2.7;SFV:SPM;CAT:SPM", "SFV:SPM"),
        ("X-Microsoft-Antispam: BCL:8;", "many complaints"),
        ("X-UI-Filterresults: junk:10;V03:x", "taken for spam"),
    ],
)
def test_filters_headers_are_put_into_words(header: str, words: str) -> None:
    (note,) = filters.read(message_from_bytes(f"{header}\n\n".encode()))

    assert words in note.says


def test_a_header_of_a_filter_that_can_t_be_read_is_left_out() -> None:
    assert filters.read(message_from_bytes(b"X-Spam-Status: perhaps\n\n")) == ()


# --- what is what -----------------------------------------------------------------------------


def test_a_reply_is_no_message_and_no_log() -> None:
    assert read(b"550-5.1.1 no\n550 5.1.1 such user", nobody).reply is not None
    assert read(b"Relay: access denied, and Subject: too", nobody).reply is not None


def test_what_others_wrote_is_escaped() -> None:
    hostile = MESSAGE.replace(b"Alice", b"\x1b[31mAlice").replace(b"laptop", b"lap\x1b[2Jtop")

    shown = "\n".join(line.plain for line in report.lines(read(hostile, ask), 80))

    assert "\x1b" not in shown and "\\x1b" in shown


def test_every_log_rule_leads_to_a_kind() -> None:
    assert {rule.kind for rule in logs.rules()} <= set(kinds())
