"""ECS Exec: a shell in a running container, by our own command and by the AWS CLI with its plugin."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.ecs_tasks import Place, role

from cloudarium.services.ecs.exec.client import Client

PLUGIN = '''#!{python}
"""Stands in for AWS's session-manager-plugin: the same arguments, the same protocol, its standard input typed in."""
import asyncio, json, os, sys

sys.path.insert(0, {source!r})
from cloudarium.services.ecs.exec.client import Client

if len(sys.argv) < 4:
    sys.exit()  # the CLI asks whether it is installed
given = sys.argv[1]
session = json.loads(os.environ[given] if given.startswith("AWS_SSM_START_SESSION_RESPONSE") else given)
assert sys.argv[3] == "StartSession", sys.argv
target = json.loads(sys.argv[5])["Target"]


async def talk():
    client = await Client.open(session["streamUrl"], session["tokenValue"], sys.stdout.buffer.write)
    running = asyncio.create_task(client.run())
    await client.ready()
    print("target", target)
    client.write(sys.stdin.buffer.read())
    await running


asyncio.run(talk())
'''


@pytest.fixture(scope="module")
def place(cloud: RunningCloud) -> Place:
    return Place(cloud, Account(cloud, fresh_number()))


@pytest.fixture(scope="module")
def task(place: Place) -> str:
    """A running task with two containers, which lets execute-command in."""
    # A cloud of an ordinary user has no other users than root inside, and refuses them.
    user = "1000" if os.geteuid() == 0 else "0"
    definition = place.define(
        {"name": "app", "command": ["sleep", "1000"], "environment": [{"name": "WHERE", "value": "inside"}]},
        {"name": "side", "command": ["sleep", "1000"], "user": user},
        taskRoleArn=role(place.account, "task-role"),
    )
    arn = place.run(definition, enableExecuteCommand=True)
    place.until(arn, "RUNNING")
    return arn


def run(place: Place, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """``cloudarium exec``."""
    line = [sys.executable, "-m", "cloudarium.cli.main", "--port", str(place.account.cloud.port), "exec", *words]
    environment = os.environ | place.account.environment
    return subprocess.run(line, input=typed, env=environment, capture_output=True, text=True, timeout=60)


def test_the_commands_exit_code_is_ours(place: Place, task: str) -> None:
    """And its output, in a terminal, as root, with the container's environment."""
    done = run(place, task, "app", "--", "sh", "-c", "echo $WHERE $(id -u); exit 7")
    assert (done.returncode, done.stdout) == (7, "inside 0\n"), done
    assert run(place, task.rpartition("/")[2], "side", "--", "id", "-u").stdout == "0\n", "root, whatever the user"


def test_a_shell_takes_what_is_typed(place: Place, task: str) -> None:
    """Line by line, until it ends."""
    done = run(place, task, "app", "--", "sh", typed="cd /tmp\npwd\nexit 3\n")
    assert done.returncode == 3
    assert "/tmp" in done.stdout.splitlines()


def test_the_aws_cli_and_its_plugin(place: Place, task: str, tmp_path: Path) -> None:
    """``aws ecs execute-command`` as it stands, handing over to the plugin."""
    plugin = tmp_path / "session-manager-plugin"
    source = str(Path(__file__).parents[2] / "src")
    plugin.write_text(PLUGIN.format(python=sys.executable, source=source))
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    aws = Path(sys.executable).parent / "aws"
    environment = os.environ | place.account.environment | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = [sys.executable, str(aws), "ecs", "execute-command", "--cluster", "main", "--task", task]
    line += ["--container", "app", "--interactive", "--command", "sh"]
    done = subprocess.run(
        line, input="echo from $WHERE\nexit\n", env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "from inside" in done.stdout
    identity = task.rpartition("/")[2]
    assert f"target ecs:main_{identity}_" in done.stdout
    seen = place.account.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "ExecuteCommand"}]
    )["Events"]
    requests = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in seen]
    assert any(each["command"] == "sh" and each["container"] == "app" for each in requests)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"interactive": False}, "InvalidParameterException", "Interactive is the only mode"),
        ({"container": "nobody"}, "InvalidParameterException", "container was not found"),
        ({"container": None}, "InvalidParameterException", "container name must be specified"),
        ({"task": "0" * 32}, "InvalidParameterException", "not found"),
    ],
)
def test_what_cannot_be_is_refused(place: Place, task: str, changes: dict[str, Any], code: str, words: str) -> None:
    """In AWS's words."""
    request = {"cluster": "main", "task": task, "container": "app", "interactive": True, "command": "sh"} | changes
    with pytest.raises(ClientError) as error:
        place.ecs.execute_command(**{name: value for name, value in request.items() if value is not None})
    assert error.value.response["Error"]["Code"] == code and words in str(error.value)


def test_only_where_it_was_enabled(place: Place) -> None:
    """A task that was run without it says so."""
    arn = place.run(place.define({"name": "app", "command": ["sleep", "1000"]}))
    place.until(arn, "RUNNING")
    done = run(place, arn, "--", "sh")
    assert done.returncode == 1 and "execute command was not enabled" in done.stderr


def test_a_command_that_is_not_there(place: Place, task: str) -> None:
    """Says why; and so does one that cannot be read."""
    done = run(place, task, "app", "--", "no-such-program")
    assert done.returncode != 0 and "no-such-program" in done.stdout + done.stderr
    session = place.ecs.execute_command(cluster="main", task=task, container="app", interactive=True, command="sh '")

    async def talk() -> str:
        client = await Client.open(session["session"]["streamUrl"], session["session"]["tokenValue"], lambda _: None)
        await client.run()
        return client.reason

    assert "Unable to start command: No closing quotation" in asyncio.run(talk())


def test_a_session_is_on_record(place: Place, tmp_path: Path) -> None:
    """Where the cluster's configuration says: CloudWatch Logs and S3."""
    account = place.account
    account.logs.create_log_group(logGroupName="/sessions")
    account.s3.create_bucket(Bucket=f"sessions-{account.number}")
    logs = {"cloudWatchLogGroupName": "/sessions", "s3BucketName": f"sessions-{account.number}", "s3KeyPrefix": "exec"}
    override = {"executeCommandConfiguration": {"logging": "OVERRIDE", "logConfiguration": logs}}
    account.ecs.update_cluster(cluster="main", configuration=override)
    arn = place.run(
        place.define({"name": "app", "command": ["sleep", "1000"]}, taskRoleArn=role(account, "other-role")),
        enableExecuteCommand=True,
    )
    place.until(arn, "RUNNING")
    assert run(place, arn, "--", "echo", "for the record").returncode == 0

    def recorded() -> list[str]:
        events = account.logs.filter_log_events(logGroupName="/sessions")["events"]
        return [event["message"] for event in events]

    until(lambda: recorded() == ["for the record"], "the log has it")
    (stream,) = account.logs.describe_log_streams(logGroupName="/sessions")["logStreams"]
    assert stream["logStreamName"].startswith("ecs-execute-command-")
    kept = account.s3.get_object(Bucket=f"sessions-{account.number}", Key=f"exec/{stream['logStreamName']}.log")
    assert kept["Body"].read() == b"for the record\r\n"
    with pytest.raises(ClientError) as error:
        account.ecs.update_cluster(
            cluster="main", configuration={"executeCommandConfiguration": {"kmsKeyId": "alias/x", "logging": "NONE"}}
        )
    assert "kmsKeyId" in str(error.value)
