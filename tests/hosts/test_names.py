"""Domains with faults, and block lists, in a DNS of their own with a resolver that validates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from provisioner.audit import caa, dane, dnssec, mx, name_servers, reverse_dns, tls_rpt
from provisioner.audit.finding import Finding
from provisioner.blocklists.lists import chosen, known_lists
from provisioner.blocklists.reading import query_name
from provisioner.cli.app import run
from provisioner.dns.exchangers import exchangers
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Resolver, Status
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, unstarted_layer
from tests.hosts.lab_names import (
    AUTHORITATIVE_PORT,
    REFUSING,
    SILENT,
    LabZone,
    serve,
    without_proof_of_denial,
)
from tests.unit.test_audit_dane import AUTHORITY, CHAIN, LEAF, OTHER

KEY = "labkey0123456789"
MX1 = "mx1.example.org"  # the name in the certificate that test_audit_dane.py makes
GOOD = f"""
@ IN MX 10 {MX1}.
@ IN CAA 0 issue "letsencrypt.org"
@ IN CAA 0 iodef "mailto:postmaster@example.org"
_smtp._tls IN TXT "v=TLSRPTv1; rua=mailto:tls@example.org"
mx1 IN A 198.51.100.25
mx1 IN AAAA 2001:db8::25
_25._tcp.mx1 IN TLSA 3 1 1 {sha256(LEAF.spki).hexdigest()}
_25._tcp.mx1 IN TLSA 2 1 1 {sha256(AUTHORITY.spki).hexdigest()}
alias IN CNAME mx1
mx2 IN A 198.51.100.26
_25._tcp.mx2 IN TLSA 3 1 1 {sha256(OTHER.spki).hexdigest()}
_25._tcp.mx3 IN TLSA 1 1 1 {sha256(LEAF.spki).hexdigest()}
mx3 IN A 198.51.100.27
mx4 IN A 198.51.100.28
"""
MAIL = "@ IN MX 10 mx\nmx IN A 198.51.100.25\n"
TLSA = f"_25._tcp.mx IN TLSA 3 1 1 {sha256(LEAF.spki).hexdigest()}\n"
AUDITED = {
    "example.org": LabZone(GOOD, signed=True),
    "unsigned.lab": LabZone(MAIL + TLSA),
    "bogus.lab": LabZone(MAIL + TLSA, signed=True, ds="wrong"),
    "no-ds.lab": LabZone(MAIL, signed=True, ds="none"),
    "sha1.lab": LabZone(MAIL, signed=True, ds="sha1"),
    "lapsed.lab": LabZone(MAIL, signed=True, begin=timedelta(days=-30), end=timedelta(days=-5)),
    "ending.lab": LabZone(MAIL, signed=True, begin=timedelta(days=-30), end=timedelta(hours=5)),
    "denial.lab": LabZone(MAIL, signed=True, spoil=without_proof_of_denial),
    "silent.lab": LabZone(server=SILENT, loaded=False),
    "refused.lab": LabZone(server=REFUSING, loaded=False),
    "null.lab": LabZone("@ IN MX 0 .\n"),
    "both.lab": LabZone("@ IN MX 0 .\n@ IN MX 10 mx\nmx IN A 198.51.100.25\n"),
    "wrong.lab": LabZone(
        "@ IN MX 10 alias\n@ IN MX 20 inside\n@ IN MX 30 cloud\n@ IN MX 40 nothing\n@ IN MX 50 192.0.2.1.\n"
        "alias IN CNAME mx1.example.org.\ninside IN A 127.0.0.1\ncloud IN A 169.254.169.254\n"
    ),
    "implicit.lab": LabZone("@ IN A 198.51.100.25\n"),
    "100.51.198.in-addr.arpa": LabZone(
        "25 IN PTR mx1.example.org.\n26 IN PTR nothing.example.org.\n27 IN PTR static-198-51-100-27.lab.\n"
    ),
}

CODES: dict[str, dict[str, list[str]]] = {
    "spamhaus-zen": {
        "192.0.2.2": ["127.0.0.2"], "192.0.2.3": ["127.0.0.3"], "192.0.2.4": ["127.0.0.4"],
        "192.0.2.9": ["127.0.0.2", "127.0.0.9"], "192.0.2.10": ["127.0.0.10"], "192.0.2.11": ["127.0.0.11"],
        "192.0.2.30": ["127.0.0.30"], "2001:db8::4": ["127.0.0.4"],
        "192.0.2.252": ["127.255.255.252"], "192.0.2.254": ["127.255.255.254"],
        "192.0.2.255": ["127.255.255.255"],
    },
    "spamhaus-dbl": {
        **{f"x{code}.example.org": [f"127.0.1.{code}"] for code in (2, 4, 5, 6, 102, 103, 104, 105, 106)},
        "x255.example.org": ["127.0.1.255"],
    },
    "mailspike": {f"192.0.2.{code}": [f"127.0.0.{code}"] for code in (2, 10, 11, 12, 13, 20)},
    "mailspike-reputation": {f"192.0.2.{code}": [f"127.0.0.{code}"] for code in (10, 15, 20)},
    "dronebl": {f"192.0.2.{code}": [f"127.0.0.{code}"] for code in (3, 8, 9, 13, 14, 19)},
    "blocklist-de": {"192.0.2.5": ["127.0.0.5"]},
    "uceprotect-2": {"192.0.2.2": ["127.0.0.2"]},
    "uceprotect-3": {"192.0.2.2": ["127.0.0.2"]},
    "surbl": {f"s{code}.example": [f"127.0.0.{code}"] for code in (8, 16, 64, 80, 128, 1)},
    "uribl": {f"u{code}.example": [f"127.0.0.{code}"] for code in (2, 4, 8, 1)},
    "dnswl": {
        "192.0.2.20": ["127.0.5.0"], "192.0.2.21": ["127.0.10.1"], "192.0.2.22": ["127.0.2.2"],
        "192.0.2.23": ["127.0.9.3"], "192.0.2.255": ["127.0.0.255"],
    },
    "abusix": {f"192.0.2.{code}": [f"127.0.0.{code}"] for code in (2, 3, 4, 11, 12, 200)},
}  # fmt: skip
"""List → subject → what the list answers: every code of each list, and those that mean an error."""
UNKNOWN = {
    "192.0.2.252", "192.0.2.254", "192.0.2.255", "x255.example.org", "s1.example", "u1.example",
}  # fmt: skip
BROKEN = {
    "s5h": LabZone("* IN A 127.0.0.2\n"),
    "psbl": LabZone("* IN A 203.0.113.1\n"),
    "barracuda": LabZone(server=SILENT, loaded=False),
    "backscatterer": LabZone(server=REFUSING, loaded=False),
    "spamcop": LabZone("* IN A 127.255.255.254\n"),
    "uceprotect-1": LabZone("25.2.0.192 IN A 127.0.0.2\n"),
}
"""Lists that can't be asked, each in another way."""
WHY = {
    "s5h": "lists the world",
    "psbl": "203.0.113.1, which no block list does",
    "barracuda": "in time",
    "backscatterer": "could not be asked",
    "spamcop": "refuses to answer the resolver",
    "uceprotect-1": "does not list its own test entry",
}


