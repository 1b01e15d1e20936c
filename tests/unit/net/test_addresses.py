"""IPv4 arithmetic against the standard library's."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.substrate.net import addresses
from cloudarium.substrate.net.errors import SpecError

CIDRS = st.builds(
    lambda base, prefix: f"{ipaddress.IPv4Address(base)}/{prefix}", st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(CIDRS, st.integers(0, 2**32 - 1))
def test_a_range_holds_what_the_standard_library_says(cidr: str, address: int) -> None:
    found, expected = addresses.network(cidr), ipaddress.IPv4Network(cidr, strict=False)
    assert found is not None and str(found) == str(expected)
    for candidate in (address, int(expected[0]), int(expected[-1])):
        assert (candidate in found) == (ipaddress.IPv4Address(candidate) in expected)


@given(st.lists(CIDRS, max_size=8), st.integers(0, 2**32 - 1))
def test_reduced_ranges_hold_the_same_and_do_not_overlap(cidrs: list[str], address: int) -> None:
    reduced = addresses.networks(cidrs)
    ranges = [ipaddress.IPv4Network(cidr, strict=False) for cidr in cidrs]
    for candidate in (address, *(int(found[0]) for found in ranges), *(int(found[-1]) for found in ranges)):
        holding = [found for found in reduced if candidate in found]
        assert bool(holding) == any(ipaddress.IPv4Address(candidate) in found for found in ranges)
        assert len(holding) <= 1, "nftables refuses overlapping intervals"


@pytest.mark.parametrize(
    "wrong", ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "a/8", "1.2.3.4/٣", "::x"]
)
def test_what_is_no_range_is_refused(wrong: str) -> None:
    with pytest.raises(SpecError):
        addresses.network(wrong)


def test_ipv6_ranges_are_known_to_be_such() -> None:
    assert addresses.network("::/0") is None
    assert addresses.networks(["::/0", "10.0.0.0/8"]) == [addresses.network("10.0.0.0/8")]


def test_the_resolver_is_at_base_plus_two() -> None:
    assert addresses.resolver_addresses("10.7.0.0/16") == ("10.7.0.2", "169.254.169.253")


def test_endpoint_addresses_keep_clear_of_the_reserved_ones() -> None:
    last = ipaddress.IPv4Address(addresses.endpoint_address(addresses.ENDPOINT_ADDRESSES - 1))
    assert last < ipaddress.IPv4Address("169.254.169.0")
    assert ipaddress.IPv4Address(addresses.endpoint_address(0)) == ipaddress.IPv4Address("169.254.128.0")
