"""Port mappings per network mode.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.ecs.errors import client

_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}", re.ASCII)
MOST = 100


def check(name: str, container: Mapping[str, Any], mode: str | None) -> None:
    """Refuse mappings that are out of range or that the network mode does not have."""
    mappings = container.get("portMappings") or ()
    if len(mappings) > MOST:
        raise client(f"Container '{name}' has more than {MOST} port mappings.")
    for mapping in mappings:
        if mapping.get("containerPortRange"):
            raise NotThere("containerPortRange")
        port, host = mapping.get("containerPort"), mapping.get("hostPort")
        if port is None or not 1 <= port <= 65535:
            raise client(f"Invalid 'containerPort' setting for container '{name}'.")
        if host is not None and not 0 <= host <= 65535:
            raise client(f"Invalid 'hostPort' setting for container '{name}'.")
        if mode in ("awsvpc", "host") and host not in (None, 0, port):
            raise client(f"When networkMode={mode}, the host ports and container ports in port mappings must match.")
        if mapping.get("name") and not _NAME.fullmatch(mapping["name"]):
            raise client(f"Invalid port mapping name '{mapping['name'][:64]}' for container '{name}'.")
        if mapping.get("appProtocol") and not mapping.get("name"):
            raise client(f"Port mappings with an appProtocol must have a name (container '{name}').")
