"""The network that a task's containers are in, by network mode: which namespace, which names, which addresses.

    awsvpc   the task's own interface, for all its containers
    host     the instance's interface
    bridge   a namespace per container behind the instance's interface, with published ports
    none     a namespace with nothing in it

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs.agent.documents import Network
from cloudarium.services.ecs.resources import ContainerInstance, Task
from cloudarium.services.ecs.tasks import interfaces
from cloudarium.services.ecs.tasks.live import Key
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.spec import Place
from cloudarium.substrate.net.addresses import resolver_addresses
from cloudarium.substrate.net.errors import NetworkError

if TYPE_CHECKING:
    from cloudarium.substrate.net.bridge import Bridges

READY_TIMEOUT = 30.0
"""Host seconds for an interface's namespace: it is made on this machine."""


class Surroundings(NamedTuple):
    """What the VPC around an interface looks like."""

    vpc_id: str
    subnet_cidr: str
    domain: str
    servers: tuple[str, ...]
    """Whom to ask for names."""
    address: str


def mode_of(definition: Mapping[str, Any]) -> str:
    """The network mode of a task definition's body."""
    return str(definition.get("networkMode") or "bridge")


class Sites:
    """Where containers are put."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._bridges: Bridges | None = None
        self._addresses: dict[str, str] = {}
        """Of bridged containers, by runtime id."""

    @property
    def bridges(self) -> Bridges:
        """The bridge networks of container instances."""
        if self._bridges is None:
            from cloudarium.substrate.net.bridge import Bridges

            self._bridges = Bridges(self._cloud.fabric)
        return self._bridges

    def instance(self, key: Key, task: Task) -> ContainerInstance | None:
        """The container instance of a task."""
        if not task.container_instance:
            return None
        return self._cloud.store.table(ContainerInstance).get(key[0], task.container_instance)

    def interface_id(self, key: Key, task: Task, mode: str) -> str:
        """The interface through which a task's containers are in a VPC; empty when through none."""
        if mode == "awsvpc":
            return interfaces.interface_id(task)
        instance = self.instance(key, task)
        return instance.eni_id if instance is not None and mode != "none" else ""

    def surroundings(self, eni_id: str) -> Surroundings | None:
        """The VPC around an interface as the fabric has it."""
        try:
            vpc, eni = self._cloud.fabric.world.interface(eni_id)
        except Exception:
            return None
        subnet = next((each.cidr for each in vpc.spec.subnets if each.id == eni.subnet_id), "")
        servers = vpc.spec.dns.servers or resolver_addresses(vpc.spec.cidrs[0])[:1]
        return Surroundings(vpc.id, subnet, vpc.spec.dns.domain, servers, eni.private_ips[0])

    # -- a container's place -------------------------------------------------------------------------------------------

    async def place(
        self, key: Key, task: Task, definition: Mapping[str, Any], container: Mapping[str, Any], runtime_id: str
    ) -> tuple[Place, tuple[dict[str, Any], ...]]:
        """Where one container runs, and its published ports. Raises CannotRun."""
        mode = mode_of(definition)
        short = container.get("hostname") or runtime_id[:12]
        if mode == "none" or container.get("disableNetworking"):
            return Place(None, "", short, _hosts([("127.0.0.1", "localhost")], container)), ()
        eni_id = self.interface_id(key, task, mode)
        if not eni_id:
            raise CannotRun("CannotCreateContainerError: the container instance has no network interface")
        around = self.surroundings(eni_id)
        resolv = _resolv_conf(container, around)
        if mode == "bridge":
            return await self._bridged(key, task, container, runtime_id, eni_id, short, resolv)
        own = _dns_name(around) if around is not None else short
        names = [("127.0.0.1", "localhost")]
        if around is not None:
            names.append((around.address, own))
        hostname = container.get("hostname") or own
        place = Place(self._cloud.fabric.namespace(eni_id), eni_id, hostname, _hosts(names, container), resolv)
        return place, _host_bindings(container) if mode == "host" else ()

    async def _bridged(
        self,
        key: Key,
        task: Task,
        container: Mapping[str, Any],
        runtime_id: str,
        eni_id: str,
        hostname: str,
        resolv: str,
    ) -> tuple[Place, tuple[dict[str, Any], ...]]:
        port = await self.bridges.attach(eni_id, runtime_id)
        names = [("127.0.0.1", "localhost"), (port.address, hostname)]
        by_name = {each.name: each for each in task.containers}
        for link in container.get("links") or ():
            other, _, alias = link.partition(":")
            linked = by_name[other].runtime_id if other in by_name else ""
            address = self._addresses.get(linked, "")
            if address:
                names.append((address, f"{alias or other} {other}" if alias and alias != other else other))
        bindings = []
        for mapping in container.get("portMappings") or ():
            protocol = mapping.get("protocol") or "tcp"
            wanted = int(mapping.get("hostPort") or 0)
            for inside, outside in _ports(mapping, wanted, container["name"]):
                try:
                    given = await self.bridges.publish(eni_id, runtime_id, outside, inside, protocol)
                except NetworkError as error:
                    await self.unplace(eni_id, runtime_id)
                    raise CannotRun(
                        "CannotStartContainerError: Error response from daemon: driver failed programming external "
                        f"connectivity on endpoint {runtime_id[:12]}: Bind for 0.0.0.0:{outside} failed: {error}",
                        container["name"],
                    ) from error
                bindings.append({"bindIP": "0.0.0.0", "containerPort": inside, "hostPort": given, "protocol": protocol})
        self._addresses[runtime_id] = port.address
        hosts = _hosts(names, container)
        return Place(port.fd, eni_id, hostname, hosts, resolv, bridge_address=port.address), tuple(bindings)

    async def place_again(
        self, eni_id: str, runtime_id: str, address: str, netns_fd: int, bindings: Iterable[Mapping[str, Any]]
    ) -> None:
        """A bridged container has outlived the cloud: link its namespace again, with its ports."""
        from cloudarium.substrate.net.bridge import Published

        published = [Published(each["hostPort"], each["containerPort"], each["protocol"]) for each in bindings]
        await self._cloud.fabric.ready(eni_id, READY_TIMEOUT)
        await self.bridges.adopt(eni_id, runtime_id, netns_fd, address, published)
        self._addresses[runtime_id] = address

    def close(self) -> None:
        """Give up the bridge networks."""
        if self._bridges is not None:
            self._bridges.close()
            self._bridges = None

    async def unplace(self, eni_id: str, runtime_id: str) -> None:
        """A bridged container is over: its namespace and ports are given back."""
        self._addresses.pop(runtime_id, None)
        await self.bridges.detach(eni_id, runtime_id)

    # -- as the agent shows it -----------------------------------------------------------------------------------------

    def shown(self, key: Key, task: Task, definition: Mapping[str, Any], runtime_id: str) -> Network:
        """The network of one container, for its metadata."""
        mode = mode_of(definition)
        eni_id = self.interface_id(key, task, mode)
        around = self.surroundings(eni_id) if eni_id else None
        if mode == "bridge":
            address = self._addresses.get(runtime_id, "")
            return Network(mode, (address,) if address else (), vpc_id=around.vpc_id if around else "")
        if around is None:
            return Network(mode)
        base = around.subnet_cidr.partition("/")[0].rpartition(".")
        return Network(
            mode,
            (around.address,),
            interfaces.detail(task, "macAddress"),
            around.subnet_cidr,
            f"{base[0]}.{int(base[2]) + 1}" if base[2] else "",
            interfaces.detail(task, "privateDnsName"),
            around.servers,
            tuple(around.domain.split()),
            around.vpc_id,
        )


