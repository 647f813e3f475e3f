"""From a server's certificate to an authority."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from provisioner.tls.trust import find_path, read_authorities
from tests.unit.certificate_making import CA, INTERMEDIATE, NOW, Made, make

LEAF = make("leaf", INTERMEDIATE)
STRANGER = make("Other Root", key="rsa2048", authority=True)


def found(*chain: Made, authorities: tuple[Made, ...] = (CA,), days: int = 0) -> tuple[tuple[int, ...], str]:
    way = find_path(
        [one.certificate for one in chain],
        [one.certificate for one in authorities],
        NOW + timedelta(days=days),
    )
    return way.used, way.fault


def test_a_whole_chain_leads_to_its_authority() -> None:
    way = find_path([LEAF.certificate, INTERMEDIATE.certificate], [CA.certificate], NOW)
    assert way.trusted
    assert way.used == (0, 1)
    assert way.authority == "CN=Test Root"


def test_the_order_of_what_is_sent_does_not_matter_and_shows() -> None:
    assert found(LEAF, CA, STRANGER, INTERMEDIATE) == ((0, 3), "")


def test_a_missing_intermediate_certificate_is_named() -> None:
    way = find_path([LEAF.certificate], [CA.certificate], NOW)
    assert (way.trusted, way.missing) == (False, "CN=Test Intermediate")


def test_a_chain_to_an_unknown_root_is_not_trusted() -> None:
    used, fault = found(LEAF, INTERMEDIATE, CA, authorities=(STRANGER,))
    assert used == (0, 1, 2)
    assert fault == "signed by Test Root, which nobody vouches for"


def test_a_self_signed_certificate_says_so() -> None:
    assert found(make("own")) == ((0,), "self-signed")


def test_a_self_signed_certificate_that_is_trusted_itself_is_trusted() -> None:
    own = make("own")
    assert found(own, authorities=(own,)) == ((0,), "")


def test_an_expired_intermediate_certificate_is_named() -> None:
    old = make("Test Intermediate", CA, key="intermediate", begins=-100, days=50, authority=True)
    assert found(LEAF, old)[1].startswith("the certificate of Test Intermediate ended on ")


def test_the_way_around_an_expired_certificate_is_taken() -> None:
    old = make("Test Intermediate", CA, key="intermediate", begins=-100, days=50, authority=True)
    assert found(LEAF, old, INTERMEDIATE) == ((0, 2), "")


def test_who_is_no_authority_may_not_sign() -> None:
    false = make("leaf of a leaf", LEAF)
    assert found(false, LEAF, INTERMEDIATE)[1] == "leaf is no authority (basicConstraints is missing)"


def test_an_authority_with_a_path_length_has_no_others_below_it() -> None:
    narrow = make("Narrow", CA, key="rsa2048", authority=True, path_length=0)
    below = make("Below", narrow, key="intermediate", authority=True)
    leaf = make("leaf", below)
    assert found(leaf, below, narrow)[1] == "Narrow may have only 0 authorities below it"


def test_an_authority_whose_use_is_another_may_not_sign() -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    limited = make("Limited", CA, key="rsa2048", authority=True, extensions=(usage,))
    assert found(make("leaf", limited), limited)[1] == "Limited may not sign certificates (keyUsage)"


def test_a_signature_by_another_key_does_not_count() -> None:
    false = make("Test Intermediate", CA, key="rsa2048", authority=True)
    assert found(LEAF, false)[0] == (0,)


@pytest.mark.parametrize("size", [2, 12])
def test_certificates_that_vouch_for_each_other_end_the_search(size: int) -> None:
    circle = [make("Circle", key="rsa2048", authority=True) for _ in range(size)]
    leaf = make("leaf", circle[0])
    assert found(leaf, *circle)[1] != ""


def test_authorities_that_cannot_be_read_are_left_out() -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    assert read_authorities(broken + CA.pem) == (CA.certificate,)
