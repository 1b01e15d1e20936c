"""A cloud with ECS tasks in it and nothing real: containers, images and networks are told what to do by the test."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import SESSIONS, Principal, Session
from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ecs import launch
from cloudarium.services.ecs.resources import Cluster, Task, TaskDefinition
from cloudarium.services.ecs.tasks import start
from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runtime import Recovered, RuntimeCapabilities
from cloudarium.substrate.compute.spec import ContainerSpec, ExecSpec, Exit, LogRecord, Resources, Stats
from cloudarium.substrate.images.errors import ManifestNotFound
from cloudarium.substrate.images.model import Image, ImageConfig, Rootfs

SCOPE = Scope("111122223333", "us-east-1")


class Session_:
    """A command run in a container: ends as the stage says."""

    pid = 1

    def __init__(self, code: int | None) -> None:
        self._code = code

    async def read(self) -> tuple[str, bytes]:
        return "", b""

    async def wait(self) -> int:
        if self._code is None:
            await asyncio.get_running_loop().create_future()
        return self._code or 0

    async def close(self) -> None: ...


class Output:
    """A container's output."""

    dropped = 0

    async def __aiter__(self) -> Any:
        yield [LogRecord(stream="stdout", time=0.0, data=b"hello")]

    def ack(self) -> None: ...

    def close(self) -> None: ...


class FakeRuntime:
    """``substrate.compute.runtime.Runtime`` without processes. Outlives a cloud when it is handed to the next one."""

    capabilities = RuntimeCapabilities(driver="fake", available=True)

    def __init__(self) -> None:
        self.specs: dict[str, ContainerSpec] = {}
        self.states: dict[str, str] = {}
        self.exits: dict[str, Exit] = {}
        self.groups: dict[str, Resources] = {}
        self.log: list[tuple[str, str]] = []
        self.refuse_start: dict[str, str] = {}
        """Container name to the runtime's words."""
        self.stubborn: set[str] = set()
        """Containers that do not heed their stop signal."""
        self.checks: dict[str, int | None] = {}
        """Container name to what commands in it end with; None: never."""
        self.readings: dict[str, Stats] = {}
        self.clock: Clock | None = None
        self._watchers: list[Any] = []
        self._waiting: dict[str, list[asyncio.Future[Exit]]] = {}

    def name(self, id: str) -> str:
        return self.specs[id].labels["cloudarium.container"]

    def id_of(self, name: str) -> str:
        (found,) = [id for id in self.specs if self.name(id) == name]
        return found

    def new_cloud(self) -> None:
        """The process that knew all this has died."""
        self._watchers.clear()

    def recovered(self) -> list[Recovered]:
        return [
            Recovered(
                id=id, state=self.states[id], labels=spec.labels, network_key=spec.network_key, exit=self.exits.get(id)
            )
            for id, spec in self.specs.items()
        ]

    async def group(self, name: str, resources: Resources) -> None:
        self.groups[name] = resources

    async def ungroup(self, name: str) -> None:
        self.groups.pop(name, None)

    async def create(self, spec: ContainerSpec) -> None:
        if spec.id in self.specs:
            raise ComputeError("conflict", "there already")
        self.specs[spec.id] = spec
        self.states[spec.id] = "created"
        self.log.append(("create", self.name(spec.id)))

    async def start(self, id: str) -> None:
        if words := self.refuse_start.get(self.name(id)):
            raise ComputeError("failed", words)
        self.states[id] = "running"
        self.exits.pop(id, None)
        self.log.append(("start", self.name(id)))

    def end(self, name: str, code: int | None = 0, *, oom: bool = False) -> None:
        """A container's program ends."""
        id = self.id_of(name)
        self.states[id] = "exited"
        exit_ = self.exits[id] = Exit(code=code, oom_killed=oom)
        for watcher in self._watchers:
            watcher(id, exit_)
        for waiting in self._waiting.pop(id, []):
            waiting.set_result(exit_)

    async def stop(self, id: str, timeout: float) -> None:
        self.log.append(("stop", self.name(id)))
        if self.states[id] != "running":
            raise ComputeError("exited", "not running")
        if self.name(id) in self.stubborn:
            assert self.clock is not None
            await self.clock.sleep(timeout)
            self.end(self.name(id), 137)
        else:
            self.end(self.name(id), 143)

    async def wait(self, id: str) -> Exit:
        if id in self.exits:
            return self.exits[id]
        waiting: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(waiting)
        return await waiting

    async def delete(self, id: str) -> None:
        if id in self.specs and self.states[id] != "exited":
            # It is killed, and that is told like any other end.
            self.end(self.name(id), 137)
        await asyncio.sleep(0)
        for each in (self.specs, self.states, self.exits):
            each.pop(id, None)

    async def exec(self, id: str, spec: ExecSpec) -> Session_:
        if self.states.get(id) != "running":
            raise ComputeError("exited", "not running")
        return Session_(self.checks.get(self.name(id), 0))

    async def stats(self, id: str) -> Stats:
        if self.states.get(id) != "running":
            raise ComputeError("not-found", "no such container")
        return self.readings.get(self.name(id), Stats(read_at=1.0))

    def logs(self, id: str) -> Output:
        return Output()

    def state(self, id: str) -> str:
        return self.states.get(id, "unknown")

    def watch(self, callback: Any) -> None:
        self._watchers.append(callback)


