"""API throughput of one control plane over 8 connections, start-up and idle memory, beside MiniStack and the floor.

    python bench/api.py [--seconds 3] [--rounds 3]

All run in turn within each round, so that whatever else the machine does hits all alike. Requests carry signatures as
SDKs make them. Cloudarium keeps its state on disk; a RegisterTargets that was answered survives kill -9. MiniStack
keeps its own in memory, with logging turned down to warnings.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ministack
import report
from load import CannotMeasure, Measured, middle, wrk
from processes import answers, cloudarium, environment, free_port, memory, running, tree
from signing import Signer

ACCOUNT = "111122223333"
CONNECTIONS = 8
TARGETS = 20
_WRITES_PER_ROUND = 16_000
_WRITES_PER_GROUP = 900
"""AWS allows 1,000 targets in a group."""

_ELBV2, _EC2, _STS = "2015-12-01", "2016-11-15", "2011-06-15"


@dataclass
class System:
    """Something that answers AWS's API on a port."""

    name: str
    port: int
    process: int = 0
    reads: dict[str, list[bytes]] = field(default_factory=dict)
    runs: dict[str, list[Measured]] = field(default_factory=dict)

    def signer(self, service: str, version: str) -> Signer:
        """For requests to this port."""
        return Signer(f"127.0.0.1:{self.port}", service, version, ACCOUNT)

    def identity(self) -> bytes:
        """GetCallerIdentity."""
        return self.signer("sts", _STS).request("GetCallerIdentity")

    def client(self, service: str) -> Any:
        """A botocore client, for what is not measured."""
        import botocore.session

        session = botocore.session.get_session()
        session.set_credentials(ACCOUNT, "test")
        return session.create_client(service, region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{self.port}")

    def prepare(self) -> None:
        """Make what the reads look at, and see that each is answered properly."""
        ec2, elbv2 = self.client("ec2"), self.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZone="us-east-1a")
        group = self.group(elbv2, vpc, "read")
        targets = [{"Id": f"10.0.0.{10 + n}", "Port": 80} for n in range(TARGETS)]
        elbv2.register_targets(TargetGroupArn=group, Targets=targets)
        found = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if len(found) != TARGETS or vpc not in [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]]:
            raise CannotMeasure(f"{self.name} does not return what was made")
        health = self.signer("elasticloadbalancing", _ELBV2).request("DescribeTargetHealth", {"TargetGroupArn": group})
        self.reads = {
            "GetCallerIdentity": [self.identity()],
            f"DescribeTargetHealth ({TARGETS} targets)": [health],
            "DescribeVpcs": [self.signer("ec2", _EC2).request("DescribeVpcs")],
        }

    def group(self, elbv2: Any, vpc: str, name: str) -> str:
        """A target group of ip targets."""
        made = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def writes(self, round_: int) -> list[bytes]:
        """RegisterTargets of targets that are not registered yet: none of them finds its work done already."""
        ec2, elbv2 = self.client("ec2"), self.client("elbv2")
        vpc = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"][0]["VpcId"]
        signer, requests = self.signer("elasticloadbalancing", _ELBV2), []
        for number in range(_WRITES_PER_ROUND // _WRITES_PER_GROUP):
            arn = self.group(elbv2, vpc, f"write-{round_}-{number}")
            for port in range(1, _WRITES_PER_GROUP + 1):
                target = {"Targets.member.1.Id": "10.0.1.10", "Targets.member.1.Port": str(port)}
                requests.append(signer.request("RegisterTargets", {"TargetGroupArn": arn} | target))
        return requests

    def measure(self, operation: str, requests: list[bytes], seconds: int) -> None:
        """One run."""
        measured = wrk(f"http://127.0.0.1:{self.port}/", requests, connections=CONNECTIONS, seconds=seconds)
        if measured.failed:
            raise CannotMeasure(f"{self.name} failed {measured.failed} of {measured.requests} {operation}")
        self.runs.setdefault(operation, []).append(measured)


@contextlib.contextmanager
def started(system: System, folder: Path, ephemeral: bool = False) -> Iterator[float]:
    """The system runs for the time of the block; gives the seconds from its start to its first answer."""
    folder.mkdir(exist_ok=True)
    env = environment(XDG_RUNTIME_DIR=str(folder))
    if system.name == "Cloudarium":
        data = ["--ephemeral"] if ephemeral else ["--data", str(folder / "data")]
        command = cloudarium("up", "--port", str(system.port), *data)
    elif system.name == "MiniStack":
        command = [str(ministack.install())]
        env |= {"GATEWAY_PORT": str(system.port), "MINISTACK_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING"}
    else:
        command = [sys.executable, str(Path(__file__).with_name("floor.py")), str(system.port)]
    probe = system.identity()
    with running(command, lambda: answers(system.port, probe), env, folder) as (system.process, seconds):
        yield seconds


def throughput(systems: list[System], rounds: int, seconds: int) -> list[list[str]]:
    """All systems in turn, all operations, so many rounds."""
    floor, *emulators = systems
    for round_ in range(rounds):
        writes = {system.name: system.writes(round_) for system in emulators}
        for operation in [*emulators[0].reads, "RegisterTargets"]:
            floor.measure(operation, [floor.identity()], seconds)
            for system in emulators:
                requests = system.reads.get(operation) or writes[system.name]
                system.measure(operation, requests, seconds)
    rows = []
    for operation in [*emulators[0].reads, "RegisterTargets"]:
        runs = {system.name: middle(system.runs[operation]) for system in systems}
        ours, theirs = runs["Cloudarium"], runs.get("MiniStack")
        rows.append(
            [
                operation + (" (durable / in memory)" if operation == "RegisterTargets" else ""),
                f"{ours.rate:,.0f}",
                f"{ours.p50:.2f} / {ours.p99:.2f}",
                f"{theirs.rate:,.0f}" if theirs else "not measured",
                f"{ours.rate / theirs.rate:.1f} ×" if theirs else "–",
                f"{runs['floor'].rate:,.0f}",
            ]
        )
    return rows


def weights(names: list[str], folder: Path, starts: int) -> list[list[str]]:
    """Start to first answer, and memory when idle, of fresh processes."""
    taken: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for attempt in range(starts + 1):
        for name in names:
            system = System(name, free_port())
            with started(system, folder / f"{name}-start", ephemeral=True) as seconds:
                time.sleep(1.5)
                pss, rss = memory(tree(system.process))
            if attempt:  # the first start also compiles: not what a person sees every day
                taken[name].append((seconds, pss, rss))
    rows = []
    for name, values in taken.items():
        seconds, pss, rss = (statistics.median(column) for column in zip(*values, strict=True))
        rows.append([name, f"{seconds * 1000:,.0f} ms", f"{pss:.0f} MiB", f"{rss:.0f} MiB"])
    return rows


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    conditions, missing, versions = report.conditions(wrk=report.version_of("wrk", "-v")), "", ""
    names = ["floor", "Cloudarium"]
    try:
        versions = f" · MiniStack {ministack.version(ministack.install())}"
        names.append("MiniStack")
    except CannotMeasure as reason:
        missing = f"\n\nMiniStack was not measured: {reason}"
    systems = [System(name, free_port()) for name in names]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        starts = weights(names[1:], folder, 5)
        for system in list(systems):
            try:
                stack.enter_context(started(system, folder / system.name))
                if system.name != "floor":
                    system.prepare()
            except (CannotMeasure, RuntimeError, subprocess.SubprocessError) as reason:
                if system.name != "MiniStack":
                    raise
                missing = f"\n\nMiniStack was not measured: {reason}"
                systems.remove(system)
        rows = throughput(systems, options.rounds, options.seconds)
    head = ["operation", "Cloudarium req/s", "p50 / p99 ms", "MiniStack req/s", "ratio", "floor req/s"]
    text = f"{conditions}{versions} · {CONNECTIONS} connections, {options.seconds:g} s, median of {options.rounds}\n\n"
    text += report.table(head, rows) + "\n\n"
    text += report.table(["fresh process", "start to first answer", "idle, PSS of the tree", "idle, RSS"], starts)
    report.publish("api", text + missing)


if __name__ == "__main__":
    main()
