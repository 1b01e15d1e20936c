"""Nodes scale out under load and in after it, over several processes (ALB-7)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.scenarios.test_vpc_endpoints import Workload
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.stack import Stack, fixed

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor: one worker carries all nodes")

_AT_ONCE = 50


def load(cloud: RunningCloud, host: str, requests: int) -> None:
    """So many requests over one connection to the cloud's own port, many in flight."""
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", cloud.port), timeout=30) as sock:
        for _ in range(requests // _AT_ONCE):
            sock.sendall(request * _AT_ONCE)
            answers = 0
            while answers < _AT_ONCE:
                data = sock.recv(1 << 16)
                assert data, "the load balancer closed the connection"
                answers += data.count(b"hello")


def interfaces(account: Account, balancer: dict[str, Any]) -> dict[str, str]:
    """The nodes' private addresses and their subnets."""
    description = "ELB " + balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    found = account.ec2.describe_network_interfaces(Filters=[{"Name": "description", "Values": [description]}])
    return {each["PrivateIpAddress"]: each["SubnetId"] for each in found["NetworkInterfaces"]}


class Inside:
    """What a program in the VPC sees."""

    def __init__(self, cloud: RunningCloud, account: Account, stack: Stack) -> None:
        self._workload = Workload(cloud, account, stack.subnets[0], stack.front)

    def addresses(self, name: str) -> list[str]:
        program = (
            "import sys; from dnslib import DNSRecord\n"
            "a = DNSRecord.parse(DNSRecord.question(sys.argv[1]).send('169.254.169.253', 53, timeout=3))\n"
            "print(*[r.rdata for r in a.rr])"
        )
        return self._run(program, name).split()

    def answers(self, address: str) -> bool:
        program = (
            "import sys, urllib.request as u\n"
            "print(u.build_opener(u.ProxyHandler({})).open('http://' + sys.argv[1], timeout=1.5).read().decode())"
        )
        return self._run(program, address).strip() == "hello"

    def _run(self, program: str, argument: str) -> str:
        line = ["nsenter", f"--net={self._workload._namespace}", sys.executable, "-c", program, argument]
        return subprocess.run(line, capture_output=True, text=True, timeout=30).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a workload's network from outside")
def test_nodes_come_with_load_and_go_without_it(own_cloud: RunningCloud) -> None:
    cloud = own_cloud
    account = Account(cloud, fresh_number())
    stack = Stack(account)
    balancer = stack.load_balancer()
    name = balancer["DNSName"]
    stack.listener(balancer, fixed(200, "hello"))
    inside = Inside(cloud, account, stack)
    first = interfaces(account, balancer)
    assert len(first) == 2 and sorted(inside.addresses(name)) == sorted(first)
    cloud.run("clock", "freeze")
    load(cloud, name, 5_000)
    cloud.advance("2m")
    assert len(interfaces(account, balancer)) == 2, "two nodes carry that"

    # Much more than two nodes are meant for, within no time at all.
    load(cloud, name, 14_000)
    grown = until(lambda: len(found := interfaces(account, balancer)) == 4 and found, "there are four nodes")
    assert sorted(grown.values()) == sorted([*stack.subnets, *stack.subnets]), "two in each zone"
    until(lambda: sorted(inside.addresses(name)) == sorted(grown), "DNS knows them all")
    orders = {tuple(inside.addresses(name)) for _ in range(12)}
    assert len(orders) > 1, "not always in the same order"
    assert all(inside.answers(address) for address in grown)

    # The second layer runs in a process of its own: while that stands still, so do its nodes, and no others.
    second = cloud.pids()["alb-nodes-2"]
    os.kill(second, signal.SIGSTOP)
    assert {address for address in grown if inside.answers(address)} == set(first)
    os.kill(second, signal.SIGCONT)
    assert all(inside.answers(address) for address in grown)

    # Nobody loses them to a crash.
    os.kill(cloud.pids()["cloud"], signal.SIGKILL)
    until(lambda: account.curl(name).status == 200, "it answers again")
    inside = Inside(cloud, account, stack)
    until(lambda: all(inside.answers(address) for address in grown), "all nodes answer again")
    assert interfaces(account, balancer) == grown

    # In after a long calm: first from DNS, while who knows the address is still served; then the interface.
    cloud.run("clock", "freeze")
    cloud.advance("10m")
    assert len(inside.addresses(name)) == 4
    cloud.advance("7m")
    assert sorted(inside.addresses(name)) == sorted(first)
    assert interfaces(account, balancer) == grown and all(inside.answers(address) for address in grown)
    cloud.advance("6m")
    assert {address for address in grown if inside.answers(address)} == set(first)
    cloud.advance("6m")
    assert interfaces(account, balancer) == first and all(inside.answers(address) for address in first)
    until(lambda: "alb-nodes-2" not in cloud.pids(), "its process has gone")
