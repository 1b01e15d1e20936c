"""Deletions that have to wait for what still uses the resource.

What a load balancer, a task or an endpoint leaves behind goes a moment after it: until then AWS answers with a
``DependencyViolation``, and CloudFormation tries again for a while.
"""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import Settled
from cloudarium.services.cloudformation.kinds.kind import Work

PATIENCE = 120.0
"""Seconds for which a deletion is tried again. AWS does not say for how long it does."""

_IN_USE = frozenset({"DependencyViolation", "InvalidIPAddress.InUse", "ResourceInUse"})


class Patient(Settled):
    """A kind whose deletion is tried again while something else is in its way.

    Since when is remembered in memory only: after a restart the patience begins anew.
    """

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    async def remove(self, work: Work) -> None:
        """The calls that delete it; an error that says it is gone already may be let through."""
        raise NotImplementedError

    async def delete(self, work: Work) -> None:
        """The first attempt."""
        await self._attempt(work)

    async def gone(self, work: Work) -> bool:
        """Try again, until nothing is left to delete."""
        return await self._attempt(work)

    async def _attempt(self, work: Work) -> bool:
        now = work.ctx.clock.now()
        try:
            await self.remove(work)
        except AwsError as error:
            if is_gone(error):
                pass
            elif error.code in _IN_USE and now < self._since.setdefault(work.token, now) + PATIENCE:
                return False
            else:
                self._since.pop(work.token, None)
                raise
        self._since.pop(work.token, None)
        return True


def is_gone(error: AwsError) -> bool:
    """Whether an error says that what was meant does not exist: EC2 and ELBv2 have a code for each kind of thing."""
    return error.code.endswith("NotFound")
