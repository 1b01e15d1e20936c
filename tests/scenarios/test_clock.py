"""An hour in a second: every health check and every metric minute happens, in order (PLAT-4)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.support import metrics
from tests.support.aws import Account
from tests.support.programs import Program
from tests.support.stack import Stack


def test_advancing_an_hour_runs_every_check_and_minute(account: Account, program: Callable[[str], Program]) -> None:
    """120 checks per node at 30 seconds; 60 minutes of HealthyHostCount without a gap, in order."""
    stack = Stack(account)
    group, balancer = stack.target_group(HealthCheckIntervalSeconds=30), stack.load_balancer()
    stack.listener(balancer, group)
    red = program("red")
    stack.healthy(group, *stack.join(group, red))
    red.forget()
    before = account.now()
    account.cloud.advance("1h")
    after = account.now()
    assert 3_600 <= after - before < 3_660
    assert 238 <= len(red.requests("/health")) <= 242, "two nodes"
    found = metrics.statistics(
        account,
        "HealthyHostCount",
        "Minimum",
        59,
        LoadBalancer=metrics.load_balancer_name(balancer["LoadBalancerArn"]),
        TargetGroup=metrics.target_group_name(group),
    )
    stamps = [stamp for stamp, _ in found]
    assert len(stamps) >= 58
    assert {later - earlier for earlier, later in itertools.pairwise(stamps)} == {timedelta(minutes=1)}
    assert {value for _, value in found} == {1.0}


def test_each_probe_sees_its_own_time(account: Account, program: Callable[[str], Program]) -> None:
    """A target that fails in the middle of the hour is unhealthy from then on, not from the beginning."""
    stack = Stack(account)
    group, balancer = stack.target_group(HealthCheckIntervalSeconds=30), stack.load_balancer()
    stack.listener(balancer, group)
    red = program("red")
    stack.healthy(group, *stack.join(group, red))
    account.cloud.advance("30m")
    red.kill()
    account.cloud.advance("30m")
    dimensions = {
        "LoadBalancer": metrics.load_balancer_name(balancer["LoadBalancerArn"]),
        "TargetGroup": metrics.target_group_name(group),
    }
    healthy = dict(metrics.statistics(account, "HealthyHostCount", "Maximum", 58, **dimensions))
    middle = datetime.fromtimestamp(account.now() - 1_800, next(iter(healthy)).tzinfo)
    early = {value for stamp, value in healthy.items() if stamp < middle - timedelta(minutes=2)}
    late = {value for stamp, value in healthy.items() if stamp > middle + timedelta(minutes=3)}
    assert (early, late) == ({1.0}, {0.0})


def test_the_clock_can_be_frozen_scaled_and_resumed(own_cloud: object) -> None:
    """Frozen time stands still; scaled time runs faster; the clock goes on after both, never back."""
    from tests.support.cloud import RunningCloud, until

    assert isinstance(own_cloud, RunningCloud)

    def now() -> datetime:
        return datetime.fromisoformat(own_cloud.json("clock", "now")["now"])

    own_cloud.run("clock", "freeze")
    frozen = now()
    assert own_cloud.json("clock", "now")["mode"] == "frozen"
    assert now() == frozen
    own_cloud.run("clock", "advance", "1d")
    assert now() == frozen + timedelta(days=1)
    own_cloud.run("clock", "scale", "3600")
    until(lambda: now() > frozen + timedelta(days=1, minutes=10), "ten minutes pass in less than a second")
    own_cloud.run("clock", "resume")
    assert own_cloud.json("clock", "now")["mode"] == "real"