def list_zones() -> dict[str, LabZone]:
    """A zone for each list: its test entries, and what `CODES` says."""
    zones = {}
    for found in known_lists():
        zone = found.keyed_zone.format(key=KEY) if found.name == "abusix" else found.zone
        if found.name in BROKEN:
            zones[zone] = BROKEN[found.name]
            continue
        tests = {one: ["127.0.0.2"] for one in (found.test_listed, found.test_listed_ipv6) if one}
        if found.bits:
            tests = {found.test_listed: [f"127.0.0.{found.bits[0][0]}"]}
        entries = {**tests, **CODES.get(found.name, {})}
        zones[zone] = LabZone(
            "".join(
                f"{query_name(subject, zone)}. IN A {code}\n"
                for subject, codes in entries.items()
                for code in codes
            )
            + f'{query_name("192.0.2.4", zone)}. IN TXT "see https://lists.example/192.0.2.4"\n'
        )
    return zones


@pytest.fixture(scope="module")
def names() -> Iterator[SandboxHost]:
    """The host with the whole of it."""

    with booted("bookworm", unstarted_layer("bookworm", "knot", "unbound")) as host:
        serve(host, {**AUDITED, **list_zones()})
        yield host


@pytest.fixture(scope="module")
def resolver(names: SandboxHost) -> Resolver:
    """Questions to the resolver that validates."""
    return Resolver(names.address, seconds=3)


