"""What the deployed mail server says to strangers, to its own people, and to those who try tricks."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import dkim
import pytest

from tests.hosts.conftest import ALICE, MailServer

BOB = "another horse battery staple"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The text that every spam filter refuses, for tests."""
MARKED = f"Y{GTUBE[1:]}"
"""The text that Rspamd marks."""


def unverified() -> ssl.SSLContext:
    """TLS with whoever answers: who that is, verify's own tests look at."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def stranger(server: MailServer) -> Iterator[smtplib.SMTP]:
    """Another server at port 25, after STARTTLS."""
    with smtplib.SMTP(server.sandbox.address, 25, local_hostname="[192.0.2.7]", timeout=30) as smtp:
        smtp.starttls(context=unverified())
        smtp.ehlo()
        yield smtp


@contextmanager
def person(
    server: MailServer, port: int, login: str = "alice", password: str = ALICE
) -> Iterator[smtplib.SMTP]:
    """Somebody's mail program, logged in."""
    address = server.sandbox.address
    with (
        smtplib.SMTP_SSL(address, 465, context=unverified(), timeout=30)
        if port == 465
        else smtplib.SMTP(address, port, timeout=30)
    ) as smtp:
        if port != 465:
            smtp.starttls(context=unverified())
        smtp.login("alice@example.test", ALICE)
        yield smtp


