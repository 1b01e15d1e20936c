"""Which capacity provider gets the next task: base first, then by weight. Pure.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html#capacity-providers-considerations
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def choose(strategy: Sequence[Mapping[str, Any]], placed: Mapping[str, int]) -> str:
    """The provider of the next task, given how many tasks each already has. ``strategy`` must not be empty.

    A base is filled first. What goes beyond the bases is dealt out so that each provider's share stays closest to
    its weight; the earlier one wins a tie.
    """
    for item in strategy:
        if placed.get(item["capacityProvider"], 0) < item.get("base", 0):
            return str(item["capacityProvider"])
    weighted = [item for item in strategy if item.get("weight", 0) > 0] or list(strategy[:1])
    return str(
        min(
            weighted,
            key=lambda item: (
                (max(0, placed.get(item["capacityProvider"], 0) - item.get("base", 0)) + 1) / (item.get("weight") or 1)
            ),
        )["capacityProvider"]
    )
