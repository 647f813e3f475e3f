"""`systemctl reload dovecot` waits until nobody is logging in, and keeps nobody out for good."""

from __future__ import annotations

import imaplib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner import sandbox
from tests.hosts.conftest import ALICE, MailServer
from tests.torture.mail import trust_nobody

USER = "alice@example.test"
RELOADS = 5


def connected(server: MailServer) -> imaplib.IMAP4_SSL:
    """A mail program that is connected and has not logged in."""
    return imaplib.IMAP4_SSL(server.sandbox.address, ssl_context=trust_nobody(), timeout=30)


@contextmanager
def silent(server: MailServer) -> Iterator[None]:
    """While somebody is connected and never logs in."""
    imap = connected(server)
    try:
        yield
    finally:
        imap.shutdown()


def said(server: MailServer) -> str:
    """What the last reload had to say."""
    return server.sh("journalctl -q --no-pager -t dovecot-reload -o cat -n 1")


@contextmanager
def reloading(server: MailServer) -> Iterator[None]:
    """While a reload is under way that waits for a login; it is over at the end."""
    worker = threading.Thread(target=lambda: server.sh("systemctl reload dovecot || true"))
    worker.start()
    try:
        server.sh("for i in $(seq 200); do nft list table inet provision_reload && break; sleep 0.05; done")
        yield
    finally:
        worker.join()


def test_who_is_connected_when_a_reload_begins_can_still_log_in(applied_server: MailServer) -> None:
    for _ in range(RELOADS):
        imap = connected(applied_server)
        with reloading(applied_server):
            assert imap.login(USER, ALICE)[0] == "OK"
        assert imap.select("INBOX", readonly=True)[0] == "OK"
        imap.logout()


def test_who_connects_while_a_reload_is_under_way_waits_and_gets_in(applied_server: MailServer) -> None:
    slow = connected(applied_server)
    with reloading(applied_server):
        threading.Timer(0.5, lambda: slow.login(USER, ALICE)).start()
        late = connected(applied_server)
        assert late.login(USER, ALICE)[0] == "OK"
        late.logout()


def test_a_login_that_is_never_finished_does_not_hold_a_reload_up(applied_server: MailServer) -> None:
    master = applied_server.sh("systemctl show -P MainPID dovecot")

    with silent(applied_server):
        applied_server.sh("systemctl reload dovecot")

    assert "it has to be begun again" in said(applied_server)
    assert applied_server.sh("systemctl show -P MainPID dovecot") == master
    assert connected(applied_server).login(USER, ALICE)[0] == "OK"


def test_on_a_busy_machine_a_reload_takes_longer_and_keeps_nobody_out(applied_server: MailServer) -> None:
    master = applied_server.sh("systemctl show -P MainPID dovecot").strip()
    late = f"kill -STOP {master}; (sleep 9; kill -CONT {master}) >/dev/null 2>&1 &"
    listed = "nft list table inet provision_reload >/dev/null 2>&1"
    held = f"for i in $(seq 80); do {listed} || break; sleep 0.1; done"

    took = applied_server.sh(
        f"{late} systemctl reload --no-block dovecot; sleep 1; {held}; date +%s;"
        " systemctl is-active dovecot; systemctl reload dovecot; date +%s"
    ).split()

    released, state, reloaded = took
    assert state == "reloading" and int(reloaded) > int(released), (
        "connections came in before it had reloaded"
    )
    assert connected(applied_server).login(USER, ALICE)[0] == "OK"


def test_the_kernel_lets_connections_in_again_when_the_reload_dies(applied_server: MailServer) -> None:
    with silent(applied_server):
        with reloading(applied_server):
            applied_server.sh("systemctl kill -s KILL --kill-whom=control dovecot")
        listed = applied_server.sh("nft -j list set inet provision_reload ports")

    held = json.loads(listed)["nftables"][1]["set"]

    ports = {element["elem"]["val"]: element["elem"]["expires"] for element in held["elem"]}
    assert {143, 993} <= set(ports)
    assert all(0 <= seconds <= 12 for seconds in ports.values())
    applied_server.sh("systemctl reload dovecot")
    assert sandbox.execute(applied_server.sandbox.name, "nft list table inet provision_reload", 30.0)[0] != 0


def test_a_configuration_that_is_wrong_is_refused_and_nobody_is_held_back(applied_server: MailServer) -> None:
    config = "/etc/dovecot/dovecot.conf"
    applied_server.sh(f"cp -p {config} /root/right.conf; echo 'no_such_setting = yes' >>{config}")
    try:
        with pytest.raises(sandbox.SandboxError):
            applied_server.sh("systemctl reload dovecot")
    finally:
        applied_server.sh(f"cp -p /root/right.conf {config}; rm /root/right.conf")

    assert "Dovecot is not reloaded: its configuration is wrong" in said(applied_server)
    assert connected(applied_server).login(USER, ALICE)[0] == "OK"


def test_where_no_packet_can_be_held_back_it_reloads_and_says_so(applied_server: MailServer) -> None:
    applied_server.sh("mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        applied_server.sh("systemctl reload dovecot")
    finally:
        applied_server.sh("mv /usr/sbin/nft.away /usr/sbin/nft")

    assert "cannot be held back" in said(applied_server)
    assert connected(applied_server).login(USER, ALICE)[0] == "OK"
