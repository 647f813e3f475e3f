"""From a line of configuration, or a service's complaint, back to the inventory."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from role_making import host

from provisioner.inventory.model import Origins, VariablePath
from provisioner.roles import nearest, trace

HOST = host(
    postfix_parameters={
        "message_size_limit": 104857600,
        "smtpd_relay_restrictions": "permit_mynetwroks, reject_unauth_destination",
        "smtpd_tls_security_level": "encrpyt",
        "smtpd_milters": ["inet:127.0.0.1:11332", "unix:private/missing.sock"],
        "disable_vrfy_command": False,
        "virtual_mailbox_base": "/srv/mail",
    },
    dovecot_settings={"service": {"imap": {"process_limit": 512}}, "mail_max_userip_connections": 20},
    mail_domains={
        "example.org": {
            "users": {"alice": {"quota": "2G"}},
            "aliases": {"info": ["alice", "bob@elsewhere.test"]},
        }
    },
    ansible_host="192.0.2.10",
)
P = "postfix_parameters"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("+message_size_limit = 104857600", (P, "message_size_limit")),
        ("message_size_limit = 10", (P, "message_size_limit")),
        ("disable_vrfy_command = no", (P, "disable_vrfy_command")),
        ("    process_limit = 512", ("dovecot_settings", "service", "imap", "process_limit")),
        ("smtpd_milters = inet:127.0.0.1:11332, unix:private/missing.sock", (P, "smtpd_milters")),
        ('postfix/smtpd[812]: fatal: unknown smtpd restriction: "permit_mynetwroks"', (P, "smtpd_relay_restrictions")),
        ("fatal: Invalid TLS level encrpyt", (P, "smtpd_tls_security_level")),
        ("warning: connect to Milter service unix:private/missing.sock: No such file", (P, "smtpd_milters", 1)),
        ("fatal: open /srv/mail: Permission denied", (P, "virtual_mailbox_base")),
        ("doveconf: Fatal: mail_max_userip_connections: Invalid number", ("dovecot_settings", "mail_max_userip_connections")),
        ("+info@example.org  alice@example.org", ("mail_domains", "example.org", "aliases", "info")),
        ("lookup of <alice@example.org> failed", ("mail_domains", "example.org", "users", "alice")),
        ("relay to bob@elsewhere.test refused", ("mail_domains", "example.org", "aliases", "info", 1)),
    ],
)  # fmt: skip
def test_a_line_leads_to_the_value_that_made_it(text: str, path: VariablePath) -> None:
    assert trace(text, HOST) == (path, HOST.origins.find(path))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "smtpd_banner = $myhostname",
        "Connection refused",
        "192.0.2.10",
        "=",
        "the a of 20 to no",
        "# message_size_limit = 104857600",
    ],
)
def test_a_line_that_nothing_in_the_inventory_made_leads_nowhere(text: str) -> None:
    assert trace(text, HOST) is None


def test_a_word_that_two_values_have_proves_nothing() -> None:
    twice = host(a={"x": "permit_mynetwroks"}, b={"y": "permit_mynetwroks"})
    assert trace("unknown restriction permit_mynetwroks", twice) is None


def test_a_value_that_no_file_holds_is_not_named() -> None:
    assert trace("message_size_limit = 104857600", replace(HOST, origins=Origins({}))) is None


def test_mail_servers_own_words_are_known() -> None:
    assert nearest("permit_mynetwroks") == "permit_mynetworks"
    assert nearest("encrpyt") == "encrypt"


def test_finding_a_line_stays_quick_with_thousands_of_mailboxes() -> None:
    users = {f"user{n}": {"quota": f"{n}M", "aliases": [f"alias{n}"]} for n in range(5000)}
    many = host(mail_domains={"example.org": {"users": users}})
    started = time.process_time()
    trace("first", many)  # the index is made once
    once = time.process_time() - started
    started = time.process_time()
    found = [trace(f"user{n}@example.org  Maildir", many) for n in range(500)]
    assert time.process_time() - started < 50 * once
    assert found[499] is not None and found[499][0] == ("mail_domains", "example.org", "users", "user499")
