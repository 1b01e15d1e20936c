"""What is decided without any I/O: order, health, environments, references, names, documents, percentages."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.agent.documents import Extras, Network, container_document, task_document
from cloudarium.services.ecs.agent.statistics import stats_document
from cloudarium.services.ecs.metrics import in_memory, percent, reservation
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks import environment, image_names, machine, spec
from cloudarium.services.ecs.tasks.dependencies import Standing, may_start, may_stop, with_router
from cloudarium.services.ecs.tasks.health import Health, after_check, health_check, task_health
from cloudarium.services.ecs.tasks.machine import Facts, Seen, decide
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.restarts import restarts
from cloudarium.services.ecs.tasks.runtime_ids import runtime_id
from cloudarium.services.ecs.tasks.secret_references import BadReference, Reference, parse, pick
from cloudarium.services.ecs.tasks.volumes import Volumes
from cloudarium.substrate.compute.spec import Stats
from cloudarium.substrate.images.model import Image, ImageConfig, Rootfs

SCOPE = Scope("111122223333", "us-east-1")
ARN = "arn:aws:ecs:us-east-1:111122223333"


def waits(condition: str) -> dict[str, Any]:
    return {"name": "app", "dependsOn": [{"containerName": "db", "condition": condition}]}


@pytest.mark.parametrize(
    ("condition", "standing", "go", "fails"),
    [
        ("START", Standing(), False, False),
        ("START", Standing(1.0), True, False),
        ("START", Standing(1.0, True, 1), True, False),
        ("START", Standing(None, True), False, True),
        ("COMPLETE", Standing(1.0), False, False),
        ("COMPLETE", Standing(1.0, True, 7), True, False),
        ("SUCCESS", Standing(1.0, True, 7), False, True),
        ("SUCCESS", Standing(1.0, True, 0), True, False),
        ("HEALTHY", Standing(1.0, False, None, "UNHEALTHY"), False, False),
        ("HEALTHY", Standing(1.0, False, None, "HEALTHY"), True, False),
        ("HEALTHY", Standing(1.0, True, 0, "UNKNOWN"), False, True),
    ],
)
def test_conditions(condition: str, standing: Standing, go: bool, fails: bool) -> None:
    verdict = may_start(waits(condition), {"db": standing}, {}, 100.0)
    assert (verdict.go, bool(verdict.failure)) == (go, fails)


def test_start_timeouts_run_from_the_dependency_and_say_when() -> None:
    verdict = may_start(waits("HEALTHY"), {"db": Standing(10.0)}, {"db": 60.0}, 20.0)
    assert verdict == (False, "", 70.0)
    assert "has timed out" in may_start(waits("HEALTHY"), {"db": Standing(10.0)}, {"db": 60.0}, 70.0).failure
    assert not may_start(waits("START"), {"db": Standing()}, {"db": 60.0}, 1e9).failure


def test_links_and_volumes_are_dependencies() -> None:
    definition = {"name": "app", "links": ["db:d"], "volumesFrom": [{"sourceContainer": "data"}]}
    assert not may_start(definition, {"db": Standing(1.0), "data": Standing()}, {}, 0.0).go
    assert not may_stop("db", [definition, {"name": "db"}], {"app", "db"})
    assert may_stop("app", [definition, {"name": "db"}], {"app", "db"})


def test_what_logs_through_firelens_waits_for_the_router_and_outlives_nothing() -> None:
    app = {"name": "app", "logConfiguration": {"logDriver": "awsfirelens"}}
    router = {"name": "router", "firelensConfiguration": {"type": "fluentbit"}}
    ordered = with_router([app, router])
    assert not may_start(ordered[0], {"router": Standing()}, {}, 0.0).go
    assert may_start(ordered[1], {"app": Standing()}, {}, 0.0).go
    assert not may_stop("router", ordered, {"app", "router"}) and may_stop("router", ordered, {"router"})
    assert with_router([app]) == [app]


def test_health_counts_failures_in_a_row() -> None:
    check = health_check({"healthCheck": {"command": ["CMD-SHELL", "curl x"], "retries": 2, "startPeriod": 10}})
    assert check is not None and check.argv == ("/bin/sh", "-c", "curl x") and check.interval == 30
    health = after_check(check, Health(), passed=False, age=9)
    assert health == Health(), "within the start period"
    health = after_check(check, health, passed=False, age=11)
    assert (health.status, health.failures) == ("UNKNOWN", 1)
    assert after_check(check, health, passed=False, age=12).status == "UNHEALTHY"
    health = after_check(check, health, passed=True, age=13)
    assert health == Health("HEALTHY", 0, True)
    assert after_check(check, health, passed=False, age=5).failures == 1, "after a success every failure counts"
    assert health_check({"healthCheck": {"command": ["NONE"]}}) is None and health_check({}) is None


def test_the_worst_essential_container_is_the_tasks_health() -> None:
    assert task_health([(True, "HEALTHY"), (True, "UNKNOWN"), (False, "UNHEALTHY")]) == "UNKNOWN"
    assert task_health([(True, "UNHEALTHY"), (True, "UNKNOWN")]) == "UNHEALTHY"
    assert task_health([(True, "HEALTHY"), (False, "UNKNOWN")]) == "HEALTHY"


def test_restart_policies() -> None:
    policy = {"restartPolicy": {"enabled": True, "ignoredExitCodes": [0]}}
    assert restarts(policy, 1, 300) and not restarts(policy, 1, 299) and not restarts(policy, 0, 999)
    assert not restarts({}, 1, 999)


@pytest.mark.parametrize(
    ("definition", "argv"),
    [
        ({}, ["entry", "cmd"]),
        ({"command": ["own"]}, ["entry", "own"]),
        ({"entryPoint": ["mine"]}, ["mine"]),
        ({"entryPoint": ["mine"], "command": ["own"]}, ["mine", "own"]),
    ],
)
def test_command_lines_as_docker_builds_them(definition: dict[str, Any], argv: list[str]) -> None:
    assert environment.command_line(definition, {}, ["entry"], ["cmd"]) == argv


def test_later_layers_win() -> None:
    merged = environment.merge(["PATH=/bin", "A=1", "B=1"], {"B": "2"}, {"C": "="}, hostname="h")
    assert merged == ["PATH=/bin", "HOSTNAME=h", "A=1", "B=2", "C=="]


@given(st.binary(max_size=300))
def test_environment_files_of_any_content(data: bytes) -> None:
    for name in environment.parse_file(data):
        assert name and not name.startswith("#") and "=" not in name


def test_references() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:1:secret:a/b-XyZ"
    assert parse("/a/b") == Reference("ssm", "/a/b")
    assert parse(f"{secret}:key:AWSPREVIOUS:") == Reference(
        "secretsmanager", secret, "eu-west-1", "key", "AWSPREVIOUS", ""
    )
    assert parse(f"{secret}:::id").version_id == "id"
    assert pick('{"k": [1]}', "k") == "[1]" and pick("plain", "") == "plain"
    for text, key in (("plain", "k"), ("[]", "k"), ("{}", "k")):
        with pytest.raises(BadReference):
            pick(text, key)


@given(st.text(max_size=60))
def test_any_reference_is_understood_or_refused(text: str) -> None:
    for value in (text, f"arn:{text}", f"arn:aws:secretsmanager:{text}", f"arn:aws:ssm:{text}"):
        try:
            assert parse(value).service in ("ssm", "secretsmanager")
        except BadReference:
            pass


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/a/b", ("111122223333", "eu-west-1", "a/b", "", "")),
        ("localhost:1/111122223333.dkr.ecr.eu-west-1.amazonaws.com/a:v1", ("111122223333", "eu-west-1", "a", "v1", "")),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:0", ("111122223333", "eu-west-1", "a", "", "sha256:0")),
        ("nginx:1", None),
        ("localhost:5000/web:1", None),
        ("public.ecr.aws/x/y:1", None),
    ],
)  # fmt: skip
def test_names_of_ecr_images(name: str, wanted: tuple[str, ...] | None) -> None:
    assert image_names.ecr_image(name) == wanted


def test_names_without_the_local_port() -> None:
    assert image_names.canonical("localhost:4566/public.ecr.aws/x/y:1") == "public.ecr.aws/x/y:1"
    assert image_names.canonical("localhost:4566/web:1") == "localhost:4566/web:1"


# -- the state machine -------------------------------------------------------------------------------------------------

LAST = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")
STATES = ("none", "busy", "running", "again", "ended")


@given(
    st.sampled_from(LAST),
    st.sampled_from(["RUNNING", "STOPPED"]),
    st.lists(st.sampled_from(STATES), min_size=1, max_size=3),
    st.tuples(*[st.booleans()] * 5),
)
def test_every_situation_has_a_step_that_makes_sense(
    last: str, desired: str, states: list[str], flags: tuple[bool, bool, bool, bool, bool]
) -> None:
    definitions = [{"name": str(place), "essential": place == 0} for place in range(len(states))]
    seen = {str(place): Seen(state, Standing(1.0)) for place, state in enumerate(states)}
    step = decide(Facts(last, desired, definitions, seen, *flags))
    if step.action == "enter":
        assert step.status != last
    if step.action in ("start", "prepare") and last != "PENDING":
        assert "again" in states
    if step.action == "stop":
        assert desired == "STOPPED" and all(seen[name].state == "running" for name in step.names)
    if step.action in ("sweep", "deprovision"):
        assert desired == "STOPPED" and (step.action != "sweep" or not {"busy", "running"} & set(states))
    if last == "STOPPED":
        assert step.action in ("wait", "forget")


def test_every_task_that_shall_stop_gets_there() -> None:
    """From any state, doing what is said (and nothing failing) ends in STOPPED without going round."""
    for start in LAST[:-1]:
        last, state, litter = start, "running", True
        for _ in range(12):
            step = decide(
                Facts(last, "STOPPED", [{"name": "a"}], {"a": Seen(state)}, True, True, True, False, litter, 0.0)
            )
            if step.action == "enter":
                last = step.status
            elif step.action == "stop":
                state = "ended"
            elif step.action == "sweep":
                litter = False
            elif step.action == "deprovision":
                last = "STOPPED"
            if last == "STOPPED":
                break
        assert last == "STOPPED", start
    assert machine.WAIT.action == "wait"


# -- documents ---------------------------------------------------------------------------------------------------------


def a_task(**changes: Any) -> Task:
    container = ContainerState(
        name="app", id="0" * 32, arn=f"{ARN}:container/main/t/c", image="web:1", image_digest="sha256:1",
        runtime_id="t-0000000001", last_status="RUNNING", cpu="10", memory="128", started=1_600_000_000.5,
        started_flag=True,
    )  # fmt: skip
    fields = {
        "id": "t", "arn": f"{ARN}:task/main/t", "cluster": "main", "cluster_arn": f"{ARN}:cluster/main",
        "task_definition_arn": f"{ARN}:task-definition/web:3", "family": "web", "revision": 3,
        "launch_type": "FARGATE", "created": 1_600_000_000.0, "containers": (container,), "cpu": "256",
        "memory": "512", "last_status": "RUNNING",
    }  # fmt: skip
    return Task(**{**fields, **changes})


def test_metadata_as_the_documentation_shows_it() -> None:
    task = a_task(tags={"a": "b"}, availability_zone="us-east-1a")
    definition = {
        "name": "app",
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-stream-prefix": "p"}},
    }
    extras = Extras(spec.docker_labels(task, definition), definition, (), "p/app/t")
    network = Network("awsvpc", ("10.0.1.5",), "0e:00", "10.0.1.0/24", "10.0.1.1", "ip-10-0-1-5.ec2.internal")
    shown = container_document(task, task.containers[0], extras, network)
    assert shown["Labels"]["com.amazonaws.ecs.task-definition-version"] == "3"
    assert (shown["DockerId"], shown["Limits"]) == ("t-0000000001", {"CPU": 10, "Memory": 128})
    assert shown["StartedAt"] == "2020-09-13T12:26:40.500000Z"
    assert shown["LogOptions"] == {"awslogs-group": "g", "awslogs-stream": "p/app/t"}
    assert shown["Networks"][0]["SubnetGatewayIpv4Address"] == "10.0.1.1/24"
    whole = task_document(task, {"app": extras}, {"app": network}, tags=True)
    assert (whole["Limits"], whole["Revision"], whole["TaskTags"]) == ({"CPU": 0.25, "Memory": 512}, "3", {"a": "b"})
    assert whole["Containers"] == [shown] and whole["Cluster"] == task.cluster_arn
    assert "ContainerARN" not in container_document(task, task.containers[0], extras, network, version=3)


def test_statistics_have_docker_s_names_and_rates() -> None:
    before = Stats(read_at=10.0, cpu_total_ns=5, networks={"eth0": {"rx_bytes": 100}})
    now = Stats(read_at=20.0, cpu_total_ns=9, memory_usage=7, networks={"eth0": {"rx_bytes": 600}})
    shown = stats_document("app", "id", now, before)
    assert shown["cpu_stats"]["cpu_usage"]["total_usage"] == 9
    assert shown["precpu_stats"]["cpu_usage"]["total_usage"] == 5 and shown["memory_stats"]["usage"] == 7
    assert shown["network_rate_stats"]["rx_bytes_per_sec"] == 50.0


def test_utilization_is_of_what_is_reserved() -> None:
    assert reservation(a_task()) == (256.0, 512.0) and reservation(a_task(cpu="", memory="")) == (10.0, 128.0)
    assert percent(128, 256) == 50.0 and percent(1, 0) is None
    mib = 1024 * 1024
    assert in_memory(Stats(read_at=0, memory_usage=10 * mib, memory_stats={"total_inactive_file": 4 * mib})) == 6.0


# -- specifications ----------------------------------------------------------------------------------------------------


def specify(definition: dict[str, Any], **changes: Any) -> Any:
    task = a_task(**changes)
    image = Image(digest="d", config=ImageConfig(cmd=["run"], user="web"), layers=(), size=0, media_type="")
    rootfs = Rootfs(lowers=["l"], upper="u", work="w", merged="m")
    given = {"name": "app", **definition}
    return spec.container_spec(
        SCOPE, task, given, task.containers[0], image, rootfs, spec.Place(None), [], [], grouped=True
    )


def test_settings_reach_the_runtime() -> None:
    made = specify(
        {
            "cpu": 512, "memory": 64, "memoryReservation": 32, "user": "1:2", "workingDirectory": "/x",
            "readonlyRootFilesystem": True, "privileged": True, "pseudoTerminal": True, "interactive": True,
            "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
            "systemControls": [{"namespace": "net.core.somaxconn", "value": "9"}],
            "dockerSecurityOptions": ["no-new-privileges"],
            "linuxParameters": {
                "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]}, "initProcessEnabled": True,
                "sharedMemorySize": 5, "maxSwap": 16, "swappiness": 1,
                "tmpfs": [{"containerPath": "/t", "size": 3, "mountOptions": ["noexec"]}],
                "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/n", "permissions": ["read"]}],
            },
        },
        launch_type="EC2",
    )  # fmt: skip
    mib = 1024 * 1024
    limits = made.resources
    assert (limits.cpu_shares, limits.memory, limits.memory_reservation) == (512, 64 * mib, 32 * mib)
    assert (limits.memory_swap, limits.swappiness, made.shm_size) == (80 * mib, 1, 5 * mib)
    assert (made.user, made.cwd, made.readonly_rootfs, made.privileged, made.init) == ("1:2", "/x", True, True, True)
    assert (made.terminal, made.stdin, made.no_new_privileges) == (True, True, True)
    assert (made.capabilities_add, made.capabilities_drop) == (["SYS_PTRACE"], ["NET_RAW"])
    assert made.ulimits[0].hard == 2 and made.sysctls == {"net.core.somaxconn": "9"}
    assert (made.mounts[0].target, made.mounts[0].options) == ("/t", ["size=3m", "noexec"])
    assert (made.devices[0].container_path, made.devices[0].permissions) == ("/dev/n", "r")


def test_defaults_are_docker_s() -> None:
    made = specify({})
    assert (made.argv, made.user, made.cwd, made.stop_signal) == (["run"], "web", "/", "SIGTERM")
    assert (made.resources.cpu_shares, made.resources.memory, made.logs.mode) == (2, None, "none")
    assert made.cgroup_parent == "ecs-t" and made.labels["cloudarium.task"] == "t"


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(CannotRun, match="apparmor"):
        specify({"dockerSecurityOptions": ["apparmor:x"]})


def test_ids_in_the_runtime_are_told_from_the_task() -> None:
    assert runtime_id(a_task(), "app") == runtime_id(a_task(), "app") != runtime_id(a_task(), "b")
    assert len(runtime_id(a_task(id="a" * 32), "app")) == 43 and len(runtime_id(a_task(launch_type="EC2"), "a")) == 64


def test_volumes(tmp_path: Any) -> None:
    volumes = Volumes(tmp_path)
    definition = {"volumes": [{"name": "data"}, {"name": "disk", "host": {"sourcePath": "/var/x"}}]}
    app = {"name": "app", "mountPoints": [{"sourceVolume": "data", "containerPath": "/d/e", "readOnly": True}]}
    side = {
        "name": "side",
        "mountPoints": [{"sourceVolume": "disk", "containerPath": "/d"}],
        "volumesFrom": [{"sourceContainer": "app"}],
    }
    task = a_task(container_instance="i", launch_type="EC2")
    outer, inner = volumes.mounts(task, definition, side, {"app": app})
    assert (outer.target, inner.target, inner.readonly) == ("/d", "/d/e", True)
    assert outer.source == str(tmp_path / "instances/i/disk/var/x")
    (tmp_path / "instances/i/disk/out").symlink_to("/etc")
    leading_out = {"volumes": [{"name": "disk", "host": {"sourcePath": "/out/x"}}]}
    with pytest.raises(CannotRun, match="leads out"):
        volumes.mounts(task, leading_out, {**side, "volumesFrom": []}, {})
    with pytest.raises(CannotRun, match="EFS"):
        volumes.mounts(task, {"volumes": [{"name": "data", "efsVolumeConfiguration": {"x": 1}}]}, app, {})
    volumes.task_folder("left").mkdir()
    (tmp_path / "instances/gone").mkdir()
    volumes.keep_only({"t"}, {"i"})
    assert volumes.task_folder("t").exists() and not volumes.task_folder("left").exists()
    assert os.listdir(tmp_path / "instances") == ["i"]
    volumes.forget_instance("i")
    assert os.listdir(tmp_path / "instances") == [] and os.path.exists("/etc")
    volumes.forget("t")
    assert not volumes.task_folder("t").exists()
