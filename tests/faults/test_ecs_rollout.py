"""``kill -9`` in the middle of a rolling update: it goes on where it was, and nobody notices (ECS-4, PLAT-3)."""

from __future__ import annotations

import os
import signal

import pytest
from tests.scenarios.ecs_site import PATIENT, Site
from tests.support.cloud import RunningCloud, until

pytestmark = pytest.mark.timeout(300)


def test_a_cloud_killed_during_an_update_finishes_it(own_cloud: RunningCloud) -> None:
    """Killed three times at different moments: nothing starts twice, the lines hold, every task is replaced once."""
    site = Site(own_cloud)
    site.create(site.definition("blue"), **PATIENT)
    old = {task["taskArn"] for task in site.tasks()}
    watcher = site.watch()
    try:
        site.update(site.definition("green"), 50, 150)
        for seconds in (1, 6, 9):
            own_cloud.advance(f"{seconds}s")
            _kill_cloud(site)
        site.until_completed()
    finally:
        watcher.stop()
    assert len(watcher.counted) > 5
    assert watcher.most <= 6
    new = {task["taskArn"] for task in site.tasks()}
    assert len(new) == 4 and not new & old
    started = [message for message in site.messages() if "has started" in message]
    assert sum(message.count("(task ") for message in started) == 8, started
    load = site.load()
    until(lambda: load.answers["green"] > 20, "green answers")
    load.stop()
    assert set(load.answers) == {"green"} and load.failures == []
    site.delete()


def _kill_cloud(site: Site) -> None:
    found = site.cloud.pids()["cloud"]
    os.kill(found, signal.SIGKILL)
    until(lambda: found not in site.cloud.processes(), "it is gone")
    until(lambda: site.cloud.pids()["cloud"], "it is back")
