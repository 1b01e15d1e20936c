"""By which labels what is ours is found in an engine."""

from __future__ import annotations

import json

import msgspec

OWNER = "cloudarium.owner"
"""Which cloud made it: a random id that is kept with the cloud's data."""
ROLE = "cloudarium.role"
"""``container``, or ``network`` and ``helper`` for what the driver needs itself."""
ID = "cloudarium.id"
"""The caller's id."""
FACTS = "cloudarium.facts"
NAMESPACE = "cloudarium.namespace"
"""Of a holder, and of a container that is in its network: the inode of the network namespace."""
KEY = "cloudarium.key"
"""Of an image: what it was made of, hashed."""


class Facts(msgspec.Struct, kw_only=True):
    """What must be known of a container after a restart, in a label of it."""

    id: str
    labels: dict[str, str] = {}
    network_key: str = ""
    stop_signal: int = 15
    terminal: bool = False
    logs: bool = True
    namespace: int = 0


def having(name: str, value: str, *more: str) -> str:
    """A filter of the API for a label; ``more`` as ``name=value``."""
    return json.dumps({"label": [f"{name}={value}", *more]})
