"""Load balancers, target groups, listeners and rules."""

from __future__ import annotations

from typing import Any

import pytest

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.elbv2.resources import LoadBalancer

from .conftest import SCOPE, Api, Resource, Stack

LB, GROUP, LISTENER, RULE = (
    f"ElasticLoadBalancingV2::{name}" for name in ("LoadBalancer", "TargetGroup", "Listener", "ListenerRule")
)
FORBIDDEN = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}
MISSING = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no"}}
IDLE = "idle_timeout.timeout_seconds"


@pytest.fixture
async def subnets(stack: Stack, vpc: Resource) -> list[str]:
    gateway = await stack.make("Gateway", "EC2::InternetGateway")
    await stack.make("Attachment", "EC2::VPCGatewayAttachment", VpcId=vpc.ref, InternetGatewayId=gateway.ref)
    return [
        (
            await stack.make(
                f"Subnet{zone}",
                "EC2::Subnet",
                VpcId=vpc.ref,
                CidrBlock=f"10.0.{n}.0/24",
                AvailabilityZone=f"us-east-1{zone}",
            )
        ).ref
        for n, zone in enumerate("abc")
    ]


@pytest.fixture
def active(api: Api) -> None:
    """What the nodes are placed by is not running here: balancers are active at once."""
    table = api.cloud.store.table(LoadBalancer)

    def became(scope: Any, arn: str, old: Any, new: Any) -> None:
        if new is not None and new.state == "provisioning":
            table.put(SCOPE, new.replace(state="active"))

    table.watch(became)


@pytest.fixture
async def balancer(stack: Stack, subnets: list[str], active: None) -> Resource:
    return await stack.make("Balancer", LB, Subnets=subnets[:2])


@pytest.fixture
async def group(stack: Stack, vpc: Resource) -> Resource:
    return await stack.make("Group", GROUP, Port=80, Protocol="HTTP", VpcId=vpc.ref, TargetType="ip")


async def elbv2(api: Api, name: str, /, **params: Any) -> dict[str, Any]:
    return dict(await api.checked("elbv2", name, SCOPE.account, params))


async def attributes(api: Api, what: str, **which: str) -> dict[str, str]:
    answer = await elbv2(api, f"describe_{what}_attributes", **which)
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


async def test_a_load_balancer(api: Api, stack: Stack, vpc: Resource, subnets: list[str], active: None) -> None:
    mine = (await stack.make("Sg", "EC2::SecurityGroup", GroupDescription="lb", VpcId=vpc.ref)).ref
    api.killed_after = "create_load_balancer"
    balancer = await stack.make(
        "Balancer",
        LB,
        Subnets=subnets[:2],
        SecurityGroups=[mine],
        LoadBalancerAttributes=[{"Key": IDLE, "Value": "90"}],
        Tags=[{"Key": "a", "Value": "1"}],
    )
    (shown,) = (await elbv2(api, "describe_load_balancers"))["LoadBalancers"]
    assert shown["LoadBalancerName"].endswith(balancer.work.name[-13:]) and len(shown["LoadBalancerName"]) <= 32
    full = balancer.ref.partition(":loadbalancer/")[2]
    assert balancer.work.attributes == {
        "CanonicalHostedZoneID": shown["CanonicalHostedZoneId"],
        "DNSName": shown["DNSName"],
        "LoadBalancerArn": balancer.ref,
        "LoadBalancerFullName": full,
        "LoadBalancerName": shown["LoadBalancerName"],
        "SecurityGroups": [mine],
    }
    assert (await attributes(api, "load_balancer", LoadBalancerArn=balancer.ref))[IDLE] == "90"

    await stack.change(balancer, SubnetMappings=[{"SubnetId": each} for each in subnets[1:]])
    (shown,) = (await elbv2(api, "describe_load_balancers"))["LoadBalancers"]
    assert [zone["SubnetId"] for zone in shown["AvailabilityZones"]] == subnets[1:]
    assert shown["SecurityGroups"] == [vpc["DefaultSecurityGroup"]]
    assert (await attributes(api, "load_balancer", LoadBalancerArn=balancer.ref))[IDLE] == "60"
    (tags,) = (await elbv2(api, "describe_tags", ResourceArns=[balancer.ref]))["TagDescriptions"]
    assert {tag["Key"] for tag in tags["Tags"]} == set(balancer.work.tags)

    left = await api("create_network_interface", SubnetId=subnets[0], Description=f"ELB {full}")
    left_id = left["NetworkInterface"]["NetworkInterfaceId"]
    api.cloud.clock.call_later(
        5, lambda: api.cloud.clock.spawn(api("delete_network_interface", NetworkInterfaceId=left_id), "gone")
    )
    assert 4 <= await stack.delete(balancer) <= 7, "it waits for its interfaces"
    assert (await elbv2(api, "describe_load_balancers"))["LoadBalancers"] == []


