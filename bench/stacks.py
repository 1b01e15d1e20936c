"""CloudFormation: stacks of many cheap resources made and deleted, beside MiniStack and moto; and many stacks at rest.

    python bench/stacks.py [--rounds 3]

The resources need nothing of each other and are there at once, so what is measured is CloudFormation itself: a call
each to the service that has them, and their states and events. A stack is looked at every 20 ms until it is complete,
or gone. Cloudarium's is durable at every step; the others keep theirs in memory. moto runs within the process that
measures. Then 200 stacks of five log groups: what starting with them takes, and what they cost while nothing happens.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import ministack
import report
from load import CannotMeasure
from logs import started
from processes import cloudarium, cpu_seconds, environment, free_port, http_ok, memory, running, tree

ACCOUNT = "111122223333"
SIZES = (100, 500)
RESOURCES: dict[str, dict[str, Any]] = {
    "log groups": {"Type": "AWS::Logs::LogGroup"},
    "SSM parameters": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "p%d", "Type": "String", "Value": "v"}},
    "security groups": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "d"}},
}
IDLE_STACKS = 200
Times = dict[tuple[str, int], tuple[float, float]]
"""Seconds to make and to delete, by what and how many."""


def client(port: int | None) -> Any:
    """A botocore client."""
    import botocore.session

    session = botocore.session.get_session()
    session.set_credentials(ACCOUNT, "test")
    endpoint = f"http://127.0.0.1:{port}" if port is not None else None
    return session.create_client("cloudformation", region_name="us-east-1", endpoint_url=endpoint)


def template(resource: dict[str, Any], count: int) -> str:
    """So many of the same; moto needs a name for some."""
    one = json.dumps(resource, separators=(",", ":"))
    resources = (f'"R{number}":{one.replace("%d", str(number))}' for number in range(count))
    return f'{{"Resources":{{{",".join(resources)}}}}}'


def until(api: Any, stack: str, status: str) -> None:
    """Wait for a stack's status; another one that is not on the way to it is a failure."""
    while (now := api.describe_stacks(StackName=stack)["Stacks"][0])["StackStatus"] != status:
        if not now["StackStatus"].endswith("_IN_PROGRESS"):
            raise CannotMeasure(f"{now['StackStatus']}: {now.get('StackStatusReason', '')}")
        time.sleep(0.02)


def once(api: Any, name: str, text: str, count: int) -> tuple[float, float]:
    """Make and delete one; the seconds that each took."""
    begin = time.perf_counter()
    id_ = api.create_stack(StackName=name, TemplateBody=text)["StackId"]
    until(api, id_, "CREATE_COMPLETE")
    made = time.perf_counter() - begin
    listed = sum(
        len(page["StackResourceSummaries"])
        for page in api.get_paginator("list_stack_resources").paginate(StackName=name)
    )
    if listed != count:
        raise CannotMeasure(f"{listed} resources instead of {count}")
    begin = time.perf_counter()
    api.delete_stack(StackName=name)
    until(api, id_, "DELETE_COMPLETE")
    return made, time.perf_counter() - begin


def measure(api: Any, rounds: int) -> tuple[Times, list[str]]:
    """Medians of everything, and why some are missing."""
    for name, resource in RESOURCES.items():
        with contextlib.suppress(Exception):
            once(api, f"warm-{name[:3]}", template(resource, 2), 2)
    times: Times = {}
    missing = []
    for what, resource in RESOURCES.items():
        for count in SIZES:
            text = template(resource, count)
            try:
                taken = [once(api, f"s{round_}", text, count) for round_ in range(rounds)]
            except Exception as reason:
                missing.append(f"{count} {what} ({type(reason).__name__}: {reason})"[:200])
                continue
            made, deleted = (statistics.median(column) for column in zip(*taken, strict=True))
            times[what, count] = made, deleted
    return times, missing


def at_rest(folder: Path) -> list[str]:
    """Seconds until the first answer of a start with many stacks, MiB of the whole tree, and of processor in use."""
    folder.mkdir()
    port = free_port()
    command = cloudarium("up", "--port", str(port), "--data", str(folder / "data"))
    env = environment(XDG_RUNTIME_DIR=str(folder))

    def ready() -> bool:
        return http_ok(port, "/_cloudarium/health")

    with running(command, ready, env, folder):
        api = client(port)
        text = template(RESOURCES["log groups"], 5)
        ids = [api.create_stack(StackName=f"s{n}", TemplateBody=text)["StackId"] for n in range(IDLE_STACKS)]
        for id_ in ids:
            until(api, id_, "CREATE_COMPLETE")
    with running(command, ready, env, folder) as (pid, seconds):
        time.sleep(2)
        pss, _ = memory(tree(pid))
        before = cpu_seconds(tree(pid))
        time.sleep(10)
        used = (cpu_seconds(tree(pid)) - before) / 10
    return [f"{IDLE_STACKS} stacks", f"{seconds * 1000:,.0f} ms", f"{pss:.0f} MiB", f"{used * 100:.1f} %"]


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--print", action="store_true", help="only print, leave docs/benchmarks.md as it is")
    options = parser.parse_args()
    conditions, notes = report.conditions(), []
    results: dict[str, Times] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for name in ("Cloudarium", "MiniStack"):
            port = free_port()
            try:
                if name == "MiniStack":
                    conditions += f" · MiniStack {ministack.version(ministack.install())}"
                with started(name, port, Path(scratch, name)):
                    results[name], missing = measure(client(port), options.rounds)
                notes += [f"{name}: not measured: {each}" for each in missing]
            except Exception as reason:
                if name == "Cloudarium":
                    raise
                notes.append(f"{name} was not measured: {type(reason).__name__}: {reason}"[:200])
        rest = at_rest(Path(scratch, "rest"))
        os.environ.pop("AWS_ENDPOINT_URL", None)
        from moto import mock_aws

        with mock_aws():
            results["moto (in process)"], missing = measure(client(None), 1)
        notes += [f"moto: not measured: {each}" for each in missing]
    rows = [
        [f"{count} {what}"]
        + [
            f"{times[what, count][0]:.2f} / {times[what, count][1]:.2f}" if (what, count) in times else "–"
            for times in results.values()
        ]
        for what in RESOURCES
        for count in SIZES
    ]
    text = f"{conditions} · median of {options.rounds}\n\n"
    text += report.table(["made / deleted, s", *results], rows) + "\n\n"
    text += report.table(["at rest", "start to first answer", "PSS of the tree", "of a processor"], [rest])
    text = "\n\n".join([text, *notes])
    if options.print:
        print(text)
    else:
        report.publish("stacks", text)


if __name__ == "__main__":
    main()