def outcomes(findings: list[Finding]) -> dict[str, str]:
    return {one.check.id: str(one.outcome) for one in findings}


def test_a_real_resolver_s_answers_are_told_apart(resolver: Resolver) -> None:
    statuses = {
        "example.org": Status.FOUND,
        "nothing.example.org": Status.NXDOMAIN,
        "mx1.example.org": Status.NODATA,
        "bogus.lab": Status.SERVFAIL,
        "refused.lab": Status.SERVFAIL,
    }

    replies = {name: resolver.ask(name, "MX") for name in statuses}

    assert {name: reply.status for name, reply in replies.items()} == statuses
    assert replies["example.org"].authenticated
    assert replies["nothing.example.org"].authenticated
    assert replies["nothing.example.org"].zone == "example.org"
    assert "SERVFAIL (" in replies["bogus.lab"].detail  # with the reason that unbound gives
    assert resolver.ask("bogus.lab", "MX", checking_disabled=True).status is Status.FOUND


def test_a_domain_without_a_fault_passes_every_check(resolver: Resolver) -> None:
    found = exchangers("example.org", resolver)
    reach = Reach(["198.51.100.0/24", "2001:db8::/32"])
    findings = [
        *mx.audit(found, reach),
        *dnssec.audit("example.org", resolver, [MX1]),
        *dane.audit(MX1, CHAIN, resolver, names=["example.org"]),
        *tls_rpt.audit("example.org", resolver),
        *caa.audit(MX1, resolver),
        *reverse_dns.audit("198.51.100.25", resolver, greeting_name=MX1),
    ]

    assert {one.check.id: one.summary for one in findings if one.outcome != "pass"} == {}
    assert len(findings) > 25


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("unsigned.lab", {"dnssec.signed": "fail"}),
        ("bogus.lab", {"dnssec.signed": "pass", "dnssec.valid": "fail"}),
        ("no-ds.lab", {"dnssec.signed": "fail"}),
        ("sha1.lab", {"dnssec.signed": "pass", "dnssec.algorithms": "fail"}),
        ("lapsed.lab", {"dnssec.valid": "fail", "dnssec.signatures": "fail"}),
        ("ending.lab", {"dnssec.valid": "pass", "dnssec.signatures": "warn"}),
        ("silent.lab", {"dnssec.signed": "error"}),
        ("refused.lab", {"dnssec.signed": "error"}),
    ],
)
def test_each_fault_of_a_zone_s_signatures_is_found(
    domain: str, expected: dict[str, str], resolver: Resolver
) -> None:
    found = outcomes(dnssec.audit(domain, resolver))

    assert {check: found.get(check) for check in expected} == expected
    assert found.get("dnssec.resolver", "pass") == "pass"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mx2.example.org", {"dane.secure": "pass", "dane.matches": "fail", "dane.rollover": "warn"}),
        ("mx3.example.org", {"dane.usable": "fail"}),
        ("mx4.example.org", {"dane.present": "fail", "dane.secure": "pass"}),
        ("mx.unsigned.lab", {"dane.present": "pass", "dane.secure": "fail"}),
        ("mx.bogus.lab", {"dane.present": "error"}),
        ("mx.denial.lab", {"dane.secure": "fail"}),
    ],
)
def test_each_fault_of_tlsa_records_is_found(host: str, expected: dict[str, str], resolver: Resolver) -> None:
    found = outcomes(dane.audit(host, CHAIN, resolver))

    assert {check: found.get(check) for check in expected} == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("null.lab", {"mx.present": "pass", "mx.null": "pass"}),
        ("both.lab", {"mx.null": "fail"}),
        (
            "wrong.lab",
            {"mx.alias": "fail", "mx.public": "fail", "mx.resolves": "fail", "mx.names": "fail"},
        ),
        ("implicit.lab", {"mx.present": "warn"}),
        ("nowhere.lab", {"mx.present": "fail"}),
        ("bogus.lab", {"mx.present": "error"}),
    ],
)
def test_each_fault_of_mx_records_is_found(domain: str, expected: dict[str, str], resolver: Resolver) -> None:
    found = outcomes(mx.audit(exchangers(domain, resolver), Reach()))

    assert {check: found.get(check) for check in expected} == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.26", {"reverse-dns.present": "pass", "reverse-dns.confirmed": "fail"}),
        ("198.51.100.27", {"reverse-dns.own-name": "warn"}),
        ("198.51.100.28", {"reverse-dns.present": "fail"}),
    ],
)
def test_each_fault_of_reverse_dns_is_found(
    address: str, expected: dict[str, str], resolver: Resolver
) -> None:
    found = outcomes(reverse_dns.audit(address, resolver))

    assert {check: found.get(check) for check in expected} == expected


