"""A cloud without containers, networks or load balancers: tasks move through their states by the clock.

``Runner`` stands in for the task controller, ``Outside`` for the other AWS services. Both are deterministic, so that a
test can go through a whole day of rollouts in a moment and look at every record that is written on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs import launch, scheduler
from cloudarium.services.ecs.resources import (
    Attribute,
    Cluster,
    ContainerInstance,
    Deployment,
    ServiceDeployment,
    ServiceRecord,
    Task,
    TaskDefinition,
)
from cloudarium.services.ecs.scheduler import rollout
from cloudarium.services.ecs.tasks import gates

SCOPE = Scope("111122223333", "us-east-1")
GROUP = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/0123456789abcdef"
BALANCER = {"targetGroupArn": GROUP, "containerName": "web", "containerPort": 80}
SUBNETS = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b"}
KEY = "main/web"


class Runner:
    """The task controller's stand-in. What becomes of a task is told by its family: ``web``, ``broken`` (never runs),
    ``crashing`` (ends soon after its start), ``ill`` (its targets never become healthy), ``checked`` and ``sick``
    (container health checks that pass, that fail).
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tasks = cloud.store.table(Task)
        self._due: dict[str, float] = {}
        cloud.controller("ecs.tasks", self._reconcile, lambda: [(s, t.id) for s, t in self._tasks.everywhere()])

    def _set(self, task: Task, wait: float, **changes: Any) -> float:
        self._tasks.put(SCOPE, launch.changed(task, **changes))
        self._due[task.id] = self._cloud.clock.now() + wait
        return wait

    async def _reconcile(self, key: tuple[Scope, str]) -> float | None:
        task = self._tasks.get(*key)
        if task is None or task.last_status == "STOPPED":
            return None
        now = self._cloud.clock.now()
        if (left := self._due.get(task.id, 0.0) - now) > 0 and task.desired_status == "RUNNING":
            return left
        if task.desired_status == "STOPPED":
            return self._end(task, left)
        match task.last_status:
            case "PROVISIONING":
                used = len([t for t in self._tasks.all(SCOPE) if address(t)])
                details = {"name": "privateIPv4Address", "value": f"10.0.{used // 250}.{used % 250 + 1}"}
                attached = {**task.attachments[0], "details": [*task.attachments[0]["details"], details]}
                return self._set(task, 2.0, last_status="PENDING", attachments=(attached,))
            case "PENDING" if task.family == "broken":
                reason = {"stop_code": "TaskFailedToStart", "stopped_reason": "CannotPullContainerError"}
                return self._set(task, 0.0, desired_status="STOPPED", last_status="STOPPED", stopped=now, **reason)
            case "PENDING":
                return self._set(task, 1.0, last_status="RUNNING", started=now)
            case "RUNNING" if task.family == "crashing":
                return self._set(task, 0.0, desired_status="STOPPED", stop_code="EssentialContainerExited")
            case "RUNNING" if task.family in ("checked", "sick") and task.health_status == "UNKNOWN":
                health = "HEALTHY" if task.family == "checked" else "UNHEALTHY"
                return self._set(task, 0.0, health_status=health)
        return None

    def _end(self, task: Task, left: float) -> float | None:
        if task.last_status == "RUNNING":
            return self._set(task, 0.0, last_status="DEACTIVATING")
        if task.last_status == "DEACTIVATING":
            return None if gates.held(self._cloud, SCOPE, task) else self._set(task, 3.0, last_status="STOPPING")
        if task.last_status == "STOPPING" and left > 0:
            return left
        return self._set(task, 0.0, last_status="STOPPED", stopped=self._cloud.clock.now())


