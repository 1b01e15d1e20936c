"""Target groups and targets through the API."""

from __future__ import annotations

import pytest
from tests.unit.elbv2.conftest import Api, Net

from cloudarium.kernel.errors import AwsError


async def test_defaults_are_aws_defaults(api: Api, net: Net) -> None:
    made = (await api("create_target_group", Name="tg", Protocol="HTTP", Port=8080, VpcId=net.vpc))["TargetGroups"][0]
    assert made == made | {
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
        "TargetType": "instance",
        "ProtocolVersion": "HTTP1",
        "LoadBalancerArns": [],
    }
    grpc = await api(
        "create_target_group", Name="g", Protocol="HTTP", Port=1, VpcId=net.vpc, ProtocolVersion="GRPC", TargetType="ip"
    )
    assert grpc["TargetGroups"][0]["Matcher"] == {"GrpcCode": "12"}
    assert grpc["TargetGroups"][0]["HealthCheckPath"] == "/AWS.ALB/healthcheck"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Name": "a_b"}, "ValidationError"),
        ({"Protocol": "TCP"}, "NotImplemented"),
        ({"Protocol": "HTTPS"}, "NotImplemented"),
        ({"TargetType": "lambda"}, "NotImplemented"),
        ({"TargetType": "alb"}, "NotImplemented"),
        ({"IpAddressType": "ipv6"}, "NotImplemented"),
        ({"TargetControlPort": 3000}, "NotImplemented"),
        ({"VpcId": "vpc-0123456789abcdef0"}, "ValidationError"),
        ({"HealthCheckPath": "no-slash"}, "ValidationError"),
        ({"HealthCheckPort": "http"}, "ValidationError"),
        ({"HealthCheckPort": "70000"}, "ValidationError"),
        ({"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}, "ValidationError"),
        ({"HealthCheckEnabled": False}, "InvalidConfigurationRequest"),
        ({"HealthCheckProtocol": "TCP"}, "ValidationError"),
        ({"Matcher": {"HttpCode": "500"}}, "ValidationError"),
        ({"Matcher": {"HttpCode": "abc"}}, "ValidationError"),
        ({"Matcher": {"GrpcCode": "0"}}, "ValidationError"),
        ({"ProtocolVersion": "HTTP3"}, "ValidationError"),
    ],
)
async def test_refusals(api: Api, net: Net, parameters: dict[str, object], code: str) -> None:
    given = {"Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": net.vpc, "TargetType": "ip"} | parameters
    assert (await api.error("create_target_group", **given)).code == code


@pytest.mark.parametrize("member", ["Protocol", "Port", "VpcId"])
async def test_what_must_be_said(api: Api, net: Net, member: str) -> None:
    given = {"Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": net.vpc}
    del given[member]
    error = await api.error("create_target_group", **given)
    assert error.code == "ValidationError" and error.message.endswith("must be specified")


async def test_names_are_unique_unless_all_is_the_same(api: Api, net: Net, group: str) -> None:
    same = await api("create_target_group", Name="tg", Protocol="HTTP", Port=80, VpcId=net.vpc, TargetType="ip")
    assert same["TargetGroups"][0]["TargetGroupArn"] == group
    given = {"Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": net.vpc, "TargetType": "ip"}
    for other in ({"Port": 81}, {"Tags": [{"Key": "a", "Value": "b"}]}):
        assert (await api.error("create_target_group", **given | other)).code == "DuplicateTargetGroupName"


async def test_health_checks_can_be_changed(api: Api, group: str) -> None:
    changed = await api(
        "modify_target_group", TargetGroupArn=group, HealthCheckPath="/up", Matcher={"HttpCode": "200-299"}
    )
    assert changed["TargetGroups"][0]["HealthCheckPath"] == "/up"
    assert changed["TargetGroups"][0]["Matcher"] == {"HttpCode": "200-299"}
    described = await api("describe_target_groups", TargetGroupArns=[group])
    assert described["TargetGroups"] == changed["TargetGroups"]


async def test_filters(api: Api, net: Net, balancer: str, listener: str, group: str) -> None:
    await api("create_target_group", Name="other", Protocol="HTTP", Port=80, VpcId=net.vpc)
    used = (await api("describe_target_groups", LoadBalancerArn=balancer))["TargetGroups"]
    assert [each["TargetGroupArn"] for each in used] == [group]
    assert used[0]["LoadBalancerArns"] == [balancer]
    assert (await api.error("describe_target_groups", Names=["x"])).code == "TargetGroupNotFound"
    assert (await api.error("describe_target_groups", Names=["tg"], LoadBalancerArn=balancer)).code == "ValidationError"
    assert len((await api("describe_target_groups"))["TargetGroups"]) == 2


