"""The records of several hosts become one set, in the zones they belong to."""

from __future__ import annotations

import pytest

from provisioner.dns.records import in_zones, merged, outermost
from provisioner.errors import InputError, Mistakes
from provisioner.roles.model import Record


def record(name: str, type_: str, value: str, ttl: int = 3600, why: str = "") -> Record:
    return Record(name, type_, value, "postfix", why, ttl)


def test_a_record_that_two_hosts_want_is_there_once_and_names_both() -> None:
    one = record("Example.org", "MX", "10 MX1.example.org")
    same = record("example.org.", "MX", "10 MX1.example.org.")

    (entry,) = merged([("mx1", one), ("mx2", same), ("mx2", same)])

    assert (entry.name, entry.type, entry.value) == ("example.org", "MX", "10 MX1.example.org.")
    assert entry.hosts == ("mx1", "mx2")


def test_records_of_one_name_and_type_get_the_lowest_ttl() -> None:
    entries = merged(
        [
            ("mx1", record("example.org", "MX", "10 mx1.example.org", 3600)),
            ("mx2", record("example.org", "MX", "20 mx2.example.org", 300)),
            ("mx1", record("mx1.example.org", "A", "192.0.2.1", 3600)),
        ]
    )

    assert [(entry.type, entry.ttl) for entry in entries] == [("MX", 300), ("MX", 300), ("A", 3600)]


@pytest.mark.parametrize(
    "values",
    [
        ("v=spf1 mx -all", "v=spf1 a -all"),
        ("v=DMARC1; p=none", "v=DMARC1; p=reject"),
        ("v=DKIM1; k=rsa; p=AAAA", "v=DKIM1; k=ed25519; p=BBBB"),
    ],
)
def test_two_hosts_that_want_different_values_of_what_there_may_be_one_of_contradict_each_other(
    values: tuple[str, str],
) -> None:
    first, second = (record("x.example.org", "TXT", value) for value in values)

    with pytest.raises(Mistakes) as caught:
        merged([("a", first), ("b", second)])

    (mistake,) = caught.value.mistakes
    assert "x.example.org contradict" in mistake.message
    assert all(value in mistake.hint for value in values)
    assert "(role postfix, a)" in mistake.hint and "(role postfix, b)" in mistake.hint


def test_different_kinds_of_text_and_several_addresses_stand_together() -> None:
    entries = merged(
        [
            ("a", record("example.org", "TXT", "v=spf1 mx -all")),
            ("a", record("example.org", "TXT", "some-proof=1")),
            ("a", record("example.org", "TXT", "some-proof=2")),
            ("a", record("mail.example.org", "A", "192.0.2.1")),
            ("b", record("mail.example.org", "A", "192.0.2.2")),
        ]
    )

    assert len(entries) == 5


def test_a_cname_stands_alone() -> None:
    with pytest.raises(Mistakes, match="a CNAME stands alone"):
        merged(
            [
                ("a", record("autoconfig.example.org", "CNAME", "mx1.example.org")),
                ("b", record("autoconfig.example.org", "A", "192.0.2.1")),
            ]
        )


@pytest.mark.parametrize(
    ("name", "type_", "value", "message"),
    [
        ("a..b", "A", "192.0.2.1", "is not a domain name"),
        ("x" * 64 + ".org", "A", "192.0.2.1", "is not a domain name"),
        ("a.example", "A", "192.0.2.300", "no value for A"),
        ("a.example", "MX", "mx1.example.org", "no value for MX"),
        ("a.example", "NOSUCH", "x", "no value for NOSUCH"),
    ],
)
def test_a_record_that_can_t_be_is_named_with_its_role_and_host(
    name: str, type_: str, value: str, message: str
) -> None:
    with pytest.raises(Mistakes) as caught:
        merged([("mx1", record(name, type_, value)), ("mx1", record("ok.example", "A", "192.0.2.1"))])

    (mistake,) = caught.value.mistakes
    assert isinstance(mistake, InputError)
    assert "role postfix gives mx1" in mistake.message
    assert message in mistake.message


def test_each_record_goes_into_the_nearest_zone_and_the_others_are_said_to_be_elsewhere() -> None:
    entries = merged(
        [
            ("a", record("example.org", "MX", "10 mx1.hosting.net")),
            ("a", record("lists.example.org", "MX", "10 mx1.hosting.net")),
            ("a", record("notexample.org", "MX", "10 mx1.hosting.net")),
            ("a", record("mx1.hosting.net", "A", "192.0.2.1")),
        ]
    )

    records = in_zones(entries, ["example.org", "lists.example.org"])

    assert {zone: [entry.name for entry in found] for zone, found in records.zones.items()} == {
        "example.org": ["example.org"],
        "lists.example.org": ["lists.example.org"],
    }
    assert sorted(entry.name for entry in records.elsewhere) == ["mx1.hosting.net", "notexample.org"]
    assert len(list(records)) == 4


def test_a_domain_inside_another_is_no_zone_of_its_own() -> None:
    domains = ["lists.example.org", "Example.org", "example.net", "a.b.lists.example.org", "rg"]

    assert outermost(domains) == ("example.net", "example.org", "rg")


def test_a_name_with_letters_beyond_ascii_is_written_as_dns_has_it() -> None:
    (entry,) = merged([("a", record("müller.example", "MX", "10 mx1.müller.example"))])

    assert (entry.name, entry.value) == ("xn--mller-kva.example", "10 mx1.xn--mller-kva.example.")
