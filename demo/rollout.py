"""The demo's second part: an ECS service of containers behind the load balancer, updated while traffic flows."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from shell import DemoFailed, Shell
from traffic import Traffic

PATH = "/web"
OLD, NEW = "orange", "violet"
IMAGE = "demo-python"
_PORT = 8080

_PROGRAM = """
import os, signal, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
colour = os.environ["COLOUR"]
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        page = f"<body style='background:{colour}'>a container, {colour}</body>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.send_header("X-Colour", colour)
        self.end_headers()
        self.wfile.write(page)
    def log_message(self, *arguments): pass
server = ThreadingHTTPServer(("0.0.0.0", 8080), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""


class CannotRunContainers(Exception):
    """Why there is no second part on this machine."""


class Rollout:
    """Four containers of one version become four of another, and nobody waits or is turned away."""

    def __init__(self, shell: Shell, listener: str, host: str) -> None:
        self._shell = shell
        self._listener = listener
        self._host = host
        self._ecs: Any = None

    def build(self, vpc: str, subnets: list[str], front: str) -> None:
        """Image, cluster, service. Raises CannotRunContainers."""
        aws = self._shell.aws
        try:
            print(self._shell.cloudarium("image", "demo", IMAGE))
        except DemoFailed as failure:
            raise CannotRunContainers(str(failure)) from None
        made = ["ec2", "create-security-group", "--vpc-id", vpc, "--group-name", "tasks", "--description", "containers"]
        group = aws(*made, want="GroupId", name="TASKS")
        permit = ["ec2", "authorize-security-group-ingress", "--protocol", "tcp", "--port", str(_PORT)]
        aws(*permit, "--group-id", group, "--source-group", front)
        options = ["--protocol", "HTTP", "--port", str(_PORT), "--vpc-id", vpc, "--target-type", "ip"]
        options += ["--health-check-interval-seconds", "5", "--health-check-timeout-seconds", "2"]
        options += ["--healthy-threshold-count", "2", "--unhealthy-threshold-count", "2"]
        made = ["elbv2", "create-target-group", "--name", "containers", *options]
        target = aws(*made, want="TargetGroups[0].TargetGroupArn", name="GROUP_CONTAINERS")
        attribute = "Key=deregistration_delay.timeout_seconds,Value=5"
        aws("elbv2", "modify-target-group-attributes", "--target-group-arn", target, "--attributes", attribute)
        rule = ["--listener-arn", self._listener, "--priority", "2", "--conditions"]
        rule += [f"Field=path-pattern,Values={PATH}", "--actions", f"Type=forward,TargetGroupArn={target}"]
        aws("elbv2", "create-rule", *rule)
        aws("ecs", "create-cluster", "--cluster-name", "demo")
        network = {"subnets": subnets, "securityGroups": [group]}
        balancer = {"targetGroupArn": target, "containerName": "web", "containerPort": _PORT}
        service = ["--cluster", "demo", "--service-name", "web", "--task-definition", self._definition(OLD)]
        service += ["--desired-count", "4", "--launch-type", "FARGATE"]
        service += ["--network-configuration", json.dumps({"awsvpcConfiguration": network})]
        service += ["--load-balancers", json.dumps([balancer])]
        aws("ecs", "create-service", *service)
        self._connect()
        self._until_completed()

    def watch(self) -> None:
        """The update. Raises DemoFailed when a request was lost."""
        traffic = Traffic(self._shell.port, self._host, (PATH,))
        errors = 0
        try:
            print(f"  time     |{OLD:>8}{NEW:>8}{'errors':>8}  | tasks of the service: running, starting, leaving")
            errors += self._rows(traffic, 2)
            changed = ["--cluster", "demo", "--service", "web", "--task-definition", self._definition(NEW)]
            self._shell.aws("ecs", "update-service", *changed)
            for _ in range(12):
                self._shell.cloudarium("clock", "advance", "4s", quiet=True)
                errors += self._rows(traffic, 1)
                if self._completed():
                    break
            errors += self._rows(traffic, 2)
        finally:
            traffic.stop()
        for event in reversed(self._service()["events"][:6]):
            print(f"  {event['message'][:110]}")
        if errors or not self._completed():
            raise DemoFailed(f"{errors} requests failed during the update")

    def _definition(self, colour: str) -> str:
        """Register a version; the program it runs is shown shortened."""
        container = {
            "name": "web",
            "image": IMAGE,
            "command": ["python3", "-c", _PROGRAM],
            "environment": [{"name": "COLOUR", "value": colour}],
            "portMappings": [{"containerPort": _PORT}],
        }
        self._shell.name("PROGRAM", json.dumps(_PROGRAM)[1:-1])
        made = ["ecs", "register-task-definition", "--family", "web", "--network-mode", "awsvpc"]
        made += ["--requires-compatibilities", "FARGATE", "--cpu", "256", "--memory", "512"]
        made += ["--container-definitions", json.dumps([container])]
        return self._shell.aws(*made, want="taskDefinition.taskDefinitionArn", name=f"VERSION_{colour.upper()}")

    def _connect(self) -> None:
        import botocore.session

        session = botocore.session.get_session()
        session.set_credentials("test", "test")
        url = f"http://127.0.0.1:{self._shell.port}"
        self._ecs = session.create_client("ecs", region_name="us-east-1", endpoint_url=url)

    def _service(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ecs.describe_services(cluster="demo", services=["web"])["services"][0]
        return found

    def _completed(self) -> bool:
        return [d["rolloutState"] for d in self._service()["deployments"]] == ["COMPLETED"]

    def _until_completed(self) -> None:
        for _ in range(40):
            self._shell.cloudarium("clock", "advance", "4s", quiet=True)
            if self._completed():
                return
            if self._service()["deployments"][0]["failedTasks"] >= 2:
                break
            time.sleep(0.2)  # containers start in this machine's time
        raise CannotRunContainers(self._why())

    def _why(self) -> str:
        arns = self._ecs.list_tasks(cluster="demo", desiredStatus="STOPPED")["taskArns"]
        tasks = self._ecs.describe_tasks(cluster="demo", tasks=arns[:1])["tasks"] if arns else []
        reasons = [task.get("stoppedReason", "") for task in tasks]
        return next((reason for reason in reasons if reason), "the service did not come up")

    def _rows(self, traffic: Traffic, count: int) -> int:
        """So many seconds of it, and what came before since the last row; how many requests failed."""
        errors = 0
        for _ in range(count):
            time.sleep(1)
            counts = traffic.take()[PATH]
            failed = sum(n for who, n in counts.items() if who not in (OLD, NEW))
            errors += failed
            print(
                f"  {time.strftime('%H:%M:%S')} |{counts[OLD]:>8}{counts[NEW]:>8}{failed:>8}  | {self._tasks()}",
                flush=True,
            )
        return errors

    def _tasks(self) -> str:
        arns = [
            arn
            for wanted in ("RUNNING", "STOPPED")
            for arn in self._ecs.list_tasks(cluster="demo", desiredStatus=wanted)["taskArns"]
        ]
        tasks = self._ecs.describe_tasks(cluster="demo", tasks=arns)["tasks"] if arns else []
        states: Counter[str] = Counter()
        for task in tasks:
            if task["desiredStatus"] == "RUNNING":
                states["running" if task["lastStatus"] == "RUNNING" else "starting"] += 1
            elif task["lastStatus"] != "STOPPED":
                states["leaving"] += 1
        return "  ".join(f"{states[name]} {name}" for name in ("running", "starting", "leaving"))