async def test_what_users_may_not_do_with_its_tags(api: Api, balancer: Resource) -> None:
    for name, more in (
        ("add_tags", {"Tags": [{"Key": "aws:x", "Value": "1"}]}),
        ("remove_tags", {"TagKeys": ["aws:cloudformation:stack-id"]}),
    ):
        with pytest.raises(AwsError, match="reserved for system use"):
            await elbv2(api, name, ResourceArns=[balancer.ref], **more)


async def test_names_of_somebody_else_are_not_taken_over(
    api: Api, stack: Stack, vpc: Resource, subnets: list[str], active: None
) -> None:
    await elbv2(api, "create_load_balancer", Name="web", Subnets=subnets[:2])
    with pytest.raises(AwsError, match="A load balancer with the same name 'web' exists"):
        await stack.make("Balancer", LB, Name="web", Subnets=subnets[:2])
    settings = {"Port": 80, "Protocol": "HTTP", "VpcId": vpc.ref, "TargetType": "ip"}
    await elbv2(api, "create_target_group", Name="web", **settings)
    with pytest.raises(AwsError, match="A target group with the same name 'web' exists"):
        await stack.make("Group", GROUP, Name="web", **settings)


async def test_what_is_not_there_is_refused_by_name(stack: Stack, subnets: list[str]) -> None:
    with pytest.raises(NotThere, match="The load balancer type 'network'"):
        await stack.make("Balancer", LB, Type="network", Subnets=subnets)


