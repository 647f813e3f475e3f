"""Where a stranger's record may lead us, and where it may not."""

import pytest

from provisioner.dns.reach import Reach
from provisioner.errors import InputError


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "private"),
        ("192.168.1.1", "private"),
        ("fd00:ec2::254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("224.0.0.1", "multicast"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("2002:7f00:1::", "loopback"),
        ("mx.example.org", "not an address"),
    ],
)
def test_a_record_does_not_lead_inside(address: str, word: str) -> None:
    assert word in Reach().refusal(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_a_record_may_lead_to_the_public_internet(address: str) -> None:
    assert Reach().refusal(address) == ""


def test_what_the_user_named_may_be_reached() -> None:
    reach = Reach(["10.0.0.0/8"], ["192.168.1.4"])

    assert reach.refusal("10.1.2.3") == ""
    assert reach.refusal("192.168.1.4") == ""
    assert "private" in reach.refusal("192.168.1.5")
    assert reach.refusal("::ffff:10.1.2.3") == ""


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="is not a network"):
        Reach(["ten"])
