"""What may be named as the target of an audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.audit.targets import (
    AddressTarget,
    InventoryTarget,
    LoginTarget,
    NameTarget,
    Target,
    parse_target,
)
from provisioner.errors import InputError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("example.org", NameTarget("example.org", "example.org")),
        ("Example.ORG.", NameTarget("Example.ORG.", "example.org")),
        ("mx1.example.org:587", NameTarget("mx1.example.org:587", "mx1.example.org", 587)),
        ("müller.example", NameTarget("müller.example", "xn--mller-kva.example")),
        ("_spf.example.org", NameTarget("_spf.example.org", "_spf.example.org")),
        ("192.0.2.1", AddressTarget("192.0.2.1", "192.0.2.1")),
        ("192.0.2.1:25", AddressTarget("192.0.2.1:25", "192.0.2.1", 25)),
        ("2001:DB8::1", AddressTarget("2001:DB8::1", "2001:db8::1")),
        ("[2001:db8::1]:25", AddressTarget("[2001:db8::1]:25", "2001:db8::1", 25)),
        ("root@mx1.example.org", LoginTarget("root@mx1.example.org", "root", "mx1.example.org")),
        ("inventory.yml", InventoryTarget("inventory.yml")),
        ("./example.org", InventoryTarget("./example.org")),
        ("-", InventoryTarget("-")),
    ],
)
def test_each_form_is_taken_for_what_it_is(text: str, target: Target) -> None:
    assert parse_target(text) == target


def test_a_folder_called_as_a_domain_is_the_domain_and_one_without_a_dot_the_inventory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "example.org").mkdir()
    (tmp_path / "production").mkdir()
    assert parse_target("example.org") == NameTarget("example.org", "example.org")
    assert parse_target("production") == InventoryTarget("production")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://example.org/", "it is a URL"),
        ("mx1.example.org:smtp", "'smtp' is no port"),
        ("mx1.example.org:0", "'0' is no port"),
        ("[example.org]:25", "the brackets hold no IPv6 address"),
        ("192.0.2", "it is no address and no name"),
        ("exa mple.org", "it is no name"),
        ("a..b", "it is no name"),
        ("@example.org", "a user or a host is missing"),
        ("", "it is no name"),
        (f"{'x' * 64}.org", "it is no name"),
    ],
)
def test_what_is_none_of_them_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(InputError, match="can't be audited") as caught:
        parse_target(text)
    assert why in caught.value.message


@given(st.text())
def test_no_text_is_more_than_a_mistake(text: str) -> None:
    try:
        target = parse_target(text)
    except InputError as error:
        assert len(error.message) < 300
    else:
        assert target.text == text
