"""Records that were written to confuse: every reader ends soon, with a value or with a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.audit import caa, dane, tls_rpt
from provisioner.audit.caa import Property
from provisioner.audit.reverse_dns import looks_generic
from provisioner.dns.tlsa import Tlsa
from provisioner.mail.mta_sts import parse_policy, parse_record
from tests.unit.dns_zone import Zone

LONG = 60_000
HOSTILE = [
    "a=" * LONG,
    "ca.example;" + "a=a" * LONG + "\x01",
    "v=TLSRPTv1; rua=" + " " * LONG + "\x01",
    "v=STSv1; id" + " " * LONG + "x",
    "version:" + " " * LONG + "x\nmode: enforce",
    "mx: " + "a." * LONG + "-\n",
    "-" * LONG,
    "a" * LONG + "!",
    "id" * LONG,
    ";" * LONG,
    "\n" * LONG,
]


def read_all(text: str) -> None:
    for read in (parse_policy, parse_record, tls_rpt.parse):
        try:
            read(text)
        except ValueError as error:
            assert len(str(error)) < 400
    for tag in ("issue", "iodef", "x"):
        assert isinstance(Property(0, tag, text).fault, str)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_long_record_made_to_be_slow_is_read(text: str) -> None:
    read_all(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_record_or_a_sentence_that_says_why_not(text: str) -> None:
    read_all(text)


@settings(deadline=None)
@given(st.text(alphabet="abc0123456789-.", max_size=60), st.ip_addresses())
def test_any_name_is_generic_or_not(name: str, address: object) -> None:
    assert looks_generic(name, str(address)) in (True, False)


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=80))
def test_any_tlsa_record_is_usable_or_says_why_not(
    usage: int, selector: int, matching: int, data: bytes
) -> None:
    fault = Tlsa(usage, selector, matching, data).fault

    assert fault or (usage in (2, 3) and selector in (0, 1) and matching in (0, 1, 2))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_in_place_of_a_certificate_fit_nothing(der: bytes) -> None:
    owner = "_25._tcp.mx1.example.org"
    zone = Zone({f"{owner} TLSA": [f"3 1 1 {'00' * 32}", f"2 1 1 {'00' * 32}"]}, ("",))

    findings = {one.check.id: one for one in dane.audit("mx1.example.org", [der, der], zone)}

    assert findings["dane.matches"].outcome == "fail"


def test_a_name_that_has_hundreds_of_records_is_judged_by_some() -> None:
    owner = "_25._tcp.mx1.example.org"
    zone = Zone({f"{owner} TLSA": [f"3 1 1 {number:064x}" for number in range(400)]}, ("",))

    (present, *_) = dane.audit("mx1.example.org", None, zone)
    findings = caa.audit(
        "mx1.example.org",
        Zone({"example.org CAA": ['0 issue "%%"'] * 1 + [f'0 x{n} "y"' for n in range(400)]}),
    )

    assert len(present.evidence) == 10
    assert all(len(one.evidence) <= 20 for one in findings)
