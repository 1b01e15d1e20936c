"""What the cloud and the node worker tell each other, as msgpack over a channel that also passes descriptors."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.clock import ClockState
from cloudarium.services.elbv2.node.counting import Counts


class TargetSnap(msgspec.Struct, frozen=True, array_like=True):
    """A registered target.

    ``state`` goes for every node but those that found otherwise (``by_zone``: every node checks for itself).
    ``slow_since`` is when its slow start began (cloud seconds), 0 when it is in none. ``weight`` is its share beside
    that of a full target, less than 1.0 while an anomaly is mitigated.
    """

    key: str
    address: str
    port: int
    zone: str
    state: str
    slow_since: float = 0.0
    by_zone: dict[str, str] = {}
    weight: float = 1.0


class GroupSnap(msgspec.Struct, frozen=True):
    """A target group: its targets and every attribute with the value in force."""

    arn: str
    protocol_version: str
    attributes: dict[str, str]
    targets: tuple[TargetSnap, ...]


class RuleSnap(msgspec.Struct, frozen=True):
    """A rule; priority 0 is the default one. The rest is as the API has it."""

    priority: int
    conditions: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]
    transforms: tuple[dict[str, Any], ...] = ()


class ListenerSnap(msgspec.Struct, frozen=True):
    """A listener: port, attributes in force, and rules in order of priority, the default one last."""

    arn: str
    port: int
    protocol: str
    attributes: dict[str, str]
    rules: tuple[RuleSnap, ...]


class NodeSnap(msgspec.Struct, frozen=True):
    """A node: the interface it dials from, which is what a node is called here.

    ``first`` is the target, counted from the first, at which its turns begin.
    """

    zone: str
    eni_id: str
    private_ip: str
    first: int = 0


class Balancer(msgspec.Struct, frozen=True, tag=True):
    """All there is to know of a load balancer, with the nodes that this worker carries; replaces what was known."""

    arn: str
    revision: int
    id: str
    dns_name: str
    cookie_key: bytes
    attributes: dict[str, str]
    nodes: tuple[NodeSnap, ...]
    listeners: tuple[ListenerSnap, ...]
    groups: tuple[GroupSnap, ...]


class Gone(msgspec.Struct, frozen=True, tag=True):
    """A load balancer was deleted: stop serving it."""

    arn: str


class Clock(msgspec.Struct, frozen=True, tag=True):
    """The line of cloud time over host time."""

    state: ClockState


class Listen(msgspec.Struct, frozen=True, tag=True):
    """Serve a port of a node from the listening socket that comes along."""

    arn: str
    node: str
    port: int


class Unlisten(msgspec.Struct, frozen=True, tag=True):
    """Stop accepting on a port of a node."""

    arn: str
    node: str
    port: int


class HealthChange(msgspec.Struct, frozen=True, tag=True):
    """A target's health, as the nodes of ``zone`` see it, changed."""

    arn: str
    zone: str
    group_arn: str
    key: str
    state: str
    slow_since: float


class Adopt(msgspec.Struct, frozen=True, tag=True):
    """Take over the client connection that comes along, with what was read from it.

    ``shared`` connections came to the cloud's own port: their requests' Host must go on naming this load balancer,
    one of ``hosts``, or they are handed back.
    """

    arn: str
    node: str
    port: int
    initial: bytes
    shared: bool
    hosts: tuple[str, ...] = ()


class Dialed(msgspec.Struct, frozen=True, tag=True):
    """The answer to ``Dial``: a connected socket comes along, or ``errno`` says why not (0 with one)."""

    id: int
    errno: int


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Ask for counters and log lines."""

    id: int


ToNode = Balancer | Gone | Clock | Listen | Unlisten | HealthChange | Adopt | Dialed | Collect


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker listens to the channel."""


class Applied(msgspec.Struct, frozen=True, tag=True):
    """A load balancer's snapshot of this revision decides from now on."""

    arn: str
    revision: int


class Dial(msgspec.Struct, frozen=True, tag=True):
    """Ask for a connection from a node's interface to a target, within ``timeout`` host seconds."""

    id: int
    eni_id: str
    address: str
    port: int
    timeout: float


class Collected(msgspec.Struct, tag=True):
    """Counters since the last collection and log lines, by load balancer ARN (lines by node).

    ``processor`` is the time in seconds that the worker has spent since it began. Unasked for, ``id`` is 0.
    """

    id: int
    counts: dict[str, Counts]
    logs: dict[str, dict[str, list[str]]]
    processor: float = 0.0


class HandBack(msgspec.Struct, frozen=True, tag=True):
    """A shared connection, which comes along, asks for something else; ``initial`` was read and not answered."""

    initial: bytes


FromNode = Ready | Applied | Dial | Collected | HandBack

_encoder = msgspec.msgpack.Encoder()
_to_node = msgspec.msgpack.Decoder(ToNode)
_from_node = msgspec.msgpack.Decoder(FromNode)


def encode(message: ToNode | FromNode) -> bytes:
    """A message as bytes."""
    return _encoder.encode(message)


def decode_to_node(data: bytes) -> ToNode:
    """A message for the node worker."""
    message: ToNode = _to_node.decode(data)
    return message


def decode_from_node(data: bytes) -> FromNode:
    """A message from the node worker."""
    message: FromNode = _from_node.decode(data)
    return message