def _dns_name(around: Surroundings) -> str:
    # Options may name several domains to search; a name is in the first.
    domain, *_ = [*around.domain.split(), ""]
    return f"ip-{around.address.replace('.', '-')}.{domain}".rstrip(".")


def _hosts(names: list[tuple[str, str]], container: Mapping[str, Any]) -> str:
    extra = [(each["ipAddress"], each["hostname"]) for each in container.get("extraHosts") or ()]
    return "".join(f"{address} {name}\n" for address, name in [*names, *extra])


def _resolv_conf(container: Mapping[str, Any], around: Surroundings | None) -> str:
    servers = container.get("dnsServers") or (around.servers if around is not None else ())
    search = container.get("dnsSearchDomains") or ([around.domain] if around is not None and around.domain else [])
    lines = [f"search {' '.join(search)}"] if search else []
    return "".join(f"{line}\n" for line in [*lines, *(f"nameserver {each}" for each in servers)])


def _host_bindings(container: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """In the mode ``host`` a port is the same inside and outside."""
    return tuple(
        {
            "bindIP": "0.0.0.0",
            "containerPort": mapping["containerPort"],
            "hostPort": mapping["containerPort"],
            "protocol": mapping.get("protocol") or "tcp",
        }
        for mapping in container.get("portMappings") or ()
        if "containerPort" in mapping
    )


def _ports(mapping: Mapping[str, Any], wanted: int, name: str) -> list[tuple[int, int]]:
    """(port inside, port outside or 0) of a mapping."""
    if "containerPortRange" in mapping:
        first, _, last = str(mapping["containerPortRange"]).partition("-")
        return [(port, 0) for port in range(int(first), int(last or first) + 1)]
    if "containerPort" not in mapping:
        raise CannotRun("CannotCreateContainerError: a port mapping has no containerPort", name)
    return [(int(mapping["containerPort"]), wanted)]
