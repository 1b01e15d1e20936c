"""Which resources a record is about: told from the ids and ARNs among its parameters and its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TYPES = {
    "allocationId": "AWS::EC2::EIP",
    "bucketName": "AWS::S3::Bucket",
    "functionName": "AWS::Lambda::Function",
    "groupId": "AWS::EC2::SecurityGroup",
    "instanceId": "AWS::EC2::Instance",
    "internetGatewayId": "AWS::EC2::InternetGateway",
    "keyId": "AWS::KMS::Key",
    "listenerArn": "AWS::ElasticLoadBalancingV2::Listener",
    "loadBalancerArn": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "natGatewayId": "AWS::EC2::NatGateway",
    "networkAclId": "AWS::EC2::NetworkAcl",
    "networkInterfaceId": "AWS::EC2::NetworkInterface",
    "policyArn": "AWS::IAM::Policy",
    "roleArn": "AWS::IAM::Role",
    "roleName": "AWS::IAM::Role",
    "routeTableId": "AWS::EC2::RouteTable",
    "ruleArn": "AWS::ElasticLoadBalancingV2::ListenerRule",
    "subnetId": "AWS::EC2::Subnet",
    "targetGroupArn": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "userName": "AWS::IAM::User",
    "vpcEndpointId": "AWS::EC2::VPCEndpoint",
    "vpcId": "AWS::EC2::VPC",
    "vpcPeeringConnectionId": "AWS::EC2::VPCPeeringConnection",
}
_PLURALS = {f"{name}s": kind for name, kind in _TYPES.items()}
_MAX = 20
_MAX_DEPTH = 6

Resource = tuple[str, str]
"""Type as CloudFormation calls it, and name."""


def resources_of(*trees: Any) -> list[Resource]:
    """The resources named in a record's parts, each once, at most twenty."""
    found: dict[Resource, None] = {}
    for tree in trees:
        for resource in _walk(tree, 0):
            found.setdefault(resource)
            if len(found) >= _MAX:
                return list(found)
    return list(found)


def _walk(tree: Any, depth: int) -> Iterator[Resource]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, str):
                if (kind := _TYPES.get(name)) is not None:
                    yield kind, value
            elif isinstance(value, list) and (kind := _PLURALS.get(name)) is not None:
                yield from ((kind, each) for each in value if isinstance(each, str))
            else:
                yield from _walk(value, depth + 1)
    elif isinstance(tree, list):
        for each in tree:
            yield from _walk(each, depth + 1)
