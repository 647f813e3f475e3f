"""SPF, DKIM and DMARC records with faults and without, published by a real name server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.audit import bimi, dkim, dmarc, spf
from provisioner.audit.finding import Finding
from provisioner.authentication import dkim as signatures
from provisioner.authentication import dmarc as policies
from provisioner.authentication import spf as senders
from provisioner.dns.resolver import Resolver
from tests.conftest import booted, unstarted_layer
from tests.hosts.lab_names import SILENT, LabZone, serve

KEY = (
    '"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxfms7vY0rZSDq2tKtz/V+xiVZ4UQY9eER"'
    ' "+N9CORumb3h5QkXaUCpI1DUC47XFZDi36umsApFPgpIl3P5OtRS39ivhMw8rinqF91b9DCDrP6IS9bW/4ychSBHOuSSGkcwP"'
    ' "ZfhPjZb3kHfZ5oMg7xhf0Lw+mMM8iHJyVWVlRhNELWAwA3YW6yXp61KN+wU2ye93a8G/BJ4BTBkmFO2W2sXvZQtwnSEX+Vm3U"'
    ' "ewMQG5WWNaU0+fLZMTpi8abLiOdCAs9H5vcv89BLUYS3HlOLlE+ciszH0yhDoG20HeoyYrjXfjfoQiScSA5zyBPY3qQzj0291n"'
    ' "XSH5iWz2gbEE+KON7QIDAQAB"'
)
SHORT = (
    '"v=DKIM1; t=y; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM9JkEzeE4RZRV0Ala3vw8ralREtrhjk+gdI1pJXmyF+QUeq"'
    ' "uhclS0CgY/POzg0qIDitBL6zLiVuaGMruVYxvTcCAwEAAQ=="'
)
MAIL = "@ IN MX 10 mx\nmx IN A 198.51.100.25\nmx IN AAAA 2001:db8::25\n"
GOOD = (
    f"{MAIL}"
    '@ IN TXT "v=spf1 mx include:spf.service.lab -all"\n'
    f"mail._domainkey IN TXT {KEY}\n"
    "selector1._domainkey IN CNAME key.service.lab.\n"
    '_dmarc IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@good.lab,mailto:good@service.lab"\n'
    "sub IN MX 10 mx\n"
)
SERVICE = (
    f"{MAIL}"
    '@ IN TXT "v=spf1 mx -all"\n'
    'spf IN TXT "v=spf1 ip4:203.0.113.0/24 -all"\n'
    'open IN TXT "v=spf1 +all"\n'
    f"key IN TXT {KEY}\n"
    'good.lab._report._dmarc IN TXT "v=DMARC1;"\n'
)
LONG = "".join(f"h{n} IN A 198.51.100.{n}\n" for n in range(12))
ZONES = {
    "good.lab": LabZone(GOOD, signed=True),
    "service.lab": LabZone(SERVICE),
    "bare.lab": LabZone(MAIL),
    "two.lab": LabZone(f'{MAIL}@ IN TXT "v=spf1 mx -all"\n@ IN TXT "v=spf1 mx ~all"\n'),
    "long.lab": LabZone(
        f'{MAIL}{LONG}@ IN TXT "v=spf1 include:more.long.lab mx -all"\n'
        f'more IN TXT "v=spf1 {" ".join(f"a:h{n}.long.lab" for n in range(10))} -all"\n'
    ),
    "loop.lab": LabZone(
        f'{MAIL}@ IN TXT "v=spf1 include:a.loop.lab -all"\na IN TXT "v=spf1 redirect=loop.lab"\n'
    ),
    "gone.lab": LabZone(f'{MAIL}@ IN TXT "v=spf1 a:x1.gone.lab a:x2.gone.lab a:x3.gone.lab mx -all"\n'),
    "open.lab": LabZone(
        f'{MAIL}@ IN TXT "v=spf1 include:open.service.lab ~all"\n'
        f"mail._domainkey IN TXT {SHORT}\n"
        "selector1._domainkey IN CNAME nothing.service.lab.\n"
        '_dmarc IN TXT "v=DMARC1; p=reject; sp=none; pct=10; rua=mailto:open@service.lab"\n'
    ),
    "slow.lab": LabZone(f'{MAIL}@ IN TXT "v=spf1 include:spf.silent.lab -all"\n'),
    "silent.lab": LabZone(server=SILENT, loaded=False),
    "parked.lab": LabZone('@ IN MX 0 .\n@ IN TXT "v=spf1 -all"\n_dmarc IN TXT "v=DMARC1; p=reject"\n'),
    "idle.lab": LabZone('@ IN MX 0 .\n@ IN TXT "v=spf1 -all"\n_dmarc IN TXT "v=DMARC1; p=none"\n'),
    "example.com": LabZone(
        "brisbane._domainkey.football IN TXT"
        ' "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n'
        '_dmarc IN TXT "v=DMARC1; p=reject"\n'
    ),
}
SIGNED = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


@pytest.fixture(scope="module")
def resolver() -> Iterator[Resolver]:
    """Questions to a resolver whose DNS has all these zones."""

    with booted("bookworm", unstarted_layer("bookworm", "knot", "unbound")) as host:
        yield Resolver(serve(host, ZONES), seconds=3)


def wrong(domain: str, resolver: Resolver) -> dict[str, str]:
    """Every check that did not pass, and how."""
    found: list[Finding] = [
        finding for module in (spf, dkim, dmarc, bimi) for finding in module.audit(domain, resolver)
    ]
    return {one.check.id: str(one.outcome) for one in found if one.outcome in ("fail", "warn", "error")}


@pytest.mark.parametrize("domain", ["good.lab", "parked.lab"])
def test_a_domain_without_a_fault_passes_every_check(domain: str, resolver: Resolver) -> None:
    assert wrong(domain, resolver) == {}


NOTHING_ELSE = {"dkim.present": "fail", "dmarc.record": "fail"}


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("bare.lab", {"spf.record": "fail", **NOTHING_ELSE}),
        ("two.lab", {"spf.record": "fail", **NOTHING_ELSE}),
        ("long.lab", {"spf.lookups": "fail", **NOTHING_ELSE}),
        ("loop.lab", {"spf.includes": "fail", **NOTHING_ELSE}),
        ("gone.lab", {"spf.void-lookups": "fail", **NOTHING_ELSE}),
        ("slow.lab", {"spf.includes": "error", **NOTHING_ELSE}),
        ("idle.lab", {"dmarc.policy": "fail"}),
        (
            "open.lab",
            {
                "spf.everybody": "fail",
                "dkim.strength": "fail",
                "dkim.testing": "fail",
                "dkim.alias": "fail",
                "dmarc.subdomains": "fail",
                "dmarc.removed-tags": "warn",
                "dmarc.report-consent": "fail",
            },
        ),
    ],
)
def test_a_fault_is_found_and_nothing_else(domain: str, expected: dict[str, str], resolver: Resolver) -> None:
    assert wrong(domain, resolver) == expected


def test_a_domain_whose_name_server_is_silent_is_not_judged(resolver: Resolver) -> None:
    assert set(wrong("silent.lab", resolver).values()) == {"error"}


def test_a_subdomain_is_under_the_policy_above_it(resolver: Resolver) -> None:
    found = policies.discover("sub.good.lab", resolver.ask)

    assert (found.inherited, found.policy, found.exists) == (True, "reject", True)


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("198.51.100.25", "pass"),
        ("2001:db8::25", "pass"),
        ("203.0.113.77", "pass"),
        ("198.51.100.26", "fail"),
    ],
)
def test_a_sender_is_judged_by_real_answers(address: str, result: str, resolver: Resolver) -> None:
    assert senders.evaluate(address, "alice@good.lab", "mx.good.lab", resolver.ask).result == result


def test_a_signed_message_passes_dmarc_by_keys_from_real_dns(resolver: Resolver) -> None:
    found = signatures.verify(SIGNED, resolver.ask)
    verdict = policies.evaluate_message(SIGNED, None, found, resolver.ask)

    assert [(one.result, one.problem) for one in found] == [("pass", "")]
    assert (verdict.outcome, verdict.from_domain) == ("pass", "football.example.com")
    assert verdict.discovery is not None and verdict.discovery.inherited
