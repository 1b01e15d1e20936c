"""Who waits for which site to be as it was asked for. On the loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set


class Readiness:
    """The sites that are there, linked and filtered, and the futures of those who wait for others."""

    def __init__(self) -> None:
        self._ready: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def tell(self, sites: Iterable[str]) -> None:
        """These sites are ready: wake who waits for them."""
        for site in sites:
            self._ready.add(site)
            for waiter in self._waiting.get(site, ()):
                if not waiter.done():
                    waiter.set_result(None)

    def forget(self, site: str) -> None:
        """This site is about to be made anew."""
        self._ready.discard(site)

    def retain(self, sites: Set[str]) -> None:
        """Only these sites are there still."""
        self._ready &= sites

    async def wait(self, site: str, timeout: float) -> None:
        """Return when a site is ready; TimeoutError after `timeout` seconds of the host's time.

        The loop's own timer: what is waited for is the kernel's work, which is done in the host's time.
        """
        if site in self._ready:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(site, [])
        waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        finally:
            waiters.remove(waiter)
            if not waiters:
                self._waiting.pop(site, None)
