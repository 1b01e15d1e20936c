"""One load balancer in the worker: its nodes, each with listeners, routers, target groups and records."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from cloudarium.services.elbv2.attributes.listener import SERVER_ENABLED
from cloudarium.services.elbv2.node.counting import Counts, NodeCounts
from cloudarium.services.elbv2.node.groups import GroupView
from cloudarium.services.elbv2.node.matching import RuleMatcher
from cloudarium.services.elbv2.node.router import NodeRecord, NodeRouter, matcher_of
from cloudarium.services.elbv2.node.stickiness import Stickiness
from cloudarium.services.elbv2.node.wire import Balancer, HealthChange, ListenerSnap, NodeSnap, TargetSnap
from cloudarium.substrate.http.desync import DesyncMode
from cloudarium.substrate.http.downstream_h1 import DownstreamH1
from cloudarium.substrate.http.downstream_h2 import DownstreamH2
from cloudarium.substrate.http.engine import ProxyEngine, SharedPort
from cloudarium.substrate.http.faults import Fault
from cloudarium.substrate.http.routing import ForwardedForMode, Listener, ListenerSettings
from cloudarium.substrate.http.upstream import ProtocolVersion, Upstream

DialFrom = Callable[[str, str, int], Awaitable[socket.socket]]
"""``(eni_id, address, port) -> connected socket``."""


class ZoneNode:
    """A node: everything that is its own."""

    def __init__(self, snap: NodeSnap) -> None:
        self.snap = snap
        self.record = NodeRecord()
        self.groups: dict[str, GroupView] = {}
        self.listeners: dict[int, Listener] = {}
        self.routed: dict[int, object] = {}
        """By port, all that the listener's router was made of."""
        self.servers: dict[int, asyncio.AbstractServer] = {}
        self.accepted = 0
        """Connections the engine's listeners had accepted when last collected."""
        self.dialed = 0

    def counted(self) -> tuple[int, int, int]:
        """Connections ever accepted, ever made to targets, and open now (both)."""
        counters = [listener.counters for listener in self.listeners.values()]
        upstreams = [seat.upstream for group in self.groups.values() for seat in group.seats]
        return (
            sum(each.connections_accepted for each in counters),
            sum(each.connections_opened for each in upstreams),
            sum(each.connections_open for each in counters) + sum(each.open_connections for each in upstreams),
        )


