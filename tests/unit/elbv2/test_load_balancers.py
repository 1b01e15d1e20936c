"""Load balancers through the API: creation and its rules, placement, attributes, deletion."""

from __future__ import annotations

import re

import pytest
from tests.unit.elbv2.conftest import Api, Net

from cloudarium.kernel.errors import AwsError


async def test_what_is_created_is_described(api: Api, net: Net) -> None:
    made = (await api("create_load_balancer", Name="web", Subnets=net.subnets[:2]))["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    assert re.fullmatch(r"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/[0-9a-f]{16}", arn)
    assert re.fullmatch(r"web-\d{10}\.us-east-1\.elb\.amazonaws\.com", made["DNSName"])
    assert made["State"] == {"Code": "provisioning"}
    assert made["CanonicalHostedZoneId"] == "Z35SXDOTRQ7X7K"
    assert (made["Scheme"], made["Type"], made["IpAddressType"]) == ("internet-facing", "application", "ipv4")
    assert [zone["ZoneName"] for zone in made["AvailabilityZones"]] == ["us-east-1a", "us-east-1b"]
    groups = await api.ec2("describe_security_groups", GroupIds=made["SecurityGroups"])
    assert groups["SecurityGroups"][0]["GroupName"] == "default", "without any, the VPC's default group"
    assert (await api("describe_load_balancers", Names=["web"]))["LoadBalancers"] == [made]
    assert (await api("describe_load_balancers", LoadBalancerArns=[arn]))["LoadBalancers"] == [made]


async def test_internal_ones_are_named_so(api: Api, net: Net) -> None:
    made = await api("create_load_balancer", Name="db", Subnets=net.subnets[:2], Scheme="internal")
    assert made["LoadBalancers"][0]["DNSName"].startswith("internal-db-")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 33, "cannot be longer than '32' characters"),
        ("a_b", "can only contain characters that are alphanumeric characters or hyphens(-)"),
        ("-a", "cannot begin or end with '-'"),
        ("a-", "cannot begin or end with '-'"),
        ("internal-a", "cannot begin with 'internal-'"),
        ("", "cannot be empty"),
    ],
)
async def test_names_have_rules(api: Api, net: Net, name: str, words: str) -> None:
    error = await api.error("create_load_balancer", Name=name, Subnets=net.subnets[:2])
    assert error.code == "ValidationError" and words in error.message


