"""Changing one side of a peering connection."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.services.ec2.resources import PeeringSide


def with_side(side: PeeringSide, **changes: Any) -> PeeringSide:
    """A side with some fields changed."""
    return msgspec.structs.replace(side, **changes)