def message(mark: str, body: str = "hello") -> bytes:
    lines = (
        "From: alice@example.test", "To: bob@example.test",
        f"Subject: {mark}", f"Message-ID: <{mark}@example.test>",
        "Date: Tue, 24 Nov 2026 23:00:00 +0000", "User-Agent: Tell-Tale/1.0", "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8", "", body, "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def published(server: MailServer, name: str) -> bytes:
    """The TXT record that the inventory gives the name."""
    desired = server.plan().plan.desired  # type: ignore[union-attr]
    return next(record.value.encode() for record in desired.records if record.name == name)


def refused(answer: tuple[int, bytes]) -> bool:
    return 500 <= answer[0] < 600


def folder_of(server: MailServer, mark: str, login: str = "bob", password: str = BOB) -> tuple[str, bytes]:
    """The folder that the message with this subject is filed into, and the message."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        with imaplib.IMAP4_SSL(server.sandbox.address, ssl_context=unverified(), timeout=30) as mailbox:
            mailbox.login(f"{login}@example.test", password)
            for folder in ("INBOX", "Junk"):
                mailbox.select(folder, readonly=True)
                _, found = mailbox.search(None, "SUBJECT", mark)
                for number in found[0].split():
                    return folder, mailbox.fetch(number, "(RFC822)")[1][0][1]  # type: ignore[index,return-value]
        time.sleep(0.3)
    raise AssertionError(f"{mark} did not arrive")


@pytest.mark.parametrize(
    "recipient",
    [
        "x@elsewhere.test",
        "x%elsewhere.test@example.test",
        "@example.test:x@elsewhere.test",
        "elsewhere.test!x@example.test",
        '"x@elsewhere.test"@example.test',
        "nobody-of-that-name@example.test",
        "www-data@mx1.example.test",
    ],
)
def test_mail_for_others_and_for_nobody_is_refused_in_the_dialogue(
    applied_server: MailServer, recipient: str
) -> None:
    with stranger(applied_server) as smtp:
        smtp.mail("")
        assert refused(smtp.docmd(f"RCPT TO:<{recipient}>"))


@pytest.mark.parametrize(
    "recipient",
    ["alice", "a.smith", "alice+shop", "info", "postmaster", "abuse", "root@mx1.example.test"],
)
def test_mail_for_mailboxes_aliases_and_the_system_is_taken(
    applied_server: MailServer, recipient: str
) -> None:
    address = recipient if "@" in recipient else f"{recipient}@example.test"
    with stranger(applied_server) as smtp:
        smtp.mail("")
        assert smtp.rcpt(address)[0] == 250


@pytest.mark.parametrize("port", [465, 587])
def test_people_send_as_themselves_and_as_their_aliases_only(applied_server: MailServer, port: int) -> None:
    for sender, taken in (("alice", True), ("a.smith", True), ("info", True), ("bob", False)):
        with person(applied_server, port) as smtp:
            smtp.mail(f"{sender}@example.test")
            answer = smtp.rcpt("bob@example.test")
            assert (answer[0] == 250) is taken, (sender, answer)


@pytest.mark.parametrize("port", [465, 587])
def test_submitted_mail_arrives_signed_and_without_the_writers_address(
    applied_server: MailServer, port: int
) -> None:
    mark = f"submitted-{uuid4()}"
    with person(applied_server, port) as smtp:
        smtp.sendmail("alice@example.test", ["bob@example.test"], message(mark))
        own_address = smtp.sock.getsockname()[0].encode()
    _, raw = folder_of(applied_server, mark)
    record = published(applied_server, "mail._domainkey.example.test")
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record)
    assert own_address not in raw
    assert b"Tell-Tale" not in raw


def test_what_was_smuggled_is_no_second_message(applied_server: MailServer) -> None:
    outer, inner = f"outer-{uuid4()}", f"inner-{uuid4()}"
    second = b"MAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n" + message(inner) + b".\r\n"
    with stranger(applied_server) as smtp:
        smtp.mail("")
        smtp.rcpt("bob@example.test")
        smtp.docmd("DATA")
        smtp.send(message(outer) + b"\n.\r\n" + second)
        assert smtp.getreply()[0] == 250
        assert smtp.noop()[0] == 250
    folder_of(applied_server, outer)
    for folder in ("INBOX", "Junk"):
        with imaplib.IMAP4_SSL(applied_server.sandbox.address, ssl_context=unverified()) as mailbox:
            mailbox.login("bob@example.test", BOB)
            mailbox.select(folder, readonly=True)
            found = mailbox.search(None, "SUBJECT", inner)[1][0].split()
            bodies = [mailbox.fetch(number, "(RFC822)")[1][0][1] for number in found]  # type: ignore[index]
            assert all(outer.encode() in body for body in bodies)  # type: ignore[operator]


def test_spam_is_refused_and_what_looks_like_it_goes_to_junk(applied_server: MailServer) -> None:
    with stranger(applied_server) as smtp:
        smtp.mail("")
        smtp.rcpt("bob@example.test")
        assert refused(smtp.data(message("spam", GTUBE)))
    mark = f"marked-{uuid4()}"
    with stranger(applied_server) as smtp:
        smtp.mail("")
        smtp.rcpt("bob@example.test")
        assert smtp.data(message(mark, MARKED))[0] == 250
    assert folder_of(applied_server, mark)[0] == "Junk"


def test_mail_of_the_system_reaches_a_person(applied_server: MailServer) -> None:
    mark = f"cron-{uuid4()}"
    applied_server.sh(f"printf 'Subject: {mark}\\n\\nhello\\n' | sendmail root")
    assert folder_of(applied_server, mark, "alice", ALICE)[0] == "INBOX"


def test_a_full_mailbox_is_refused_before_the_mail_is_sent(mail_server: MailServer) -> None:
    users = {"alice": {"password": ALICE}, "bob": {"password": BOB}, "tiny": {"password": BOB, "quota": "1k"}}
    outcome = mail_server.apply(mail_domains={"example.test": {"users": users}})
    assert outcome.status == "changed", outcome.error
    mark = f"fills-{uuid4()}"
    with person(mail_server, 587) as smtp:
        smtp.sendmail("alice@example.test", ["tiny@example.test"], message(mark, "x" * 4000))
    folder_of(mail_server, mark, "tiny")
    with stranger(mail_server) as smtp:
        smtp.mail("")
        answer = smtp.rcpt("tiny@example.test")
    assert answer[0] == 552 and b"full" in answer[1], answer


def test_a_user_without_password_takes_mail_and_cannot_log_in(mail_server: MailServer) -> None:
    outcome = mail_server.apply(
        mail_domains={"example.test": {"users": {"alice": {"password": ALICE}, "bob": {}}}}
    )
    assert outcome.status == "changed", outcome.error
    with stranger(mail_server) as smtp:
        smtp.mail("")
        assert smtp.rcpt("bob@example.test")[0] == 250
    mailbox = imaplib.IMAP4_SSL(mail_server.sandbox.address, ssl_context=unverified())
    with mailbox, pytest.raises(imaplib.IMAP4.error):
        mailbox.login("bob@example.test", "!")  # what its line in the file of users holds


def test_mail_is_fetched_by_pop3_and_the_folders_of_imap_have_their_uses(applied_server: MailServer) -> None:
    mark = f"pop-{uuid4()}"
    with person(applied_server, 465) as smtp:
        smtp.sendmail("alice@example.test", ["bob@example.test"], message(mark))
    folder_of(applied_server, mark)
    mailbox = poplib.POP3_SSL(applied_server.sandbox.address, context=unverified())
    mailbox.user("bob@example.test")
    mailbox.pass_(BOB)
    newest = b"\n".join(mailbox.top(mailbox.stat()[0], 0)[1])
    mailbox.quit()
    assert mark.encode() in newest
    with imaplib.IMAP4_SSL(applied_server.sandbox.address, ssl_context=unverified()) as imap:
        imap.login("bob@example.test", BOB)
        listed = b"\n".join(line for line in imap.list()[1] if isinstance(line, bytes))
    for use in (rb"\Drafts", rb"\Sent", rb"\Junk", rb"\Trash", rb"\Archive"):
        assert use in listed


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("port", [25, 465, 587, 993, 995])
@pytest.mark.parametrize("weak", ["anonymous", "TLS 1.1"])
def test_weak_tls_is_refused_everywhere(applied_server: MailServer, port: int, weak: str) -> None:
    context = unverified()
    context.set_ciphers("aNULL:@SECLEVEL=0" if weak == "anonymous" else "ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_2 if weak == "anonymous" else ssl.TLSVersion.TLSv1_1
    address = applied_server.sandbox.address
    with pytest.raises((ssl.SSLError, ConnectionError, smtplib.SMTPException)):
        if port in (25, 587):
            with smtplib.SMTP(address, port, timeout=20) as smtp:
                smtp.starttls(context=context)
        else:
            smtplib.SMTP_SSL(address, port, context=context, timeout=20)
