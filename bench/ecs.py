"""ECS tasks of a real cloud: how soon they run, how soon a shell answers, how much output they may write.

    python bench/ecs.py [--seconds 10]

Tasks are Fargate tasks of one container with an interface of their own (awsvpc), images are at hand. Times are what a
client sees that asks again every 5 ms. Log lines are counted in CloudWatch Logs afterwards: each must be there once and
in order. Memory is the proportional set of the whole tree (cloud, shims, the programs themselves), by what it grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import report
from load import CannotMeasure
from processes import cloudarium, cpu_seconds, environment, free_port, http_ok, memory, running, tree

ACCOUNT = "111122223333"
MANY, RUNS, SHELLS = 50, 20, 20
PACE = 20_000
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
WRITER = """
import os, sys, time
pace, seconds = int(sys.argv[1]), int(sys.argv[2])
filler, number, began, late = "x" * 80, 0, time.monotonic(), 0.0
for tick in range(seconds * 100):
    time.sleep(max(0.0, began + tick / 100 - time.monotonic()))
    late = max(late, time.monotonic() - began - tick / 100)
    end = (tick + 1) * pace // 100
    os.write(1, "".join(f"{n} {filler}\\n" for n in range(number, end)).encode())
    number = end
os.write(1, f"done {time.monotonic() - began} {late}\\n".encode())
time.sleep(1000)
"""
"""Writes so many lines a second, in a hundred bursts; at the end, how long it took and how late it was at worst."""


def soon(look: Callable[[], Any], what: str, limit: float = 120.0, pause: float = 0.005) -> Any:
    """Ask until there is an answer."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        if found := look():
            return found
        time.sleep(pause)
    raise CannotMeasure(f"not within {limit:.0f} s: {what}")


