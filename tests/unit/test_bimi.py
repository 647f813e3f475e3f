"""BIMI records: what they say, and what is wrong in them."""

from __future__ import annotations

import pytest
from zone_making import Zone

from provisioner.authentication import bimi


def test_a_record_names_an_image_and_a_certificate() -> None:
    record = bimi.parse("v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/vmc.pem")

    assert (record.logo, record.evidence) == ("https://example.org/logo.svg", "https://example.org/vmc.pem")
    assert (record.mistakes, record.warnings, record.declined) == ((), (), False)


def test_a_domain_may_decline() -> None:
    assert bimi.parse("v=BIMI1; l=; a=;").declined


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("v=BIMI1;", "there is no l="),
        ("v=BIMI1; l=http://example.org/logo.svg", "must be https"),
        ("v=BIMI1; l=https://example.org/a.svg,https://example.org/b.svg", "more than one URL"),
        ("v=BIMI1; l=https://example.org/logo.png", "no SVG"),
        ("v=BIMI1; l=https:///logo.svg", "names no host"),
        ("v=BIMI1; l=https://[x/logo.svg", "is no URL"),
        ("v=BIMI1; l=https://example.org/logo.svg; a=ftp://example.org/vmc.pem", "a=ftp"),
    ],
)
def test_a_mistake_is_named(text: str, mistake: str) -> None:
    assert any(mistake in one for one in bimi.parse(text).mistakes)


def test_a_tag_that_nobody_knows_is_warned_of() -> None:
    assert bimi.parse("v=BIMI1; l=https://example.org/logo.svg; z=1").warnings == (
        "z= is not known, and ignored",
    )


def test_a_record_is_looked_for_at_its_selector() -> None:
    zone = Zone({"brand._bimi.example.org TXT": ["v=BIMI1; l=", "something else"]})

    found = bimi.find("example.org", zone.ask, "brand")

    assert (found.name, len(found.records)) == ("brand._bimi.example.org", 1)
    assert bimi.find("example.org", zone.ask).records == ()
