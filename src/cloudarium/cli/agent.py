"""``cloudarium agent …``: the CloudWatch agent of a machine, by the words of ``amazon-cloudwatch-agent-ctl``."""

from __future__ import annotations

import argparse
import json
import os

from cloudarium.cli.failure import OK, USAGE, Failure

_INSTANCE = "CLOUDARIUM_AGENT_INSTANCE_ID"


def add_arguments(agent: argparse.ArgumentParser) -> None:
    """The options of ``agent``."""
    agent.add_argument(
        "what", nargs="?", choices=["run", "awslogs"],
        help="run: in the foreground; awslogs: the older logs agent, in the foreground unless -a start",
    )  # fmt: skip
    actions = ["fetch-config", "append-config", "remove-config", "start", "stop", "status"]
    agent.add_argument("-a", dest="action", choices=actions, help="what to do with the agent in the background")
    agent.add_argument(
        "-m", dest="mode", choices=["ec2", "onPremise", "auto"], help="default: that of the configuration, or ec2"
    )
    agent.add_argument("-c", dest="location", metavar="FROM", help="default, all, file:PATH or ssm:NAME; awslogs: PATH")
    agent.add_argument("-s", dest="restart", action="store_true", help="start again with the new configuration")
    agent.add_argument("--root", metavar="DIR", help="the agent's folder (default: /opt/aws/amazon-cloudwatch-agent)")
    agent.add_argument("--instance-id", metavar="ID", help=f"what {{instance_id}} stands for (default: ${_INSTANCE})")


def agent(options: argparse.Namespace) -> int:
    """Do what the options say."""
    instance = options.instance_id or os.environ.get(_INSTANCE)
    if options.what == "awslogs":
        return _older(options, instance)
    from cloudarium.agent.control import Control, Refused
    from cloudarium.agent.daemon import NotStarted
    from cloudarium.agent.layout import Layout, default_root

    control = Control(Layout(options.root or default_root()), lambda line: print(line, flush=True), instance)
    try:
        if options.what == "run":
            return control.run(options.mode, lambda: print(f"the agent runs: process {os.getpid()}", flush=True))
        if options.action is None:
            raise Failure("say what to do: -a ACTION, run or awslogs", "cloudarium agent --help", USAGE)
        if options.action == "status":
            print(json.dumps(control.status(), indent=2))
        elif options.action == "stop":
            control.stop()
        elif options.action == "start":
            control.start(options.mode)
        else:
            location = options.location or "default"
            control.configure(options.action, location, options.mode or "ec2", start=options.restart)
    except (Refused, NotStarted) as error:
        raise Failure(str(error)) from None
    except PermissionError as error:
        raise Failure(f"{error.filename}: {error.strerror}", "choose another folder with --root") from None
    return OK


def _older(options: argparse.Namespace, instance: str | None) -> int:
    from cloudarium.agent import VERSION, daemon
    from cloudarium.agent.daemon import NotStarted
    from cloudarium.agent.older import OlderAgent

    older = OlderAgent(options.location or "/var/awslogs/etc/awslogs.conf", instance)
    try:
        if options.action is None:
            return older.run(lambda: print(f"the agent runs: process {os.getpid()}", flush=True), log=False)
        if options.action == "start":
            older.start()
            print("awslogs has been started")
        elif options.action == "stop":
            print("awslogs has been stopped" if daemon.stop(older.lock) else "awslogs has already been stopped")
        elif options.action == "status":
            pid = older.lock.holder()
            print(json.dumps({"status": "running" if pid else "stopped", "version": VERSION}, indent=2))
        else:
            raise Failure(f"awslogs has no action {options.action}", "write its file and start it", USAGE)
    except NotStarted as error:
        raise Failure(str(error)) from None
    return OK
