"""The firewall: what is open, what is dropped, and that other people's tables stay."""

from __future__ import annotations

import json
import socket

import pytest

from tests.hosts.conftest import MailServer

LISTEN = (
    "systemd-run --unit=listener perl -MIO::Socket::INET -e "
    "'my $s = IO::Socket::INET->new(LocalPort => shift, Listen => 5, ReuseAddr => 1) or die; "
    'while (my $c = $s->accept) { print $c "hello\\n"; close $c }\' 9100'
)


def reach(server: MailServer, port: int) -> str:
    """What becomes of a connection: `open`, `refused` or `dropped`."""
    try:
        with socket.create_connection((server.sandbox.address, port), timeout=1.5):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "dropped"


def tables(server: MailServer) -> list[str]:
    found = json.loads(server.sh("nft --json list tables"))["nftables"]
    return [entry["table"]["name"] for entry in found if "table" in entry]


def test_what_no_role_declares_is_dropped_until_the_inventory_opens_it(mail_server: MailServer) -> None:
    mail_server.sh(LISTEN)
    try:
        assert (reach(mail_server, 25), reach(mail_server, 22), reach(mail_server, 9100)) == (
            "open", "open", "dropped"
        )  # fmt: skip
        outcome = mail_server.apply(firewall_open=[{"port": 9100}])
        assert outcome.status == "changed", (outcome.error, outcome.log)
        assert reach(mail_server, 9100) == "open"
    finally:
        mail_server.sh("systemctl stop listener")


def test_tables_of_others_stay_and_ours_survives_a_start_of_debians_service(mail_server: MailServer) -> None:
    mail_server.sh("nft add table inet f2b-table && nft add table ip docker-like")
    outcome = mail_server.apply(firewall_open=[{"port": 9101}])
    assert outcome.status == "changed", (outcome.error, outcome.log)
    assert {"f2b-table", "docker-like", "provision"} <= set(tables(mail_server))
    mail_server.sh("systemctl restart nftables.service")
    try:
        assert "provision" in tables(mail_server)
        assert reach(mail_server, 9102) == "dropped"
    finally:
        mail_server.sh("systemctl stop nftables.service; systemctl restart provision-firewall.service")


@pytest.mark.parametrize("wrong", [[{"port": "5000-80"}], [{"port": 9100, "from": ["192.0.2.300"]}]])
def test_rules_that_nftables_refuses_change_nothing(mail_server: MailServer, wrong: list[object]) -> None:
    before = mail_server.sh("nft list table inet provision")
    outcome = mail_server.apply(firewall_open=wrong)
    assert outcome.status == "rolled-back"
    assert mail_server.sh("nft list table inet provision") == before
