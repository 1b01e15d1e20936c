"""AWS::ElasticLoadBalancingV2::LoadBalancer."""

from __future__ import annotations

from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.elbv2.base import ElbKind
from cloudarium.services.cloudformation.kinds.kind import Failed, Work
from cloudarium.services.cloudformation.kinds.patience import is_gone

_PLACES = ("EnablePrefixForIpv6SourceNat", "SubnetMappings", "Subnets")
_SETTINGS = ("IpAddressType", "Scheme", "SecurityGroups", "Type", *_PLACES)
_NAME = 32


class LoadBalancer(ElbKind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html."""

    type = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    unbuilt = frozenset(
        {
            "EnableCapacityReservationProvisionStabilize",
            "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
            "Ipv4IpamPoolId",
            "MinimumLoadBalancerCapacity",
        }
    )
    arn_name, listed, operation = "LoadBalancerArn", "LoadBalancers", "load_balancer"
    defaults = {  # noqa: RUF012
        "client_keep_alive.seconds": "3600",
        "idle_timeout.timeout_seconds": "60",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        **dict.fromkeys(
            (
                "access_logs.s3.enabled",
                "connection_logs.s3.enabled",
                "deletion_protection.enabled",
                "health_check_logs.s3.enabled",
                "ipv6.deny_all_igw_traffic",
                "routing.http.drop_invalid_header_fields.enabled",
                "routing.http.preserve_host_header.enabled",
                "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
                "routing.http.xff_client_port.enabled",
                "waf.fail_open.enabled",
                "zonal_shift.config.enabled",
            ),
            "false",
        ),
    }

    async def create(self, work: Work) -> str:
        """ELBv2 knows a repeated attempt by its name, settings and tags; anybody else's balancer has other tags."""
        name = work.properties.get("Name") or work.short_name(_NAME)
        given = picked(work.properties, _SETTINGS)
        answer = await work.ctx.aws.elbv2.create_load_balancer(Name=name, **given, **self.labels(work))
        return str(answer["LoadBalancers"][0]["LoadBalancerArn"])

    async def ready(self, work: Work) -> bool:
        """Once it is active."""
        state = (await self.shown(work))["State"]
        if state["Code"] == "failed":
            raise Failed(f"LoadBalancer {work.physical_id} failed to stabilize: {state.get('Reason', '')}")
        if state["Code"] not in ("active", "active_impaired"):
            return False
        await self.settle(work)
        return True

    async def update(self, work: Work) -> None:
        """Where it is and who reaches it; attributes are settled afterwards."""
        elbv2, arn = work.ctx.aws.elbv2, work.physical_id
        if picked(work.properties, _PLACES) != picked(work.before, _PLACES):
            await elbv2.set_subnets(LoadBalancerArn=arn, **picked(work.properties, _PLACES))
        if work.properties.get("SecurityGroups") != work.before.get("SecurityGroups"):
            groups = work.properties.get("SecurityGroups") or await self._default_group(work)
            await elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=groups)
        kind = work.properties.get("IpAddressType", "ipv4")
        if kind != work.before.get("IpAddressType", "ipv4"):
            await elbv2.set_ip_address_type(LoadBalancerArn=arn, IpAddressType=kind)

    async def _default_group(self, work: Work) -> list[str]:
        vpc_id = (await self.shown(work))["VpcId"]
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
        groups = await work.ctx.aws.ec2.describe_security_groups(Filters=filters)
        return [groups["SecurityGroups"][0]["GroupId"]]

    async def attributes(self, work: Work) -> dict[str, Any]:
        """As ELBv2 describes it; the full name is how metrics call it."""
        balancer = await self.shown(work)
        return {
            "CanonicalHostedZoneID": balancer["CanonicalHostedZoneId"],
            "DNSName": balancer["DNSName"],
            "LoadBalancerArn": work.physical_id,
            "LoadBalancerFullName": _full_name(work),
            "LoadBalancerName": balancer["LoadBalancerName"],
            "SecurityGroups": balancer.get("SecurityGroups", []),
        }

    async def remove(self, work: Work) -> None:
        """With its listeners and rules."""
        await work.ctx.aws.elbv2.delete_load_balancer(LoadBalancerArn=work.physical_id)

    async def gone(self, work: Work) -> bool:
        """Once its interfaces are gone, too: until then nothing that it used can be deleted."""
        try:
            await self.shown(work)
        except AwsError as error:
            if not is_gone(error):
                raise
            filters = [{"Name": "description", "Values": [f"ELB {_full_name(work)}"]}]
            left = await work.ctx.aws.ec2.describe_network_interfaces(Filters=filters)
            return not left["NetworkInterfaces"]
        return False


def _full_name(work: Work) -> str:
    return work.physical_id.partition(":loadbalancer/")[2]