async def test_a_target_group_and_its_targets(api: Api, stack: Stack, vpc: Resource, subnets: list[str]) -> None:
    given = {"Port": 80, "Protocol": "HTTP", "VpcId": vpc.ref, "TargetType": "ip"}
    delay = "deregistration_delay.timeout_seconds"
    api.killed_after = "create_target_group"
    group = await stack.make(
        "Group",
        GROUP,
        **given,
        HealthCheckPath="/health",
        Matcher={"HttpCode": "200-299"},
        TargetGroupAttributes=[{"Key": delay, "Value": "5"}],
        Targets=[{"Id": "10.0.0.10"}, {"Id": "10.0.0.11", "Port": 8080}],
    )
    (shown,) = (await elbv2(api, "describe_target_groups"))["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["Matcher"]) == ("/health", {"HttpCode": "200-299"})
    assert group.work.attributes == {
        "LoadBalancerArns": [],
        "TargetGroupArn": group.ref,
        "TargetGroupFullName": group.ref.rpartition(":")[2],
        "TargetGroupName": shown["TargetGroupName"],
    }

    async def targets() -> set[tuple[str, int]]:
        answer = await elbv2(api, "describe_target_health", TargetGroupArn=group.ref)
        return {(each["Target"]["Id"], each["Target"]["Port"]) for each in answer["TargetHealthDescriptions"]}

    assert await targets() == {("10.0.0.10", 80), ("10.0.0.11", 8080)}
    await elbv2(api, "register_targets", TargetGroupArn=group.ref, Targets=[{"Id": "10.0.0.99"}])
    await stack.change(group, **given, HealthCheckIntervalSeconds=10, Targets=[{"Id": "10.0.0.11", "Port": 9090}])
    assert await targets() == {("10.0.0.11", 9090), ("10.0.0.99", 80)}, "those of others stay"
    (shown,) = (await elbv2(api, "describe_target_groups"))["TargetGroups"]
    assert (shown["HealthCheckPath"], shown["Matcher"]) == ("/", {"HttpCode": "200"})
    assert shown["HealthCheckIntervalSeconds"] == 10
    assert (await attributes(api, "target_group", TargetGroupArn=group.ref))[delay] == "300"
    assert await stack.delete(group) == 0


async def test_a_listener(api: Api, stack: Stack, balancer: Resource, group: Resource) -> None:
    given = {"LoadBalancerArn": balancer.ref, "Port": 80, "Protocol": "HTTP"}
    server = "routing.http.response.server.enabled"
    api.killed_after = "create_listener"
    listener = await stack.make(
        "Listener",
        LISTENER,
        **given,
        DefaultActions=[FORBIDDEN],
        ListenerAttributes=[{"Key": server, "Value": "false"}],
    )
    assert listener["ListenerArn"] == listener.ref
    assert (await attributes(api, "listener", ListenerArn=listener.ref))[server] == "false"
    forward = {"Type": "forward", "TargetGroupArn": group.ref}
    await stack.change(listener, **{**given, "Port": 8080}, DefaultActions=[forward])
    (shown,) = (await elbv2(api, "describe_listeners", LoadBalancerArn=balancer.ref))["Listeners"]
    assert (shown["Port"], shown["DefaultActions"][0]["TargetGroupArn"]) == (8080, group.ref)
    assert (await attributes(api, "listener", ListenerArn=listener.ref))[server] == "true"
    with pytest.raises(AwsError, match="DuplicateListener"):
        await stack.make("Twin", LISTENER, **{**given, "Port": 8080}, DefaultActions=[forward])
    api.cloud.clock.call_later(
        9, lambda: api.cloud.clock.spawn(elbv2(api, "delete_listener", ListenerArn=listener.ref), "gone")
    )
    assert await stack.delete(group) >= 8, "it waits for who forwards to it"
    assert await stack.delete(listener) == 0


async def test_a_rule(api: Api, stack: Stack, balancer: Resource, group: Resource) -> None:
    listener = await stack.make(
        "Listener", LISTENER, LoadBalancerArn=balancer.ref, Port=80, Protocol="HTTP", DefaultActions=[MISSING]
    )
    given: dict[str, Any] = {"ListenerArn": listener.ref, "Priority": 10}
    weighted = {
        "Type": "forward",
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": group.ref, "Weight": 7}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        },
    }
    api.killed_after = "create_rule"
    rule = await stack.make(
        "Rule",
        RULE,
        **given,
        Actions=[weighted],
        Conditions=[{"Field": "path-pattern", "Values": ["/shop/*"]}],
        Transforms=[
            {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/shop/(.*)$", "Replace": "/$1"}]}}
        ],
        Tags=[{"Key": "a", "Value": "1"}],
    )
    assert rule.work.attributes == {"IsDefault": False, "RuleArn": rule.ref}

    async def shown() -> dict[str, Any]:
        (found,) = (await elbv2(api, "describe_rules", RuleArns=[rule.ref]))["Rules"]
        return found  # type: ignore[no-any-return]

    now = await shown()
    assert now["Actions"][0]["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": group.ref, "Weight": 7}]
    assert (now["Priority"], len(now["Transforms"])) == ("10", 1)
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["shop.example.com", "*.shop.example.com"]}}
    await stack.change(rule, **{**given, "Priority": 20}, Actions=[FORBIDDEN], Conditions=[host])
    now = await shown()
    assert (now["Priority"], now["Transforms"], now["Actions"][0]["Type"]) == ("20", [], "fixed-response")
    assert now["Conditions"][0]["HostHeaderConfig"] == host["HostHeaderConfig"]
    with pytest.raises(AwsError, match="PriorityInUse"):
        await stack.make("Twin", RULE, **{**given, "Priority": 20}, Actions=[FORBIDDEN], Conditions=[host])
    await stack.delete(rule)
    assert await stack.delete(rule) == 0
    assert await stack.delete(group) == 0


async def test_attributes_that_are_no_longer_said_have_their_defaults_again(
    api: Api, stack: Stack, balancer: Resource, group: Resource
) -> None:
    listener = await stack.make(
        "Listener", LISTENER, LoadBalancerArn=balancer.ref, Port=80, Protocol="HTTP", DefaultActions=[MISSING]
    )
    for made, what, name in (
        (balancer, "load_balancer", "LoadBalancerArn"),
        (group, "target_group", "TargetGroupArn"),
        (listener, "listener", "ListenerArn"),
    ):
        fresh = await attributes(api, what, **{name: made.ref})
        known = made.kind.defaults  # type: ignore[attr-defined]
        assert {key: known.get(key, "") for key in fresh} == fresh
