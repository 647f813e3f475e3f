"""`provision settings` against real web servers, name servers and mail servers, honest and hostile ones.

nginx serves each domain's documents with certificates of the lab; what is found is tried on the lab's
Postfix and Dovecot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from provisioner.audit import mta_sts
from provisioner.audit.finding import Outcome
from provisioner.cli.app import run
from provisioner.dns.https import Web
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver
from provisioner.mail.tls_stream import tls_context
from provisioner.sandbox import SandboxHost
from tests.conftest import succeed, unstarted_layer
from tests.hosts.connection_lab import Lab, connection_lab
from tests.hosts.lab_names import LabZone, write_files
from tests.unit.certificate_making import CA, Made, make

ISPDB = "autoconfig.thunderbird.net"
SERVER = '<{0} type="{1}"><hostname>{2}</hostname><port>{3}</port><socketType>{4}</socketType>\
<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></{0}>'


def autoconfig(*servers: tuple[str, str, int, str]) -> str:
    """A document of Thunderbird's form; each server is its type, host, port and kind of socket."""
    kinds = {"smtp": "outgoingServer", "imap": "incomingServer", "pop3": "incomingServer"}
    told = "".join(SERVER.format(kinds[type_], type_, host, *rest) for type_, host, *rest in servers)
    return f'<clientConfig version="1.1"><emailProvider id="x">{told}</emailProvider></clientConfig>'


def pox(inner: str) -> str:
    """An answer of Autodiscover."""
    space = "http://schemas.microsoft.com/exchange/autodiscover/"
    return (
        f'<?xml version="1.0"?><Autodiscover xmlns="{space}responseschema/2006">'
        f'<Response xmlns="{space}outlook/responseschema/2006a"><Account>{inner}</Account></Response>'
        "</Autodiscover>"
    )


WORKING = autoconfig(
    ("imap", "mail.lab", 993, "SSL"),
    ("pop3", "mail.lab", 995, "SSL"),
    ("smtp", "mail.lab", 587, "STARTTLS"),
    ("smtp", "mail.lab", 465, "SSL"),
)
EXCHANGE = pox(
    "<AccountType>email</AccountType><Action>settings</Action>"
    "<Protocol><Type>IMAP</Type><Server>mail.lab</Server><Port>993</Port><SSL>on</SSL></Protocol>"
    "<Protocol><Type>SMTP</Type><Server>mail.lab</Server><Port>587</Port><Encryption>TLS</Encryption></Protocol>"
)
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><clientConfig>&i;</clientConfig>"
)
OUTSIDE = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><clientConfig/>'
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.lab\r\nmax_age: 604800\r\n"
CONFIG, WELL_KNOWN = "/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"
DISCOVER = "/autodiscover/autodiscover.xml"


@dataclass(frozen=True)
class Site:
    """A web server: paths with documents, paths that redirect, and its certificate."""

    pages: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    certificate: str = "good"
    more: str = ""
    """Further lines of nginx's configuration."""


