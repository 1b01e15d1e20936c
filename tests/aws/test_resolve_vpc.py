"""``cloudarium resolve`` for names inside VPCs: a program on the host reaches a task by its name."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import CommandFailed, RunningCloud, until
from tests.support.ecs_tasks import Place
from tests.support.programs import Program

WHO = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.argv[1]} {self.client_address[0]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
"""Answers with its own name and its client's address."""
OPEN = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class Web:
    """A service of one task whose name in Cloud Map is ``web.corp.local``."""

    def __init__(self, cloud: RunningCloud) -> None:
        self.cloud = cloud
        self.place = Place(cloud, Account(cloud, fresh_number()))
        account = self.account = self.place.account
        self.group = account.ec2.create_security_group(GroupName="web", Description="w", VpcId=self.place.vpc)[
            "GroupId"
        ]
        account.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[OPEN])
        made = account.servicediscovery.create_private_dns_namespace(Name="corp.local", Vpc=self.place.vpc)
        operation = account.servicediscovery.get_operation(OperationId=made["OperationId"])["Operation"]
        registry = account.servicediscovery.create_service(
            Name="web",
            NamespaceId=operation["Targets"]["NAMESPACE"],
            DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
        )["Service"]["Arn"]
        network = {"subnets": [self.place.public], "securityGroups": [self.group], "assignPublicIp": "ENABLED"}
        self.place.ecs.create_service(
            cluster="main", serviceName="web", taskDefinition=self.definition("one"), desiredCount=1,
            launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": network},
            serviceRegistries=[{"registryArn": registry}],
        )  # fmt: skip

    def definition(self, name: str) -> str:
        command = ["python3", "-c", WHO, name]
        return self.place.define({"name": "app", "image": "web", "command": command, "stopTimeout": 2})

    def resolve(self, name: str, *port: str) -> int:
        """The loopback port."""
        host, _, number = self.cloud.run("resolve", name, *port).strip().rpartition(":")
        assert host == "127.0.0.1"
        return int(number)

    def address(self) -> str:
        """The private address of the task that runs."""
        (arn,) = self.place.ecs.list_tasks(cluster="main", desiredStatus="RUNNING")["taskArns"]
        details = self.place.task(arn)["attachments"][0]["details"]
        return next(str(each["value"]) for each in details if each["name"] == "privateIPv4Address")


