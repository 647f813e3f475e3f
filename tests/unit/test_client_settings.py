"""The servers of an address: where they may be written, and what is believed first.

The web and the name server here are dictionaries.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from datetime import date

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest

from provisioner.client_settings import autoconfig, autodiscover, presets
from provisioner.client_settings.result import Encryption, Kind, Protocol, Server
from provisioner.client_settings.sources import find, in_order_of_choice
from provisioner.client_settings.xml_form import NotReadable, host_name
from provisioner.connection.servers import try_servers
from provisioner.connection.walker import Wish
from provisioner.dns.https import FetchError
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Reply, Status
from provisioner.report.settings import preset_lines

ALICE = "alice@example.test"
AUTOCONFIG = b"""<?xml version="1.0"?>
<clientConfig version="1.1">
  <emailProvider id="example.test">
    <domain>example.test</domain>
    <incomingServer type="exchange"><hostname>ews.example.test</hostname></incomingServer>
    <incomingServer type="pop3">
      <hostname>POP.example.test</hostname><port>995</port><socketType>SSL</socketType>
      <username>%EMAILLOCALPART%</username><authentication>password-cleartext</authentication>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>client-IP-address</authentication><authentication>OAuth2</authentication>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.test</hostname><port>587</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication>
    </outgoingServer>
  </emailProvider>