class BalancerState:
    """What the worker keeps of a load balancer between snapshots."""

    def __init__(self, engine: ProxyEngine, dial: DialFrom, log_written: Callable[[], None]) -> None:
        self._engine = engine
        # The engine's reader is another one after every change of the clock, so nobody may keep it.
        self._now = lambda: engine.now()
        self._dial = dial
        self._log_written = log_written
        self._waiting: dict[tuple[str, int], socket.socket] = {}
        self.nodes: dict[str, ZoneNode] = {}
        """By the id of their interface."""
        self._departed: dict[str, ZoneNode] = {}
        """Nodes that are no more, but whose counters have not been collected."""
        self._matchers: dict[int, tuple[ListenerSnap, RuleMatcher]] = {}
        """By port, and what each was made of."""
        self.snap: Balancer | None = None

    # -- what should be --------------------------------------------------------------------------------------------

    def apply(self, snap: Balancer) -> None:
        """Take over a snapshot: new routers are swapped in, open requests finish on the old ones.

        What has not changed stays: under load a snapshot comes for every node that is added.
        """
        self.snap = snap
        self._matchers = {listener.port: (listener, self._matcher(listener)) for listener in snap.listeners}
        wanted = {node.eni_id: node for node in snap.nodes}
        for gone in self.nodes.keys() - wanted.keys():
            self._departed[gone] = self.nodes.pop(gone)
            self._close_node(self._departed[gone])
        stickiness = Stickiness(snap.cookie_key)
        for name, node_snap in wanted.items():
            node = self.nodes.get(name)
            if node is None:
                node = self.nodes[name] = ZoneNode(node_snap)
            node.snap = node_snap
            self._apply_groups(node, snap)
            self._apply_listeners(node, snap, stickiness)

    def _apply_groups(self, node: ZoneNode, snap: Balancer) -> None:
        wanted = {group.arn: group for group in snap.groups}
        for arn in node.groups.keys() - wanted.keys():
            node.groups.pop(arn).close()
        idle_timeout = float(snap.attributes["idle_timeout.timeout_seconds"])

        def make_upstream(target: TargetSnap, protocol: ProtocolVersion) -> Upstream:
            return Upstream(
                target.address,
                target.port,
                self._dial_upstream,
                key=node,
                protocol=protocol,
                idle_timeout=idle_timeout,
            )

        for arn, group in wanted.items():
            view = node.groups.get(arn)
            if view is None:
                view = node.groups[arn] = GroupView(node.snap.zone, make_upstream, self._release, node.snap.first)
            view.update(group, self._now)
            for seat in view.seats:
                seat.upstream.idle_timeout = idle_timeout

    def _release(self, upstream: Upstream) -> None:
        """Deregistration is over: what is still under way at the target ends with an error, as on AWS."""
        upstream.close()
        for connection in list(self._engine.connections):
            cut(connection, upstream)

    async def _dial_upstream(self, upstream: Upstream) -> socket.socket:
        node: ZoneNode = upstream.key
        return await self._dial(node.snap.eni_id, upstream.address, upstream.port)

    def _matcher(self, listener: ListenerSnap) -> RuleMatcher:
        there = self._matchers.get(listener.port)
        return there[1] if there is not None and there[0].rules == listener.rules else matcher_of(listener)

    def _apply_listeners(self, node: ZoneNode, snap: Balancer, stickiness: Stickiness) -> None:
        node.record.logging = snap.attributes["access_logs.s3.enabled"] == "true"
        wanted = {listener.port: listener for listener in snap.listeners}
        for port in node.listeners.keys() - wanted.keys():
            self.unlisten(node.snap.eni_id, port)
            self._engine.drain(node.listeners.pop(port))
            node.routed.pop(port)
        groups = [(group.arn, group.attributes) for group in snap.groups]
        for port, listener_snap in wanted.items():
            made_of = (listener_snap, snap.id, snap.dns_name, snap.cookie_key, snap.attributes, groups)
            if node.routed.get(port) == made_of:
                continue
            node.routed[port] = made_of
            matcher = self._matchers[port][1]
            router = NodeRouter(
                snap, listener_snap, matcher, node.groups, node.record, stickiness, self._now, self._log_written
            )
            settings = _settings(snap, listener_snap)
            listener = node.listeners.get(port)
            if listener is None:
                node.listeners[port] = Listener(router, settings)
            else:
                listener.router = router
                if listener.settings != settings:
                    listener.settings = settings

    def health_changed(self, change: HealthChange) -> None:
        """A target's health changed, as the nodes of a zone see it."""
        for node in self.nodes.values():
            if node.snap.zone == change.zone and (group := node.groups.get(change.group_arn)) is not None:
                group.change(change.key, change.state, change.slow_since)

    # -- clients ---------------------------------------------------------------------------------------------------

    async def listen(self, name: str, port: int, listening: socket.socket) -> None:
        """Accept clients of a node's port."""
        listener = self.listener(name, port)
        if listener is None:
            listening.close()
            return
        self.unlisten(name, port)
        self.nodes[name].servers[port] = await self._engine.serve(listening, listener)

    def unlisten(self, name: str, port: int) -> None:
        """Accept no more clients of a node's port."""
        node = self.nodes.get(name)
        if node is not None and (server := node.servers.pop(port, None)) is not None:
            server.close()

    def listener(self, name: str, port: int) -> Listener | None:
        """A listener of a node."""
        node = self.nodes.get(name)
        return node.listeners.get(port) if node is not None else None

    def shared_port(
        self, name: str, port: int, hosts: tuple[str, ...], hand_on: Callable[[int, bytes], None]
    ) -> SharedPort:
        """For a connection that came to the cloud's own port: requests for ``hosts`` are this listener's."""
        hosts_meant = frozenset(host.encode() for host in hosts)

        def choose(host: bytes) -> Listener | None:
            return self.listener(name, port) if host.lower() in hosts_meant else None

        return SharedPort(choose, hand_on)

    # -- what happened ---------------------------------------------------------------------------------------------

    def collect(self) -> tuple[Counts, dict[str, list[str]]]:
        """Counters and log lines since the last time, by node."""
        counts = Counts()
        logs: dict[str, list[str]] = {}
        departed, self._departed = self._departed, {}
        for name, node in [*self.nodes.items(), *departed.items()]:
            accepted, dialed, open_now = node.counted()
            of_node, node.record.counts = node.record.settle(), NodeCounts()
            of_node.new_connections += max(0, accepted - node.accepted) + max(0, dialed - node.dialed)
            of_node.active_connections = open_now
            node.accepted, node.dialed = accepted, dialed
            counts.zones[name] = node.snap.zone
            counts.nodes[name] = of_node
            counts.groups[name] = {}
            for arn, group in node.groups.items():
                counts.groups[name][arn] = group.collect()
            if node.record.log:
                logs[name], node.record.log = node.record.log, []
        return counts, logs

    def pending(self) -> int:
        """How many requests have been counted, but not collected."""
        return sum(node.record.settle().handled() for node in self.nodes.values())

    def close(self) -> None:
        """The load balancer is gone: stop accepting, let go of targets, end clients after what is under way."""
        for node in self.nodes.values():
            self._close_node(node)
        self.nodes.clear()

    def _close_node(self, node: ZoneNode) -> None:
        for port in list(node.servers):
            node.servers.pop(port).close()
        for listener in node.listeners.values():
            self._engine.drain(listener)
        for group in node.groups.values():
            group.close()


def cut(connection: DownstreamH1 | DownstreamH2, upstream: Upstream) -> None:
    """Fail the exchanges of a client's connection that a target has."""
    streams = [connection] if isinstance(connection, DownstreamH1) else list(connection.streams.values())
    for stream in streams:
        exchange = stream.exchange
        if exchange is not None and exchange.upstream is upstream:
            stream.failed(Fault.TARGET_CLOSED)


def _settings(snap: Balancer, listener: ListenerSnap) -> ListenerSettings:
    attributes = snap.attributes

    def on(key: str) -> bool:
        return attributes[key] == "true"

    return ListenerSettings(
        scheme=listener.protocol.lower(),
        port=listener.port,
        dns_name=snap.dns_name,
        idle_timeout=float(attributes["idle_timeout.timeout_seconds"]),
        client_keep_alive=float(attributes["client_keep_alive.seconds"]),
        forwarded_for=ForwardedForMode(attributes["routing.http.xff_header_processing.mode"]),
        forwarded_client_port=on("routing.http.xff_client_port.enabled"),
        drop_invalid_fields=on("routing.http.drop_invalid_header_fields.enabled"),
        preserve_host=on("routing.http.preserve_host_header.enabled"),
        desync=DesyncMode(attributes["routing.http.desync_mitigation_mode"]),
        # As on AWS, without TLS there is no HTTP/2 from clients: such a request is answered 505.
        http2=listener.protocol == "HTTPS" and on("routing.http2.enabled"),
        server_field=listener.attributes[SERVER_ENABLED] == "true",
    )
