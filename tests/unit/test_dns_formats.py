"""Zone text, JSON and octoDNS files say the same as the records."""

from __future__ import annotations

import dns.name
import dns.rdatatype
import dns.zone
import pytest
import yaml

from provisioner.dns import json_form, octodns, zone_text
from provisioner.dns.records import Records, in_zones, merged, rdata
from provisioner.errors import InputError
from provisioner.roles.model import Record

LONG = "v=DKIM1; k=rsa; p=" + "QUJD" * 120
VALUES = [
    ("example.org", "MX", "10 mx1.example.org"),
    ("example.org", "MX", "20 mx.elsewhere.test"),
    ("example.org", "TXT", "v=spf1 mx -all"),
    ("example.org", "CAA", '0 issue "letsencrypt.org"'),
    ("2026._domainkey.example.org", "TXT", LONG),
    ("odd.example.org", "TXT", 'quote " back\\slash ; end\t'),
    ("mx9.example.org", "A", "192.0.2.9"),
    ("mx10.example.org", "AAAA", "2001:db8::10"),
    ("_25._tcp.mx9.example.org", "TLSA", "3 1 1 " + "ab" * 32),
    ("_imaps._tcp.example.org", "SRV", "0 1 993 mx9.example.org"),
    ("_pop3._tcp.example.org", "SRV", "0 0 0 ."),
    ("*.example.org", "CNAME", "mx9.example.org"),
    ("9.2.0.192.in-addr.arpa", "PTR", "mx9.example.org"),
]


@pytest.fixture
def records() -> Records:
    wanted = [("mx9", Record(name, type_, value, "mail", "why\nthis", 300)) for name, type_, value in VALUES]
    return in_zones(merged(wanted), ["example.org", "example.net"])


def test_the_zone_text_read_back_holds_exactly_the_records(records: Records) -> None:
    files = zone_text.zone_files(records)

    assert list(files) == ["example.org"]
    text = files["example.org"]
    zone = dns.zone.from_text(text, origin="example.org.", relativize=False, check_origin=False)
    read = {
        (name.to_text(omit_final_dot=True), dns.rdatatype.to_text(data.rdtype), ttl, data)
        for name, ttl, data in zone.iterate_rdatas()
    }
    assert read == {(one.name, one.type, 300, rdata(one)) for one in records.zones["example.org"]}
    assert len(read) == len(VALUES) - 1


def test_a_long_text_is_split_into_strings_of_255_bytes(records: Records) -> None:
    lines = zone_text.zone_files(records)["example.org"].splitlines()

    start = next(i for i, line in enumerate(lines) if line.startswith("2026._domainkey"))
    strings = [line.strip(' )"') for line in lines[start + 1 : start + 3]]
    assert "".join(strings) == LONG
    assert [len(string) for string in strings] == [255, len(LONG) - 255]


def test_what_is_in_no_zone_is_written_with_whole_names(records: Records) -> None:
    text = zone_text.elsewhere(records)

    assert text.splitlines()[-1] == "9.2.0.192.in-addr.arpa 300 IN PTR   mx9.example.org."
    assert "\n$ORIGIN .\n" in text
    assert zone_text.elsewhere(Records(records.zones)) == ""


def test_a_reason_of_several_lines_stays_a_comment(records: Records) -> None:
    assert "; mail: why this\n" in zone_text.zone_files(records)["example.org"]


def test_the_json_has_every_record_with_its_reason_and_whole_texts(records: Records) -> None:
    document = json_form.document(records)

    (key,) = [one for one in document["zones"]["example.org"] if one["name"].startswith("2026.")]
    assert key == {
        "name": "2026._domainkey.example.org",
        "type": "TXT",
        "ttl": 300,
        "value": LONG,
        "role": "mail",
        "why": "why\nthis",
        "hosts": ["mx9"],
    }
    assert document["zones"]["example.net"] == []
    assert [one["type"] for one in document["elsewhere"]] == ["PTR"]


def plain_records() -> Records:
    wanted = [Record(name, type_, value, "mail") for name, type_, value in VALUES if "odd" not in name]
    return in_zones(merged(("a", one) for one in wanted), ["example.org"])


def test_octodns_gets_its_own_names_and_its_own_order() -> None:
    zone = yaml.safe_load(octodns.zone_files(plain_records())["example.org"])

    names = ["", "2026._domainkey", "*", "_25._tcp.mx9", "_imaps._tcp", "_pop3._tcp", "mx9", "mx10"]
    assert list(zone) == names
    by_type = {one["type"]: one for one in zone[""]}
    assert by_type["MX"]["values"] == [
        {"exchange": "mx1.example.org.", "preference": 10},
        {"exchange": "mx.elsewhere.test.", "preference": 20},
    ]
    assert by_type["CAA"]["value"] == {"flags": 0, "tag": "issue", "value": "letsencrypt.org"}
    assert zone["2026._domainkey"][0]["value"] == LONG.replace(";", "\\;")
    assert zone["_imaps._tcp"][0]["value"] == {
        "port": 993,
        "priority": 0,
        "target": "mx9.example.org.",
        "weight": 1,
    }


@pytest.mark.parametrize(
    ("type_", "value"), [("NAPTR", '1 1 "" "" "" a.example'), ("TXT", "ü"), ("TXT", "a\\b")]
)
def test_what_octodns_can_t_be_given_is_refused_by_name(type_: str, value: str) -> None:
    records = in_zones(merged([("a", Record("a.example.org", type_, value, "mail"))]), ["example.org"])

    with pytest.raises(InputError, match=rf"octoDNS can't be given the {type_} record of a\.example\.org"):
        octodns.zone_files(records)
