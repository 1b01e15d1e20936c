"""The node workers: processes that share the nodes of all load balancers, so that more nodes mean more processors.

The first carries layer 0 of every load balancer and is there while there are any; the others start when a higher
layer's nodes come and end when the last of them has gone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.elbv2.controllers.link import NodeLink
from cloudarium.services.elbv2.node import wire

_MOST = 4
"""Workers on machines with more processors than that: the cloud and the targets want some too."""


class Workers:
    """A link to each worker there may be."""

    def __init__(
        self,
        cloud: Cloud,
        on_start: Callable[[int], None],
        on_applied: Callable[[int, str, int], None],
        on_collected: Callable[[int, wire.Collected], None],
    ) -> None:
        """The callbacks are those of ``NodeLink``, each with the worker's number first."""

        def link(number: int) -> NodeLink:
            return NodeLink(
                cloud,
                lambda: on_start(number),
                lambda arn, revision: on_applied(number, arn, revision),
                lambda message: on_collected(number, message),
                name="alb-nodes" if number == 0 else f"alb-nodes-{number + 1}",
            )

        self._links = [link(number) for number in range(min(len(os.sched_getaffinity(0)), _MOST))]

    def __getitem__(self, number: int) -> NodeLink:
        """The link to a worker by its number."""
        return self._links[number]

    def __len__(self) -> int:
        """How many there may be."""
        return len(self._links)

    def for_layer(self, layer: int) -> int:
        """The number of the worker that carries a layer's nodes."""
        return layer % len(self._links)

    def connected(self) -> Iterator[int]:
        """The numbers of those that run."""
        return (number for number, link in enumerate(self._links) if link.connected)

    async def collect(self) -> None:
        """Have the counters and log lines of all handed over."""
        await asyncio.gather(*(self._links[number].collect() for number in self.connected()))

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(link.close() for link in self._links))
