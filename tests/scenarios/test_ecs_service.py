"""A service of real containers behind a real load balancer, updated while people use it (ECS-2, ECS-4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.scenarios.ecs_site import Site
from tests.support.cloud import RunningCloud

pytestmark = pytest.mark.timeout(300)

ALLOWED = [(low, high) for low in (50, 100) for high in (100, 200) if (low, high) != (100, 100)]


@pytest.fixture(scope="module")
def site(cloud: RunningCloud) -> Iterator[Site]:
    """Four blue tasks, all healthy; deleted in the end."""
    made = Site(cloud)
    made.create(made.definition("blue"))
    yield made
    made.delete()


@pytest.mark.parametrize(("low", "high"), ALLOWED)
def test_an_update_loses_no_request_and_stays_within_its_lines(site: Site, low: int, high: int) -> None:
    """Every combination of 50 and 100 with 100 and 200 per cent under which AWS can move at all."""
    colour = f"colour-{low}-{high}"
    load, watcher = site.load(), site.watch()
    try:
        site.update(site.definition(colour), low, high)
        site.until_completed()
    finally:
        load.stop()
        watcher.stop()
    assert load.failures == []
    assert load.answers[colour] > 0 and len(load.answers) == 2
    assert len(watcher.counted) > 5
    assert watcher.most <= 4 * high // 100
    assert watcher.fewest >= 4 * low // 100
    assert site.counts() == (4, 4)
    assert site.messages()[-1] == "(service web) has reached a steady state."


@pytest.mark.parametrize("fault", ["missing image", "unhealthy"])
def test_a_broken_version_is_rolled_back_and_nobody_notices(site: Site, fault: str) -> None:
    """An image that does not exist, and a program that fails its health checks."""
    before = site.service()
    image = {"image": "127.0.0.1:1/nowhere:1"} if fault == "missing image" else {}
    broken = site.definition("ill", **image)
    load, watcher = site.load(), site.watch()
    try:
        site.update(broken, deploymentCircuitBreaker={"enable": True, "rollback": True})
        site.cloud.advance("5s")
        site.until_completed()
    finally:
        load.stop()
        watcher.stop()
    assert load.failures == []
    assert "ill" not in load.answers
    after = site.service()
    assert after["taskDefinition"] == before["taskDefinition"]
    assert [d["id"] for d in after["deployments"]] == [d["id"] for d in before["deployments"]]
    assert watcher.fewest == 4 and watcher.most <= 8
    assert any(m.endswith("deployment failed: tasks failed to start.") for m in site.messages())
    assert f"(service web) rolling back to deployment {before['deployments'][0]['id']}." in site.messages()


def test_scaling_in_loses_no_request(site: Site) -> None:
    """From four to two: their connections drain first. And out again."""
    load = site.load()
    try:
        site.account.ecs.update_service(cluster="main", service="web", desiredCount=2)
        for _ in range(8):
            site.cloud.advance("4s")
        assert site.counts() == (2, 2)
        site.account.ecs.update_service(cluster="main", service="web", desiredCount=4)
        for _ in range(12):
            site.cloud.advance("4s")
            if site.counts() == (4, 4):
                break
        assert site.counts() == (4, 4)
    finally:
        load.stop()
    assert load.failures == []
