"""AWS's own API from inside a VPC: by internet gateway, gateway endpoint or interface endpoint, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a workload's network from outside")

_PROGRAM = """
import sys, urllib.request
from dnslib import DNSRecord
name, path = sys.argv[1:]
answer = DNSRecord.parse(DNSRecord.question(name).send("169.254.169.253", 53, timeout=3))
address = str(answer.rr[-1].rdata) if answer.rr else "none"
print(address)
request = urllib.request.Request(f"http://{address}{path}", headers={"Host": name})
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=1).read().decode())
"""
IDENTITY = "/?Action=GetCallerIdentity&Version=2011-06-15"


class Workload:
    """A place inside a subnet from which programs can be run: the network namespace of an attached interface."""

    def __init__(self, cloud: RunningCloud, account: Account, subnet: str, group: str) -> None:
        attached = cloud.attach(
            *("--account", account.number, "--subnet", subnet, "--security-group", group),
            *("--port", "9", "--to", "127.0.0.1:9"),
        )
        self.address = attached["PrivateIpAddress"]
        self._cloud = cloud
        self.enter()

    def enter(self) -> None:
        """Find its network, at first and when another process has it."""
        self._namespace = until(lambda: self._find(self._cloud.pids()["cloud"]), "the interface is there")

    def _find(self, pid: int) -> str | None:
        folder = f"/proc/{pid}/fd"
        for fd in os.listdir(folder):
            path = f"{folder}/{fd}"
            try:
                if not os.readlink(path).startswith("net:["):
                    continue
            except FileNotFoundError:
                continue
            shown = subprocess.run(
                ["nsenter", f"--net={path}", "ip", "-4", "-o", "addr"], capture_output=True, text=True
            )
            if f" {self.address}/" in shown.stdout:
                return path
        return None

    def get(self, name: str, path: str) -> tuple[str, str]:
        """(address of a name, what is there); ``unreachable`` when there is no way."""
        done = subprocess.run(
            ["nsenter", f"--net={self._namespace}", sys.executable, "-c", _PROGRAM, name, path],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        address, _, body = done.stdout.partition("\n")
        return address, body if done.returncode == 0 else "unreachable"


Private = tuple[str, str, str, Workload]


@pytest.fixture
def private(cloud: RunningCloud, account: Account) -> Private:
    """VPC, subnet and security group ids, and a workload in a subnet that has no way out."""
    return _private(cloud, account)


def _private(cloud: RunningCloud, account: Account) -> Private:
    ec2 = account.ec2
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="g", Description="d")["GroupId"]
    return vpc, subnet, group, Workload(cloud, account, subnet, group)


def _endpoint(account: Account, vpc: str, subnet: str, group: str) -> str:
    """An interface endpoint for STS, which is available."""
    endpoint: str = account.ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.sts", VpcEndpointType="Interface",
        SubnetIds=[subnet], SecurityGroupIds=[group],
    )["VpcEndpoint"]["VpcEndpointId"]  # fmt: skip

    def state() -> str:
        shown = account.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
        return str(shown[0]["State"])

    until(lambda: state() == "available", "the endpoint is available")
    return endpoint


def test_an_interface_endpoint_brings_a_service_into_the_subnet(account: Account, private: Private) -> None:
    vpc, subnet, group, workload = private
    ec2 = account.ec2
    public, answer = workload.get("sts.us-east-1.amazonaws.com", IDENTITY)
    assert public.startswith("198.19.") and answer == "unreachable"
    endpoint = _endpoint(account, vpc, subnet, group)
    address, answer = workload.get("sts.us-east-1.amazonaws.com", IDENTITY)
    assert address.startswith("10.77.1.") and answer == "unreachable", "its security group lets nobody in yet"
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.77.0.0/16")
    until(lambda: "GetCallerIdentityResult" in workload.get("sts.us-east-1.amazonaws.com", IDENTITY)[1], "STS answers")
    (shown,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    own, answer = workload.get(shown["DnsEntries"][0]["DnsName"], IDENTITY)
    assert own == address and "GetCallerIdentityResult" in answer
    assert workload.get("sqs.us-east-1.amazonaws.com", "/")[1] == "unreachable", "other services are not behind it"
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    until(lambda: workload.get("sts.us-east-1.amazonaws.com", IDENTITY) == (public, "unreachable"), "it is gone")


def test_a_gateway_endpoint_is_a_route_to_one_service(account: Account, private: Private) -> None:
    vpc, _, _, workload = private
    ec2 = account.ec2
    assert workload.get("s3.us-east-1.amazonaws.com", "/")[1] == "unreachable"
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[tables[0]["RouteTableId"]]
    )
    until(lambda: "ListAllMyBucketsResult" in workload.get("s3.us-east-1.amazonaws.com", "/")[1], "S3 answers")
    assert workload.get("dynamodb.us-east-1.amazonaws.com", "/")[1] == "unreachable"
    assert workload.get("sts.us-east-1.amazonaws.com", IDENTITY)[1] == "unreachable"


def test_an_internet_gateway_leads_to_all_of_aws(account: Account, private: Private) -> None:
    vpc, _, _, workload = private
    ec2 = account.ec2
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert workload.get("sts.us-east-1.amazonaws.com", IDENTITY)[1] == "unreachable", "it has no public address"
    found = ec2.describe_network_interfaces(
        Filters=[
            {"Name": "addresses.private-ip-address", "Values": [workload.address]},
            {"Name": "vpc-id", "Values": [vpc]},
        ]
    )
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=found["NetworkInterfaces"][0]["NetworkInterfaceId"])
    until(lambda: "GetCallerIdentityResult" in workload.get("sts.us-east-1.amazonaws.com", IDENTITY)[1], "STS answers")
    assert "ListAllMyBucketsResult" in workload.get("s3.us-east-1.amazonaws.com", "/")[1]


def test_an_interface_endpoint_outlives_the_cloud(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, fresh_number())
    vpc, subnet, group, workload = _private(own_cloud, account)
    _endpoint(account, vpc, subnet, group)
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.77.0.0/16"}
    account.ec2.authorize_security_group_ingress(**rule)

    def answers() -> bool:
        return "GetCallerIdentityResult" in workload.get("sts.us-east-1.amazonaws.com", IDENTITY)[1]

    until(answers, "STS answers")
    killed = own_cloud.pids()["cloud"]
    os.kill(killed, signal.SIGKILL)
    until(lambda: own_cloud.pids().get("cloud", killed) != killed, "another one is there")
    workload.enter()
    until(answers, "STS answers again")
    assert "Traceback" not in (own_cloud.folder / "data" / "cloudarium.log").read_text()
