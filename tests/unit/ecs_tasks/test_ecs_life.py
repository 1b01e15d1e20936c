"""The life of tasks: states, reasons, recovery, with everything outside the controller played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ecs_tasks.stage import SCOPE, Stage

from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks import gates


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.begin()
    yield made
    await made.cloud.stop_services()


def states(stage: Stage, task: Task) -> list[str]:
    events = [each for each in stage.cloud.events.recent(SCOPE, 500) if each.detail["taskArn"] == task.arn]
    seen: list[str] = []
    for each in reversed(events):
        if not seen or seen[-1] != each.detail["lastStatus"]:
            seen.append(each.detail["lastStatus"])
    return seen


async def test_a_task_runs_and_is_stopped(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}, cpu="256", memory="512"))
    assert (task.last_status, task.connectivity) == ("RUNNING", "CONNECTED")
    assert None not in (task.pull_started, task.pull_stopped, task.started, task.connectivity_at)
    (attached,) = task.attachments
    details = {each["name"]: each["value"] for each in attached["details"]}
    assert attached["status"] == "ATTACHED" and details["networkInterfaceId"] == "eni-1"
    arn = f"arn:aws:ecs:us-east-1:111122223333:attachment/{attached['id']}"
    assert stage.aws.interfaces["eni-1"]["Description"] == arn
    (container,) = task.containers
    assert container.last_status == "RUNNING" and container.network_interfaces[0]["privateIpv4Address"] == "10.0.0.1"
    group = stage.runtime.groups[f"ecs-{task.id}"]
    assert (group.cpu_quota_us, group.memory) == (25_000, 512 * 1024 * 1024)
    task = await stage.stop(task)
    assert (task.last_status, task.stop_code, task.stopped_reason) == (
        "STOPPED", "UserInitiated", "Task stopped by user",
    )  # fmt: skip
    assert task.containers[0].exit_code == 143 and task.attachments[0]["status"] == "DELETED"
    assert None not in (task.stopping, task.execution_stopped, task.stopped)
    assert not stage.aws.interfaces and not stage.runtime.specs and not stage.runtime.groups
    assert states(stage, task) == [
        "PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED",
    ]  # fmt: skip


async def test_versions_grow_with_every_event(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}))
    versions = [each.detail["version"] for each in reversed(stage.cloud.events.recent(SCOPE, 500))]
    assert versions == sorted(set(versions)) and task.version >= versions[-1]


async def test_the_end_of_an_essential_container_ends_the_task(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}, {"name": "side", "essential": False}))
    stage.runtime.end("side", 3)
    await stage.settle()
    assert stage.task(task).last_status == "RUNNING" and stage.container(task, "side").exit_code == 3
    stage.runtime.end("app", 1)
    await stage.settle()
    task = stage.task(task)
    assert (task.last_status, task.stop_code) == ("STOPPED", "EssentialContainerExited")
    assert task.stopped_reason == "Essential container in task exited"
    assert stage.container(task, "app").exit_code == 1


async def test_out_of_memory_is_told(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}))
    stage.runtime.end("app", 137, oom=True)
    await stage.settle()
    assert stage.container(task, "app").reason == "OutOfMemoryError: Container killed due to memory usage"
    assert stage.container(task, "app").exit_code == 137


async def test_an_image_that_is_not_there(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app", "image": "registry.example/missing:1"}))
    assert (task.last_status, task.stop_code) == ("STOPPED", "TaskFailedToStart")
    assert task.stopped_reason.startswith("CannotPullContainerError: pull image manifest has been retried 1 time(s): ")
    assert task.stopped_reason.endswith("registry.example/missing:1: not found") and task.started is None
    assert not stage.aws.interfaces


async def test_on_an_instance_the_container_has_the_reason(stage: Stage) -> None:
    definition = stage.define({"name": "app", "image": "missing"}, networkMode="none")
    task = await stage.run(definition, launch_type="EC2")
    assert task.stopped_reason == "Task failed to start"
    assert stage.container(task, "app").reason.startswith("CannotPullContainerError: ")


async def test_a_container_that_cannot_start(stage: Stage) -> None:
    stage.runtime.refuse_start["app"] = "exec: no such file or directory"
    stage.runtime.refuse_start["side"] = "exec: side"
    task = await stage.run(stage.define({"name": "app"}))
    assert task.stopped_reason == "CannotStartContainerError: exec: no such file or directory"
    assert stage.container(task, "app").exit_code is None and not stage.runtime.specs
    task = await stage.run(stage.define({"name": "ok"}, {"name": "side", "essential": False}))
    assert task.last_status == "RUNNING", "it is not essential"
    assert stage.container(task, "side").reason == "CannotStartContainerError: exec: side"


async def test_a_task_can_be_stopped_while_its_image_is_pulled(stage: Stage) -> None:
    stage.images.hold = asyncio.Event()
    task = await stage.run(stage.define({"name": "app"}), settle=False)
    for _ in range(50):
        await asyncio.sleep(0)
    task = await stage.stop(task)
    assert task.last_status == "STOPPED" and task.started is None
    stage.images.hold.set()
    await stage.settle()
    assert not stage.runtime.specs and not stage.aws.interfaces


async def test_containers_start_in_order_and_stop_in_reverse(stage: Stage) -> None:
    stage.runtime.checks["db"] = 1
    definition = stage.define(
        {"name": "app", "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},
        {"name": "db", "healthCheck": {"command": ["CMD", "true"], "interval": 10}},
        {"name": "init", "essential": False},
        {"name": "after", "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
    )
    task = await stage.run(definition)
    assert sorted(name for verb, name in stage.runtime.log if verb == "start") == ["db", "init"]
    assert task.last_status == "PENDING"
    stage.runtime.end("init", 0)
    await stage.settle()
    assert stage.runtime.log[-1] == ("start", "after")
    await stage.clock.advance(10)
    assert stage.container(task, "app").last_status == "PENDING"
    stage.runtime.checks["db"] = 0
    await stage.clock.advance(10)
    await stage.settle()
    assert stage.runtime.log[-1] == ("start", "app") and stage.task(task).last_status == "RUNNING"
    await stage.stop(task)
    stops = [name for verb, name in stage.runtime.log if verb == "stop"]
    assert stops.index("app") < stops.index("db")


async def test_a_dependency_that_fails(stage: Stage) -> None:
    definition = stage.define(
        {"name": "app", "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]},
        {"name": "init", "essential": False},
    )
    task = await stage.run(definition)
    stage.runtime.end("init", 2)
    await stage.settle()
    task = stage.task(task)
    assert (task.last_status, stage.container(task, "app").exit_code) == ("STOPPED", 143)
    assert "did not exit successfully" in stage.container(task, "app").reason


async def test_a_dependency_that_takes_too_long(stage: Stage) -> None:
    definition = stage.define(
        {"name": "app", "dependsOn": [{"containerName": "init", "condition": "COMPLETE"}]},
        {"name": "init", "essential": False, "startTimeout": 60},
    )
    task = await stage.run(definition)
    await stage.clock.advance(59)
    assert stage.task(task).last_status == "PENDING"
    await stage.clock.advance(2)
    await stage.settle()
    assert stage.task(task).last_status == "STOPPED" and "has timed out" in stage.container(task, "app").reason


async def test_the_stop_timeout_is_waited_for(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app", "stopTimeout": 7}))
    stage.runtime.stubborn.add("app")
    await stage.stop(task)
    assert stage.task(task).last_status == "STOPPING"
    await stage.clock.advance(7)
    await stage.settle()
    assert (stage.task(task).last_status, stage.container(task, "app").exit_code) == ("STOPPED", 137)


async def test_health_is_shown_and_never_stops_a_task_by_itself(stage: Stage) -> None:
    check = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 2}
    task = await stage.run(stage.define({"name": "app", "healthCheck": check}))
    assert stage.task(task).health_status == "UNKNOWN"
    await stage.clock.advance(5)
    assert stage.task(task).health_status == stage.container(task, "app").health_status == "HEALTHY"
    stage.runtime.checks["app"] = None
    await stage.clock.advance(25)
    assert stage.task(task).health_status == "UNHEALTHY" and stage.task(task).last_status == "RUNNING"


async def test_a_restart_policy_restarts_within_the_task(stage: Stage) -> None:
    policy = {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [9]}
    task = await stage.run(stage.define({"name": "app", "restartPolicy": policy}))
    await stage.clock.advance(61)
    stage.runtime.end("app", 1)
    await stage.settle()
    container = stage.container(task, "app")
    assert (container.last_status, container.restarts) == ("RUNNING", 1)
    await stage.clock.advance(61)
    stage.runtime.end("app", 9)
    await stage.settle()
    assert stage.task(task).stop_code == "EssentialContainerExited"


async def test_gates_hold(stage: Stage) -> None:
    held = True
    gates.add_gate(stage.cloud, lambda scope, task: held)
    task = await stage.run(stage.define({"name": "app"}))
    assert task.last_status == "ACTIVATING"
    held = False
    stage.cloud.enqueue("ecs.tasks", (SCOPE, task.id))
    await stage.settle()
    assert stage.task(task).last_status == "RUNNING"
    held = True
    task = await stage.stop(task)
    assert task.last_status == "DEACTIVATING" and stage.runtime.states


# -- roles, secrets, networks ------------------------------------------------------------------------------------------


async def test_secrets_and_files_become_variables(stage: Stage) -> None:
    secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf"
    stage.aws.parameters["/app/key"] = "k"
    stage.aws.secrets[secret] = '{"user": "u", "port": 5432}'
    stage.aws.objects["files/a.env"] = b"# no\nA=file\nB=file\n"
    definition = stage.define(
        {
            "name": "app",
            "environment": [{"name": "B", "value": "own"}],
            "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::files/a.env"}],
            "secrets": [
                {"name": "KEY", "valueFrom": "/app/key"},
                {"name": "KEY2", "valueFrom": "arn:aws:ssm:us-east-1:111122223333:parameter/app/key"},
                {"name": "USER", "valueFrom": f"{secret}:user::"},
                {"name": "PORT", "valueFrom": f"{secret}:port::"},
            ],
        },
        executionRoleArn="arn:aws:iam::111122223333:role/execution",
    )
    await stage.run(definition)
    (spec,) = stage.runtime.specs.values()
    env = dict(line.split("=", 1) for line in spec.env)
    assert [env[name] for name in ("A", "B", "KEY", "KEY2", "USER", "PORT", "FROM")] == [
        "file", "own", "k", "k", "u", "5432", "image",
    ]  # fmt: skip
    asked = {who for service, _, who in stage.aws.calls if service in ("ssm", "secretsmanager", "s3")}
    assert len(asked) == 1 and ":assumed-role/execution/" in asked.pop()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/absent", "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm param"),
        ("arn:aws:secretsmanager:us-east-1:1:secret:x", "unable to retrieve secret from asm: service call has been"),
        ("arn:aws:s3:::x", "is neither a parameter nor a secret"),
    ],
)
async def test_secrets_that_are_not_there(stage: Stage, value: str, said: str) -> None:
    task = await stage.run(stage.define({"name": "app", "secrets": [{"name": "X", "valueFrom": value}]}))
    assert task.stop_code == "TaskFailedToStart" and said in task.stopped_reason
    assert task.stopped_reason.startswith("ResourceInitializationError: unable to pull secrets or registry auth: ")


async def test_a_role_that_does_not_trust_ecs(stage: Stage) -> None:
    role = "arn:aws:iam::111122223333:role/other"
    stage.aws.untrusting.add(role)
    task = await stage.run(stage.define({"name": "app"}, taskRoleArn=role))
    assert task.stopped_reason.startswith(f"ECS was unable to assume the role '{role}' that was provided for this")


ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"


@pytest.mark.parametrize(
    ("blocked", "image", "said"),
    [
        ("api.ecr.us-east-1.amazonaws.com", ECR, "unable to retrieve ecr registry auth: service call has been retried"),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com", ECR, "CannotPullContainerError: pull image manifest"),
        ("prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com", ECR, "failed to copy: httpReadSeeker"),
        ("iam.amazonaws.com", "nginx", 'Head "https://registry-1.docker.io/v2/": dial tcp'),
        ("ssm.us-east-1.amazonaws.com", "local", "unable to retrieve secrets from ssm"),
    ],
)
async def test_on_fargate_everything_comes_through_the_interface(
    stage: Stage, blocked: str, image: str, said: str
) -> None:
    stage.aws.parameters["p"] = "v"
    container = {"name": "app", "image": image, "secrets": [{"name": "P", "valueFrom": "p"}]}
    definition = stage.define(container)
    stage.fabric.blocked.add(blocked)
    task = await stage.run(definition)
    assert said in task.stopped_reason and "i/o timeout" in task.stopped_reason
    stage.fabric.blocked.clear()
    task = await stage.run(definition)
    assert task.last_status == "RUNNING"
    assert blocked in stage.fabric.dialled


async def test_many_tasks_ask_once(stage: Stage) -> None:
    definition = stage.define({"name": "app", "image": ECR})
    tasks = [await stage.run(definition, settle=False) for _ in range(20)]
    await stage.settle()
    assert {stage.task(task).last_status for task in tasks} == {"RUNNING"}
    assert len(stage.fabric.dialled) == 3


async def test_an_image_of_ecr_by_the_uri_of_this_cloud(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app", "image": f"localhost:4566/{ECR}"}))
    assert task.last_status == "RUNNING" and not stage.images.pulled
    task = await stage.run(stage.define({"name": "app", "image": ECR.replace("web", "missing")}))
    assert task.stopped_reason.endswith(f"failed to resolve ref {ECR.replace('web', 'missing')}: "
                                        f"{ECR.replace('web', 'missing')}: not found")  # fmt: skip


# -- after a crash -----------------------------------------------------------------------------------------------------


async def test_running_tasks_go_on_after_a_crash(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}, {"name": "side", "essential": False}))
    await stage.kill()
    stage.runtime.end("side", 5)
    await stage.begin()
    assert stage.task(task).last_status == "RUNNING" and len(stage.runtime.log) == 4
    assert stage.container(task, "side").exit_code == 5
    assert stage.fabric.opened == ["eni-1"], "the agent listens again"
    stage.runtime.end("app", 0)
    await stage.settle()
    assert stage.task(task).last_status == "STOPPED" and not stage.aws.interfaces


async def test_a_task_whose_containers_are_gone_ends(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}))
    await stage.kill()
    stage.runtime.specs.clear()
    await stage.begin()
    task = stage.task(task)
    assert (task.last_status, task.stop_code) == ("STOPPED", "EssentialContainerExited")
    assert stage.container(task, "app").reason == "ContainerVanishedError: No container matching saved ID found"
    assert not stage.aws.interfaces


async def test_what_belongs_to_no_task_is_deleted(stage: Stage) -> None:
    task = await stage.run(stage.define({"name": "app"}))
    lasting = await stage.run(stage.define({"name": "lasting"}))
    await stage.kill()
    stage.store.table(Task).delete(SCOPE, task.id)
    await stage.begin()
    assert [stage.runtime.name(each) for each in stage.runtime.specs] == ["lasting"]
    assert list(stage.aws.interfaces) == ["eni-2"] and stage.task(lasting).last_status == "RUNNING"


async def test_a_container_that_a_crash_left_made_and_not_started_is_made_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of the former one, which has to go first, is not the end of the task."""

    async def never(id: str) -> None:
        await asyncio.get_running_loop().create_future()

    with monkeypatch.context() as patch:
        patch.setattr(stage.runtime, "start", never)
        task = await stage.run(stage.define({"name": "app"}))
        assert list(stage.runtime.states.values()) == ["created"]
        controller: Any = stage.cloud._closers[0].__self__
        await controller.close()
        await stage.kill()
    await stage.begin()
    await stage.settle()
    assert stage.task(task).last_status == "RUNNING"
    assert list(stage.runtime.states.values()) == ["running"]


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_a_crash_at_any_moment_of_a_start_leads_to_one_running_task(tmp_path: Path, turns: int) -> None:
    stage = Stage(tmp_path)
    await stage.begin()
    task = await stage.run(stage.define({"name": "app"}, cpu="256", memory="512"), settle=False)
    for _ in range(turns):
        await asyncio.sleep(0)
    controller: Any = stage.cloud._closers[0].__self__
    await controller.close()
    await stage.kill()
    await stage.begin()
    assert stage.task(task).last_status == "RUNNING"
    assert len(stage.aws.interfaces) == len(stage.runtime.specs) == 1
    await stage.stop(task)
    assert not stage.aws.interfaces and not stage.runtime.specs and not stage.runtime.groups
    await stage.cloud.stop_services()