class FakeImages:
    """``cloud.images``: every name but ``missing`` is an image."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = ImageConfig(env=["PATH=/bin", "FROM=image"], cmd=["serve"], working_dir="/srv")
        self.hold: asyncio.Event | None = None
        self.pulled: list[str] = []
        self.discarded: list[str] = []

    def find(self, name: str) -> Image | None:
        return self._image() if name.startswith("local") else None

    def _image(self) -> Image:
        return Image(digest="sha256:" + "1" * 64, config=self.config, layers=(), size=1, media_type="")

    async def pull(self, reference: str, *, platform: str = "", auth: Any = None) -> Image:
        self.pulled.append(reference)
        if self.hold is not None:
            await self.hold.wait()
        if "missing" in reference:
            raise ManifestNotFound(reference)
        return self._image()

    async def load(self, manifest: bytes, media_type: str, *, platform: str = "") -> Image:
        return self._image()

    async def rootfs(self, image: Image, container_id: str) -> Rootfs:
        return Rootfs(lowers=["/l"], upper="/u", work="/w", merged="/m")

    async def discard(self, container_id: str) -> None:
        self.discarded.append(container_id)


class FakeFabric:
    """Interfaces that are ready at once; names in ``blocked`` cannot be reached."""

    def __init__(self) -> None:
        self.blocked: set[str] = set()
        self.dialled: list[str] = []
        self.opened: list[str] = []
        self.slow = False
        self.world = self

    def interface(self, eni_id: str) -> Any:
        raise KeyError(eni_id)

    async def ready(self, eni_id: str, timeout: float) -> None:
        if self.slow:
            await asyncio.get_running_loop().create_future()

    async def local_address(self, eni_id: str, address: str, *, port: int = 0, leads_to: int = 0) -> None:
        self.opened.append(eni_id)

    async def listen(self, eni_id: str, port: int, address: str = "") -> Any:
        import socket

        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        return sock

    def namespace(self, eni_id: str) -> int:
        return 7

    async def dial(self, eni_id: str, address: str, port: int, timeout: float) -> Any:
        import socket

        self.dialled.append(address)
        if address in self.blocked:
            raise TimeoutError
        return socket.socket()


class Outside:
    """The other AWS services."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._numbers = itertools.count(1)
        self.interfaces: dict[str, dict[str, Any]] = {}
        self.parameters: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.objects: dict[str, bytes] = {}
        self.untrusting: set[str] = set()
        self.calls: list[tuple[str, str, str]] = []
        """Service, operation, who."""

    async def __call__(self, service: str, operation: str, scope: Scope, principal: Principal, given: Any) -> Any:
        self.calls.append((service, operation, principal.arn))
        return getattr(self, operation)(given)

    def create_network_interface(self, given: Any) -> Any:
        for each in self.interfaces.values():
            if each["token"] == given["ClientToken"]:
                return {"NetworkInterface": each}
        number = next(self._numbers)
        made = {
            "NetworkInterfaceId": f"eni-{number}",
            "SubnetId": given["SubnetId"],
            "MacAddress": f"02:00:00:00:00:{number:02x}",
            "PrivateIpAddress": f"10.0.0.{number}",
            "AvailabilityZone": "us-east-1a",
            "VpcId": "vpc-1",
            "Groups": [],
            "Description": given["Description"],
            "token": given["ClientToken"],
        }
        if given.get("AssociatePublicIpAddress"):
            made["Association"] = {"PublicIp": "198.18.1.1"}
        self.interfaces[made["NetworkInterfaceId"]] = made
        return {"NetworkInterface": made}

    def delete_network_interface(self, given: Any) -> Any:
        if self.interfaces.pop(given["NetworkInterfaceId"], None) is None:
            raise AwsError("InvalidNetworkInterfaceID.NotFound", "gone")
        return {}

    def describe_network_interfaces(self, given: Any) -> Any:
        ids = given.get("NetworkInterfaceIds") or list(self.interfaces)
        for each in given.get("Filters", ()):
            if each["Name"] == "description":
                ids = [id for id in ids if self.interfaces[id]["Description"] in each["Values"]]
        return {"NetworkInterfaces": [self.interfaces[each] for each in ids]}

    def assume_role(self, given: Any) -> Any:
        if given["RoleArn"] in self.untrusting:
            raise AwsError("AccessDenied", "no", 403)
        key = f"ASIA{next(self._numbers):016d}"
        name = given["RoleArn"].rpartition("/")[2]
        arn = f"arn:aws:sts::{SCOPE.account}:assumed-role/{name}/{given['RoleSessionName']}"
        now = self._cloud.clock.now()
        principal = Principal("AssumedRole", SCOPE.account, arn, "AROA", key, session_issuer=given["RoleArn"])
        session = Session(
            access_key=key, secret_key="s", token="t", principal=principal, created=now, expires=now + 3600
        )
        self._cloud.store.table(Session).put(SESSIONS, session)
        return {"Credentials": {"AccessKeyId": key}}

    def get_parameters(self, given: Any) -> Any:
        names = [name for name in given["Names"] if name in self.parameters]
        return {"Parameters": [{"Name": name, "Value": self.parameters[name]} for name in names]}

    def get_secret_value(self, given: Any) -> Any:
        if given["SecretId"] not in self.secrets:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"SecretString": self.secrets[given["SecretId"]]}

    def get_object(self, given: Any) -> Any:
        return {"Body": self.objects[f"{given['Bucket']}/{given['Key']}"]}

    def get_authorization_token(self, given: Any) -> Any:
        return {"authorizationData": [{}]}

    def batch_get_image(self, given: Any) -> Any:
        if given["repositoryName"] == "missing":
            raise AwsError("RepositoryNotFoundException", "no")
        digest = {"imageDigest": "sha256:" + "2" * 64}
        return {"images": [{"imageId": digest, "imageManifest": "{}", "imageManifestMediaType": "m"}]}


