"""What containers hear from the agent, metrics, and what happens when something fails that nobody foresaw."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ecs_tasks.stage import SCOPE, Stage

from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.agent.identities import Identity
from cloudarium.services.ecs.resources import Task
from cloudarium.substrate.compute.spec import Stats
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.messages import Request

ROLE = "arn:aws:iam::111122223333:role/mine"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.begin()
    yield made
    await made.cloud.stop_services()


async def ask(stage: Stage, path: str, body: Any = None) -> tuple[int, Any]:
    """A request as a container would make it."""
    controller: Any = stage.cloud._closers[0].__self__
    data = json.dumps(body).encode() if body is not None else b""
    method = b"PUT" if body is not None else b"GET"
    request = Request(method, path.encode(), 11, Headers(), data, ("", 0))
    answer: Any = controller._runner.agent._answer(request)
    if hasattr(answer, "__await__"):
        answer = await answer
    return answer.status, json.loads(answer.body)


def environment(stage: Stage) -> dict[str, str]:
    (spec,) = stage.runtime.specs.values()
    return dict(line.split("=", 1) for line in spec.env)


def path_of(url: str) -> str:
    return url.removeprefix("http://169.254.170.2")


async def test_credentials_are_those_of_the_task_role_and_are_renewed(stage: Stage) -> None:
    definition = stage.define({"name": "app"}, taskRoleArn=ROLE, executionRoleArn="execution")
    task = await stage.run(definition)
    path = environment(stage)["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    status, first = await ask(stage, path)
    assert (status, first["RoleArn"], first["Expiration"][-1]) == (200, ROLE, "Z")
    assert (await ask(stage, path))[1] == first, "the same while they are good"
    await stage.clock.advance(3600 - 900 + 1)
    status, second = await ask(stage, path)
    assert second["AccessKeyId"] != first["AccessKeyId"] and second["Expiration"] > first["Expiration"]
    assert (await ask(stage, "/v2/credentials/"))[1]["code"] == "NoIdInRequest"
    assert (await ask(stage, "/v2/credentials/other"))[1]["code"] == "InvalidIdInRequest"
    await stage.stop(task)
    assert (await ask(stage, path))[0] == 400
    assert not stage.store.table(Identity).all(SCOPE)


async def test_the_address_of_credentials_stays_over_a_crash(stage: Stage) -> None:
    await stage.run(stage.define({"name": "app"}, taskRoleArn=ROLE))
    path = environment(stage)["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
    await stage.kill()
    await stage.begin()
    assert (await ask(stage, path))[1]["RoleArn"] == ROLE


async def test_without_a_role_there_are_no_credentials(stage: Stage) -> None:
    await stage.run(stage.define({"name": "app"}))
    assert "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" not in environment(stage)
    assert environment(stage)["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"


async def test_metadata_and_statistics(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}, {"name": "side"}), tags={"team": "a"})
    spec = stage.runtime.specs[stage.runtime.id_of("app")]
    uri = path_of(dict(line.split("=", 1) for line in spec.env)["ECS_CONTAINER_METADATA_URI_V4"])
    _, own = await ask(stage, uri)
    _, whole = await ask(stage, f"{uri}/taskWithTags")
    assert own["Name"] == "app" and own in whole["Containers"] and len(whole["Containers"]) == 2
    assert (whole["TaskARN"], whole["TaskTags"]) == (task.arn, {"team": "a"})
    stage.runtime.readings["app"] = Stats(read_at=5.0, cpu_total_ns=7)
    _, stats = await ask(stage, f"{uri}/task/stats")
    assert stats[own["DockerId"]]["cpu_stats"]["cpu_usage"]["total_usage"] == 7
    assert (await ask(stage, uri.replace("/v4/", "/v3/")))[1]["Name"] == "app"
    assert (await ask(stage, "/v4/nobody"))[0] == 404 and (await ask(stage, f"{uri}/else"))[0] == 404


async def test_a_task_can_protect_itself(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}, taskRoleArn=ROLE))
    uri = f"{path_of(environment(stage)['ECS_AGENT_URI'])}/task-protection/v1/state"
    asked = []

    def update_task_protection(given: Any) -> Any:
        asked.append(given)
        return {"protectedTasks": [{"taskArn": task.arn, "protectionEnabled": True, "expirationDate": 0}]}

    def get_task_protection(given: Any) -> Any:
        raise AwsError("AccessDeniedException", "no", 400)

    stage.aws.update_task_protection = update_task_protection
    stage.aws.get_task_protection = get_task_protection
    _, answer = await ask(stage, uri, {"ProtectionEnabled": True, "ExpiresInMinutes": 5})
    assert answer["protection"]["ProtectionEnabled"] and asked[0]["expiresInMinutes"] == 5
    assert ":assumed-role/mine/" in stage.aws.calls[-1][2]
    assert (await ask(stage, uri))[1]["error"]["Code"] == "AccessDeniedException"
    assert (await ask(stage, uri, []))[0] == 400


async def test_utilization_is_published_every_minute(stage: Stage) -> None:
    definition = stage.define({"name": "app"}, cpu="256", memory="512")
    tasks = [await stage.run(definition, service="web") for _ in range(2)]
    stage.runtime.readings["app"] = Stats(read_at=0.0, memory_usage=256 * 1024 * 1024)
    published: list[tuple[Any, ...]] = []
    stage.cloud.metrics.record = lambda *point: published.append(point)
    await stage.clock.advance(61)
    assert not published, "use is what lies between two readings"
    stage.runtime.readings["app"] = Stats(read_at=60.0, cpu_total_ns=int(7.5e9), memory_usage=128 * 1024 * 1024)
    await stage.clock.advance(60)
    dimensions = {"ClusterName": "main", "ServiceName": "web"}
    cpu = (SCOPE, "AWS/ECS", "CPUUtilization", dimensions, 50.0, "Percent")
    memory = (SCOPE, "AWS/ECS", "MemoryUtilization", dimensions, 25.0, "Percent")
    assert published == [cpu, memory] * 2, "an eighth of a CPU is half of 256 units"
    for task in tasks:
        await stage.stop(task)
    await stage.clock.advance(600)
    assert len(published) == 4, "nothing runs, nothing is published"


async def test_a_failure_that_nobody_foresaw_is_tried_again(stage: Stage) -> None:
    good = stage.images.rootfs
    failures = 2

    async def rootfs(image: Any, container_id: str) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("for once")
        return await good(image, container_id)

    stage.images.rootfs = rootfs  # type: ignore[method-assign]
    task = await stage.run(stage.define({"name": "app"}))
    assert task.last_status == "PENDING"
    await stage.clock.advance(5)
    await stage.settle()
    assert stage.task(task).last_status == "RUNNING"


async def test_a_failure_that_stays_ends_the_task(stage: Stage) -> None:
    async def rootfs(image: Any, container_id: str) -> Any:
        raise RuntimeError("always")

    stage.images.rootfs = rootfs  # type: ignore[method-assign]
    task = await stage.run(stage.define({"name": "app"}))
    await stage.clock.advance(120)
    await stage.settle()
    task = stage.task(task)
    assert (task.last_status, task.stopped_reason) == ("STOPPED", "ResourceInitializationError: always")
    assert not stage.store.table(Task).find(SCOPE, "phase_key", "main/pending")
