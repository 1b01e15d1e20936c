"""From the tables to the network they ask for: one ``VpcSpec`` per VPC. Reads records, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ec2.names import AMAZON_DNS, internal_domain
from cloudarium.services.ec2.prefix_lists import SERVICE_BLOCKS, aws_lists
from cloudarium.services.ec2.resources import (
    PEERINGS,
    Address,
    Attachment,
    DhcpOptions,
    InternetGateway,
    ManagedPrefixList,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    PeeringConnection,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
    VpcEndpoint,
)
from cloudarium.substrate.net import spec
from cloudarium.substrate.net.addresses import resolver_addresses

_LIVE_NAT = ("pending", "available")
_LIVE_PEERING = ("provisioning", "active")
_LIVE_ENDPOINT = ("pending", "available")


def build(store: Store, scope: Scope, vpc_id: str, *, gateways: bool = True) -> spec.VpcSpec | None:
    """What a VPC should be, or None when there is no such VPC.

    ``gateways`` false leaves out NAT gateways and gateway endpoints, for machines that cannot have them.
    """
    vpc = store.table(Vpc).get(scope, vpc_id)
    return None if vpc is None else _Builder(store, scope, vpc, gateways=gateways).build()


class _Builder:
    def __init__(self, store: Store, scope: Scope, vpc: Vpc, *, gateways: bool) -> None:
        self._store = store
        self._scope = scope
        self._vpc = vpc
        self._gateways = gateways
        self._tables = store.table(RouteTable).find(scope, "vpc_id", vpc.vpc_id)
        self._acls = store.table(NetworkAcl).find(scope, "vpc_id", vpc.vpc_id)

    def build(self) -> spec.VpcSpec:
        vpc_id = self._vpc.vpc_id
        gateways = self._store.table(InternetGateway).find(self._scope, "vpc_id", vpc_id)
        return spec.VpcSpec(
            id=vpc_id,
            cidrs=self._vpc.networks,
            subnets=tuple(self._subnets()),
            route_tables=tuple(spec.RouteTable(t.route_table_id, tuple(self._routes(t))) for t in self._tables),
            security_groups=tuple(self._groups()),
            nacls=tuple(spec.Nacl(acl.network_acl_id, tuple(_entries(acl))) for acl in self._acls),
            enis=tuple(self._interfaces()),
            internet_gateway_id=gateways[0].internet_gateway_id if gateways else None,
            nat_gateways=tuple(self._nat_gateways()),
            peerings=tuple(self._peerings()),
            gateway_endpoints=tuple(self._endpoints()),
            dns=self._dns(),
        )

    def _subnets(self) -> Iterator[spec.Subnet]:
        main = next(table.route_table_id for table in self._tables if table.is_main)
        own_table = {subnet: table.route_table_id for table in self._tables for subnet in table.associated_ids}
        own_acl = {subnet: acl.network_acl_id for acl in self._acls for subnet in acl.subnet_ids}
        for subnet in self._store.table(Subnet).find(self._scope, "vpc_id", self._vpc.vpc_id):
            table = own_table.get(subnet.subnet_id, main)
            yield spec.Subnet(subnet.subnet_id, subnet.cidr, subnet.zone, table, own_acl[subnet.subnet_id])

    # -- routes --------------------------------------------------------------------------------------------------------

    def _routes(self, table: RouteTable) -> Iterator[spec.Route]:
        for route in table.routes:
            kind = _TARGETS.get(route.target.partition("-")[0], "blackhole")
            target = "" if kind == "local" else route.target
            for destination in self._destinations(route):
                yield spec.Route(destination, kind, target)

    def _destinations(self, route: Route) -> tuple[str, ...]:
        """A customer's prefix list stands for its blocks; AWS's own are the endpoint's affair."""
        if not route.destination.startswith("pl-") or route.target.startswith("vpce-"):
            return (route.destination,)
        return self._blocks(route.destination)

    def _blocks(self, list_id: str) -> tuple[str, ...]:
        found = self._store.table(ManagedPrefixList).get(self._scope, list_id)
        if found is None:
            found = next((each for each in aws_lists(self._scope.region) if each.prefix_list_id == list_id), None)
        return tuple(entry.cidr for entry in found.entries) if found is not None else ()

    # -- filters -------------------------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[spec.SecurityGroup]:
        table = self._store.table(SecurityGroupRule)
        for group in self._store.table(SecurityGroup).find(self._scope, "vpc_id", self._vpc.vpc_id):
            rules = table.find(self._scope, "group_id", group.group_id)
            yield spec.SecurityGroup(
                group.group_id,
                tuple(found for rule in rules if not rule.is_egress for found in self._rule(rule)),
                tuple(found for rule in rules if rule.is_egress for found in self._rule(rule)),
            )

    def _rule(self, rule: SecurityGroupRule) -> Iterator[spec.SecurityRule]:
        blocks: tuple[str, ...] = ()
        if rule.prefix_list_id:
            blocks = self._blocks(rule.prefix_list_id)
            if not blocks:
                # A rule without any peer would mean everybody.
                return
        yield spec.SecurityRule(
            rule.protocol,
            rule.from_port,
            rule.to_port,
            cidr=rule.cidr_ipv4 or rule.cidr_ipv6,
            prefix_list=blocks,
            group_id=rule.referenced_group_id,
        )

    # -- interfaces ----------------------------------------------------------------------------------------------------

    def _interfaces(self) -> Iterator[spec.Eni]:
        for interface in self._store.table(NetworkInterface).find(self._scope, "vpc_id", self._vpc.vpc_id):
            attached = self._store.table(Attachment).get(self._scope, interface.network_interface_id)
            process = attached.process if attached is not None else None
            public = self._public_ips(interface)
            yield spec.Eni(
                id=interface.network_interface_id,
                subnet_id=interface.subnet_id,
                private_ips=interface.private_ips,
                mac=interface.mac,
                security_group_ids=interface.group_ids,
                source_dest_check=interface.source_dest_check,
                public_ip=public.pop(interface.private_ips[0], None),
                attachment=spec.HostAttachment(process.port, process.host, process.host_port) if process else None,
                kind=interface.interface_type,
                more_public_ips=tuple(sorted(public.items())),
            )

    def _public_ips(self, interface: NetworkInterface) -> dict[str, str]:
        """Public address by private address."""
        found = self._store.table(Address).find(self._scope, "network_interface_id", interface.network_interface_id)
        return {each.private_ip: each.public_ip for each in found if each.private_ip in interface.private_ips}

    # -- links ---------------------------------------------------------------------------------------------------------

    def _nat_gateways(self) -> Iterator[spec.NatGateway]:
        for nat in self._store.table(NatGateway).find(self._scope, "vpc_id", self._vpc.vpc_id):
            if nat.state in _LIVE_NAT and not nat.failure_code and self._gateways:
                public = nat.addresses[0].public_ip or None
                yield spec.NatGateway(nat.nat_gateway_id, nat.subnet_id, nat.network_interface_id, public)

    def _peerings(self) -> Iterator[spec.Peering]:
        for peering in self._store.table(PeeringConnection).find(PEERINGS, "vpc_ids", self._vpc.vpc_id):
            if peering.state in _LIVE_PEERING:
                yield spec.Peering(peering.peering_id, peering.requester.vpc_id, peering.accepter.vpc_id)

    def _endpoints(self) -> Iterator[spec.GatewayEndpoint]:
        for endpoint in self._store.table(VpcEndpoint).find(self._scope, "vpc_id", self._vpc.vpc_id):
            if endpoint.endpoint_type == "Gateway" and endpoint.state in _LIVE_ENDPOINT and self._gateways:
                block = SERVICE_BLOCKS[endpoint.service_name.rpartition(".")[2]]
                yield spec.GatewayEndpoint(endpoint.vpc_endpoint_id, (block,))

    def _dns(self) -> spec.DnsSpec:
        """The resolver, and the DHCP options that workloads start with."""
        options = self._store.table(DhcpOptions).get(self._scope, self._vpc.dhcp_options_id)
        given = dict(options.configurations) if options is not None else {}
        domain, *_ = given.get("domain-name", (internal_domain(self._scope.region),))
        resolver = resolver_addresses(self._vpc.cidr)[0]
        asked = given.get("domain-name-servers", (AMAZON_DNS,))
        servers = tuple(resolver if each == AMAZON_DNS else each for each in asked)
        return spec.DnsSpec(self._vpc.dns_support, domain, () if servers == (resolver,) else servers)


_TARGETS: dict[str, spec.TargetKind] = {
    "local": "local",
    "igw": "igw",
    "nat": "nat",
    "eni": "eni",
    "pcx": "peering",
    "vpce": "gateway-endpoint",
}


def _entries(acl: NetworkAcl) -> Iterator[spec.NaclEntry]:
    for entry in acl.entries:
        first, last = entry.ports or entry.icmp or (-1, -1)
        yield spec.NaclEntry(
            entry.number,
            entry.egress,
            entry.protocol,
            first,
            last,
            entry.cidr or entry.cidr_ipv6,
            entry.action == "allow",
        )