SITES = {
    "autoconfig.own.lab": Site({CONFIG: WORKING}),
    "own.lab": Site({WELL_KNOWN: autoconfig(("imap", "other.lab", 993, "SSL"))}),
    "known.lab": Site({WELL_KNOWN: WORKING}),
    "autoconfig.moved.lab": Site(redirects={CONFIG: f"https://autoconfig.own.lab{CONFIG}"}),
    "autodiscover.exchange.lab": Site({DISCOVER: EXCHANGE}),
    "exchange-moved.lab": Site(redirects={DISCOVER: f"https://autodiscover.exchange.lab{DISCOVER}"}),
    "discover.bysrv.lab": Site({DISCOVER: EXCHANGE}),
    "autodiscover.elsewhere-says.lab": Site(
        {DISCOVER: pox(f"<Action>redirectUrl</Action><RedirectUrl>https://autodiscover.exchange.lab{DISCOVER}</RedirectUrl>")}
    ),
    "autodiscover.address-says.lab": Site(
        {DISCOVER: pox("<Action>redirectAddr</Action><RedirectAddr>postmaster@exchange.lab</RedirectAddr>")}
    ),
    ISPDB: Site({"/v1.1/listed.lab": WORKING}),
    "autoconfig.xn--mnchen-3ya.lab": Site({CONFIG: WORKING}),
    "mta-sts.own.lab": Site({"/.well-known/mta-sts.txt": POLICY}),
    "mta-sts.moved.lab": Site(redirects={"/.well-known/mta-sts.txt": "https://mta-sts.own.lab/.well-known/mta-sts.txt"}),
    # --- hostile
    "autoconfig.huge.lab": Site({CONFIG: "<clientConfig>" + " " * 400_000 + "</clientConfig>"}),
    "autoconfig.bomb.lab": Site({CONFIG: BOMB}),
    "autoconfig.outside.lab": Site({CONFIG: OUTSIDE}),
    "autoconfig.page.lab": Site({CONFIG: "<html><head><title>Parked</title></head><body/></html>"}),
    "autoconfig.control.lab": Site(
        {CONFIG: autoconfig(("imap", "\u202e\u009b31mevil.lab", 993, "SSL"), ("smtp", "a b;c", 465, "SSL"))}
    ),
    "autoconfig.inside.lab": Site(
        {CONFIG: autoconfig(("imap", "127.0.0.1", 22, "PLAIN"), ("smtp", "loop.inside.lab", 22, "PLAIN"))}
    ),
    "autoconfig.loopback.lab": Site(redirects={CONFIG: "https://127.0.0.1/x"}),
    "autoconfig.metadata.lab": Site(redirects={CONFIG: "https://169.254.169.254/latest/meta-data"}),
    "autoconfig.private.lab": Site(redirects={CONFIG: "https://inside.private.lab/x"}),
    "autoconfig.plain.lab": Site(redirects={CONFIG: f"http://autoconfig.own.lab{CONFIG}"}),
    "autoconfig.file.lab": Site(redirects={CONFIG: "file:///etc/passwd"}),
    "autoconfig.circle.lab": Site(redirects={CONFIG: f"https://autoconfig.circle.lab{CONFIG}"}),
    "autoconfig.named.lab": Site({CONFIG: WORKING}, certificate="named"),
    "autoconfig.expired.lab": Site({CONFIG: WORKING}, certificate="expired"),
    "autoconfig.stranger.lab": Site({CONFIG: WORKING}, certificate="stranger"),
    "autoconfig.slow.lab": Site({CONFIG: WORKING * 50}, more="limit_rate 100;"),
}  # fmt: skip


def zones(server: str, web: str) -> dict[str, LabZone]:
    """The domains; each site is at `web`."""
    texts = dict.fromkeys(sorted({_zone_of(name) for name in SITES}), "")
    for name in SITES:
        zone = _zone_of(name)
        owner = "@" if name == zone else name.removesuffix(f".{zone}")
        texts[zone] += f"{owner} IN A {web}\n"
    texts["own.lab"] += '_mta-sts IN TXT "v=STSv1; id=1;"\n'
    texts["moved.lab"] += '_mta-sts IN TXT "v=STSv1; id=1;"\n'
    texts["bysrv.lab"] += "_autodiscover._tcp IN SRV 0 0 443 discover.bysrv.lab.\n"
    texts["private.lab"] += "inside IN A 192.168.1.1\n"
    texts["inside.lab"] += "loop IN A 127.0.0.1\n"
    found = {name: LabZone(text) for name, text in texts.items()}
    found["signed.lab"] = LabZone(
        "_imaps._tcp IN SRV 10 1 993 absent.lab.\n_imaps._tcp IN SRV 0 1 993 mail.lab.\n"
        "_imap._tcp IN SRV 0 0 143 mail.lab.\n_pop3s._tcp IN SRV 0 0 0 .\n"
        "_submissions._tcp IN SRV 0 1 465 mail.lab.\n_submission._tcp IN SRV 0 1 587 mail.lab.\n",
        signed=True,
    )
    found["unsigned.lab"] = LabZone(
        "_imaps._tcp IN SRV 0 1 993 mail.lab.\n_submissions._tcp IN SRV 0 1 465 mail.lab.\n"
    )
    found["guess.lab"] = LabZone("@ IN MX 5 mx.lab.\n")
    found["names.lab"] = LabZone(f"@ IN MX 5 mx.lab.\nimap IN A {server}\nsmtp IN A {server}\n")
    found["listed.lab"] = found["nowhere.lab"] = LabZone('@ IN TXT "nothing"\n')
    return found


