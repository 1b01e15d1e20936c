"""``kill -9`` of anything at many points of a rolling update with real containers; and ``reset`` while tasks run.

Cloud, shims and containers are killed in turn. The update goes on, the scheduler's own doing never takes the service
below its minimum nor above its maximum, and in the end nothing is left of anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.scenarios.ecs_site import PATIENT, Site
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place

pytestmark = pytest.mark.timeout(300)

_RUN = "/containers/.run"
"""The runtime's own, there from the first container on."""
SHIM, PROGRAM = "cloudarium-shim", "python3"


def named(cloud: RunningCloud, name: str) -> list[int]:
    """Processes of the tree with this name."""
    return [each["pid"] for each in cloud.json("status")["processes"] if each["name"] == name]


def kill(cloud: RunningCloud, name: str) -> None:
    """Kill the oldest of that name; returns when it is gone, and the cloud when it is back."""
    victims = named(cloud, name)
    if not victims:
        return  # none runs at this moment of the update
    os.kill(victims[0], signal.SIGKILL)
    until(lambda: not Path(f"/proc/{victims[0]}/cmdline").exists() or not _alive(victims[0]), f"{name} is gone")
    if name == "cloud":
        until(lambda: named(cloud, name), "it is back", 30)


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
    return False


def left(cloud: RunningCloud, account: Account) -> dict[str, list[str]]:
    """What containers leave in the kernel and on the disk; all of it empty when there are none."""
    (pid,) = named(cloud, "cloud")
    found: dict[str, list[str]] = {"interfaces": [], "namespaces": []}
    for each in account.ec2.describe_network_interfaces()["NetworkInterfaces"]:
        found["interfaces"].append(each["NetworkInterfaceId"])
    own = os.readlink(f"/proc/{pid}/ns/net")
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if (link := os.readlink(fd)).startswith("net:") and link != own:
                found["namespaces"].append(link)
    running = [each["name"] for each in cloud.json("status")["processes"]]
    found["processes"] = [name for name in running if name in (SHIM, PROGRAM, "runc", "sh", "sleep")]
    points = [each.split()[4] for each in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    found["mounts"] = [each for each in points if each.startswith(str(cloud.folder)) and not each.endswith(_RUN)]
    cgroups = Path("/sys/fs/cgroup").glob(f"*/cloudarium-{cloud.port}-*/*")
    found["cgroups"] = [str(each) for each in cgroups if each.is_dir()]
    data = cloud.folder / "data"
    folders = ("containers/[!.]*", "images/containers/*", "images/ecs/tasks/*", "images/ecs/instances/*")
    found["folders"] = [str(each) for pattern in folders for each in data.glob(pattern)]
    return {what: names for what, names in found.items() if names}


def serving(tasks: list[dict[str, Any]], moment: Any, but: str) -> int:
    """How many tasks ran at a moment, beside one."""
    return sum(
        each["taskArn"] != but
        and "startedAt" in each
        and each["startedAt"] <= moment
        and ("stoppingAt" not in each or each["stoppingAt"] > moment)
        for each in tasks
    )


def story(tasks: list[dict[str, Any]]) -> str:
    """When each task began and ended, and why."""
    times = ("createdAt", "startedAt", "stoppingAt", "stoppedAt")
    lines = [
        " ".join([*(f"{each[t]:%M:%S.%f}" if t in each else "-" for t in times), each.get("stoppedReason", "")])
        for each in tasks
    ]
    return "\n".join(sorted(lines))


@pytest.mark.parametrize(("low", "high"), [(50, 100), (100, 150)])
def test_an_update_goes_on_whatever_is_killed(own_cloud: RunningCloud, low: int, high: int) -> None:
    site = Site(own_cloud)
    ecs = site.account.ecs
    site.create(site.definition("blue"), **PATIENT)
    old = {task["taskArn"] for task in site.tasks()}
    watcher = site.watch()
    try:
        site.update(site.definition("green"), low, high)
        for number, victim in enumerate((PROGRAM, "cloud", SHIM, "cloud", PROGRAM, SHIM, "cloud")):
            own_cloud.advance(f"{number % 3 + 1}s")
            kill(own_cloud, victim)
        site.until_completed()
    finally:
        watcher.stop()
    assert len(watcher.counted) > 5
    assert watcher.most <= 4 * high // 100
    new = {task["taskArn"] for task in site.tasks()}
    assert len(new) == 4 and not new & old
    over = [
        arn
        for page in ecs.get_paginator("list_tasks").paginate(cluster="main", desiredStatus="STOPPED")
        for arn in page["taskArns"]
    ]
    tasks = [
        each
        for start in range(0, len(over), 100)
        for each in ecs.describe_tasks(cluster="main", tasks=over[start : start + 100])["tasks"]
    ] + site.tasks()
    by_scheduler = [each for each in tasks if each.get("stopCode") == "ServiceSchedulerInitiated"]
    assert by_scheduler, "some of the old ones were stopped for the new"
    for each in by_scheduler:
        if "startedAt" in each and "Scaling activity" in each["stoppedReason"]:
            assert serving(tasks, each["stoppingAt"], each["taskArn"]) >= 4 * low // 100, story(tasks)
    load = site.load()
    until(lambda: load.answers["green"] > 20, "green answers")
    load.stop()
    assert set(load.answers) == {"green"} and load.failures == []
    site.delete()
    until(lambda: not left(own_cloud, site.account), "nothing is left", 5)


def test_a_killed_tree_runs_its_services_again(own_cloud: RunningCloud) -> None:
    """In the middle of an update: every container is gone; after the next start the update is finished."""
    site = Site(own_cloud)
    site.create(site.definition("blue"), count=2, **PATIENT)
    site.update(site.definition("green"), 100, 200)
    own_cloud.advance("2s")
    os.kill(own_cloud.json("status")["pid"], signal.SIGKILL)
    own_cloud.assert_gone()
    own_cloud.up()
    site.until_completed()
    load = site.load()
    until(lambda: load.answers["green"] > 20, "green answers")
    load.stop()
    assert set(load.answers) == {"green"} and load.failures == []
    assert len(site.tasks()) == 2 == len(named(own_cloud, SHIM))
    site.delete()
    until(lambda: not left(own_cloud, site.account), "nothing is left", 5)


def test_a_reset_ends_all_tasks_and_leaves_nothing(own_cloud: RunningCloud) -> None:
    """Running, starting and stopping ones; and the cloud can be used at once."""
    account = Account(own_cloud, fresh_number())
    place = Place(own_cloud, account)
    logs = {"logDriver": "awslogs", "options": {
        "awslogs-group": "jobs", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p",
        "awslogs-create-group": "true",
    }}  # fmt: skip
    definition = place.define(
        {"name": "app", "command": ["sh", "-c", "while :; do echo x; sleep 0.1; done"], "logConfiguration": logs,
         "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]},
        volumes=[{"name": "data"}], executionRoleArn=place.execution_role,
    )  # fmt: skip
    running = [place.run(definition) for _ in range(3)]
    for arn in running:
        place.until(arn, "RUNNING")
    place.ecs.stop_task(cluster="main", task=running[0])
    for _ in range(3):
        place.run(definition)
    own_cloud.run("reset")
    assert left(own_cloud, account) == {}
    # The images' names went with everything else.
    own_cloud.run("image", "busybox", "tools")
    again = Place(own_cloud, account)
    arn = again.run(again.define({"name": "app", "command": ["true"]}))
    assert again.until(arn, "STOPPED")["containers"][0]["exitCode"] == 0
