"""One person's account in the running cloud: boto3, the AWS CLI and curl, pointed at it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.cloud import CommandFailed, RunningCloud
from tests.support.curl import Answer, Pending, curl, start
from tests.support.programs import Program


@cache
def _loader() -> Any:
    """Service models are read once: a session of its own per account would read them again."""
    import botocore.session

    return botocore.session.get_session().get_component("data_loader")


def client(service: str, endpoint: str, region: str, account: str) -> Any:
    """A boto3 client of an account at an endpoint, without retries."""
    import boto3
    import botocore.session
    from botocore.config import Config

    core = botocore.session.Session()
    core.register_component("data_loader", _loader())
    session = boto3.Session(account, "test", region_name=region, botocore_session=core)
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=60)
    return session.client(service, endpoint_url=endpoint, config=config)


class Account:
    """An account nobody else uses, in one region."""

    def __init__(self, cloud: RunningCloud, number: str, region: str = "us-east-1") -> None:
        self.cloud = cloud
        self.number = number
        self.region = region
        self.environment = {
            "AWS_ACCESS_KEY_ID": number,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_PAGER": "",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._mine = ["--account", number, "--region", region]
        self._clients: dict[str, Any] = {}
        self._attached: dict[str, str] = {}

    def __getattr__(self, service: str) -> Any:
        """``account.ec2``, ``account.lambda_`` and so on: boto3 clients."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = client(service.rstrip("_"), self.cloud.endpoint, self.region, self.number)
        return self._clients[service]

    def cli(self, *arguments: str) -> Any:
        """The AWS CLI; returns its JSON output (None when it prints nothing). Raises CommandFailed."""
        aws = Path(sys.executable).parent / "aws"
        line = [sys.executable, str(aws), *arguments, "--output", "json", "--endpoint-url", self.cloud.endpoint]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.cloud.folder / "home")} | self.environment
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=90)
        if done.returncode:
            raise CommandFailed(line, done)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def stop_traffic(self) -> None:
        """Delete this account's load balancers, if it ever asked for one."""
        if {"elbv2", "cloudformation"} & self._clients.keys():
            for each in self.elbv2.describe_load_balancers()["LoadBalancers"]:
                self.elbv2.delete_load_balancer(LoadBalancerArn=each["LoadBalancerArn"])

    def quiet(self) -> None:
        """Leave nothing for which the shared clock would go on working: stacks, load balancers, alarms, models."""
        if "cloudformation" in self._clients:
            self._delete_stacks()
        self.stop_traffic()
        if {"cloudwatch", "cloudformation"} & self._clients.keys():
            while any((found := self._some_alarms()).values()):
                # Those that look at others first, one at a time, as AWS wants it.
                for name in found["CompositeAlarms"]:
                    self.cloudwatch.delete_alarms(AlarmNames=[name])
                if found["MetricAlarms"]:
                    self.cloudwatch.delete_alarms(AlarmNames=found["MetricAlarms"])
            kinds = ("SingleMetricAnomalyDetector", "MetricMathAnomalyDetector")
            every = {"AnomalyDetectorTypes": ["SINGLE_METRIC", "METRIC_MATH"], "MaxResults": 100}
            while trained := self.cloudwatch.describe_anomaly_detectors(**every)["AnomalyDetectors"]:
                for each in trained:
                    self.cloudwatch.delete_anomaly_detector(**{kind: each[kind] for kind in kinds if kind in each})

    def _some_alarms(self) -> dict[str, list[str]]:
        """Names of up to a hundred alarms of each type."""
        kinds = ["CompositeAlarm", "MetricAlarm"]
        found = self.cloudwatch.describe_alarms(AlarmTypes=kinds, MaxRecords=100)
        return {f"{kind}s": [each["AlarmName"] for each in found[f"{kind}s"]] for kind in kinds}

    def _delete_stacks(self) -> None:
        """All stacks, nested ones with their parents; what cannot be deleted is left behind."""
        for _ in range(100):
            there = [each for each in self.cloudformation.describe_stacks()["Stacks"] if "ParentId" not in each]
            if not there:
                return
            for each in there:
                name, status = each["StackId"], each["StackStatus"]
                if status == "DELETE_FAILED":
                    self.cloudformation.delete_stack(StackName=name, DeletionMode="FORCE_DELETE_STACK")
                elif status != "DELETE_IN_PROGRESS":
                    self.cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
                    self.cloudformation.delete_stack(StackName=name)
            self.cloud.advance("2s")

    # -- host programs ---------------------------------------------------------------------------------------------

    def attach(self, program: Program | int, subnet: str, *groups: str, port: int = 80) -> str:
        """``cloudarium attach``: join a host program to a subnet; returns its private address there."""
        to = program if isinstance(program, int) else program.port
        options = ["--subnet", subnet, "--to", f"127.0.0.1:{to}", "--port", str(port)]
        options += self._mine
        for group in groups:
            options += ["--security-group", group]
        found = self.cloud.attach(*options)
        address = str(found["PrivateIpAddress"])
        self._attached[address] = str(found["NetworkInterfaceId"])
        return address

    def detach(self, address: str) -> None:
        """``cloudarium detach``, by the network interface: addresses repeat between networks."""
        self.cloud.run("detach", self._attached.pop(address), *self._mine)

    # -- data planes -----------------------------------------------------------------------------------------------

    def curl(self, host: str, path: str = "/", *arguments: str) -> Answer:
        """Curl the one port with a Host header: ``<load balancer's DNS name>[:<listener port>]``."""
        return curl("-H", f"Host: {host}", *arguments, f"{self.cloud.endpoint}{path}")

    def start_curl(self, host: str, path: str = "/", *arguments: str, max_time: int = 60) -> Pending:
        """The same, without waiting for the answer."""
        return start("-H", f"Host: {host}", *arguments, f"{self.cloud.endpoint}{path}", max_time=max_time)

    def now(self) -> float:
        """The cloud's time, in seconds since 1970."""
        return self.cloud.now()

    def early_in_a_minute(self) -> None:
        """Advance to the tenth second of a minute: alarms have been evaluated, and what is recorded in a row from now
        on belongs to one minute, whenever the test began.
        """
        self.cloud.advance(f"{math.ceil((70 - self.now()) % 60)}s")

    def resolve(self, name: str, port: int) -> str:
        """A plain loopback ``host:port`` that reaches a port of a data plane."""
        found = self.cloud.json("resolve", name, str(port))
        return f"{found['host']}:{found['port']}"