@pytest.mark.parametrize("turns", range(0, 60, 4))
async def test_a_stop_at_any_moment_of_a_start_leaves_nothing(stage: Stage, turns: int) -> None:
    task = await stage.run(stage.define({"name": "app"}, cpu="256", memory="512"), settle=False)
    for _ in range(turns):
        await asyncio.sleep(0)
    task = await stage.stop(task)
    assert task.last_status == "STOPPED" and task.stop_code == "UserInitiated"
    assert not stage.aws.interfaces and not stage.runtime.specs and not stage.runtime.groups


async def test_an_interface_whose_making_was_interrupted_is_found_and_deleted(stage: Stage) -> None:
    stage.fabric.slow = True
    task = await stage.run(stage.define({"name": "app"}), settle=False)
    for _ in range(1000):
        if stage.aws.interfaces:
            break
        await asyncio.sleep(0.001)
    await stage.kill()
    record = stage.task(task)
    bare = {**record.attachments[0], "details": [{"name": "subnetId", "value": "subnet-1"}]}
    stage.store.table(Task).put(SCOPE, record.replace(attachments=(bare,), desired_status="STOPPED", stop_code="x"))
    assert stage.aws.interfaces
    await stage.begin()
    assert stage.task(task).last_status == "STOPPED" and not stage.aws.interfaces