class Outside:
    """Target groups, subnets, Cloud Map and alarms, as far as the scheduler asks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.targets: dict[tuple[str, int], float] = {}
        """Registered targets and since when."""
        self.draining: dict[tuple[str, int], float] = {}
        self.ill: set[str] = set()
        """Addresses whose health checks fail."""
        self.instances: dict[str, dict[str, str]] = {}
        self.health: dict[str, str] = {}
        self.alarms: dict[str, str] = {}
        self.delay = 20.0
        self.calls: list[str] = []
        self.refuse: dict[str, AwsError] = {}

    async def __call__(self, service: str, operation: str, _: Scope, __: Principal, given: dict[str, Any]) -> Any:
        self.calls.append(operation)
        if operation in self.refuse:
            raise self.refuse[operation]
        found: Callable[..., Any] = getattr(self, f"_{operation}")
        return found(**given)

    def healthy(self, address: str) -> bool:
        """Whether requests would be answered at an address."""
        since = self.targets.get((address, 80))
        return since is not None and address not in self.ill and self._cloud.clock.now() - since >= 10

    def _describe_subnets(self, SubnetIds: list[str]) -> Any:
        return {"Subnets": [{"SubnetId": s, "AvailabilityZone": SUBNETS[s]} for s in SubnetIds]}

    def _register_targets(self, TargetGroupArn: str, Targets: list[dict[str, Any]]) -> Any:
        for each in Targets:
            self.targets.setdefault((each["Id"], each["Port"]), self._cloud.clock.now())
        return {}

    def _deregister_targets(self, TargetGroupArn: str, Targets: list[dict[str, Any]]) -> Any:
        for each in Targets:
            if self.targets.pop((each["Id"], each["Port"]), None) is not None:
                self.draining[each["Id"], each["Port"]] = self._cloud.clock.now() + self.delay
        return {}

    def _describe_target_health(self, TargetGroupArn: str) -> Any:
        now = self._cloud.clock.now()
        self.draining = {target: end for target, end in self.draining.items() if end > now}
        states = dict.fromkeys(self.draining, "draining")
        for target, since in self.targets.items():
            states[target] = "initial" if now - since < 10 else "unhealthy" if target[0] in self.ill else "healthy"
        described = [
            {"Target": {"Id": name, "Port": port}, "TargetHealth": {"State": state}}
            for (name, port), state in states.items()
        ]
        return {"TargetHealthDescriptions": described}

    def _register_instance(self, ServiceId: str, InstanceId: str, Attributes: dict[str, str]) -> Any:
        self.instances[InstanceId] = Attributes
        return {}

    def _deregister_instance(self, ServiceId: str, InstanceId: str) -> Any:
        self.instances.pop(InstanceId, None)
        return {}

    def _update_instance_custom_health_status(self, ServiceId: str, InstanceId: str, Status: str) -> Any:
        self.health[InstanceId] = Status
        return {}

    def _describe_alarms(self, AlarmNames: list[str]) -> Any:
        return {
            "MetricAlarms": [
                {"AlarmName": n, "StateValue": self.alarms[n], "Period": 60, "EvaluationPeriods": 2} for n in AlarmNames
            ]
        }


class World:
    """A cluster, and services in it. ``observed`` has, per instant, how many tasks existed and how many served."""

    def __init__(self) -> None:
        self.cloud = Cloud(clock=Clock(), store=Store(None), port=0)
        self.cloud.clock.freeze()
        self.outside = Outside(self.cloud)
        self.cloud.dispatch = self.outside
        self.tasks = self.cloud.store.table(Task)
        self.services = self.cloud.store.table(ServiceRecord)
        arn = "arn:aws:ecs:us-east-1:111122223333:cluster/main"
        self.cluster = Cluster(name="main", arn=arn, created=0.0)
        self.cloud.store.table(Cluster).put(SCOPE, self.cluster)
        self.observed: list[tuple[int, int]] = []
        self._deployments = 0
        self.revisions = 0

    async def begin(self) -> None:
        """Start both controllers."""
        await scheduler.start(self.cloud)
        Runner(self.cloud)
        self.tasks.watch(lambda *_: self.observed.append((len(self.live()), len(self.serving()))))

    async def restart(self) -> None:
        """As after ``kill -9``: nothing but the store is left."""
        await self.cloud.stop_services()
        for table in self.cloud.store._tables.values():
            table._watchers.clear()
        await self.begin()

    async def pass_time(self, seconds: float) -> None:
        """Advance the clock."""
        await self.cloud.clock.advance(seconds)

    # -- making ----------------------------------------------------------------------------------------------------

    def definition(self, family: str = "web", mode: str = "awsvpc") -> str:
        """Register a task definition."""
        self.revisions += 1
        container: dict[str, Any] = {"name": "web", "image": "web", "essential": True, "memory": 128}
        container["portMappings"] = [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]
        if family in ("checked", "sick"):
            container["healthCheck"] = {"command": ["CMD-SHELL", "true"]}
        arn = f"arn:aws:ecs:us-east-1:111122223333:task-definition/{family}:{self.revisions}"
        body = {"containerDefinitions": [container], "networkMode": mode, "cpu": "256", "memory": "512"}
        self.cloud.store.table(TaskDefinition).put(
            SCOPE,
            TaskDefinition(
                arn=arn, family=family, revision=self.revisions, definition=body, registered_at=0.0, registered_by=""
            ),
        )
        return arn

    def deployment(self, definition: str, service: dict[str, Any]) -> Deployment:
        """A new PRIMARY with the record that describes it."""
        self._deployments += 1
        now = self.cloud.clock.now()
        name = f"ecs-svc/{self._deployments:019d}"
        record = f"arn:service-deployment/{self._deployments}"
        self.cloud.store.table(ServiceDeployment).put(
            SCOPE,
            ServiceDeployment(
                arn=record,
                service_arn="arn:service",
                cluster_arn=self.cluster.arn,
                deployment_id=name,
                created=now,
                updated=now,
                target=f"revision-{self._deployments}",
            ),
        )
        taken = (
            "launch_type",
            "network_configuration",
            "load_balancers",
            "service_registries",
            "capacity_provider_strategy",
            "placement_strategy",
            "placement_constraints",
        )
        return Deployment(
            id=name,
            task_definition=definition,
            created=now,
            updated=now,
            service_deployment=record,
            **{k: service[k] for k in taken if k in service},
        )

    def service(self, definition: str, desired: int = 4, low: int = 100, high: int = 200, **fields: Any) -> None:
        """CreateService."""
        fields.setdefault("launch_type", "FARGATE")
        fields.setdefault("network_configuration", {"awsvpcConfiguration": {"subnets": list(SUBNETS)}})
        configuration = {"minimumHealthyPercent": low, "maximumPercent": high} | fields.pop("configuration", {})
        controller = fields.get("deployment_controller", "ECS")
        self.services.put(
            SCOPE,
            ServiceRecord(
                key=KEY,
                name="web",
                arn="arn:service",
                cluster="main",
                cluster_arn=self.cluster.arn,
                created=0.0,
                desired_count=desired,
                task_definition=definition,
                deployment_configuration=configuration,
                deployments=(self.deployment(definition, fields),) if controller == "ECS" else (),
                **fields,
            ),
        )

    def deploy(self, definition: str) -> None:
        """UpdateService with another task definition."""
        now = self.now()
        fields = {k: getattr(now, k) for k in now.__struct_fields__}
        old = tuple(
            msgspec.structs.replace(d, status="ACTIVE") if d.status == "PRIMARY" else d for d in now.deployments
        )
        new = self.deployment(definition, fields)
        self.services.put(SCOPE, now.replace(task_definition=definition, deployments=(new, *old)))

    def change(self, **fields: Any) -> None:
        """UpdateService or DeleteService with anything else."""
        self.services.put(SCOPE, self.now().replace(**fields))

    def instance(self, name: str, zone: str = "us-east-1a", **fields: Any) -> None:
        """Register a container instance."""
        fields = {"cpu": 1024, "memory": 2048, "ec2_instance_id": f"i-{name}", "private_ip": "10.0.1.1"} | fields
        self.cloud.store.table(ContainerInstance).put(
            SCOPE,
            ContainerInstance(
                id=name,
                arn=f"arn:container-instance/{name}",
                cluster="main",
                registered_at=0.0,
                availability_zone=zone,
                attributes=(Attribute("ecs.instance-type", "t3.small"),),
                **fields,
            ),
        )

    # -- looking ---------------------------------------------------------------------------------------------------

    def now(self) -> ServiceRecord:
        """The service."""
        found = self.services.get(SCOPE, KEY)
        assert found is not None
        return found

    def live(self) -> list[Task]:
        """Tasks that have not stopped."""
        return self.tasks.find(SCOPE, "live_service", KEY)

    def running(self) -> list[Task]:
        """Tasks that run and are to go on."""
        return [t for t in self.live() if t.last_status == "RUNNING" and t.desired_status == "RUNNING"]

    def serving(self) -> list[Task]:
        """Running tasks whose targets answer."""
        return [t for t in self.running() if self.outside.healthy(address(t))]

    def events(self) -> list[str]:
        """Messages, oldest first."""
        return [event.message for event in reversed(self.now().events)]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Details of EventBridge events of a detail type, oldest first."""
        return [e.detail for e in reversed(self.cloud.events.recent(SCOPE, 500)) if e.detail_type == kind]

    def bounds(self, low: int, high: int) -> rollout.Bounds:
        """The lines for the service's desired count."""
        return rollout.bounds(self.now().desired_count, low, high)


def address(task: Task) -> str:
    """A task's private address."""
    details = {d["name"]: d["value"] for a in task.attachments for d in a["details"]}
    return str(details.get("privateIPv4Address", ""))


def play(scene: Callable[[World], Awaitable[None]]) -> None:
    """Run a scene in a world of its own."""

    async def run() -> None:
        world = World()
        await world.begin()
        try:
            await scene(world)
        finally:
            await world.cloud.stop_services()

    asyncio.run(run())
