"""What AWS/ApplicationELB says of traffic that really flowed, per node and per group (ALB-12, PLAT-7)."""

from __future__ import annotations

from collections.abc import Callable

from tests.support import metrics
from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import Stack


def test_counts_add_up_over_the_nodes(account: Account, program: Callable[[str], Program]) -> None:
    """RequestCount and the status counts, in total, per zone and per target group; health per group."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    red, green = program("red"), program("green")
    stack.healthy(group, *stack.join(group, red), *stack.join(group, green, subnet=1))
    for each in (red, green):
        each.behave("status", where="/missing", status=404)
        each.behave("status", where="/broken", status=500)
        each.behave("close", where="/closed")
    for path, times in (("/", 10), ("/missing", 4), ("/broken", 3), ("/closed", 2)):
        for _ in range(times):
            account.curl(balancer["DNSName"], path)
    account.cloud.advance("2m")

    name = metrics.load_balancer_name(balancer["LoadBalancerArn"])
    target_group = metrics.target_group_name(group)

    def total(metric: str, **dimensions: str) -> float:
        return metrics.total(account, metric, LoadBalancer=name, **dimensions)

    assert total("RequestCount") == 19
    zones = [zone["ZoneName"] for zone in balancer["AvailabilityZones"]]
    per_node = [total("RequestCount", AvailabilityZone=zone) for zone in zones]
    assert sum(per_node) == 19
    assert total("RequestCount", TargetGroup=target_group) == 19
    assert total("HTTPCode_Target_2XX_Count") == 10
    assert total("HTTPCode_Target_4XX_Count", TargetGroup=target_group) == 4
    assert total("HTTPCode_Target_5XX_Count") == 3
    assert total("HTTPCode_ELB_502_Count") == total("HTTPCode_ELB_5XX_Count") == 2
    assert total("NewConnectionCount") >= 1
    assert total("ProcessedBytes") > 1_000

    healthy = metrics.statistics(account, "HealthyHostCount", "Maximum", 3, LoadBalancer=name, TargetGroup=target_group)
    assert healthy[-1][1] == 2
    times = metrics.statistics(account, "TargetResponseTime", "Average", LoadBalancer=name, TargetGroup=target_group)
    assert times and all(0 < value < 5 for _, value in times)
    listed = account.cloudwatch.list_metrics(
        Namespace="AWS/ApplicationELB", Dimensions=[{"Name": "LoadBalancer", "Value": name}]
    )["Metrics"]
    shapes = {(m["MetricName"], tuple(sorted(d["Name"] for d in m["Dimensions"]))) for m in listed}
    assert ("RequestCount", ("LoadBalancer",)) in shapes
    assert ("RequestCount", ("AvailabilityZone", "LoadBalancer")) in shapes
    assert ("RequestCount", ("AvailabilityZone", "LoadBalancer", "TargetGroup")) in shapes
    assert ("HealthyHostCount", ("LoadBalancer", "TargetGroup")) in shapes


def test_metric_data_does_arithmetic(account: Account, program: Callable[[str], Program]) -> None:
    """GetMetricData answers several queries at once."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red")))
    for _ in range(6):
        account.curl(balancer["DNSName"])
    account.cloud.advance("2m")
    name = metrics.load_balancer_name(balancer["LoadBalancerArn"])
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "RequestCount",
        "Dimensions": [{"Name": "LoadBalancer", "Value": name}],
    }
    now = account.now()
    found = account.cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "requests", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
        StartTime=now - 600,
        EndTime=now + 60,
    )["MetricDataResults"]
    assert sum(found[0]["Values"]) == 6
    assert found[0]["StatusCode"] == "Complete"


def test_a_dead_target_is_counted(account: Account, program: Callable[[str], Program]) -> None:
    """UnHealthyHostCount and TargetConnectionErrorCount."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    red = program("red")
    stack.healthy(group, *stack.join(group, red))
    red.kill()
    assert account.curl(balancer["DNSName"]).status == 502
    account.cloud.advance("3m")
    dimensions = {
        "LoadBalancer": metrics.load_balancer_name(balancer["LoadBalancerArn"]),
        "TargetGroup": metrics.target_group_name(group),
    }
    unhealthy = metrics.statistics(account, "UnHealthyHostCount", "Maximum", 3, **dimensions)
    assert unhealthy[-1][1] == 1
    assert metrics.total(account, "TargetConnectionErrorCount", **dimensions) >= 1
    for name in ("UnhealthyStateRouting", "UnhealthyStateDNS"):
        assert metrics.statistics(account, name, "Minimum", 3, **dimensions)[-1][1] == 1


def test_dropped_fields_are_counted(account: Account, program: Callable[[str], Program]) -> None:
    """Dropped and forwarded invalid fields, each under its setting of the attribute."""
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red")))
    for dropping in ("false", "true"):
        pairs = [{"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": dropping}]
        account.elbv2.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=pairs)
        account.cloud.advance("1m")
        for _ in range(2):
            assert account.curl(balancer["DNSName"], "/", "-H", "X_Under: 1").status == 200
    account.cloud.advance("1m")
    name = metrics.load_balancer_name(balancer["LoadBalancerArn"])
    zones = [f"{account.region}{zone}" for zone in "ab"]
    for metric in ("DroppedInvalidHeaderRequestCount", "ForwardedInvalidHeaderRequestCount"):
        assert sum(metrics.total(account, metric, LoadBalancer=name, AvailabilityZone=zone) for zone in zones) == 2
