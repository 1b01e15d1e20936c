"""Automatic Target Weights: one that fails while its health checks pass gets less traffic until it is well (ALB-6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from tests.support import metrics
from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import Stack

ASKED = 60
OK = ("normal", "no")


def anomalies(stack: Stack, group: str) -> dict[str, tuple[str, str]]:
    """Per target address its anomaly detection result, and whether mitigation is in effect."""
    answer = stack.account.elbv2.describe_target_health(TargetGroupArn=group, Include=["AnomalyDetection"])
    return {
        each["Target"]["Id"]: (each["AnomalyDetection"]["Result"], each["AnomalyDetection"]["MitigationInEffect"])
        for each in answer["TargetHealthDescriptions"]
    }


def test_a_failing_target_gets_little_traffic_until_it_recovers(
    account: Account, program: Callable[[str], Program]
) -> None:
    """One of three answers 500: anomalous after a minute, mitigated, seen in metrics, and back as it recovers."""
    stack = Stack(account)
    group, balancer = stack.target_group({"load_balancing.algorithm.type": "weighted_random"}), stack.load_balancer()
    stack.listener(balancer, group)
    programs = [program("red"), program("green"), program("blue")]
    addresses = stack.join(group, *programs)
    stack.healthy(group, *addresses)
    red = programs[0]
    red.behave("status", where="/page", status=500)

    def minute() -> int:
        """Requests of a minute; how many of them the first target got."""
        before = len(red.requests("/page"))
        for _ in range(ASKED):
            account.curl(balancer["DNSName"], "/page")
        account.cloud.advance("1m")
        return len(red.requests("/page")) - before

    account.cloud.advance("1m")
    assert anomalies(stack, group) == dict.fromkeys(addresses, OK)
    # Five deviations of 60 throws at one third are 18.
    assert minute() > 2
    assert anomalies(stack, group)[addresses[0]] == ("anomalous", "no"), "detected, but nothing is done about it"
    assert minute() > 2
    stack.set_attributes(group, {"load_balancing.algorithm.anomaly_mitigation": "on"})
    account.cloud.advance("1m")
    found = anomalies(stack, group)
    assert found == {addresses[0]: ("anomalous", "yes"), addresses[1]: OK, addresses[2]: OK}
    assert {state for state, _, _ in stack.health(group).values()} == {"healthy"}
    # 2.4 % of 60 is 1.5; of such a binomial more than 10 come less than once in a million times.
    assert minute() <= 10
    assert anomalies(stack, group)[addresses[0]] == ("anomalous", "yes")

    name, target_group = metrics.load_balancer_name(balancer["LoadBalancerArn"]), metrics.target_group_name(group)
    for metric in ("AnomalousHostCount", "MitigatedHostCount"):
        for more in ({}, {"AvailabilityZone": balancer["AvailabilityZones"][0]["ZoneName"]}):
            points = metrics.statistics(account, metric, "Maximum", LoadBalancer=name, TargetGroup=target_group, **more)
            assert points[-1][1] == 1 and points[0][1] == 0, metric

    red.behave("ok", where="/page")
    for _ in range(30):
        minute()
        if anomalies(stack, group)[addresses[0]] == OK:
            break
    assert anomalies(stack, group) == dict.fromkeys(addresses, OK)
    assert minute() > 2, "level with the others again"


def test_what_include_may_be(account: Account) -> None:
    """Anything but what AWS's model has is refused."""
    stack = Stack(account)
    with pytest.raises(ClientError, match="Member must satisfy enum value set"):
        account.elbv2.describe_target_health(TargetGroupArn=stack.target_group(), Include=["Everything"])