def test_a_single_name_server_is_found(resolver: Resolver) -> None:
    found = outcomes(name_servers.audit("example.org", resolver))

    assert (found["dns.name-servers"], found["dns.ipv6"]) == ("fail", "fail")


def test_a_name_server_that_does_not_validate_proves_nothing(names: SandboxHost) -> None:
    plain = Resolver(f"{names.address}:{AUTHORITATIVE_PORT}", seconds=3)

    found = outcomes(dnssec.audit("example.org", plain))

    assert (found["dnssec.resolver"], found["dnssec.valid"]) == ("warn", "error")


def results(
    names: SandboxHost, capsys: pytest.CaptureFixture[str], code: int, *arguments: str
) -> dict[str, dict[str, dict[str, object]]]:
    """List → subject → result, as `provision blocklist --json` says."""
    assert run(["blocklist", "--json", "--resolver", names.address, *arguments]) == code
    document = json.loads(capsys.readouterr().out)
    found: dict[str, dict[str, dict[str, object]]] = {}
    for target in document["targets"].values():
        for result in target["results"]:
            found.setdefault(result["list"], {})[result["subject"]] = result
    return found


@pytest.mark.parametrize("name", CODES)
def test_every_code_that_a_list_answers_is_read_rightly(
    name: str, names: SandboxHost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_ABUSIX_KEY", KEY)
    (one,) = chosen([name])
    clean = "198.51.100.200" if one.asks == "address" else "clean.example"
    found = results(names, capsys, _expected_code(name), *CODES[name], clean, "--list", name)[name]

    for subject, codes in CODES[name].items():
        result = found[subject]
        means = [code["means"] for code in result["codes"]]  # type: ignore[attr-defined]
        assert {code["code"] for code in result["codes"]} == set(codes)  # type: ignore[attr-defined]
        assert (result["verdict"] == "unknown") == (subject in UNKNOWN), subject
        assert not any("does not know" in text for text in means if subject != "192.0.2.252")
    assert found[clean]["verdict"] == "not-listed"
    if name == "spamhaus-zen":
        assert found["192.0.2.4"]["reason"] == "see https://lists.example/192.0.2.4"


def _expected_code(name: str) -> int:
    """5 where a target could not be asked about, else 3 where one is listed, else 0."""
    if set(CODES[name]) & UNKNOWN and name != "dnswl":
        return 5
    return {"dnswl": 5, "mailspike-reputation": 5, "uceprotect-2": 0, "uceprotect-3": 0}.get(name, 3)


@pytest.mark.parametrize("name", BROKEN)
def test_a_list_that_can_not_be_believed_is_unknown(
    name: str, names: SandboxHost, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(names, capsys, 5, "192.0.2.25", "--list", name, "--timeout", "1")[name]

    assert found["192.0.2.25"]["verdict"] == "unknown"
    assert WHY[name] in str(found["192.0.2.25"]["detail"])


def test_all_lists_side_by_side_give_one_answer_for_a_domain_and_its_server(
    names: SandboxHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["blocklist", "example.org", "192.0.2.4", "--resolver", names.address, "--timeout", "1"]) == 3

    said = capsys.readouterr().out
    assert "example.org   ✓ on none of" in said
    assert "with  198.51.100.25 (mx1.example.org), 2001:db8::25 (mx1.example.org)" in said
    assert "✗ listed   Spamhaus ZEN   192.0.2.4" in said
    assert "s5h.net: lists 127.0.0.1" in said
    assert "1 of 2 targets is listed." in said
