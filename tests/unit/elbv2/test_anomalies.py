"""Automatic Target Weights: who is judged anomalous, what weight follows, who is told."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.elbv2 import fakes
from tests.unit.elbv2.conftest import SCOPE, Api
from tests.unit.elbv2.test_balancing import Clock, names, view

from cloudarium.kernel.metrics import MetricKey
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.anomalies import LEAST, NORMAL, Sample, Standing, review
from cloudarium.services.elbv2.controllers.anomalies import Anomalies
from cloudarium.services.elbv2.controllers.snapshots import snapshot
from cloudarium.services.elbv2.health.board import Seen, board_of
from cloudarium.services.elbv2.health.states import FAILED, HEALTHY, Health
from cloudarium.services.elbv2.metrics import Publisher
from cloudarium.services.elbv2.node.balancing import WeightedRandom
from cloudarium.services.elbv2.node.counting import Counts, GroupCounts
from cloudarium.services.elbv2.node.wire import TargetSnap
from cloudarium.services.elbv2.resources import LoadBalancer, Target, target_key

BAD = Standing(anomalous=True, weight=LEAST)


def window(*samples: tuple[int, int]) -> dict[str, Sample]:
    """Requests and errors of targets called a, b, c …"""
    return {chr(ord("a") + n): Sample(*sample) for n, sample in enumerate(samples)}


def anomalous(standings: dict[str, Standing]) -> str:
    return "".join(key for key, standing in standings.items() if standing.anomalous)


# -- who is anomalous --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "who"),
    [
        (((100, 100), (100, 0), (100, 0)), "a"),
        (((5, 5), (5, 0), (5, 0)), "a"),
        (((100, 20), (100, 0), (100, 1)), "a"),
        (((100, 100), (100, 0)), ""),  # two cannot tell which of them is wrong
        (((100, 100), (100, 100), (100, 100)), ""),  # what all share is no anomaly
        (((100, 50), (100, 50), (100, 40)), ""),
        (((100, 90), (100, 85), (100, 0), (100, 0), (100, 1)), "ab"),
        (((100_000, 300), (100_000, 100), (100_000, 100)), ""),  # certain, but it does not matter
        (((20, 2), (20, 0), (20, 0)), ""),  # may be chance
        (((4, 4), (100, 0), (100, 0)), ""),  # too few to judge by
        (((100, 100), (2, 0), (2, 0)), ""),  # too few to compare with
        (((0, 0), (0, 0), (0, 0)), ""),
    ],
)
def test_who_stands_out(samples: tuple[tuple[int, int], ...], who: str) -> None:
    assert anomalous(review({}, window(*samples), mitigate=False)) == who


def test_too_few_requests_are_kept_until_they_are_enough() -> None:
    standings: dict[str, Standing] = {}
    for expected in ("", "", "a"):
        standings = review(standings, window((2, 2), (50, 0), (50, 0)), mitigate=True)
        assert anomalous(standings) == expected
    standings = review(standings, window((0, 0), (50, 0), (50, 0)), mitigate=True)
    assert anomalous(standings) == "a", "nobody knows of any recovery"
    standings = review(standings, window((6, 0), (50, 0), (50, 0)), mitigate=True)
    assert anomalous(standings) == ""


def test_one_stays_anomalous_while_it_is_worse_than_its_peers() -> None:
    bad = {"a": BAD}
    assert anomalous(review(bad, window((100, 4), (100, 0), (100, 0)), mitigate=True)) == "a"
    assert anomalous(review({}, window((100, 4), (100, 0), (100, 0)), mitigate=True)) == "", "not to begin with"
    assert anomalous(review(bad, window((100, 1), (100, 0), (100, 0)), mitigate=True)) == ""


def test_with_fewer_than_three_healthy_targets_all_are_normal() -> None:
    assert review({"a": BAD}, window((100, 100), (100, 0)), mitigate=True) == {"a": NORMAL, "b": NORMAL}


# -- weights -----------------------------------------------------------------------------------------------------------


def test_weight_falls_at_once_and_grows_back() -> None:
    standings = review({}, window((100, 100), (100, 0), (100, 0)), mitigate=True)
    assert [standings[key].weight for key in "abc"] == [LEAST, 1, 1]
    weights = []
    for _ in range(6):
        standings = review(standings, window((10, 0), (100, 0), (100, 0)), mitigate=True)
        weights.append(standings["a"].weight)
    assert weights == [2 * LEAST, 4 * LEAST, 8 * LEAST, 16 * LEAST, 1, 1]


def test_without_mitigation_weights_are_full() -> None:
    standings = review({"a": BAD}, window((100, 100), (100, 0), (100, 0)), mitigate=False)
    assert standings["a"] == Standing(anomalous=True, weight=1.0)


sample = st.integers(0, 1000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(st.lists(sample, min_size=1, max_size=6), max_size=8), st.booleans())
def test_whatever_comes(windows: list[list[tuple[int, int]]], mitigate: bool) -> None:
    """Weights stay between the least and full; the best target of a window never becomes anomalous by it."""
    standings: dict[str, Standing] = {}
    for samples in windows:
        seen = window(*samples)
        before, standings = standings, review(standings, seen, mitigate=mitigate)
        assert standings.keys() == seen.keys()
        for key, standing in standings.items():
            assert LEAST <= standing.weight <= 1
            assert mitigate or standing.weight == 1
            assert standing.weight == LEAST or not (mitigate and standing.anomalous)
            was = before.get(key, NORMAL)
            total = was.unjudged.plus(seen[key])
            if standing.anomalous and not was.anomalous:
                assert total.part > min(before.get(k, NORMAL).unjudged.plus(s).part for k, s in seen.items())


def test_random_choice_follows_weights() -> None:
    picker = WeightedRandom("abc", (1.0, 0.05, 1.0), random.Random(1))
    counted = Counter(picker.next() for _ in range(2050))
    assert counted["b"] == pytest.approx(50, abs=25) and counted["a"] == pytest.approx(1000, abs=100)
    assert WeightedRandom("", ()).next() is None


def test_nodes_go_by_weights_with_weighted_random_only() -> None:
    light = TargetSnap("a", "10.0.0.1", 80, "us-east-1a", "healthy", weight=0.05)
    full = (fakes.target("bb"), fakes.target("ccc"))
    group, clock = view(Clock()), Clock()
    group.update(fakes.group("g", light, *full, load_balancing__algorithm__type="weighted_random"), clock)
    assert names(group, 1000)["a"] < 60
    group.update(fakes.group("g", light, *full), clock)
    assert names(group, 30) == {"a": 10, "bb": 10, "ccc": 10}
    whole = (fakes.target("a"), *full)
    group.update(fakes.group("g", *whole, load_balancing__algorithm__type="weighted_random"), clock)
    assert names(group, 1000)["a"] > 250


# -- the controller ----------------------------------------------------------------------------------------------------

IDS = ("10.0.0.11", "10.0.0.12", "10.0.0.13")


class Stage:
    """A group of three healthy targets behind a load balancer, and its anomaly detection."""

    def __init__(self, api: Api, balancer: str, group: str) -> None:
        self.api, self.balancer, self.arn = api, balancer, group
        self.woken: list[str] = []
        self.board = board_of(api.cloud)
        self.anomalies = Anomalies(api.cloud, self.board, self._wake)
        for key in IDS:
            self.check(key, HEALTHY)

    def _wake(self, scope: Scope, arn: str) -> None:
        self.woken.append(arn)

    def key(self, target_id: str) -> str:
        return target_key(self.arn, target_id, 80)

    def check(self, target_id: str, health: Health) -> None:
        target = self.api.cloud.store.table(Target).get(SCOPE, self.key(target_id))
        assert target is not None
        self.board.report(SCOPE, target, Seen(health, {}))

    def minute(self, *errors: int, requests: int = 40) -> None:
        """A minute in which two nodes saw so many errors of each target."""
        nodes = {
            node: {
                self.arn: GroupCounts(
                    target_requests={self.key(each): requests for each in IDS},
                    target_errors={self.key(each): n for each, n in zip(IDS, errors, strict=True) if n},
                )
            }
            for node in ("eni-1", "eni-2")
        }
        self.anomalies.review({(SCOPE, self.balancer): Counts(groups=nodes)})

    async def shown(self, include: str = "AnomalyDetection") -> dict[str, tuple[str, str]]:
        answer = await self.api("describe_target_health", TargetGroupArn=self.arn, Include=[include])
        return {
            each["Target"]["Id"]: (each["AnomalyDetection"]["Result"], each["AnomalyDetection"]["MitigationInEffect"])
            for each in answer["TargetHealthDescriptions"]
        }

    async def set(self, **attributes: str) -> None:
        pairs = [{"Key": f"load_balancing.algorithm.{key}", "Value": value} for key, value in attributes.items()]
        await self.api("modify_target_group_attributes", TargetGroupArn=self.arn, Attributes=pairs)


@pytest.fixture
async def stage(api: Api, balancer: str, group: str, listener: str) -> Stage:
    await api("register_targets", TargetGroupArn=group, Targets=[{"Id": each} for each in IDS])
    return Stage(api, balancer, group)


OK = ("normal", "no")


async def test_detection_is_always_on_and_changes_no_weight(stage: Stage) -> None:
    assert await stage.shown() == dict.fromkeys(IDS, OK)
    stage.minute(40, 0, 1)
    assert await stage.shown("All") == {IDS[0]: ("anomalous", "no"), IDS[1]: OK, IDS[2]: OK}
    assert not stage.woken
    plain = await stage.api("describe_target_health", TargetGroupArn=stage.arn)
    assert all("AnomalyDetection" not in each for each in plain["TargetHealthDescriptions"])
    assert all(each["TargetHealth"] == {"State": "healthy"} for each in plain["TargetHealthDescriptions"])


async def test_mitigation_lowers_a_weight_and_raises_it_again(stage: Stage) -> None:
    await stage.set(type="weighted_random", anomaly_mitigation="on")
    stage.minute(40, 0, 0)
    assert await stage.shown() == {IDS[0]: ("anomalous", "yes"), IDS[1]: OK, IDS[2]: OK}
    assert stage.woken == [stage.balancer]
    stage.minute(40, 0, 0)
    assert stage.woken == [stage.balancer], "nothing changed, nothing is sent"
    stage.minute(0, 0, 0)
    assert (await stage.shown())[IDS[0]] == ("normal", "yes") and len(stage.woken) == 2
    for _ in range(5):
        stage.minute(0, 0, 0)
    assert (await stage.shown())[IDS[0]] == OK and len(stage.woken) == 6


async def test_what_ends_mitigation(stage: Stage) -> None:
    await stage.set(type="weighted_random", anomaly_mitigation="on")
    stage.minute(40, 0, 0)
    await stage.set(anomaly_mitigation="off")
    assert (await stage.shown())[IDS[0]] == ("anomalous", "no"), "at once"
    await stage.set(anomaly_mitigation="on")
    stage.check(IDS[1], FAILED)
    stage.minute(40, 0, 0)
    assert await stage.shown() == dict.fromkeys(IDS, OK), "two healthy targets are too few"
    stage.check(IDS[1], HEALTHY)
    stage.minute(40, 0, 0)
    target = {"Id": IDS[0]}
    await stage.api("deregister_targets", TargetGroupArn=stage.arn, Targets=[target])
    stage.minute(0, 0, 0)
    assert (await stage.shown())[IDS[0]] == OK


async def test_some_targets_and_unknown_ones(stage: Stage) -> None:
    answer = await stage.api(
        "describe_target_health",
        TargetGroupArn=stage.arn,
        Targets=[{"Id": IDS[2]}, {"Id": "10.0.0.99"}],
        Include=["AnomalyDetection"],
    )
    known, unknown = answer["TargetHealthDescriptions"]
    assert known["AnomalyDetection"] == {"Result": "normal", "MitigationInEffect": "no"}
    assert unknown["TargetHealth"]["Reason"] == "Target.NotRegistered" and "AnomalyDetection" not in unknown


async def test_snapshots_have_the_weights_in_force(stage: Stage) -> None:
    cloud = stage.api.cloud
    balancer = cloud.store.table(LoadBalancer).get(SCOPE, stage.balancer)
    assert balancer is not None

    def weights() -> list[float]:
        (group,) = snapshot(cloud, SCOPE, balancer, stage.board, 1, (), ()).groups
        return [target.weight for target in group.targets]

    await stage.set(type="weighted_random", anomaly_mitigation="on")
    stage.minute(0, 40, 0)
    assert weights() == [1, LEAST, 1]
    await stage.set(anomaly_mitigation="off")
    assert weights() == [1, 1, 1]


async def test_metrics_count_targets(api: Api) -> None:
    Publisher(api.cloud.metrics, SCOPE, "app/web/1", 5.0).anomalies("targetgroup/tg/1", {"us-east-1a": (2, 1)})
    for more in ((), (("AvailabilityZone", "us-east-1a"),)):
        pairs = tuple(sorted((*more, ("LoadBalancer", "app/web/1"), ("TargetGroup", "targetgroup/tg/1"))))
        for name, value in (("AnomalousHostCount", 2), ("MitigatedHostCount", 1)):
            key = MetricKey("AWS/ApplicationELB", name, pairs)
            assert api.cloud.metrics.read(SCOPE, key, 0, 60, 60)[0][2].maximum == value