class Place:
    """A network, a cluster, two images."""

    def __init__(self, port: int, env: dict[str, str]) -> None:
        import boto3

        session = boto3.Session(ACCOUNT, "bench", region_name="us-east-1")
        self.client: Callable[[str], Any] = lambda service: session.client(
            service, endpoint_url=f"http://127.0.0.1:{port}"
        )
        self.ecs, self.logs = self.client("ecs"), self.client("logs")
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
        self.network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
        self.ecs.create_cluster(clusterName="bench")
        for kind, name in (("busybox", "tools"), ("demo", "web")):
            line = cloudarium("--port", str(port), "image", kind, name)
            done = subprocess.run(line, env=env, capture_output=True, text=True)
            if done.returncode:
                raise CannotMeasure(done.stderr)

    def role(self, name: str) -> str:
        """A role for tasks."""
        made = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        return str(made["Role"]["Arn"])

    def define(self, family: str, *command: str, image: str = "tools", **more: Any) -> str:
        """A task definition of one container."""
        container = {"name": "app", "image": image, "command": list(command), "stopTimeout": 2}
        settings = {name: more.pop(name) for name in ("executionRoleArn", "taskRoleArn") if name in more}
        made = self.ecs.register_task_definition(
            family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[container | more], **settings,
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def run(self, definition: str, **more: Any) -> str:
        """Run a task."""
        answer = self.ecs.run_task(
            cluster="bench", taskDefinition=definition, launchType="FARGATE", networkConfiguration=self.network, **more
        )
        if answer["failures"]:
            raise CannotMeasure(str(answer["failures"]))
        return str(answer["tasks"][0]["taskArn"])

    def until(self, arn: str, status: str) -> dict[str, Any]:
        """The task once it has this status."""

        def look() -> Any:
            (task,) = self.ecs.describe_tasks(cluster="bench", tasks=[arn])["tasks"]
            if task["lastStatus"] == "STOPPED" != status:
                raise CannotMeasure(task["stoppedReason"])
            return task if task["lastStatus"] == status else None

        return dict(soon(look, f"{arn} {status}"))

    def interfaces(self) -> int:
        """How many network interfaces there are; a task's last act is to give back its own."""
        return len(self.client("ec2").describe_network_interfaces()["NetworkInterfaces"])

    def stop(self, arn: str) -> None:
        """Stop a task; returns when it is over."""
        self.ecs.stop_task(cluster="bench", task=arn)
        self.until(arn, "STOPPED")


def single(place: Place) -> list[float]:
    """Seconds from the answer of RunTask until the task is described as RUNNING, each task alone."""
    definition, samples = place.define("single", "sleep", "1000"), []
    for number in range(RUNS + 1):
        arn = place.run(definition)
        began = time.perf_counter()
        place.until(arn, "RUNNING")
        if number:  # The first pays for what is loaded on first use.
            samples.append(time.perf_counter() - began)
        place.stop(arn)
    return samples


def service(place: Place, pid: int) -> tuple[float, float, float]:
    """Seconds until a service of many tasks runs them all and until it has ended; KiB that each task took."""
    definition = place.define("many", "sleep", "1000")
    before, _ = memory(tree(pid))
    began = time.perf_counter()
    place.ecs.create_service(
        cluster="bench", serviceName="many", taskDefinition=definition, desiredCount=MANY, launchType="FARGATE",
        networkConfiguration=place.network,
    )  # fmt: skip

    def count() -> int:
        return int(place.ecs.describe_services(cluster="bench", services=["many"])["services"][0]["runningCount"])

    soon(lambda: count() == MANY, "the service runs")
    took = time.perf_counter() - began
    time.sleep(2)
    after, _ = memory(tree(pid))
    began = time.perf_counter()
    place.ecs.delete_service(cluster="bench", service="many", force=True)
    soon(lambda: not place.interfaces(), "the service has ended")
    return took, time.perf_counter() - began, (after - before) * 1024 / MANY


def shells(place: Place) -> list[float]:
    """Seconds from calling ExecuteCommand to the command's first byte, over the session's WebSocket."""
    from cloudarium.services.ecs.exec.client import Client

    definition = place.define("shells", "sleep", "1000", taskRoleArn=place.role("task"))
    arn = place.run(definition, enableExecuteCommand=True)
    place.until(arn, "RUNNING")

    async def one() -> float:
        first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def output(_: bytes) -> None:
            if not first.done():
                first.set_result(time.perf_counter())

        began = time.perf_counter()
        answer = await asyncio.to_thread(
            place.ecs.execute_command, cluster="bench", task=arn, command="echo hello", interactive=True
        )
        session = answer["session"]
        client = await Client.open(session["streamUrl"], session["tokenValue"], output)
        work = asyncio.create_task(client.run())
        end = await asyncio.wait_for(first, 20)
        await work
        return end - began

    async def several() -> list[float]:
        return [await one() for _ in range(SHELLS + 1)][1:]

    samples = asyncio.run(several())
    place.stop(arn)
    return samples


def lines(place: Place, pid: int, seconds: int) -> dict[str, float]:
    """A program writes at a pace; all of it must arrive."""
    options = {"awslogs-group": "bench", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    place.logs.create_log_group(logGroupName="bench")
    definition = place.define(
        "lines", "python3", "-c", WRITER, str(PACE), str(seconds), image="web",
        logConfiguration={"logDriver": "awslogs", "options": options}, executionRoleArn=place.role("execution"),
    )  # fmt: skip
    pids, before = tree(pid), cpu_seconds(tree(pid))
    arn = place.run(definition)
    place.until(arn, "RUNNING")
    stream, began = f"p/app/{arn.rpartition('/')[2]}", time.perf_counter()
    where = {"logGroupName": "bench", "logStreamName": stream}

    def done() -> Any:
        try:
            events = place.logs.get_log_events(**where, limit=1)["events"]
        except place.logs.exceptions.ResourceNotFoundException:
            return None
        return events and events[0]["message"].startswith("done ") and events[0]["message"]

    last = soon(done, "the last line", 60 + 4 * seconds, pause=0.1)
    arrived = time.perf_counter() - began
    spent = cpu_seconds(sorted(set(pids) | set(tree(pid)))) - before
    wanted, token = 0, None
    while True:
        more: dict[str, str] = {"nextToken": token} if token else {}
        page = place.logs.get_log_events(**where, startFromHead=True, limit=10_000, **more)
        for event in page["events"]:
            if not event["message"].startswith("done "):
                if int(event["message"].partition(" ")[0]) != wanted:
                    raise CannotMeasure(f"line {wanted} is missing: {event['message'][:20]} is in its place")
                wanted += 1
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    if wanted != PACE * seconds:
        raise CannotMeasure(f"{wanted} lines of {PACE * seconds} arrived")
    place.stop(arn)
    _, wrote, late = last.split()
    return {"lines": wanted, "wrote": float(wrote), "late": float(late), "arrived": arrived, "cpu": spent}


def main() -> None:
    """Measure, and print or publish."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=10)
    seconds = options.parse_args().seconds
    conditions = report.conditions(runc=report.version_of("runc", "--version"))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder, port = Path(scratch), free_port()
        env = environment(XDG_RUNTIME_DIR=str(folder))
        command = cloudarium("up", "--port", str(port), "--data", str(folder / "data"))
        ready = lambda: http_ok(port, "/_cloudarium/health")  # noqa: E731
        with running(command, ready, env, folder) as (pid, _):
            place = Place(port, env)
            alone = single(place)
            many, ended, weight = service(place, pid)
            answered = shells(place)
            logged = lines(place, pid, seconds)
    rows = [
        ["RunTask answered to RUNNING, ms", f"{statistics.median(alone) * 1e3:.0f}", f"{max(alone) * 1e3:.0f}", "300"],
        [f"service of {MANY} tasks, all RUNNING, s", f"{many:.1f}", "", "10"],
        ["the same service deleted, all gone, s", f"{ended:.1f}", "", ""],
        ["ExecuteCommand to its first byte, ms", f"{statistics.median(answered) * 1e3:.0f}",
         f"{max(answered) * 1e3:.0f}", "100"],
        ["memory of a running task, MiB", f"{weight / 1024:.2f}", "", ""],
    ]  # fmt: skip
    text = f"{conditions} · {RUNS} tasks alone, {SHELLS} shells\n\n"
    text += report.table(["", "median", "worst", "aim"], rows)
    text += (
        f"\n\nA container that wrote {logged['lines']:,} lines in {logged['wrote']:.1f} s ({PACE:,} per second) found "
        f"them all in CloudWatch Logs, in order, {logged['arrived'] - logged['wrote']:.1f} s after; it was held up by "
        f"{logged['late'] * 1e3:.0f} ms at worst, and all of it took {logged['cpu'] / logged['wrote'] * 100:.0f} % of "
        "one processor."
    )
    if "<!-- ecs:begin -->" in report.DOCUMENT.read_text():
        report.publish("ecs", text)
    else:
        print(text)


if __name__ == "__main__":
    main()