def get(port: int) -> str:
    """What the program at a loopback port says; empty while there is none."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
        return str(answer.read().decode())
    return ""


def known(web: Web) -> bool:
    """Whether the name is there."""
    with contextlib.suppress(CommandFailed):
        return bool(get(web.resolve("web.corp.local", "8080")))
    return False


@pytest.fixture(scope="module")
def web(cloud: RunningCloud) -> Any:
    made = Web(cloud)
    until(lambda: known(made), "the task answers by its name", 40)
    yield made
    made.place.ecs.delete_service(cluster="main", service="web", force=True)


def test_a_name_of_cloud_map_is_reached_from_the_host(web: Web) -> None:
    port = web.resolve("web.corp.local", "8080")
    assert get(port) == "one 10.88.0.2", "the client has an address of the VPC"
    assert web.resolve("WEB.corp.local.", "8080") == port, "asked again, the same port"


def test_an_address_and_its_name_are_reached_too(web: Web) -> None:
    address = web.address()
    assert get(web.resolve(address, "8080")).startswith("one ")
    assert get(web.resolve(f"ip-{address.replace('.', '-')}.ec2.internal", "8080")).startswith("one ")
    assert get(web.resolve(f"{address}@{web.place.vpc}", "8080")).startswith("one ")


def test_who_is_not_admitted_gets_no_answer(web: Web) -> None:
    port = web.resolve("web.corp.local", "8080")
    web.account.ec2.revoke_security_group_ingress(GroupId=web.group, IpPermissions=[OPEN])

    def is_held() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 0.5) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                client.recv(1)
        except TimeoutError:
            return True
        return False

    try:
        assert until(is_held, "once the rule is gone, nobody answers")
    finally:
        web.account.ec2.authorize_security_group_ingress(GroupId=web.group, IpPermissions=[OPEN])
    until(lambda: get(port), "who is admitted again is answered")


def test_nobody_listening_is_a_reset(web: Web) -> None:
    port = web.resolve("web.corp.local", "8081")
    web.account.ec2.authorize_security_group_ingress(
        GroupId=web.group, IpPermissions=[{**OPEN, "FromPort": 8081, "ToPort": 8081}]
    )

    def is_reset() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 0.5) as client:
                client.recv(1)
        except ConnectionResetError:
            return True
        except TimeoutError:
            pass
        return False

    assert until(is_reset, "once the port is open, the client hears that nobody is there")


def test_a_port_follows_the_name_to_another_task(web: Web) -> None:
    port = web.resolve("web.corp.local", "8080")
    web.place.ecs.update_service(cluster="main", service="web", taskDefinition=web.definition("two"))

    def moved() -> bool:
        web.cloud.advance("5s")
        return get(port).startswith("two ")

    until(moved, "the new task has the name", 60)


def test_what_cannot_be_resolved_is_said(web: Web) -> None:
    for arguments, words in (
        (("nobody.corp.local", "80"), "nothing in this cloud is called 'nobody.corp.local'"),
        (("web.corp.local",), "say which port of web.corp.local"),
        (("10.88.1.250", "80"), "nothing in this cloud is called"),
    ):
        with pytest.raises(CommandFailed) as failure:
            web.cloud.run("resolve", *arguments)
        assert words in failure.value.stderr


def test_an_address_in_two_vpcs_needs_the_vpc(cloud: RunningCloud) -> None:
    ec2 = Account(cloud, fresh_number()).ec2
    vpcs = []
    for _ in range(2):
        vpcs.append(ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"])
        subnet = ec2.create_subnet(VpcId=vpcs[-1], CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]
        ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.99.1.9")

    def found(vpc: str) -> str:
        """Empty while the interface is still being built."""
        try:
            return cloud.run("resolve", f"10.99.1.9@{vpc}", "80")
        except CommandFailed:
            return ""

    one, other = (until(functools.partial(found, vpc), "the interface is there") for vpc in vpcs)
    assert one != other
    with pytest.raises(CommandFailed) as failure:
        cloud.run("resolve", "10.99.1.9", "80")
    assert all(vpc in failure.value.stderr for vpc in vpcs)


def attached(cloud: RunningCloud, program: Program) -> str:
    """The private address of a host program in a VPC of its own."""
    account = Account(cloud, fresh_number())
    vpc = account.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = account.ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]
    group = account.ec2.create_security_group(GroupName="web", Description="w", VpcId=vpc)["GroupId"]
    account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**OPEN, "FromPort": 80, "ToPort": 80}])
    return account.attach(program, subnet, group)


def loopback_port(cloud: RunningCloud, address: str) -> int:
    return int(cloud.run("resolve", address, "80").strip().rpartition(":")[2])


def test_ports_outlive_the_cloud(own_cloud: RunningCloud, program: Callable[[str], Program]) -> None:
    """The cloud process that is killed, and the whole cloud that is stopped and started; not a reset."""
    port = loopback_port(own_cloud, attached(own_cloud, program("green")))
    until(lambda: get(port), "the program answers")
    os.kill(own_cloud.pids()["cloud"], signal.SIGKILL)
    until(lambda: get(port), "the port leads there again")
    own_cloud.down()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)
    own_cloud.up()
    until(lambda: get(port), "and again")
    own_cloud.run("reset")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_an_ordinary_user_has_it_too(ordinary_cloud: RunningCloud, program: Callable[[str], Program]) -> None:
    port = loopback_port(ordinary_cloud, attached(ordinary_cloud, program("green")))
    assert until(lambda: get(port), "the program answers")
