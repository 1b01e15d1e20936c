"""Talking to init and to shims: what they refuse is a ComputeError."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.host.link import Link


def connect(
    sock: socket.socket,
    peer: str,
    on_event: Callable[[dict[str, Any]], object] | None = None,
    on_lost: Callable[[], object] | None = None,
) -> Link:
    """A link over a socket, which is taken over; see ``Link``."""
    return Link(sock, peer, _refusal, on_event, on_lost)


def _refusal(answer: dict[str, Any]) -> ComputeError | None:
    return ComputeError(answer.get("kind", "failed"), str(answer["error"])) if "error" in answer else None
