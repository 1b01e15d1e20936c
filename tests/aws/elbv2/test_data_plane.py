"""Load balancers in a running cloud: nodes, names, rewriting, and what follows a change."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.programs import Program
from tests.support.stack import Stack, colours, fixed, forward

Programs = Callable[[str], Program]


@pytest.fixture
def stack(account: Account) -> Stack:
    """A network with three zones in a fresh account."""
    return Stack(account, zones=("a", "b", "c"))


def interfaces(account: Account, balancer: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes' interfaces, as anyone sees them in EC2."""
    description = "ELB " + balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    found: list[dict[str, Any]] = account.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": [description]}]
    )["NetworkInterfaces"]
    return found


def test_a_node_is_an_interface_in_each_subnet(stack: Stack) -> None:
    account, balancer = stack.account, stack.load_balancer()
    nodes = interfaces(account, balancer)
    assert {node["SubnetId"] for node in nodes} == set(stack.subnets)
    for node in nodes:
        assert node["RequesterManaged"] and node["Attachment"]["InstanceOwnerId"] == "amazon-elb"
        assert [group["GroupId"] for group in node["Groups"]] == [stack.front]
        assert node["Association"]["PublicIp"]

    arn = balancer["LoadBalancerArn"]
    account.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=stack.subnets[1:])
    account.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[stack.back])
    account.cloud.advance("1m")
    until(lambda: {n["SubnetId"] for n in interfaces(account, balancer)} == set(stack.subnets[1:]), "nodes moved")
    assert {g["GroupId"] for n in interfaces(account, balancer) for g in n["Groups"]} == {stack.back}

    account.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    account.cloud.advance("1m")
    until(lambda: not interfaces(account, balancer), "the nodes are gone")


def test_traffic_goes_on_while_nodes_move(stack: Stack, program: Programs) -> None:
    account = stack.account
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red"), subnet=1))
    account.elbv2.set_subnets(LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=stack.subnets[:2])
    assert colours(account.curl(balancer["DNSName"]) for _ in range(6)) == {"red": 6}
    account.elbv2.set_subnets(LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=stack.subnets[1:])
    account.cloud.advance("1m")
    assert colours(account.curl(balancer["DNSName"]) for _ in range(6)) == {"red": 6}


def test_one_connection_may_ask_for_several_names(stack: Stack) -> None:
    """The one port: two load balancers and the API in turn on one connection."""
    account = stack.account
    names = []
    for text in ("one", "two"):
        balancer = stack.load_balancer()
        stack.listener(balancer, fixed(200, text))
        names.append(balancer["DNSName"])
    connection = http.client.HTTPConnection("127.0.0.1", account.cloud.port, timeout=10)

    def ask(host: str, path: str = "/") -> bytes:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().read()

    for _ in range(2):
        assert ask(names[0]) == b"one"
        assert ask(names[0].upper()) == b"one", "names do not depend on case"
        assert ask(names[1]) == b"two"
        assert ask("127.0.0.1", "/_cloudarium/health").startswith(b"{")
    connection.close()


def test_a_second_listener_is_reached_by_its_port(stack: Stack) -> None:
    account, balancer = stack.account, stack.load_balancer()
    stack.listener(balancer, fixed(200, "eighty"))
    arn = stack.listener(balancer, fixed(200, "eighty-one"), port=81)
    host = balancer["DNSName"]
    assert [account.curl(h).body for h in (host, f"{host}:80", f"{host}:81")] == [b"eighty", b"eighty", b"eighty-one"]
    address = account.resolve(host, 81)
    assert account.resolve(host, 81) == address, "asking again gives the same address"
    account.elbv2.modify_listener(ListenerArn=arn, DefaultActions=[fixed(200, "changed")])
    assert account.curl(f"{host}:81").body == b"changed"
    account.elbv2.delete_listener(ListenerArn=arn)
    account.cloud.advance("1s")
    assert account.curl(f"{host}:81").status == 0, "nobody listens there any more"
    assert account.curl(host).body == b"eighty"


def test_requests_and_responses_are_rewritten(stack: Stack, program: Programs) -> None:
    """Transforms of a rule, header attributes of a listener."""
    account = stack.account
    group, balancer = stack.target_group(), stack.load_balancer()
    listener = stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red")))
    account.elbv2.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[12]/"]}}],
        Actions=[forward(group)],
        Transforms=[
            {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1/(.*)$", "Replace": "/$1"}]}},
            {
                "Type": "host-header-rewrite",
                "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "^.*$", "Replace": "inner.example.com"}]},
            },
        ],
    )
    key = "routing.http.response.strict_transport_security.header_value"
    account.elbv2.modify_listener_attributes(
        ListenerArn=listener, Attributes=[{"Key": key, "Value": "max-age=31536000"}]
    )
    answer = account.curl(balancer["DNSName"], "/v1/users?x=1")
    seen = answer.json()
    assert seen["path"] == "/users?x=1"
    assert answer.sent_header("Host") == "inner.example.com"
    assert answer.header("Strict-Transport-Security") == "max-age=31536000"
    assert account.curl(balancer["DNSName"], "/other").json()["path"] == "/other"


def test_zones_can_keep_to_themselves(stack: Stack, program: Programs) -> None:
    """With cross-zone load balancing off, each node sends to the targets of its own zone."""
    account = stack.account
    group = stack.target_group({"load_balancing.cross_zone.enabled": "false"})
    stack.subnets.pop()
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    one, other = program("red"), program("green")
    addresses = [*stack.join(group, one), *stack.join(group, other, subnet=1)]
    stack.healthy(group, *addresses)
    assert colours(account.curl(balancer["DNSName"]) for _ in range(8)) == {"red": 4, "green": 4}
    other.behave("status", where="/health", status=500)
    account.cloud.advance("30s")
    # Its zone has no healthy target, so names lead to the other zone only (DNS failover).
    assert colours(account.curl(balancer["DNSName"]) for _ in range(6)) == {"red": 6}


def test_resolved_addresses_outlive_the_cloud(own_cloud: RunningCloud) -> None:
    account = Account(own_cloud, fresh_number())
    stack = Stack(account)
    balancer = stack.load_balancer()
    stack.listener(balancer, fixed(200, "still here"))
    address = account.resolve(balancer["DNSName"], 80)
    own_cloud.down()
    own_cloud.up()
    host = balancer["DNSName"]
    until(lambda: account.curl(host, "/", "--max-time", "2").body == b"still here", "it serves again")
    assert account.resolve(balancer["DNSName"], 80) == address
