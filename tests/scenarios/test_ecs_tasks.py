"""Tasks with real containers: what the settings of a task definition do, as programs inside see it."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place, role


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Place:
    return Place(cloud, Account(cloud, fresh_number()))


def test_a_task_runs_to_its_end_with_an_overridden_command(place: Place) -> None:
    definition = place.define({"name": "app", "command": ["sleep", "1000"]})
    override = {"name": "app", "command": ["sh", "-c", "exit $CODE"], "environment": [{"name": "CODE", "value": "7"}]}
    arn = place.run(definition, overrides={"containerOverrides": [override]})
    task = place.until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited", "Essential container in task exited",
    )  # fmt: skip
    assert task["containers"][0]["exitCode"] == 7
    assert task["attachments"][0]["status"] == "DELETED"
    interfaces = place.account.ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [place.vpc]}])
    assert not interfaces["NetworkInterfaces"]


def test_settings_have_their_effect_inside(place: Place) -> None:
    # A cloud of an ordinary user has no other users than root inside, and refuses them.
    user = "1000:1000" if os.geteuid() == 0 else "0:0"
    place.inside(
        """
        [ "$(id -u):$(id -g)" = "$WHO" ]; [ "$(pwd)" = /tmp ]; [ "$GIVEN" = yes ]
        [ "$(ulimit -n)" = 77 ]
        grep -q '^nameserver 9.9.9.9' /etc/resolv.conf; grep -q '^search inner.test' /etc/resolv.conf
        [ "$HOSTNAME" = "$(hostname)" ]; grep -q "^10.88.1.* $HOSTNAME$" /etc/hosts
        ! touch /anywhere 2>/dev/null
        """,
        user=user, workingDirectory="/tmp",
        environment=[{"name": "GIVEN", "value": "yes"}, {"name": "WHO", "value": user}],
        dnsServers=["9.9.9.9"], dnsSearchDomains=["inner.test"], readonlyRootFilesystem=True,
        ulimits=[{"name": "nofile", "softLimit": 77, "hardLimit": 88}],
    )  # fmt: skip


def test_dhcp_options_say_whom_to_ask_for_names(place: Place) -> None:
    ec2 = place.account.ec2
    configurations = [
        {"Key": "domain-name-servers", "Values": ["10.88.1.53", "AmazonProvidedDNS"]},
        {"Key": "domain-name", "Values": ["corp.example lab.example"]},
    ]
    former = ec2.describe_vpcs(VpcIds=[place.vpc])["Vpcs"][0]["DhcpOptionsId"]
    options = ec2.create_dhcp_options(DhcpConfigurations=configurations)["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(VpcId=place.vpc, DhcpOptionsId=options)
    place.inside(
        """
        [ "$(grep nameserver /etc/resolv.conf)" = "$(printf 'nameserver 10.88.1.53\\nnameserver 10.88.0.2')" ]
        grep -q '^search corp.example lab.example$' /etc/resolv.conf
        case $(hostname) in *.corp.example) ;; *) exit 1 ;; esac
        """
    )
    ec2.associate_dhcp_options(VpcId=place.vpc, DhcpOptionsId=former)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has cgroups, by which memory is limited")
def test_limits_are_those_of_the_definition(place: Place) -> None:
    place.inside(
        """
        for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; do
            [ -e $f ] && [ "$(cat $f)" = 67108864 ] && exit 0
        done
        exit 1
        """,
        memory=64,
    )


def test_containers_of_a_task_share_an_address_and_a_volume(place: Place) -> None:
    ask = 'for i in 1 2 3 4 5; do [ "$(wget -qO- http://localhost:8080/)" = hello ] && exit 42; sleep 0.2; done'
    definition = place.define(
        {
            "name": "server", "command": ["sh", "-c", "echo 'hello' > /data/index.html; httpd -f -p 8080 -h /data"],
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
            "stopTimeout": 2,
            "healthCheck": {"command": ["CMD-SHELL", "wget -qO- http://127.0.0.1:8080/"], "interval": 5},
        },
        {
            "name": "client", "command": ["sh", "-c", ask],
            "essential": False, "dependsOn": [{"containerName": "server", "condition": "START"}],
        },
        volumes=[{"name": "data"}],
    )  # fmt: skip
    arn = place.run(definition)

    def client() -> dict[str, Any] | None:
        return next((c for c in place.task(arn)["containers"] if c["name"] == "client" and "exitCode" in c), None)

    assert until(client, "the client has ended", 30)["exitCode"] == 42
    place.ecs.stop_task(cluster="main", task=arn, reason="enough")
    task = place.until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has cgroups, by which memory is limited")
def test_a_container_that_needs_too_much_memory(place: Place) -> None:
    definition = place.define({"name": "app", "command": ["tail", "/dev/zero"], "memory": 16})
    task = place.until(place.run(definition), "STOPPED")
    (container,) = task["containers"]
    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_an_image_that_cannot_be_had(place: Place) -> None:
    definition = place.define({"name": "app", "image": "registry.invalid/none:1"})
    task = place.until(place.run(definition, private=True), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: pull image manifest has been retried 5 time(s)")
    assert task["stoppedReason"].endswith(": i/o timeout")
    task = place.until(place.run(definition), "STOPPED")
    assert task["stoppedReason"].startswith("CannotPullContainerError: ") and "i/o timeout" not in task["stoppedReason"]


def test_a_stop_gives_the_program_its_time(place: Place) -> None:
    script = "trap 'exit 3' TERM; while :; do sleep 0.1; done"
    arn = place.run(place.define({"name": "app", "command": ["sh", "-c", script]}))
    place.until(arn, "RUNNING")
    place.ecs.stop_task(cluster="main", task=arn)
    assert place.until(arn, "STOPPED")["containers"][0]["exitCode"] == 3


# -- roles and secrets -------------------------------------------------------------------------------------------------

WHO_AM_I = """
import datetime, hashlib, hmac, json, os, urllib.request
def get(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"
def signed(keys):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": "sts.us-east-1.amazonaws.com", "x-amz-date": now, "x-amz-security-token": keys["Token"]}
    lines = "".join(f"{name}:{value}\\n" for name, value in headers.items())
    names, digest = ";".join(headers), hashlib.sha256(b"").hexdigest()
    canonical = "\\n".join(["GET", "/", "Action=GetCallerIdentity&Version=2011-06-15", lines, names, digest])
    scope = f"{now[:8]}/us-east-1/sts/aws4_request"
    text = "\\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4" + keys["SecretAccessKey"].encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), "sha256").digest()
    credential = f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}"
    return headers | {"Authorization": f"{credential}, SignedHeaders={names}, Signature={key.hex()}"}
