"""A change costs no client an error: mail clients work without pause while their server is changed.

New connections and old ones, with and without login: not one is refused, cut or told to come back.
"""

from __future__ import annotations

import imaplib
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from provisioner.report.apply import outcome_lines
from provisioner.report.plan import View, plan_lines
from tests.hosts.conftest import ALICE, VARIABLES, MailServer
from tests.torture.mail import trust_nobody

USER = "alice@example.test"
Step = Callable[[], None]


def relay(address: str) -> Step:
    """Another server that brings mail, anew each time."""

    def work() -> None:
        with smtplib.SMTP(address, 25, local_hostname="mx.sender.test", timeout=20) as smtp:
            smtp.starttls(context=trust_nobody())
            smtp.ehlo()
            expect(smtp.mail(""), 250)
            expect(smtp.rcpt(USER), 250)
            expect(smtp.rset(), 250)

    return work


def submit(address: str) -> Step:
    """A mail program that sends to itself, logging in each time."""

    def work() -> None:
        with smtplib.SMTP(address, 587, local_hostname="client.test", timeout=20) as smtp:
            smtp.starttls(context=trust_nobody())
            smtp.login(USER, ALICE)
            smtp.sendmail(
                USER, [USER], f"From: <{USER}>\r\nTo: <{USER}>\r\nSubject: on the way\r\n\r\nHello\r\n"
            )

    return work


def read(address: str) -> Step:
    """A mail program that looks for mail, logging in each time."""

    def work() -> None:
        with imaplib.IMAP4_SSL(address, ssl_context=trust_nobody(), timeout=20) as imap:
            imap.login(USER, ALICE)
            assert imap.select("INBOX", readonly=True)[0] == "OK"

    return work


def stay_in_imap(address: str) -> Step:
    """A mail program that stays connected."""
    imap = imaplib.IMAP4_SSL(address, ssl_context=trust_nobody(), timeout=20)
    imap.login(USER, ALICE)
    imap.select("INBOX")

    def work() -> None:
        assert imap.noop()[0] == "OK"

    return work


def stay_in_smtp(address: str) -> Step:
    """A program that keeps its connection for the next message."""
    smtp = smtplib.SMTP(address, 587, local_hostname="client.test", timeout=20)
    smtp.starttls(context=trust_nobody())
    smtp.login(USER, ALICE)

    def work() -> None:
        expect(smtp.mail(USER), 250)
        expect(smtp.rset(), 250)

    return work


def expect(answer: tuple[int, bytes], code: int) -> None:
    assert answer[0] == code, answer


@contextmanager
def clients(address: str) -> Iterator[dict[str, int]]:
    """All of them at work; how often each did it without trouble. The first error of each fails the test."""
    done: dict[str, int] = {}
    errors: list[str] = []
    ended = threading.Event()

    def go(name: str, step: Step) -> None:
        while not ended.wait(0.1):
            try:
                step()
            except Exception as error:
                errors.append(f"{name}, after {done.get(name, 0)} times: {type(error).__name__} {error}")
                return
            done[name] = done.get(name, 0) + 1

    kinds = (relay, submit, read, stay_in_imap, stay_in_smtp)
    threads = [
        threading.Thread(target=go, name=kind.__name__, args=(kind.__name__, kind(address))) for kind in kinds
    ]
    for thread in threads:
        thread.start()
    try:
        yield done
        limit = time.monotonic() + 60
        while not errors and time.monotonic() < limit and not all(done.get(t.name, 0) > 3 for t in threads):
            time.sleep(0.2)
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert not errors, errors
    assert all(done.get(kind.__name__, 0) > 2 for kind in kinds), done


def with_domain(**more: object) -> dict[str, object]:
    """The mail domain with further users or aliases."""
    domain = VARIABLES["mail_domains"]["example.test"]  # type: ignore[index]
    return {"mail_domains": {"example.test": {**domain, **more}}}


USERS = VARIABLES["mail_domains"]["example.test"]["users"]  # type: ignore[index]
RELOADS: dict[str, dict[str, object]] = {
    "a parameter of Postfix": {"postfix_parameters": {"message_size_limit": 31457280}},
    "a new alias": with_domain(aliases={"postmaster": ["alice"], "sales": ["bob"]}),
    "a new user": with_domain(users={**USERS, "carol": {"password": "a third horse battery staple"}}),
    "a setting of Dovecot": {"dovecot_settings": {"mail_max_userip_connections": 40}},
    "a DKIM selector": {"rspamd_dkim_selector": "next"},
}


@pytest.mark.parametrize("what", RELOADS)
def test_a_change_that_needs_a_reload_costs_no_client_an_error(what: str, mail_server: MailServer) -> None:
    with clients(mail_server.sandbox.address):
        outcome = mail_server.apply(**RELOADS[what])
    assert outcome.status == "changed", outcome.error
    assert not [change for change in outcome.changes if change.action in ("restart", "stop")]


def test_a_change_that_needs_a_restart_says_so_before_and_how_long_it_took_after(
    mail_server: MailServer,
) -> None:
    changes = {"rspamd_settings": {"logging": {"level": "warning"}}}
    mail_server.write(**changes)
    planned = mail_server.plan()
    assert planned.plan is not None, planned.error
    said = [line.plain for line in plan_lines({"mx1": planned.plan}, View())]
    assert "estarts rspamd" in " ".join(said)
    outcome = mail_server.apply(**changes)
    assert outcome.status == "changed", outcome.error
    assert 0 < outcome.service_ms["rspamd"] < 60_000
    assert "rspamd restarted in " in "\n".join(line.plain for line in outcome_lines([outcome], 200))


def test_a_reload_that_holds_new_connections_says_so_before_and_how_long_it_took_after(
    mail_server: MailServer,
) -> None:
    changes = RELOADS["a setting of Dovecot"]
    mail_server.write(**changes)
    planned = mail_server.plan()
    assert planned.plan is not None, planned.error
    said = " ".join(line.plain for line in plan_lines({"mx1": planned.plan}, View()))
    assert "New connections to dovecot are held meanwhile, 12 s at most." in said
    outcome = mail_server.apply(**changes)
    assert outcome.status == "changed", outcome.error
    assert 0 < outcome.service_ms["dovecot"] < 12_000
    assert "dovecot reloaded in " in "\n".join(line.plain for line in outcome_lines([outcome], 200))
