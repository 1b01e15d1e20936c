from __future__ import annotations

from .conftest import Ec2


def test_every_account_and_region_has_its_own_default_vpc(ec2: Ec2) -> None:
    found = set()
    for where in (ec2, ec2.elsewhere(region="eu-central-1"), ec2.elsewhere(account="444455556666")):
        (vpc,) = where.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        assert vpc["CidrBlock"] == "172.31.0.0/16"
        assert vpc["IsDefault"] is True
        assert vpc["OwnerId"] == where.scope.account
        found.add(vpc["VpcId"])
    assert len(found) == 3


def test_the_default_vpc_is_ready_for_use(ec2: Ec2) -> None:
    subnets = ec2.describe_subnets()["Subnets"]
    assert [(s["AvailabilityZone"], s["CidrBlock"]) for s in subnets] == [
        ("us-east-1a", "172.31.0.0/20"),
        ("us-east-1b", "172.31.16.0/20"),
        ("us-east-1c", "172.31.32.0/20"),
        ("us-east-1d", "172.31.48.0/20"),
        ("us-east-1e", "172.31.64.0/20"),
        ("us-east-1f", "172.31.80.0/20"),
    ]
    assert all(s["DefaultForAz"] and s["MapPublicIpOnLaunch"] for s in subnets)
    assert {s["AvailableIpAddressCount"] for s in subnets} == {4091}
    vpc_id = subnets[0]["VpcId"]
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc_id}]
    routes = ec2.main_table(vpc_id)["Routes"]
    assert {r["DestinationCidrBlock"]: r["GatewayId"] for r in routes} == {
        "172.31.0.0/16": "local",
        "0.0.0.0/0": gateway["InternetGatewayId"],
    }
    (options,) = ec2.describe_dhcp_options()["DhcpOptions"]
    assert options["DhcpConfigurations"][0] == {"Key": "domain-name", "Values": [{"Value": "ec2.internal"}]}
    names = {a["AttributeName"]: a["AttributeValues"] for a in ec2.describe_account_attributes()["AccountAttributes"]}
    assert names["default-vpc"] == [{"AttributeValue": vpc_id}]


def test_a_deleted_default_vpc_stays_away_until_asked_for(ec2: Ec2) -> None:
    vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    error = ec2.fails("create_default_vpc", "DefaultVpcAlreadyExists")
    assert error.message == "A Default VPC already exists for this account in this region."
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc_id)
    assert ec2.describe_vpcs()["Vpcs"] == []
    ec2.fails("create_security_group", "VPCIdNotSpecified", GroupName="a", Description="a")
    ec2.fails("create_default_subnet", "DefaultVpcDoesNotExist", AvailabilityZone="us-east-1a")
    again = ec2.create_default_vpc()["Vpc"]
    assert again["VpcId"] != vpc_id
    assert len(ec2.describe_subnets()["Subnets"]) == 6


def test_default_subnets_come_back_one_by_one(ec2: Ec2) -> None:
    first = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])["Subnets"][0]
    ec2.fails(
        "create_default_subnet",
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
        f"'{first['SubnetId']}' is already the default subnet in us-east-1b.",
        AvailabilityZone="us-east-1b",
    )
    ec2.delete_subnet(SubnetId=first["SubnetId"])
    made = ec2.create_default_subnet(AvailabilityZone="us-east-1b")["Subnet"]
    assert made["CidrBlock"] == "172.31.16.0/20"
    assert made["DefaultForAz"] is True


def test_other_regions_have_other_names(ec2: Ec2) -> None:
    tokyo = ec2.elsewhere(region="ap-northeast-1")
    zones = tokyo.describe_availability_zones()["AvailabilityZones"]
    assert [(z["ZoneName"], z["ZoneId"]) for z in zones] == [
        ("ap-northeast-1a", "apne1-az4"),
        ("ap-northeast-1c", "apne1-az1"),
        ("ap-northeast-1d", "apne1-az2"),
    ]
    assert len(tokyo.describe_subnets()["Subnets"]) == 3
    options = tokyo.describe_dhcp_options()["DhcpOptions"][0]["DhcpConfigurations"]
    assert options[0]["Values"] == [{"Value": "ap-northeast-1.compute.internal"}]


def test_zones_and_regions_by_name(ec2: Ec2) -> None:
    (zone,) = ec2.describe_availability_zones(ZoneNames=["us-east-1c"])["AvailabilityZones"]
    assert zone["ZoneId"] == "use1-az3"
    assert ec2.describe_availability_zones(ZoneIds=["use1-az3"])["AvailabilityZones"] == [zone]
    ec2.fails("describe_availability_zones", "InvalidParameterValue", ZoneNames=["us-east-1z"])
    assert len(ec2.describe_availability_zones()["AvailabilityZones"]) == 6
    (region,) = ec2.describe_regions(RegionNames=["eu-west-1"])["Regions"]
    assert region == {
        "OptInStatus": "opt-in-not-required",
        "RegionName": "eu-west-1",
        "Endpoint": "ec2.eu-west-1.amazonaws.com",
    }
    ec2.fails("describe_regions", "InvalidParameterValue", RegionNames=["moon-1"])


def test_asking_for_regions_makes_no_vpc(ec2: Ec2) -> None:
    ec2.describe_regions()
    ec2.describe_availability_zones()
    assert not ec2.cloud.store.has_rows("ec2.")