mine = json.loads(get("http://169.254.170.2" + os.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]))
answer = get("http://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15", **signed(mine))
task = json.loads(get(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"))
container = json.loads(get(os.environ["ECS_CONTAINER_METADATA_URI_V4"]))
stats = json.loads(get(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/stats"))
wanted = f":assumed-role/task-role/{task['TaskARN'].split('/')[-1]}<"
assert wanted in answer, answer
assert mine["RoleArn"].endswith(":role/task-role"), mine
assert container["Name"] == "app" and container["Networks"][0]["IPv4Addresses"][0].startswith("10.88.1.")
assert task["Limits"] == {"CPU": 0.25, "Memory": 512} and task["Containers"][0] == container
assert stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0 and stats["memory_stats"]["usage"] > 0
assert get("http://169.254.170.2/v2/credentials/00000000-0000-4000-a000-000000000000").startswith("400 ")
"""


def test_a_container_is_its_task_role_and_can_ask_who_it_is(place: Place) -> None:
    place.inside(WHO_AM_I, image="web", task={"taskRoleArn": role(place.account, "task-role")})


def test_secrets_come_as_the_execution_role(place: Place) -> None:
    account = place.account
    account.ssm.put_parameter(Name="/app/password", Value="pass word", Type="SecureString")
    secret = account.secretsmanager.create_secret(Name="db", SecretString=json.dumps({"user": "u1"}))["ARN"]
    execution = place.execution_role
    account.s3.create_bucket(Bucket=f"files-{account.number}")
    account.s3.put_object(Bucket=f"files-{account.number}", Key="a/app.env", Body=b"# words\nGREETING=hello you\n")
    place.inside(
        '[ "$PASSWORD" = "pass word" ]; [ "$DB_USER" = u1 ]; [ "$GREETING" = "hello you" ];'
        '[ -z "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" ]',
        environmentFiles=[{"type": "s3", "value": f"arn:aws:s3:::files-{account.number}/a/app.env"}],
        secrets=[
            {"name": "PASSWORD", "valueFrom": "/app/password"},
            {"name": "DB_USER", "valueFrom": f"{secret}:user::"},
        ],
        task={"executionRoleArn": execution},
    )
    definition = place.define(
        {"name": "app", "secrets": [{"name": "X", "valueFrom": "/absent"}]}, executionRoleArn=execution
    )
    task = place.until(place.run(definition), "STOPPED")
    assert task["stoppedReason"].endswith("invalid ssm parameters: /absent")


def test_fifty_tasks_run_beside_each_other(place: Place) -> None:
    definition = place.define({"name": "app", "command": ["sleep", "1000"], "stopTimeout": 2})
    begun = time.monotonic()
    arns: list[str] = []
    for _ in range(5):
        answer = place.ecs.run_task(
            cluster="main", taskDefinition=definition, launchType="FARGATE", count=10,
            networkConfiguration={"awsvpcConfiguration": {"subnets": [place.private]}},
        )  # fmt: skip
        arns += [each["taskArn"] for each in answer["tasks"]]

    def all_run() -> bool:
        tasks = place.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]
        assert not [each for each in tasks if each["lastStatus"] == "STOPPED"]
        return all(each["lastStatus"] == "RUNNING" for each in tasks)

    until(all_run, "fifty tasks run", 60)
    print(f"fifty tasks after {time.monotonic() - begun:.1f} s")
    addresses = {each["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for each in
                 place.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]}  # fmt: skip
    assert len(addresses) == 50
    for arn in arns:
        place.ecs.stop_task(cluster="main", task=arn)
    for arn in arns:
        place.until(arn, "STOPPED")


def test_health_is_checked_within_the_container(cloud: RunningCloud, place: Place) -> None:
    check = {"command": ["CMD-SHELL", "[ ! -e /data/ill ]"], "interval": 5, "retries": 1}
    definition = place.define(
        {
            "name": "app", "command": ["sh", "-c", "while :; do sleep 0.1; done"],
            "healthCheck": check, "stopTimeout": 2,
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
        },
        {
            "name": "late", "command": ["sh", "-c", "touch /data/ill"], "essential": False,
            "dependsOn": [{"containerName": "app", "condition": "HEALTHY"}],
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
        },
        volumes=[{"name": "data"}],
    )  # fmt: skip
    arn = place.run(definition)

    def late_started() -> bool:
        cloud.advance("5s")
        return any(each["name"] == "late" and "exitCode" in each for each in place.task(arn)["containers"])

    until(late_started, "the other one has started once this one was healthy", 30)

    def ill() -> bool:
        cloud.advance("5s")
        return bool(place.task(arn)["healthStatus"] == "UNHEALTHY")

    until(ill, "the check has failed")
    assert place.task(arn)["lastStatus"] == "RUNNING", "only services replace what is unhealthy"
    place.ecs.stop_task(cluster="main", task=arn)
    place.until(arn, "STOPPED")


@pytest.mark.ordinary_user
def test_an_ordinary_user_s_cloud_runs_tasks_too(ordinary_cloud: RunningCloud) -> None:
    place = Place(ordinary_cloud, Account(ordinary_cloud, fresh_number()))
    place.inside('[ "$HOSTNAME" = "$(hostname)" ]; wget -qO- $ECS_CONTAINER_METADATA_URI_V4 | grep -q DockerId')
    # What was asked for and cannot be had is told where people look.
    status = ordinary_cloud.run("status")
    assert "limit      containers: only root exists in a user namespace with one id" in status
    assert "limit      containers: limits are not enforced" in status


def test_containers_of_a_task_may_see_each_other_s_processes(place: Place) -> None:
    look = "for i in 1 2 3 4 5; do grep -q 1234 /proc/[0-9]*/cmdline && exit 9; sleep 0.2; done; exit 1"
    definition = place.define(
        {"name": "app", "command": ["sleep", "1234"], "stopTimeout": 2},
        {"name": "side", "command": ["sh", "-c", look], "essential": False,
         "dependsOn": [{"containerName": "app", "condition": "START"}]},
        pidMode="task",
    )  # fmt: skip
    arn = place.run(definition)

    def side() -> int | None:
        return next((each.get("exitCode") for each in place.task(arn)["containers"] if each["name"] == "side"), None)

    assert until(side, "the other one has looked") == 9
    place.ecs.stop_task(cluster="main", task=arn)
    place.until(arn, "STOPPED")
