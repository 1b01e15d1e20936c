"""A running agent: sources and collectors of a plan, until somebody asks it to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cloudarium.agent import VERSION, machine
from cloudarium.agent.clients import Clients, compress
from cloudarium.agent.config.names import default_group, multi_stream, resolve
from cloudarium.agent.config.plan import LogsPlan, MetricsPlan, Plan
from cloudarium.agent.daemon import NotStarted
from cloudarium.agent.journal import Journal
from cloudarium.agent.logs.sender import Sender, Target
from cloudarium.agent.logs.shipper import Shipper
from cloudarium.agent.logs.source import Source
from cloudarium.agent.logs.state import States


@dataclass(frozen=True, slots=True)
class Setting:
    """How an agent is run. ``states`` is a folder, or a file where ``single`` says so (the older agent)."""

    mode: str
    instance_id: str | None
    states: str
    single: bool = False


def run(plan: Plan, setting: Setting, journal: Journal, ready: Callable[[], None]) -> int:
    """Run until SIGTERM or SIGINT; the exit status. Raises NotStarted for what is missing at the start."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    here = machine.learn(setting.mode, setting.instance_id, machine.current_environment())
    clients = Clients(plan, setting.mode, machine.region_of(plan.region, here, os.environ))
    if clients.region is None:
        raise NotStarted("no region: set agent.region in the configuration, or AWS_REGION")
    failed: list[str] = []
    bodies: list[Callable[[Event], None]] = []
    if plan.logs is not None and plan.logs.files:
        bodies.append(_shipper(plan.logs, setting, here, clients, journal).run)
    if plan.metrics is not None:
        bodies.append(_runner(plan, plan.metrics, here, clients, journal).run)

    def guard(body: Callable[[Event], None]) -> None:
        try:
            body(stop)
        except Exception as error:
            import traceback

            journal.error(f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
            failed.append(str(error))
            stop.set()

    journal.info(f"Starting AmazonCloudWatchAgent {VERSION}, region {clients.region}, process {os.getpid()}")
    threads = [Thread(target=guard, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    ready()
    # A signal handler runs between bytecodes of this thread only: it must not sleep in one long wait.
    while not stop.wait(0.5):
        pass
    for thread in threads:
        thread.join()
    journal.info("Stopped AmazonCloudWatchAgent" + (" after a failure" if failed else ""))
    return 1 if failed else 0


def _shipper(plan: LogsPlan, setting: Setting, here: machine.Machine, clients: Clients, journal: Journal) -> Shipper:
    names = {**here.names, "aws_region": clients.region or ""}
    states = States(setting.states, journal.warning, single=setting.single)
    sources = [Source(each, states, journal.info, older=setting.single) for each in plan.files]
    client = clients.make("logs", endpoint=plan.endpoint, role=plan.role)
    compression = compress(client, "PutLogEvents") if plan.gzip else None

    def target(source: Source, path: str) -> Target:
        entry = source.plan
        stream = resolve(entry.stream, names)
        return Target(
            resolve(entry.group, names) if entry.group else default_group(path),
            multi_stream(stream, path) if entry.every_file else stream,
            entry.group_class,
            entry.retention,
        )

    return Shipper(sources, target, Sender(client, journal.warning, compression), journal.warning)


def _runner(plan: Plan, metrics: MetricsPlan, here: machine.Machine, clients: Clients, journal: Journal) -> Any:
    from cloudarium.agent.metrics.publisher import Publisher
    from cloudarium.agent.metrics.runner import Runner

    common = [] if metrics.dimensions or plan.omit_hostname else [("host", here.hostname)]
    for name, value in metrics.dimensions:
        which = value.removeprefix("${aws:").removesuffix("}")
        known = here.dimensions.get(which) or _asked(which, here, clients, journal)
        if known:
            common.append((name, known))
    client = clients.make("cloudwatch", endpoint=metrics.endpoint, role=metrics.role)
    try:
        return Runner(metrics, tuple(common), Publisher(client, metrics.namespace, journal.warning), journal.warning)
    except OSError as error:
        raise NotStarted(f"a port that metrics should come to cannot be had: {error}") from None


def _asked(which: str, here: machine.Machine, clients: Clients, journal: Journal) -> str | None:
    """A dimension that the metadata service did not tell: EC2 knows the Auto Scaling group of an instance."""
    instance = here.dimensions.get("InstanceId")
    if which != "AutoScalingGroupName" or instance is None:
        raise NotStarted(
            f"append_dimensions: ${{aws:{which}}} is not known: there is no instance metadata service; "
            f"set {machine.VARIABLES[which]}"
        )
    filters = [{"Name": "resource-id", "Values": [instance]}, {"Name": "key", "Values": ["aws:autoscaling:groupName"]}]
    try:
        tags = clients.make("ec2").describe_tags(Filters=filters)["Tags"]
    except (ClientError, BotoCoreError) as error:
        raise NotStarted(f"append_dimensions: ${{aws:{which}}} is not known: {error}") from None
    if not tags:
        journal.warning(f"{instance} is in no Auto Scaling group: metrics have no dimension for it")
    return str(tags[0]["Value"]) if tags else None