</clientConfig>"""
AUTODISCOVER = b"""<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">
 <Response xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"><Account>
  <AccountType>email</AccountType>
  <Protocol><Type>IMAP</Type><Server>mail.example.test</Server><Port>143</Port><SSL>on</SSL>
   <Encryption>TLS</Encryption><LoginName>postmaster@example.test</LoginName></Protocol>
  <Protocol><Type>SMTP</Type><Server>mail.example.test</Server><Port>465</Port><SSL>on</SSL></Protocol>
  <Protocol><Type>SMTP</Type><Server>mail.example.test</Server><Port>25</Port><SSL>off</SSL></Protocol>
 </Account></Response></Autodiscover>"""


@dataclass
class Zone:
    """A name server: `name type` → records as text."""

    records: dict[str, list[str]] = field(default_factory=dict)
    signed: bool = False

    def ask(self, name: str, rdtype: str) -> Reply:
        texts = self.records.get(f"{name} {rdtype}")
        if texts is None:
            return Reply(name, rdtype, Status.NODATA)
        found = tuple(dns.rdata.from_text("IN", rdtype, text) for text in texts)
        return Reply(name, rdtype, Status.FOUND, found, authenticated=self.signed)

    def addresses(self, name: str) -> tuple[str, ...]:
        return self.ask(name, "A").texts()


@dataclass
class Page:
    """One answer of a web server."""

    status: int
    body: bytes
    url: str = ""


@dataclass
class Pages:
    """Web servers: URL → page; every other URL has no server."""

    resolver: Zone
    pages: dict[str, Page] = field(default_factory=dict)
    posted: list[bytes] = field(default_factory=list)

    def fetch(
        self, url: str, *, body: bytes | None = None, content_type: str = "", redirects: int = 0
    ) -> Page:
        if body is not None:
            self.posted.append(body)
        if url not in self.pages:
            raise FetchError("name", "has no address")
        return replace(self.pages[url], url=url)


def hosts(servers: tuple[Server, ...]) -> list[str]:
    return [f"{s.protocol.value} {s.host}:{s.port} {s.encryption.value}" for s in servers]


# --- documents --------------------------------------------------------------------------------


def test_an_autoconfig_document_is_read_with_its_placeholders_filled() -> None:
    pop3, imap, smtp = autoconfig.parse(AUTOCONFIG, ALICE)

    assert pop3 == Server(Protocol.POP3, "pop.example.test", 995, Encryption.TLS, "alice", "account")
    assert imap == Server(Protocol.IMAP, "imap.example.test", 993, Encryption.TLS, ALICE, "oauth")
    assert smtp == Server(Protocol.SMTP, "smtp.example.test", 587, Encryption.STARTTLS, ALICE, "account")


def test_an_autodiscover_document_is_read_with_its_three_ways_to_name_encryption() -> None:
    servers = autodiscover.parse(AUTODISCOVER, ALICE)

    assert hosts(servers) == [
        "imap mail.example.test:143 STARTTLS",
        "smtp mail.example.test:465 TLS",
        "smtp mail.example.test:25 none",
    ]
    assert {server.login for server in servers} == {ALICE}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"<html></html>", "is a <html>"),
        (b"not xml", "is no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><clientConfig/>', "document type"),
        (b"<clientConfig/>", "no <emailProvider>"),
        (b"<clientConfig>" + b" " * 300_000 + b"</clientConfig>", "longer than 256 KiB"),
    ],
)
def test_a_document_that_is_none_says_why(document: bytes, words: str) -> None:
    with pytest.raises(NotReadable, match=words):
        autoconfig.parse(document, ALICE)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "٣", "", "993x"])
def test_a_server_without_a_possible_port_is_left_out(port: str) -> None:
    document = AUTOCONFIG.replace(b"<port>993</port>", f"<port>{port}</port>".encode())

    assert [server.protocol for server in autoconfig.parse(document, ALICE)] == [Protocol.POP3, Protocol.SMTP]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("IMAP.example.test.", "imap.example.test"),
        ("münchen.test", "xn--mnchen-3ya.test"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("", ""),
        ("a b", ""),
        ("imap.example.test:993", ""),
        ("imap.example.test/x", ""),
        ("\u202eevil.test", ""),
        ("a..b", ""),
        ("-x.test", ""),
        ("x" * 64 + ".test", ""),
    ],
)
def test_a_host_that_a_document_names_is_one_or_left_out(text: str, host: str) -> None:
    assert host_name(text) == host


# --- where settings are found -----------------------------------------------------------------


def test_the_domain_s_own_autoconfig_is_believed_first_and_the_best_server_chosen() -> None:
    zone = Zone({"_imaps._tcp.example.test SRV": ["0 1 993 imap.example.test."]})
    url = "https://autoconfig.example.test/mail/config-v1.1.xml"

    settings = find(ALICE, Pages(zone, {url: Page(200, AUTOCONFIG)}))  # type: ignore[arg-type]

    assert settings.chosen is not None
    assert (settings.chosen.kind, settings.chosen.where) == (Kind.AUTOCONFIG, url)
    assert hosts(in_order_of_choice(settings.chosen.servers)) == [
        "imap imap.example.test:993 TLS",
        "pop3 pop.example.test:995 TLS",
        "smtp smtp.example.test:587 STARTTLS",
    ]


def test_srv_records_are_read_by_priority_and_a_dot_says_that_there_is_no_such_service() -> None:
    zone = Zone(
        {
            "_imaps._tcp.example.test SRV": [
                "10 1 993 second.example.test.",
                "0 1 993 first.example.test.",
                "0 9 993 heavy.example.test.",
            ],
            "_pop3s._tcp.example.test SRV": ["0 0 0 ."],
            "_submission._tcp.example.test SRV": ["0 1 587 smtp.example.test."],
        }
    )

    settings = find(ALICE, Pages(zone))  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.kind is Kind.SRV
    assert hosts(settings.chosen.servers) == [
        "imap heavy.example.test:993 TLS",
        "imap first.example.test:993 TLS",
        "smtp smtp.example.test:587 STARTTLS",
        "imap second.example.test:993 TLS",
    ]
    assert settings.chosen.note == "Said not to be offered: _pop3s._tcp."


@pytest.mark.parametrize("signed", [True, False])
def test_srv_records_that_lead_to_another_domain_are_trusted_only_when_signed(signed: bool) -> None:
    zone = Zone({"_imaps._tcp.example.test SRV": ["0 1 993 imap.elsewhere.test."]}, signed)

    settings = find(ALICE, Pages(zone))  # type: ignore[arg-type]

    assert settings.chosen is not None
    assert ("not signed" in settings.chosen.warning) is not signed


def test_autodiscover_learns_the_domain_and_never_the_address() -> None:
    pages = Pages(
        Zone(), {"https://autodiscover.example.test/autodiscover/autodiscover.xml": Page(200, AUTODISCOVER)}
    )

    settings = find(ALICE, pages)  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.kind is Kind.AUTODISCOVER
    assert pages.posted and not any(b"alice" in body for body in pages.posted)


def sent_on(inner: str) -> bytes:
    return (
        AUTODISCOVER[: AUTODISCOVER.index(b"<AccountType>")]
        + f"{inner}</Account></Response></Autodiscover>".encode()
    )


def test_autodiscover_may_send_the_asker_to_another_address() -> None:
    first = "https://autodiscover.example.test/autodiscover/autodiscover.xml"
    second = "https://autodiscover.hoster.test/autodiscover/autodiscover.xml"
    inner = "<Action>redirectAddr</Action><RedirectAddr>postmaster@hoster.test</RedirectAddr>"
    pages = Pages(Zone(), {first: Page(200, sent_on(inner)), second: Page(200, AUTODISCOVER)})

    settings = find(ALICE, pages)  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.where == second
    assert b"postmaster@hoster.test" in pages.posted[-1]


def test_autodiscover_that_sends_the_asker_in_a_circle_is_left() -> None:
    url = "https://autodiscover.example.test/autodiscover/autodiscover.xml"
    inner = f"<Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl>"
    pages = Pages(Zone(), {url: Page(200, sent_on(inner))})

    assert find(ALICE, pages).chosen is None  # type: ignore[arg-type]
    assert len(pages.posted) < 20


def test_autodiscover_is_also_found_by_its_srv_record() -> None:
    zone = Zone({"_autodiscover._tcp.example.test SRV": ["0 0 8443 web.example.test."]})
    url = "https://web.example.test:8443/autodiscover/autodiscover.xml"

    settings = find(ALICE, Pages(zone, {url: Page(200, AUTODISCOVER)}))  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.where == url


def test_the_provider_that_takes_a_domain_s_mail_is_known_and_its_app_password_mentioned() -> None:
    zone = Zone({"example.test MX": ["10 alt1.aspmx.l.google.com.", "1 aspmx.l.google.com."]})

    settings = find(ALICE, Pages(zone))  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.kind is Kind.PRESET
    assert "smtp smtp.gmail.com:587 STARTTLS" in hosts(settings.chosen.servers)
    assert "https://myaccount.google.com/apppasswords" in settings.chosen.note


def test_the_longest_name_decides_between_providers_that_share_an_end() -> None:
    found = presets.by_mx(["outlook-com.olc.protection.outlook.com"])

    assert found is not None and found.name == "outlook"


def test_a_provider_s_name_inside_another_name_is_not_that_provider() -> None:
    assert presets.by_mx(["notgoogle.com", "google.com.example.test"]) is None


def test_where_the_resolver_gives_no_answer_no_name_is_called_missing() -> None:
    class Silent(Zone):
        def ask(self, name: str, rdtype: str) -> Reply:
            return Reply(name, rdtype, Status.TIMEOUT, detail="the resolver has answered nothing")

    settings = find(ALICE, Pages(Silent()))  # type: ignore[arg-type]

    guess = next(source for source in settings.tried if source.kind is Kind.GUESS)
    assert guess.problem == "the resolver has answered nothing"


def test_as_a_last_resort_names_that_exist_are_offered_as_guesses() -> None:
    zone = Zone({"mail.example.test A": ["192.0.2.1"], "example.test MX": ["5 mx.example.test."]})

    settings = find(ALICE, Pages(zone))  # type: ignore[arg-type]

    assert settings.chosen is not None and settings.chosen.kind is Kind.GUESS
    assert {server.host for server in settings.chosen.servers} == {"mail.example.test"}
    assert "guessed" in settings.chosen.warning


def test_where_nothing_is_known_every_place_says_why() -> None:
    settings = find(ALICE, Pages(Zone()))  # type: ignore[arg-type]

    assert settings.chosen is None
    assert all(source.problem for source in settings.tried)
    assert {source.kind for source in settings.tried} == {
        Kind.AUTOCONFIG,
        Kind.SRV,
        Kind.AUTODISCOVER,
        Kind.PRESET,
        Kind.GUESS,
    }


def test_the_third_party_is_asked_only_when_told() -> None:
    pages = Pages(Zone(), {"https://autoconfig.thunderbird.net/v1.1/example.test": Page(200, AUTOCONFIG)})

    assert find(ALICE, pages).chosen is None  # type: ignore[arg-type]
    asked = find(ALICE, pages, ispdb=True)  # type: ignore[arg-type]
    assert asked.chosen is not None and asked.chosen.kind is Kind.ISPDB


def test_sources_that_differ_are_reported() -> None:
    zone = Zone({"_submission._tcp.example.test SRV": ["0 1 587 other.example.test."]})
    url = "https://autoconfig.example.test/mail/config-v1.1.xml"

    settings = find(ALICE, Pages(zone, {url: Page(200, AUTOCONFIG)}))  # type: ignore[arg-type]

    assert any("differ about smtp" in warning for warning in settings.warnings)


# --- built-in providers -----------------------------------------------------------------------


def test_every_preset_is_whole() -> None:
    for provider in presets.providers():
        assert provider.source.startswith("https://"), provider.name
        date.fromisoformat(provider.checked)
        assert bool(provider.servers) == (provider.kind != "marketing"), provider.name
        if provider.kind == "mailbox":
            assert {s.protocol for s in provider.servers} >= {Protocol.IMAP, Protocol.SMTP}, provider.name
        for server in provider.servers:
            assert server.login and server.password in ("account", "app", "oauth", "key"), provider.name
            assert server.encryption is not Encryption.NONE, provider.name


def test_every_preset_says_what_its_servers_were_compared_with() -> None:
    named = {provider.name: provider for provider in presets.providers()}
    said = {
        name: " ".join(line.plain for line in preset_lines([named[name]], frozenset(), date.max, 100))
        for name in ("fastmail", "gmx", "brevo")
    }

    assert "checked 2026-11-26, servers compared with its page" in said["fastmail"]
    assert "checked 2026-11-26, servers compared with Mozilla's ISPDB" in said["gmx"]
    assert "checked 2026-11-25, not compared with its page" in said["brevo"]
    assert {provider.compared for provider in presets.providers()} == {"page", "ispdb", ""}


def test_no_domain_belongs_to_two_providers() -> None:
    domains = [domain for provider in presets.providers() for domain in provider.domains]

    assert len(domains) == len(set(domains))


def test_an_entry_is_old_a_year_after_it_was_checked() -> None:
    provider = presets.by_domain("gmail.com")
    assert provider is not None
    checked = date.fromisoformat(provider.checked)

    assert not presets.is_old(provider, checked.replace(month=12, day=31))
    assert presets.is_old(provider, checked.replace(year=checked.year + 1, month=12, day=31))


# --- trying what was found --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("127.0.0.1", "the settings that were found lead to 127.0.0.1"),
        ("inside.example.test", "the records of inside.example.test lead to"),
    ],
)
def test_a_check_does_not_follow_a_record_or_document_that_leads_inside(host: str, who: str) -> None:
    zone = Zone({"inside.example.test A": ["127.0.0.1"]})
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        server = Server(Protocol.IMAP, host, listening.getsockname()[1], Encryption.TLS)

        (walk,) = try_servers([server], Kind.AUTOCONFIG, Wish(seconds=1), zone, Reach())  # type: ignore[arg-type]

        assert walk.failure is not None and walk.failure.kind is not None
        assert walk.failure.kind.id == "leads-inside"
        assert who in walk.failure.kind.says
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_a_check_follows_an_address_inside_that_is_within_reach_or_in_our_own_list() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens: a connection is refused
        server = Server(Protocol.IMAP, "127.0.0.1", closed.getsockname()[1], Encryption.TLS)

        tries = [(Kind.SRV, Reach(["127.0.0.0/8"])), (Kind.PRESET, Reach())]
        walks = [
            try_servers([server], kind, Wish(seconds=1), Zone(), reach)[0]  # type: ignore[arg-type]
            for kind, reach in tries
        ]

    assert [walk.failure and walk.failure.kind and walk.failure.kind.id for walk in walks] == ["refused"] * 2


def test_a_check_tries_no_more_than_sixteen_servers_of_a_document() -> None:
    servers = [Server(Protocol.IMAP, f"i{n}.example.test", 993, Encryption.TLS) for n in range(100)]

    walks = try_servers(servers, Kind.AUTOCONFIG, Wish(), Zone(), Reach())  # type: ignore[arg-type]

    assert [walk.target for walk in walks] == [f"i{n}.example.test:993" for n in range(16)]
