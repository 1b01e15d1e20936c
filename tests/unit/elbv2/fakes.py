"""Stand-ins for what the HTTP engine hands to routers."""

from __future__ import annotations

from typing import Any

from cloudarium.services.elbv2.attributes import listener as listener_attributes
from cloudarium.services.elbv2.attributes import load_balancer as balancer_attributes
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.node import wire
from cloudarium.substrate.http.exchange import ConnectionInfo, Exchange
from cloudarium.substrate.http.fields import Headers
from cloudarium.substrate.http.routing import Listener, ListenerSettings

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}


def exchange(
    target: str = "/",
    host: str = "example.com",
    method: str = "GET",
    source: str = "127.0.0.1",
    headers: dict[str, str] | None = None,
    router: Any = None,
    port: int = 80,
) -> Exchange:
    """A request."""
    fields = Headers()
    fields.add(b"Host", host.encode())
    for name, value in (headers or {}).items():
        fields.add(name.encode(), value.encode())
    listener = Listener(router, ListenerSettings(port=port))
    connection = ConnectionInfo((source, 5000), ("127.0.0.1", port), 100.0)
    return Exchange(connection, listener, router, method.encode(), target.encode(), 11, fields, 1000.0)


def target(name: str, state: str = "healthy", zone: str = "us-east-1a", slow_since: float = 0.0) -> wire.TargetSnap:
    """A target called ``name`` at 10.0.0.x."""
    return wire.TargetSnap(name, f"10.0.0.{len(name)}", 80, zone, state, slow_since)


def group(name: str, *targets: wire.TargetSnap, **attributes: str) -> wire.GroupSnap:
    """A target group; attributes are given with ``__`` for dots."""
    given = {key.replace("__", "."): value for key, value in attributes.items()}
    return wire.GroupSnap(arn(name), "HTTP1", group_attributes.TABLE.effective(given), targets)


def arn(name: str) -> str:
    """A target group's ARN."""
    return f"arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/{name}/0123456789abcdef"


def forward(*groups: str, weights: tuple[int, ...] = (), sticky: int = 0) -> dict[str, Any]:
    """A forward action to groups by name."""
    config: dict[str, Any] = {
        "TargetGroups": [
            {"TargetGroupArn": arn(name), "Weight": weight}
            for name, weight in zip(groups, weights or (1,) * len(groups), strict=True)
        ],
        "TargetGroupStickinessConfig": {"Enabled": bool(sticky), "DurationSeconds": sticky or 1},
    }
    return {"Type": "forward", "ForwardConfig": config}


def rule(priority: int, action: dict[str, Any], *conditions: dict[str, Any], **more: Any) -> wire.RuleSnap:
    """A rule."""
    return wire.RuleSnap(priority, conditions, (action,), **more)


def balancer(
    *rules: wire.RuleSnap,
    groups: tuple[wire.GroupSnap, ...] = (),
    zones: tuple[str, ...] = ("us-east-1a",),
    listener: dict[str, str] | None = None,
    **attributes: str,
) -> wire.Balancer:
    """A load balancer with one listener on port 80."""
    given = {key.replace("__", "."): value for key, value in attributes.items()}
    return wire.Balancer(
        arn="arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/web/0123456789abcdef",
        revision=1,
        id="app/web/0123456789abcdef",
        dns_name="web-1.us-east-1.elb.amazonaws.com",
        cookie_key=b"k" * 32,
        attributes=balancer_attributes.TABLE.effective(given),
        nodes=tuple(wire.NodeSnap(zone, f"eni-{zone}", "10.0.0.200", turn) for turn, zone in enumerate(zones)),
        listeners=(wire.ListenerSnap("l", 80, "HTTP", listener_attributes.TABLE.effective(listener or {}), rules),),
        groups=groups,
    )