async def test_one_in_use_cannot_be_deleted(api: Api, listener: str, group: str) -> None:
    error = await api.error("delete_target_group", TargetGroupArn=group)
    assert (error.code, error.message) == (
        "ResourceInUse",
        f"Target group '{group}' is currently in use by a listener or a rule",
    )


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"deregistration_delay.timeout_seconds": "3601"}, "ValidationError"),
        ({"stickiness.type": "source_ip"}, "ValidationError"),
        ({"stickiness.lb_cookie.duration_seconds": "0"}, "ValidationError"),
        ({"stickiness.app_cookie.cookie_name": "AWSALBx"}, "ValidationError"),
        ({"stickiness.enabled": "true", "stickiness.type": "app_cookie"}, "InvalidConfigurationRequest"),
        ({"slow_start.duration_seconds": "29"}, "ValidationError"),
        (
            {"slow_start.duration_seconds": "30", "load_balancing.algorithm.type": "least_outstanding_requests"},
            "InvalidConfigurationRequest",
        ),
        ({"load_balancing.algorithm.anomaly_mitigation": "true"}, "ValidationError"),
        ({"load_balancing.algorithm.anomaly_mitigation": "on"}, "InvalidConfigurationRequest"),
        (
            {"slow_start.duration_seconds": "30", "load_balancing.algorithm.type": "weighted_random"},
            "InvalidConfigurationRequest",
        ),
        (
            {"stickiness.enabled": "true", "load_balancing.algorithm.type": "weighted_random"},
            "InvalidConfigurationRequest",
        ),
        ({"load_balancing.cross_zone.enabled": "perhaps"}, "ValidationError"),
        (
            {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2"},
            "InvalidConfigurationRequest",
        ),
        ({"lambda.multi_value_headers.enabled": "true"}, "ValidationError"),
    ],
)
async def test_attributes_have_rules(api: Api, group: str, attributes: dict[str, str], code: str) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
    assert (await api.error("modify_target_group_attributes", TargetGroupArn=group, Attributes=pairs)).code == code


async def test_attributes_are_kept(api: Api, group: str) -> None:
    pairs = [{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "slow_start.duration_seconds", "Value": "30"}]
    await api("modify_target_group_attributes", TargetGroupArn=group, Attributes=pairs)
    described = await api("describe_target_group_attributes", TargetGroupArn=group)
    values = {pair["Key"]: pair["Value"] for pair in described["Attributes"]}
    assert values["stickiness.enabled"] == "true" and values["slow_start.duration_seconds"] == "30"
    assert values["stickiness.lb_cookie.duration_seconds"] == "86400"


# -- targets -----------------------------------------------------------------------------------------------------------


async def health(api: Api, group: str, **filters: object) -> dict[str, tuple[str, str]]:
    answer = await api("describe_target_health", TargetGroupArn=group, **filters)
    return {
        each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason", ""))
        for each in answer["TargetHealthDescriptions"]
    }


async def test_addresses_are_placed_in_their_zones(api: Api, group: str) -> None:
    targets = [{"Id": "10.0.1.9"}, {"Id": "10.0.1.9", "Port": 81}, {"Id": "192.168.7.7", "AvailabilityZone": "all"}]
    await api("register_targets", TargetGroupArn=group, Targets=targets)
    answer = await api("describe_target_health", TargetGroupArn=group)
    found = [each["Target"] for each in answer["TargetHealthDescriptions"]]
    assert found == [
        {"Id": "10.0.1.9", "Port": 80, "AvailabilityZone": "us-east-1b"},
        {"Id": "10.0.1.9", "Port": 81, "AvailabilityZone": "us-east-1b"},
        {"Id": "192.168.7.7", "Port": 80, "AvailabilityZone": "all"},
    ]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Id": "8.8.8.8", "AvailabilityZone": "all"}, "must be within the subnets of the VPC or one of the ranges"),
        ({"Id": "192.168.7.7"}, "You must specify a valid Availability Zone or select 'all'"),
        ({"Id": "192.168.7.7", "AvailabilityZone": "eu-west-1a"}, "You must specify a valid Availability Zone"),
        (
            {"Id": "10.0.0.9", "AvailabilityZone": "all"},
            "is within the VPC, and cannot have its Availability Zone overridden to 'all' from 'us-east-1a'",
        ),
        ({"Id": "i-0123456789abcdef0"}, "is not a valid IPv4 address"),
        ({"Id": "10.0.0.300"}, "is not a valid IPv4 address"),
        ({"Id": "::1"}, "is not a valid IPv4 address"),
    ],
)
async def test_addresses_have_rules(api: Api, group: str, target: dict[str, str], words: str) -> None:
    error = await api.error("register_targets", TargetGroupArn=group, Targets=[target])
    assert error.code == "ValidationError" and words in error.message


async def test_a_balancers_own_address_is_no_target(api: Api, balancer: str, group: str) -> None:
    from tests.unit.elbv2.conftest import SCOPE

    from cloudarium.services.elbv2.resources import Node

    node = Node(
        key="k", load_balancer_arn=balancer, subnet_id="s", zone="us-east-1a", eni_id="eni-1", private_ip="10.0.0.77"
    )
    api.cloud.store.table(Node).put(SCOPE, node)
    error = await api.error("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.77"}])
    assert error.code == "InvalidTarget" and "in use by a load balancer" in error.message


