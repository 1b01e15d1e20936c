"""``exec``: a command in a running container of an ECS task, its exit code ours. Speaks AWS's own session protocol."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import shutil
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from cloudarium.cli.failure import REFUSED, Failure, not_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudarium.services.ecs.exec.client import Client

_CONTROL_D = b"\x04"


def exec(options: argparse.Namespace) -> int:
    """Run a command in a task's container and return what it returned."""
    if not options.rest:
        raise ValueError("write what to run after two dashes: cloudarium exec TASK [CONTAINER] -- sh")
    session = _session(options)
    return asyncio.run(_converse(session["streamUrl"], session["tokenValue"]))


def _session(options: argparse.Namespace) -> dict[str, Any]:
    import botocore.exceptions

    ecs = _client(options)
    request = {"task": options.task, "interactive": True, "command": shlex.join(options.rest)}
    if options.container:
        request["container"] = options.container
    try:
        clusters = [_cluster_of(options)] if _cluster_of(options) else ecs.list_clusters()["clusterArns"]
        for cluster in clusters:
            if ecs.describe_tasks(cluster=cluster, tasks=[options.task])["tasks"]:
                answer: dict[str, Any] = ecs.execute_command(cluster=cluster, **request)["session"]
                return answer
    except botocore.exceptions.EndpointConnectionError:
        raise not_running(options.port) from None
    except botocore.exceptions.ClientError as error:
        raise Failure(error.response["Error"].get("Message", str(error))) from None
    raise Failure(f"there is no task {options.task}", "see what runs: aws ecs list-tasks --cluster NAME")


def _cluster_of(options: argparse.Namespace) -> str:
    if options.cluster:
        return str(options.cluster)
    # A task's ARN names its cluster: arn:aws:ecs:region:account:task/cluster/id
    parts = str(options.task).split("/")
    return parts[1] if len(parts) == 3 else ""


def _client(options: argparse.Namespace) -> Any:
    import botocore.config
    import botocore.session

    account = options.account or os.environ.get("AWS_ACCESS_KEY_ID") or "test"
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return botocore.session.Session().create_client(
        "ecs",
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{options.port}",
        aws_access_key_id=account,
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY") or "test",
        config=botocore.config.Config(retries={"max_attempts": 1}),
    )


async def _converse(url: str, token: str) -> int:
    from cloudarium.services.ecs.exec.client import Client

    terminal = sys.stdout.isatty()

    def show(data: bytes) -> None:
        # The command has a terminal; a file or a pipe wants plain lines.
        sys.stdout.buffer.write(data if terminal else data.replace(b"\r\n", b"\n"))
        sys.stdout.buffer.flush()

    client = await Client.open(url, token, show)
    with _raw_terminal(), suppress(asyncio.CancelledError):
        feeding = asyncio.create_task(_feed(client))
        try:
            await client.run()
        finally:
            feeding.cancel()
    if client.reason:
        raise Failure(client.reason)
    return REFUSED if client.exit_code is None else client.exit_code


async def _feed(client: Client) -> None:
    """What is typed, or piped in, becomes the command's input."""
    await client.ready()
    loop = asyncio.get_running_loop()
    keyboard = sys.stdin.isatty()

    def resized() -> None:
        size = shutil.get_terminal_size()
        client.resize(size.lines, size.columns)

    if keyboard:
        resized()
        loop.add_signal_handler(signal.SIGWINCH, resized)
    while data := await loop.run_in_executor(None, os.read, 0, 4096):
        client.write(data)
    if not keyboard:
        client.write(_CONTROL_D)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes to the command, control keys too."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