async def test_zones_have_rules(api: Api, net: Net) -> None:
    one = await api.error("create_load_balancer", Name="web", Subnets=net.subnets[:1])
    assert one.message == "At least two subnets in two different Availability Zones must be specified"
    none = await api.error("create_load_balancer", Name="web")
    assert none.code == "ValidationError"
    twin = (await api.ec2("create_subnet", VpcId=net.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1a"))[
        "Subnet"
    ]["SubnetId"]
    same = await api.error("create_load_balancer", Name="web", Subnets=[net.subnets[0], twin])
    assert same.code == "InvalidConfigurationRequest"
    assert same.message == "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
    gone = await api.error("create_load_balancer", Name="web", Subnets=[net.subnets[0], "subnet-0123456789abcdef0"])
    assert (gone.code, "subnet-0123456789abcdef0" in gone.message) == ("SubnetNotFound", True)
    both = await api.error(
        "create_load_balancer", Name="web", Subnets=net.subnets[:2], SubnetMappings=[{"SubnetId": net.subnets[0]}]
    )
    assert "but not both" in both.message


async def test_a_vpc_needs_an_internet_gateway_for_the_internet(api: Api) -> None:
    vpc = (await api.ec2("create_vpc", CidrBlock="10.1.0.0/16"))["Vpc"]["VpcId"]
    subnets = [
        (await api.ec2("create_subnet", VpcId=vpc, CidrBlock=f"10.1.{n}.0/24", AvailabilityZone=f"us-east-1{'ab'[n]}"))[
            "Subnet"
        ]["SubnetId"]
        for n in range(2)
    ]
    error = await api.error("create_load_balancer", Name="web", Subnets=subnets)
    assert (error.code, error.message) == ("InvalidSubnet", f"VPC {vpc} has no internet gateway")
    await api("create_load_balancer", Name="web", Subnets=subnets, Scheme="internal")


async def test_eight_free_addresses_are_needed(api: Api, net: Net) -> None:
    small = (await api.ec2("create_subnet", VpcId=net.vpc, CidrBlock="10.0.10.0/28", AvailabilityZone="us-east-1a"))[
        "Subnet"
    ]["SubnetId"]
    for _ in range(4):
        await api.ec2("create_network_interface", SubnetId=small)
    error = await api.error("create_load_balancer", Name="web", Subnets=[small, net.subnets[1]])
    assert error.code == "InvalidSubnet"
    assert error.message.startswith(f"Not enough IP space available in {small}. ELB requires at least 8 free")


async def test_security_groups_are_checked(api: Api, net: Net) -> None:
    gone = await api.error(
        "create_load_balancer", Name="web", Subnets=net.subnets[:2], SecurityGroups=["sg-0123456789abcdef0"]
    )
    assert gone.code == "InvalidSecurityGroup"
    other = (await api.ec2("create_vpc", CidrBlock="10.7.0.0/16"))["Vpc"]["VpcId"]
    foreign = (await api.ec2("create_security_group", GroupName="x", Description="x", VpcId=other))["GroupId"]
    wrong = await api.error("create_load_balancer", Name="web", Subnets=net.subnets[:2], SecurityGroups=[foreign])
    assert wrong.code == "InvalidConfigurationRequest"


async def test_the_same_again_is_the_same(api: Api, net: Net, balancer: str) -> None:
    again = await api("create_load_balancer", Name="web", Subnets=net.subnets[:2])
    assert again["LoadBalancers"][0]["LoadBalancerArn"] == balancer
    other = await api.error("create_load_balancer", Name="web", Subnets=net.subnets[1:])
    assert other.code == "DuplicateLoadBalancerName"
    assert other.message == "A load balancer with the same name 'web' exists, but with different settings"
    given = {"Name": "web", "Subnets": net.subnets[:2], "Tags": [{"Key": "a", "Value": "b"}]}
    assert (await api.error("create_load_balancer", **given)).code == "DuplicateLoadBalancerName"
    await api("add_tags", ResourceArns=[balancer], Tags=given["Tags"])
    assert (await api("create_load_balancer", **given))["LoadBalancers"][0]["LoadBalancerArn"] == balancer


@pytest.mark.parametrize(
    "parameters",
    [{"Type": "network"}, {"Type": "gateway"}, {"IpAddressType": "dualstack"}, {"IpamPools": {}}],
)
async def test_what_is_not_there_is_refused_by_name(api: Api, net: Net, parameters: dict[str, object]) -> None:
    error = await api.error("create_load_balancer", Name="web", Subnets=net.subnets[:2], **parameters)
    assert error.code == "NotImplemented"


async def test_deletion_protection(api: Api, balancer: str) -> None:
    await api(
        "modify_load_balancer_attributes",
        LoadBalancerArn=balancer,
        Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
    )
    error = await api.error("delete_load_balancer", LoadBalancerArn=balancer)
    assert error.code == "OperationNotPermitted"
    assert error.message == (f"Load balancer '{balancer}' cannot be deleted because deletion protection is enabled")


async def test_deleting_takes_listeners_along_and_may_be_repeated(
    api: Api, balancer: str, listener: str, group: str
) -> None:
    await api("delete_load_balancer", LoadBalancerArn=balancer)
    await api("delete_load_balancer", LoadBalancerArn=balancer)
    assert (await api.error("describe_load_balancers", LoadBalancerArns=[balancer])).code == "LoadBalancerNotFound"
    assert (await api.error("describe_listeners", ListenerArns=[listener])).code == "ListenerNotFound"
    await api("delete_target_group", TargetGroupArn=group)


async def test_describing_by_filters(api: Api, net: Net, balancer: str) -> None:
    names = await api.error("describe_load_balancers", Names=["nope"])
    assert (names.code, names.message) == ("LoadBalancerNotFound", "Load balancers '[nope]' not found")
    malformed = await api.error("describe_load_balancers", LoadBalancerArns=["nonsense"])
    assert malformed.message == "'nonsense' is not a valid load balancer ARN"
    for n in range(3):
        await api("create_load_balancer", Name=f"lb{n}", Subnets=net.subnets[:2])
    first = await api("describe_load_balancers", PageSize=3)
    rest = await api("describe_load_balancers", PageSize=3, Marker=first["NextMarker"])
    seen = [each["LoadBalancerName"] for page in (first, rest) for each in page["LoadBalancers"]]
    assert seen == ["web", "lb0", "lb1", "lb2"] and "NextMarker" not in rest
    assert (await api.error("describe_load_balancers", Marker="%%%")).code == "ValidationError"


async def test_moving_and_regrouping(api: Api, net: Net, balancer: str) -> None:
    moved = await api("set_subnets", LoadBalancerArn=balancer, Subnets=net.subnets[1:])
    assert [zone["ZoneName"] for zone in moved["AvailabilityZones"]] == ["us-east-1b", "us-east-1c"]
    made = await api.ec2("create_security_group", GroupName="front", Description="x", VpcId=net.vpc)
    answer = await api("set_security_groups", LoadBalancerArn=balancer, SecurityGroups=[made["GroupId"]])
    assert answer["SecurityGroupIds"] == [made["GroupId"]]
    described = (await api("describe_load_balancers"))["LoadBalancers"][0]
    assert described["SecurityGroups"] == [made["GroupId"]]
    assert (await api("set_ip_address_type", LoadBalancerArn=balancer, IpAddressType="ipv4")) == {
        "IpAddressType": "ipv4"
    }
    error = await api.error("set_ip_address_type", LoadBalancerArn=balancer, IpAddressType="dualstack")
    assert error.code == "NotImplemented"


async def test_attributes_have_defaults_and_rules(api: Api, balancer: str) -> None:
    async def set_to(**values: str) -> dict[str, str]:
        pairs = [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]
        answer = await api("modify_load_balancer_attributes", LoadBalancerArn=balancer, Attributes=pairs)
        return {pair["Key"]: pair["Value"] for pair in answer["Attributes"]}

    described = await api("describe_load_balancer_attributes", LoadBalancerArn=balancer)
    values = {pair["Key"]: pair["Value"] for pair in described["Attributes"]}
    assert values["idle_timeout.timeout_seconds"] == "60"
    assert values["routing.http.desync_mitigation_mode"] == "defensive"
    assert values["client_keep_alive.seconds"] == "3600"
    assert (await set_to(idle_timeout__timeout_seconds="4000"))["idle_timeout.timeout_seconds"] == "4000"
    for bad in (
        {"idle_timeout__timeout_seconds": "0"},
        {"idle_timeout__timeout_seconds": "4001"},
        {"routing__http2__enabled": "maybe"},
        {"no__such": "x"},
    ):
        with pytest.raises(AwsError) as caught:
            await set_to(**bad)
        assert caught.value.code == "ValidationError"
    with pytest.raises(AwsError, match="is not recognized"):
        await set_to(no__such="x")
    with pytest.raises(AwsError, match="cannot be empty"):
        await set_to(access_logs__s3__enabled="true")
    for key in ("connection_logs.s3.enabled", "zonal_shift.config.enabled", "health_check_logs.s3.enabled"):
        with pytest.raises(AwsError) as caught:
            await set_to(**{key: "true"})
        assert caught.value.code == "NotImplemented" and key in caught.value.message
        await set_to(**{key: "false"})


async def test_enabling_access_logs_proves_the_bucket(api: Api, balancer: str) -> None:
    written = []

    def put(**params: object) -> dict[str, object]:
        if params["Bucket"] != "good":
            raise AwsError("AccessDenied", "Access Denied", 403)
        written.append(params["Key"])
        return {}

    api.fakes[("s3", "put_object")] = put

    def attributes(bucket: str) -> list[dict[str, str]]:
        return [
            {"Key": "access_logs.s3.enabled", "Value": "true"},
            {"Key": "access_logs.s3.bucket", "Value": bucket},
            {"Key": "access_logs.s3.prefix", "Value": "alb"},
        ]

    error = await api.error("modify_load_balancer_attributes", LoadBalancerArn=balancer, Attributes=attributes("bad"))
    assert error.code == "InvalidConfigurationRequest"
    assert error.message.startswith("Access Denied for bucket: bad")
    values = await api("describe_load_balancer_attributes", LoadBalancerArn=balancer)
    assert {"Key": "access_logs.s3.enabled", "Value": "false"} in values["Attributes"]
    await api("modify_load_balancer_attributes", LoadBalancerArn=balancer, Attributes=attributes("good"))
    assert written == ["alb/AWSLogs/111122223333/ELBAccessLogTestFile"]


async def test_no_capacity_is_reserved(api: Api, balancer: str) -> None:
    answer = await api("describe_capacity_reservation", LoadBalancerArn=balancer)
    assert answer["CapacityReservationState"] == []
