"""What is expected of a host's ports, and at which addresses, follows from what it shall be."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest
from mail_server import MailServer, make_certificate

from provisioner.inventory.model import Host
from provisioner.mail.certificate import Certificate, read_certificate
from provisioner.mail.tls_stream import tls_context
from provisioner.mail.wire import ConversationError, Wire
from provisioner.resources import File
from provisioner.roles.model import Desired
from provisioner.verify.addresses import Reach, parse_place, ways_to
from provisioner.verify.expectations import Trust, TrustKind, expectations, local_recipients, patient

MANY = {f"d{number}.test": {"users": {"a": {}}} for number in range(200)}


def desired(*files: File, **variables: object) -> Desired:
    return Desired(Host("mx1.example.test", {}, {}), "bookworm", files, variables=variables)


def test_each_mail_domain_is_tried_with_one_address_of_its_own() -> None:
    domains = {
        "one.test": {"users": {"alice": {}, "bob": {}}},
        "two.test": {"users": {}, "aliases": {"info": ["alice@one.test"]}},
        "all.test": {"aliases": {"@all.test": ["x"], "post master": ["x"]}},
        "none.test": None,
    }
    assert local_recipients(domains) == ("alice@one.test", "info@two.test")


@pytest.mark.parametrize("odd", [None, [], "x", {"a.test": []}, {"a.test": {"users": {"x\r\nDATA": {}}}}])
def test_domains_without_a_usable_address_are_not_tried(odd: object) -> None:
    assert local_recipients(odd) == ()


def test_a_conversation_tries_a_bounded_number_of_domains() -> None:
    assert len(local_recipients(MANY)) == 50


def test_the_name_that_the_certificate_must_have_is_the_mail_servers() -> None:
    assert expectations(desired(mail_hostname="mail.example.test")).hostname == "mail.example.test"
    assert expectations(desired()).hostname == "mx1.example.test"


def test_a_deployed_certificate_is_the_only_one_accepted(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c.pem", "mx1.example.test")
    content = (tmp_path / "c.pem").read_bytes()
    trust = expectations(desired(File("/etc/ssl/x.pem", content, "tls"), tls_provider="self_signed")).trust
    assert trust.kind is TrustKind.DEPLOYED
    assert len(trust.value) == 64


def test_a_certificate_of_acme_may_be_missing_while_the_host_is_set_up_and_not_later() -> None:
    host = desired(tls_provider="acme")
    assert expectations(host).trust.kind is TrustKind.ANY
    assert expectations(host, settled=True).trust.kind is TrustKind.SYSTEM


def test_a_host_that_nobody_changes_has_longer_for_an_answer_and_a_person_can_give_any_more() -> None:
    changing, settled = expectations(desired()), expectations(desired(), settled=True)
    assert changing.wait < settled.wait < settled.seconds
    slow = patient(settled, 60.0)
    assert slow.wait == 60.0 < slow.seconds
    assert patient(settled, 0.5) == settled


def test_an_acme_authority_of_ones_own_is_trusted_by_the_certificate_that_is_deployed() -> None:
    authority = File("/etc/provision/acme-ca.pem", b"# x\nPEM\n", "tls")
    trust = expectations(desired(authority, tls_provider="acme"), settled=True).trust
    assert trust == Trust(TrustKind.AUTHORITY, "# x\nPEM\n")


def test_a_certificate_that_the_inventory_sets_past_the_tls_role_is_taken_as_it_is(tmp_path: Path) -> None:
    make_certificate(tmp_path / "c.pem", "mx1.example.test")
    file = File("/etc/ssl/x.pem", (tmp_path / "c.pem").read_bytes(), "tls")
    own = {"smtpd_tls_cert_file": "/etc/my.pem"}
    assert expectations(desired(file, postfix_parameters=own)).trust == Trust(TrustKind.ANY)


def certificate(tmp_path: Path, name: str) -> Certificate:
    from cryptography.hazmat.primitives.serialization import Encoding

    return read_certificate(make_certificate(tmp_path / "c.pem", name).public_bytes(Encoding.DER))


VERSION_3, VERSION_5 = bytes.fromhex("a003020102"), bytes.fromhex("a003020104")


def test_a_certificate_that_is_broken_is_one_kind_of_error(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    der = make_certificate(tmp_path / "c.pem", "mx1.example.test").public_bytes(Encoding.DER)
    for broken in (der.replace(VERSION_3, VERSION_5), der[:-1], b"", b"-----BEGIN"):
        with pytest.raises(ValueError, match=r"."):
            read_certificate(broken)


def test_a_server_that_shows_a_broken_certificate_is_told_so(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    path = tmp_path / "c.pem"
    made = make_certificate(path, "mx1.example.test")
    bad = ssl.DER_cert_to_PEM_cert(made.public_bytes(Encoding.DER).replace(VERSION_3, VERSION_5))
    path.write_text(path.read_text().replace(made.public_bytes(Encoding.PEM).decode(), bad))
    server = MailServer("220 mx1", lambda line, tls: None, tls=path, implicit=True)
    with pytest.raises(ConversationError, match="certificate can't be read"):
        Wire(server.open(465)).start_tls(tls_context(verify=False), "mx1.example.test")


@pytest.mark.parametrize(
    ("name", "wanted", "matches"),
    [
        ("mx1.example.test", "MX1.example.test.", True),
        ("*.example.test", "mx1.example.test", True),
        ("*.example.test", "example.test", False),
        ("*.example.test", "a.mx1.example.test", False),
        ("mx1.example.test", "mx2.example.test", False),
    ],
)
def test_a_certificate_matches_its_names(tmp_path: Path, name: str, wanted: str, matches: bool) -> None:
    assert certificate(tmp_path, name).matches(wanted) is matches


IP = """release trixie
1: lo    inet6 ::1/128 scope host noprefixroute
2: host0    inet 10.87.0.17/16 brd 10.87.255.255 scope global host0\\       valid_lft forever
2: host0    inet6 2001:db8::99/64 scope global temporary dynamic
2: host0    inet6 2001:db8::7/64 scope global
2: host0    inet6 fe80::1/64 scope link
"""


def test_a_hosts_own_addresses_are_read_without_those_that_pass() -> None:
    place = parse_place(IP)
    assert (place.release, place.addresses) == ("trixie", ("10.87.0.17", "2001:db8::7"))


def test_addresses_are_read_from_hostname_too_and_junk_is_passed_over() -> None:
    assert parse_place("release \n192.0.2.7 2001:db8::7 \x1b[2J junk").addresses == (
        "192.0.2.7",
        "2001:db8::7",
    )


def test_both_families_are_tried_where_the_host_has_both() -> None:
    own = ("10.0.0.7", "2001:db8::7")
    assert ways_to("10.0.0.7", own) == (
        Reach("ipv4", "10.0.0.7", "10.0.0.7"),
        Reach("ipv6", "2001:db8::7", "2001:db8::7"),
    )
    behind_nat = ways_to("198.51.100.1", own)
    assert behind_nat[0] == Reach("ipv4", "198.51.100.1", "10.0.0.7")
    assert ways_to("192.0.2.7", ("192.0.2.7",)) == (Reach("ipv4", "192.0.2.7", "192.0.2.7"),)


def test_a_name_is_looked_up_once_for_each_family(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET6, 1, 6, "", ("2001:db8::8", 0, 0, 0)),
        (socket.AF_INET, 1, 6, "", ("192.0.2.8", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert [way.address for way in ways_to("mx1.example.test", ())] == ["192.0.2.8", "2001:db8::8"]
