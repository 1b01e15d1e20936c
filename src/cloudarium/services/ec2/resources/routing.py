"""Route tables and internet gateways."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cloudarium.services.ec2.resources.base import Tagged


class Route(msgspec.Struct, frozen=True):
    """One route. ``target`` is ``local`` or the id of a gateway, NAT gateway, interface, peering or endpoint."""

    destination: str
    """A CIDR block, or the id of a prefix list."""
    target: str
    origin: str = "CreateRoute"
    """``CreateRouteTable`` or ``CreateRoute``."""


class RouteTableAssociation(msgspec.Struct, frozen=True):
    """Which traffic a table routes: a subnet's, that of all other subnets (main), or what enters by a gateway."""

    association_id: str
    subnet_id: str = ""
    gateway_id: str = ""
    main: bool = False


class RouteTable(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RouteTable.html."""

    TABLE = "ec2.route-tables"
    KEY = "route_table_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "association_ids", "associated_ids")

    route_table_id: str
    vpc_id: str
    routes: tuple[Route, ...]
    associations: tuple[RouteTableAssociation, ...] = ()

    @property
    def association_ids(self) -> tuple[str, ...]:
        """Ids of its associations."""
        return tuple(each.association_id for each in self.associations)

    @property
    def associated_ids(self) -> tuple[str, ...]:
        """Ids of the subnets and gateways explicitly associated."""
        return tuple(each.subnet_id or each.gateway_id for each in self.associations if not each.main)

    @property
    def is_main(self) -> bool:
        """Whether it routes for every subnet that has no table of its own."""
        return any(each.main for each in self.associations)


class InternetGateway(Tagged, frozen=True, kw_only=True):
    """An internet gateway, attached to at most one VPC."""

    TABLE = "ec2.internet-gateways"
    KEY = "internet_gateway_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id",)

    internet_gateway_id: str
    vpc_id: str = ""