def _zone_of(name: str) -> str:
    return name if name == ISPDB else ".".join(name.split(".")[-2:])


def certificates() -> dict[str, Made]:
    """By name; `good` is for every site."""
    other = make("Stranger", key="intermediate", authority=True)
    return {
        "good": make("web", CA, names=tuple(SITES)),
        "named": make("web", CA, names=("www.named.lab",)),
        "expired": make("web", CA, names=("autoconfig.expired.lab",), begins=-90, days=30),
        "stranger": make("web", other, names=("autoconfig.stranger.lab",)),
    }  # fmt: skip


def serve_web(host: SandboxHost) -> None:
    """Write every site and start nginx."""
    files = {}
    blocks = ["server { listen 443 ssl default_server; ssl_reject_handshake on; }"]
    for name, made in certificates().items():
        files[f"etc/lab/{name}.pem"], files[f"etc/lab/{name}.key"] = made.pem, made.key_pem
    for number, (name, site) in enumerate(SITES.items()):
        for path, text in site.pages.items():
            files[f"srv/web/{number}{path}"] = text
        moved = "".join(
            f"location = {path} {{ return 301 {url}; }}\n" for path, url in site.redirects.items()
        )
        blocks.append(
            f"server {{ listen 443 ssl; server_name {name}; error_page 405 =200 $uri;\n"
            f"ssl_certificate /etc/lab/{site.certificate}.pem;\n"
            f"ssl_certificate_key /etc/lab/{site.certificate}.key;\n"
            f"root /srv/web/{number};\n{moved}{site.more} }}"
        )
    files["etc/nginx/conf.d/lab.conf"] = "server_names_hash_bucket_size 128;\n" + "\n".join(blocks)
    write_files(host, files)
    succeed(host, "nginx -t 2>&1 && systemctl restart nginx")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The mail server, and a host with the name server and the web servers."""
    layer = unstarted_layer("bookworm", "knot", "unbound", "nginx-light")
    with connection_lab(tmp_path_factory.mktemp("settings"), layer, zones) as made:
        serve_web(made.names)
        with (made.folder / "root.pem").open("a") as file:
            file.write(CA.pem)
        yield made


Find = Callable[..., dict]  # type: ignore[type-arg]


@pytest.fixture
def find(lab: Lab, capsys: pytest.CaptureFixture[str]) -> Find:
    """Run `settings ADDRESS OPTIONS` against the lab; the document it prints."""

    def found(address: str, *options: str, code: int = 0) -> dict:  # type: ignore[type-arg]
        assert run(command(lab, address, *options, "--json")) == code, capsys.readouterr()
        document: dict = json.loads(capsys.readouterr().out)  # type: ignore[type-arg]
        return document

    return found


def command(lab: Lab, address: str, *options: str) -> list[str]:
    """The arguments; the two hosts are within reach."""
    reach = ["--reach", f"{lab.server.address}/32", "--reach", f"{lab.names.address}/32"]
    trusted = ["--resolver", lab.names.address, "--authorities", str(lab.folder / "root.pem")]
    return ["settings", address, *reach, *trusted, "--timeout", "4", *options]


def servers(document: dict) -> list[str]:  # type: ignore[type-arg]
    """The chosen servers in a line each."""
    return [
        f"{s['protocol']} {s['host']}:{s['port']} {s['encryption']}" for s in document["found"]["servers"]
    ]


def tried(document: dict, kind: str) -> list[str]:  # type: ignore[type-arg]
    """What the places of a kind gave instead of servers."""
    return [source["problem"] for source in document["tried"] if source["kind"] == kind]


# --- where settings are found -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind", "where"),
    [
        ("alice@own.lab", "autoconfig", "https://autoconfig.own.lab/mail/config-v1.1.xml"),
        ("alice@known.lab", "autoconfig", "https://known.lab/.well-known/autoconfig/mail/config-v1.1.xml"),
        ("alice@moved.lab", "autoconfig", "https://autoconfig.own.lab/mail/config-v1.1.xml"),
        ("alice@münchen.lab", "autoconfig", "https://autoconfig.xn--mnchen-3ya.lab/mail/config-v1.1.xml"),
        ("alice@signed.lab", "srv", "SRV records of signed.lab"),
        ("alice@exchange.lab", "autodiscover", "https://autodiscover.exchange.lab/autodiscover/autodiscover.xml"),
        ("alice@exchange-moved.lab", "autodiscover", "https://autodiscover.exchange.lab/autodiscover/autodiscover.xml"),
        ("alice@bysrv.lab", "autodiscover", "https://discover.bysrv.lab/autodiscover/autodiscover.xml"),
        ("alice@elsewhere-says.lab", "autodiscover", "https://autodiscover.exchange.lab/autodiscover/autodiscover.xml"),
        ("alice@address-says.lab", "autodiscover", "https://autodiscover.exchange.lab/autodiscover/autodiscover.xml"),
        ("alice@names.lab", "guess", "names of names.lab"),
        ("alice@guess.lab", "mx", "names of guess.lab"),
    ],
)  # fmt: skip
def test_each_place_is_found_and_named(find: Find, address: str, kind: str, where: str) -> None:
    document = find(address)

    assert (document["found"]["kind"], document["found"]["where"]) == (kind, where)


def test_the_database_of_providers_is_asked_only_when_told(find: Find) -> None:
    assert find("alice@listed.lab", code=3)["found"] is None

    assert find("alice@listed.lab", "--ispdb")["found"]["where"] == f"https://{ISPDB}/v1.1/listed.lab"


def test_what_was_found_is_in_the_order_of_choice_and_works(find: Find) -> None:
    document = find("alice@own.lab", "--check")

    assert servers(document) == [
        "imap mail.lab:993 TLS",
        "pop3 mail.lab:995 TLS",
        "smtp mail.lab:465 TLS",
        "smtp mail.lab:587 STARTTLS",
    ]
    assert [check["ok"] for check in document["checks"]] == [True] * 4


def test_records_of_srv_are_tried_in_their_order_and_an_absent_host_is_named(find: Find) -> None:
    document = find("alice@signed.lab", "--check", code=3)

    assert servers(document) == [
        "imap mail.lab:993 TLS",
        "imap absent.lab:993 TLS",
        "imap mail.lab:143 STARTTLS",
        "smtp mail.lab:465 TLS",
        "smtp mail.lab:587 STARTTLS",
    ]
    failed = {check["target"]: check["failure"]["kind"] for check in document["checks"] if not check["ok"]}
    assert failed == {"absent.lab:993": "name-unknown"}
    assert document["found"]["warning"] is None


def test_records_that_nobody_signed_and_that_lead_away_are_minded(find: Find) -> None:
    assert "not signed" in find("alice@unsigned.lab")["found"]["warning"]


def test_a_guess_says_that_it_is_one_and_a_check_settles_it(find: Find) -> None:
    document = find("alice@guess.lab", "--check")

    assert "guessed" in document["found"]["warning"]
    assert {check["target"]: check["ok"] for check in document["checks"]} == {
        "mx.lab:993": True, "mx.lab:995": True, "mx.lab:465": True, "mx.lab:587": True,
    }  # fmt: skip


def test_places_that_differ_are_said_to(find: Find) -> None:
    assert any("differ about imap" in warning for warning in find("alice@own.lab")["warnings"])


# --- hostile answers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("huge", "longer than 256 KiB"),
        ("bomb", "declares a document type"),
        ("outside", "declares a document type"),
        ("page", "it is a <html>"),
        ("control", "names no IMAP, POP3 or SMTP server"),
        ("loopback", "127.0.0.1, a loopback address: not followed"),
        ("metadata", "169.254.169.254, a link-local address, where clouds keep their metadata: not followed"),
        ("private", "192.168.1.1, a private or reserved address: not followed"),
        ("plain", "not an https URL"),
        ("file", "not an https URL"),
        ("circle", "the web server answered 301"),
        ("named", "is for www.named.lab"),
        ("expired", "certificate has expired"),
        ("stranger", "unable to get local issuer certificate"),
        ("slow", "no answer within"),
    ],
)
def test_a_document_that_can_t_be_trusted_is_not_used(find: Find, domain: str, words: str) -> None:
    document = find(f"alice@{domain}.lab", code=3)

    assert document["found"] is None
    assert words in tried(document, "autoconfig")[0]


def test_where_the_resolver_is_dead_nothing_is_said_of_the_domain(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = ["--resolver", f"{lab.names.address}:9", "--timeout", "1", "--json"]

    assert run(["settings", "alice@own.lab", *dead]) == 5
    assert "can't be asked" in json.loads(capsys.readouterr().out)["warnings"][0]


def test_a_name_of_the_network_at_hand_is_said_to_be_one(find: Find) -> None:
    (warning,) = find("alice@printer.local", code=3)["warnings"]

    assert "does not exist in DNS: names in .local are for the network at hand" in warning


def test_servers_inside_are_found_and_not_connected_to(find: Find) -> None:
    document = find("alice@inside.lab", "--check", code=3)

    assert [check["failure"]["kind"] for check in document["checks"]] == ["leads-inside"] * 2
    assert document["found"]["note"] is None, "the address of a program on this machine is no provider's"


# --- the same web servers for MTA-STS ---------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "outcomes"),
    [("own.lab", {"mta-sts.fetch": Outcome.PASS, "mta-sts.policy": Outcome.PASS}),
     ("moved.lab", {"mta-sts.fetch": Outcome.FAIL})],
)  # fmt: skip
def test_a_policy_for_other_servers_is_fetched_from_nginx(
    lab: Lab, domain: str, outcomes: dict[str, Outcome]
) -> None:
    reach = Reach([f"{lab.names.address}/32"])
    context = tls_context(authorities=(lab.folder / "root.pem").read_text())
    web = Web(Resolver(lab.names.address, seconds=4), reach, context, seconds=4)

    found = {finding.check.id: finding.outcome for finding in mta_sts.audit(domain, web, ["mx.lab"])}

    assert found.items() >= outcomes.items()


# --- what a person reads ----------------------------------------------------------------------


def test_the_screen_has_a_line_for_each_server_and_what_its_try_came_to(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(lab, "alice@signed.lab", "--check")) == 3

    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == [
        "alice@signed.lab",
        "found",
        "by",
        "the",
        "SRV",
        "records",
        "of",
        "signed.lab",
    ]
    assert "  ✓ read  IMAP  mail.lab    993  TLS       login alice@signed.lab" in shown
    assert "  ✗       IMAP  absent.lab  993  TLS       login alice@signed.lab" in shown
    assert "      There is no name absent.lab in DNS." in shown
    assert shown[-2].strip().startswith("1 of 5 servers did not work. No login was tried")
