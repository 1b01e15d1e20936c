"""A VPC's specification turned into what the machine applies: its plan and its rulesets. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.substrate.net import links, names, nft
from cloudarium.substrate.net.links import NOTHING
from cloudarium.substrate.net.machine import Wanted
from cloudarium.substrate.net.spec import VpcSpec

ABSENT = Wanted(NOTHING, {})


def compiled(spec: VpcSpec, peers: Mapping[str, VpcSpec], endpoint_address: str) -> Wanted:
    """What the kernel should have for a VPC; `peers` are those its peerings carry traffic to."""
    rulesets = {names.vpc_site(spec.id): nft.ruleset(spec, peers, endpoint_address)}
    enis = {eni.id: eni for eni in spec.enis}
    for nat in spec.nat_gateways:
        eni = links.nat_eni(nat, enis)
        rulesets[names.eni_site(eni.id)] = nft.nat_gateway_ruleset(eni.private_ips[0])
    return Wanted(links.plan(spec, peers, endpoint_address), rulesets)
