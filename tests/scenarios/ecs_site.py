"""An ECS service with real containers behind a real load balancer, and steady traffic to it."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections import Counter
from typing import Any

import botocore.exceptions
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.images import import_image, python_image
from tests.support.stack import Stack

IMAGE = "python-for-services"

PROGRAM = """
import os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = os.environ["COLOUR"].encode()
        status = 500 if os.environ["COLOUR"] == "ill" and self.path == "/health" else 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

server = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""
"""Answers with its colour; the colour ``ill`` fails its health checks. Ends when asked to."""

PORT = 8080
FROM_ANYWHERE = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


PATIENT = {"healthCheckGracePeriodSeconds": 60}
"""For services whose tasks are counted: a program that a busy machine starts slowly is not taken for ill."""


class Load:
    """Requests in a row from a few clients, until stopped."""

    def __init__(self, port: int, host: str, clients: int = 2) -> None:
        self._port, self._host = port, host
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End it."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._end.is_set():
            try:
                connection.request("GET", "/", headers={"Host": self._host})
                answer = connection.getresponse()
                text = answer.read().decode("latin-1")
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                answer, text = None, repr(error)
            with self._lock:
                if answer is not None and answer.status == 200:
                    self.answers[text] += 1
                else:
                    self.failures.append(f"{answer.status if answer else 'none'} {text[:200]}")
            self._end.wait(0.02)


class Watcher:
    """Counts tasks and healthy targets as often as it can, until stopped."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.counted: list[tuple[int, int]] = []
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._end.set()
        self._thread.join()

    @property
    def most(self) -> int:
        """The most tasks that existed at once."""
        return max(live for live, _ in self.counted)

    @property
    def fewest(self) -> int:
        """The fewest targets that were healthy."""
        return min(healthy for _, healthy in self.counted)

    def _run(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                # Nobody answers for a moment where a test kills the cloud.
                self.counted.append(self._site.counts())


class Site:
    """A VPC, a load balancer with one target group, a cluster, and one service."""

    def __init__(self, cloud: RunningCloud, delay: int = 5) -> None:
        self.cloud = cloud
        self.account = Account(cloud, fresh_number())
        self.stack = Stack(self.account)
        import_image(cloud, python_image(), IMAGE)
        self.group = self.stack.target_group(
            {"deregistration_delay.timeout_seconds": str(delay)},
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
        )
        self.programs = self.stack.security_group("programs", [FROM_ANYWHERE])
        self.balancer = self.stack.load_balancer()
        self.stack.listener(self.balancer, self.group)
        self.account.ecs.create_cluster(clusterName="main")

    def definition(self, colour: str, image: str = IMAGE) -> str:
        """Register a task definition whose program answers with this colour."""
        container = {
            "name": "web",
            "image": image,
            "command": ["python3", "-c", PROGRAM],
            "environment": [{"name": "COLOUR", "value": colour}],
            "portMappings": [{"containerPort": PORT}],
        }
        made = self.account.ecs.register_task_definition(
            family="web",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        arn: str = made["taskDefinition"]["taskDefinitionArn"]
        return arn

    def create(self, definition: str, count: int = 4, **options: Any) -> None:
        """Create the service and let it come up."""
        network = {"subnets": self.stack.subnets, "securityGroups": [self.programs]}
        self.account.ecs.create_service(
            cluster="main",
            serviceName="web",
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": network},
            availabilityZoneRebalancing="DISABLED",
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "web", "containerPort": PORT}],
            **options,
        )
        self.until_completed()

    def service(self) -> dict[str, Any]:
        """DescribeServices."""
        found: dict[str, Any] = self.account.ecs.describe_services(cluster="main", services=["web"])["services"][0]
        return found

    def tasks(self) -> list[dict[str, Any]]:
        """DescribeTasks of those that have not stopped."""
        arns = [
            arn
            for wanted in ("RUNNING", "STOPPED")
            for arn in self.account.ecs.list_tasks(cluster="main", desiredStatus=wanted)["taskArns"]
        ]
        if not arns:
            return []
        found = self.account.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]
        return [task for task in found if task["lastStatus"] != "STOPPED"]

    def counts(self) -> tuple[int, int]:
        """How many tasks exist, and how many are healthy targets."""
        healthy = sum(state[0] == "healthy" for state in self.stack.health(self.group).values())
        return len(self.tasks()), healthy

    def until_completed(self, steps: int = 60) -> None:
        """Let time pass until the only deployment is completed."""
        for _ in range(steps):
            self.cloud.advance("3s")
            deployments = self.service()["deployments"]
            if [d["rolloutState"] for d in deployments] == ["COMPLETED"]:
                return
            # Containers start in the machine's time, which the cloud's clock cannot hurry.
            time.sleep(0.1)
        raise AssertionError(f"not completed: {self.service()}")

    def load(self) -> Load:
        """Begin steady traffic."""
        return Load(self.cloud.port, self.balancer["DNSName"])

    def watch(self) -> Watcher:
        """Begin to count."""
        return Watcher(self)

    def update(self, definition: str, low: int = 100, high: int = 200, **configuration: Any) -> None:
        """UpdateService with another task definition."""
        self.account.ecs.update_service(
            cluster="main",
            service="web",
            taskDefinition=definition,
            deploymentConfiguration={"minimumHealthyPercent": low, "maximumPercent": high, **configuration},
        )

    def delete(self) -> None:
        """DeleteService, and see that nothing is left."""
        self.account.ecs.delete_service(cluster="main", service="web", force=True)
        for _ in range(20):
            self.cloud.advance("5s")
            if self.service()["status"] == "INACTIVE":
                break
        assert self.service()["status"] == "INACTIVE"
        assert self.tasks() == []
        self.account.stop_traffic()

    def messages(self) -> list[str]:
        """Service events, oldest first."""
        return [event["message"] for event in reversed(self.service()["events"])]