async def test_what_is_not_used_or_not_registered_says_so(api: Api, group: str) -> None:
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    assert await health(api, group) == {"10.0.0.9": ("unused", "Target.NotInUse")}
    asked = await health(api, group, Targets=[{"Id": "10.0.0.10"}])
    assert asked == {"10.0.0.10": ("unused", "Target.NotRegistered")}
    (more,) = (await api("describe_target_health", TargetGroupArn=group, Include=["All"]))["TargetHealthDescriptions"]
    assert more["AnomalyDetection"] == {"Result": "normal", "MitigationInEffect": "no"}


async def test_a_target_of_a_zone_that_is_off_is_unused(api: Api, group: str, listener: str) -> None:
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}, {"Id": "10.0.2.9"}])
    assert await health(api, group) == {
        "10.0.0.9": ("initial", "Elb.RegistrationInProgress"),
        "10.0.2.9": ("unused", "Target.NotInUse"),
    }


async def test_deregistering_drains_and_registering_again_stops_that(api: Api, group: str, listener: str) -> None:
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    await api("deregister_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}, {"Id": "10.0.0.250"}])
    assert await health(api, group) == {"10.0.0.9": ("draining", "Target.DeregistrationInProgress")}
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    assert (await health(api, group))["10.0.0.9"][0] == "initial"


async def test_an_unused_group_lets_go_at_once(api: Api, group: str) -> None:
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    await api("deregister_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.9"}])
    assert await health(api, group) == {}


async def test_there_is_a_limit(api: Api, group: str) -> None:
    many = [{"Id": "10.0.0.9", "Port": port} for port in range(1, 1001)]
    await api("register_targets", TargetGroupArn=group, Targets=many)
    error = await api.error("register_targets", TargetGroupArn=group, Targets=[{"Id": "10.0.0.8"}])
    assert error.code == "TooManyTargets"
    await api("register_targets", TargetGroupArn=group, Targets=many[:5])


async def test_a_load_balancer_has_a_limit_too(api: Api, net: Net, group: str, listener: str, balancer: str) -> None:
    """Counted when targets are registered and when a rule brings a further group."""
    given = {"Protocol": "HTTP", "Port": 80, "VpcId": net.vpc, "TargetType": "ip"}
    other = (await api("create_target_group", Name="other", **given))["TargetGroups"][0]["TargetGroupArn"]
    for arn, subnet in ((group, 0), (other, 2)):
        addresses = [f"10.0.{subnet}.{n}" for n in range(100, 106)]
        targets = [{"Id": address, "Port": port} for address in addresses for port in range(1, 101)]
        await api("register_targets", TargetGroupArn=arn, Targets=targets)
    default = {"Type": "forward", "TargetGroupArn": other}
    port = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 90}
    assert (await api.error("create_listener", DefaultActions=[default], **port)).code == "TooManyTargets"
    again = [{"Id": "10.0.0.100", "Port": 101}]
    error = await api.error("register_targets", TargetGroupArn=group, Targets=again)
    assert error.code == "TooManyRegistrationsForTargetId"


async def test_instances_are_looked_up(api: Api, net: Net) -> None:
    made = await api("create_target_group", Name="vm", Protocol="HTTP", Port=80, VpcId=net.vpc)
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    rows = {
        "i-running": {"State": {"Name": "running"}, "VpcId": net.vpc},
        "i-stopped": {"State": {"Name": "stopped"}, "VpcId": net.vpc},
        "i-foreign": {"State": {"Name": "running"}, "VpcId": "vpc-other"},
    }

    def describe(InstanceIds: list[str]) -> dict[str, object]:
        if "i-gone" in InstanceIds:
            raise AwsError("InvalidInstanceID.NotFound", "The instance ID 'i-gone' does not exist")
        placed = {"PrivateIpAddress": "10.0.0.5", "Placement": {"AvailabilityZone": "us-east-1a"}}
        return {"Reservations": [{"Instances": [{"InstanceId": i, **rows[i], **placed} for i in InstanceIds]}]}

    api.fakes[("ec2", "describe_instances")] = describe
    for bad, words in (
        ("i-gone", "do not exist: 'i-gone'"),
        ("i-stopped", "not in a running state and cannot be registered: 'i-stopped'"),
        ("i-foreign", f"not in the target group VPC '{net.vpc}'"),
    ):
        error = await api.error("register_targets", TargetGroupArn=arn, Targets=[{"Id": bad}])
        assert error.code == "InvalidTarget" and words in error.message
    error = await api.error("register_targets", TargetGroupArn=arn, Targets=[{"Id": "10.0.0.5"}])
    assert error.message == "Instance ID '10.0.0.5' is not valid"
    await api("register_targets", TargetGroupArn=arn, Targets=[{"Id": "i-running"}])
    answer = await api("describe_target_health", TargetGroupArn=arn)
    assert answer["TargetHealthDescriptions"][0]["Target"] == {"Id": "i-running", "Port": 80}
