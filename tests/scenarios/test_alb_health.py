"""Health of targets: what DescribeTargetHealth says, and who then gets traffic (ALB-5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.programs import Program
from tests.support.stack import Stack, colours

Programs = Callable[[str], Program]

HEALTHY = ("healthy", "", "")


@pytest.fixture
def stack(account: Account) -> Stack:
    """A network in a fresh account."""
    return Stack(account)


def test_before_traffic_a_target_is_unused(stack: Stack, program: Programs) -> None:
    """A target group that no listener uses is not checked."""
    group = stack.target_group()
    (address,) = stack.join(group, program("red"))
    assert stack.health(group)[address] == (
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    )


def test_a_target_of_a_zone_that_is_not_enabled_is_unused(account: Account, program: Programs) -> None:
    """Targets outside the load balancer's zones get nothing."""
    stack = Stack(account, zones=("a", "b", "c"))
    group = stack.target_group()
    outside = stack.subnets.pop()
    stack.listener(stack.load_balancer(), group)
    address = account.attach(program("red"), outside, stack.back)
    stack.register(group, address)
    account.cloud.advance("1m")
    state, reason, _ = stack.health(group)[address]
    assert (state, reason) == ("unused", "Target.NotInUse")


def test_a_newcomer_is_initial_until_it_passed_its_checks(stack: Stack, program: Programs) -> None:
    """Right after registration: initial; after one success: healthy (AWS asks one check of a new target)."""
    group = stack.target_group(HealthCheckIntervalSeconds=300, HealthCheckTimeoutSeconds=120)
    stack.listener(stack.load_balancer(), group)
    slow = program("red")
    slow.behave("hold", where="/health")
    (address,) = stack.join(group, slow)
    state, reason, words = stack.health(group)[address]
    assert state == "initial"
    assert (reason, words) in {
        ("Elb.RegistrationInProgress", "Target registration is in progress"),
        ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    }
    slow.behave("ok", where="/health")
    slow.release()
    account = stack.account
    account.cloud.advance("10m")
    assert stack.health(group)[address] == HEALTHY


def test_wrong_answers_hanging_death_and_recovery(stack: Stack, program: Programs) -> None:
    """Each way to fail has its reason code; recovery takes the healthy threshold."""
    account = stack.account
    group = stack.target_group(Matcher={"HttpCode": "200,202-204"}, HealthyThresholdCount=3)
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    red, green = program("red"), program("green")
    sick, well = stack.join(group, red, green)
    stack.healthy(group, sick, well)

    red.behave("status", where="/health", status=500)
    account.cloud.advance("10s")
    assert stack.health(group)[sick] == HEALTHY, "one failure is below the unhealthy threshold of two"
    account.cloud.advance("11s")
    assert stack.health(group)[sick] == (
        "unhealthy",
        "Target.ResponseCodeMismatch",
        "Health checks failed with these codes: [500]",
    )
    assert stack.health(group)[well] == HEALTHY
    assert colours(account.curl(balancer["DNSName"]) for _ in range(8)) == {"green": 8}

    red.behave("hang", where="/health")
    account.cloud.advance("30s")
    assert stack.health(group)[sick] == ("unhealthy", "Target.Timeout", "Request timed out")
    red.release()

    red.kill()
    account.cloud.advance("30s")
    assert stack.health(group)[sick] == ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")

    red.start()
    red.behave("status", where="/health", status=203)
    account.cloud.advance("20s")
    assert stack.health(group)[sick][0] == "unhealthy", "two successes are below the healthy threshold of three"
    account.cloud.advance("11s")
    assert stack.health(group)[sick] == HEALTHY
    assert set(colours(account.curl(balancer["DNSName"]) for _ in range(8))) == {"red", "green"}


def test_when_none_is_healthy_all_get_traffic(stack: Stack, program: Programs) -> None:
    """The load balancer fails open."""
    group = stack.target_group()
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    programs = [program("red"), program("green")]
    for each in programs:
        each.behave("status", where="/health", status=503)
    addresses = stack.join(group, *programs)
    stack.account.cloud.advance("1m")
    assert {stack.health(group)[a][0] for a in addresses} == {"unhealthy"}
    counted = colours(stack.account.curl(balancer["DNSName"]) for _ in range(10))
    assert counted == {"red": 5, "green": 5}


def test_every_node_probes_at_its_interval(stack: Stack, program: Programs) -> None:
    """One probe per node and interval, with AWS's user agent, on the path asked for."""
    group = stack.target_group(HealthCheckPath="/health?deep=1", HealthCheckIntervalSeconds=30)
    stack.listener(stack.load_balancer(), group)
    red = program("red")
    (address,) = stack.join(group, red)
    stack.healthy(group, address)
    red.forget()
    stack.account.cloud.advance("5m")
    probes = red.requests("/health?deep=1")
    assert {probe["agent"] for probe in probes} == {"ELB-HealthChecker/2.0"}
    assert 19 <= len(probes) <= 21, "two nodes, ten intervals"


def test_a_denied_health_check_times_out(stack: Stack, program: Programs) -> None:
    """A target's security group that does not admit the load balancer makes its packets vanish."""
    group = stack.target_group()
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    closed = stack.security_group("closed", [])
    red = program("red")
    address = stack.account.attach(red, stack.subnets[0], closed)
    stack.register(group, address)
    stack.account.cloud.advance("1m")
    assert stack.health(group)[address] == ("unhealthy", "Target.Timeout", "Request timed out")
    assert not red.requests()

    stack.account.ec2.authorize_security_group_ingress(
        GroupId=closed,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.30.0.0/16"}]}],
    )
    stack.healthy(group, address)


def test_a_deregistered_target_is_not_registered(stack: Stack, program: Programs) -> None:
    """Asking for a target that is not there gets an answer, not an error."""
    group = stack.target_group()
    asked = stack.account.elbv2.describe_target_health(TargetGroupArn=group, Targets=[{"Id": "10.30.0.200"}])
    health = asked["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")
    assert health["Description"] == "Target is not registered to the target group"


def test_held_probes_do_not_pile_up(stack: Stack, program: Programs) -> None:
    """A hanging target sees one probe per node at a time."""
    group = stack.target_group(HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=5)
    stack.listener(stack.load_balancer(), group)
    red = program("red")
    red.behave("hang", where="/health")
    stack.join(group, red)
    stack.account.cloud.advance("1m")
    until(lambda: red.requests("/health"), "probes arrive")
    red.release()
    until(lambda: red.held() <= 2, "given-up probes are closed")