class Stage:
    """One cloud after the other over the same store, runtime and images."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(None)
        self.clock = Clock()
        self.clock.freeze()
        self.runtime = FakeRuntime()
        self.runtime.clock = self.clock
        self.images = FakeImages(folder / "images")
        self.fabric = FakeFabric()
        self.cloud: Any = None
        self.aws: Any = None
        self.cluster = Cluster(name="main", arn="arn:aws:ecs:us-east-1:111122223333:cluster/main", created=0.0)
        self.store.table(Cluster).put(SCOPE, self.cluster)
        self._revisions = itertools.count(1)

    async def begin(self) -> None:
        """A cloud process starts."""
        former = self.aws
        cloud: Any = Cloud(clock=self.clock, store=self.store, port=4566)
        vars(cloud)["compute"] = self.runtime
        vars(cloud)["images"] = self.images
        cloud.fabric = self.fabric
        self.cloud = cloud
        self.aws = Outside(cloud)
        if former is not None:
            self.aws.interfaces = former.interfaces
        cloud.dispatch = self.aws
        cloud.name_servers.append(lambda vpc, name, kind: [name])
        await start(cloud)
        await self.settle()

    async def kill(self) -> None:
        """The process dies in the middle of whatever it did."""
        for controller in self.cloud._controllers.values():
            await controller.stop()
        for table in self.store._tables.values():
            table._watchers.clear()
        self.runtime.new_cloud()
        self.fabric.opened.clear()

    def define(self, *containers: dict[str, Any], **body: Any) -> TaskDefinition:
        """A task definition."""
        revision = next(self._revisions)
        arn = f"arn:aws:ecs:us-east-1:111122223333:task-definition/web:{revision}"
        made = [{"image": "local", "essential": True, "cpu": 0, **each} for each in containers]
        definition = TaskDefinition(
            arn=arn,
            family="web",
            revision=revision,
            definition={"networkMode": "awsvpc", "containerDefinitions": made, **body},
            registered_at=0.0,
            registered_by="",
        )
        self.store.table(TaskDefinition).put(SCOPE, definition)
        return definition

    async def run(self, definition: TaskDefinition, *, settle: bool = True, **options: Any) -> Task:
        """A task, on Fargate unless said otherwise."""
        wanted = {"launch_type": "FARGATE", "network": {"subnets": ["subnet-1"]}, "subnet_id": "subnet-1", **options}
        task = launch.create_task(self.cloud, SCOPE, definition=definition, cluster=self.cluster, **wanted)
        if settle:
            await self.settle()
        return self.task(task)

    def task(self, task: Task) -> Task:
        """The record as it is now."""
        found = self.store.table(Task).get(SCOPE, task.id)
        assert found is not None
        return found

    def container(self, task: Task, name: str) -> Any:
        """A container of the record as it is now."""
        return next(each for each in self.task(task).containers if each.name == name)

    async def stop(self, task: Task, reason: str = "Task stopped by user", code: str = "UserInitiated") -> Task:
        """StopTask."""
        launch.stop_task(self.cloud, SCOPE, self.task(task), reason, code)
        await self.settle()
        return self.task(task)

    async def settle(self) -> None:
        """Until nobody has anything to do."""
        for _ in range(20):
            await self.clock.settle()
            await asyncio.sleep(0)
