"""What most kinds do around their calls to AWS's API."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from cloudarium.kernel.client import AwsClient
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work


@contextlib.contextmanager
def unless(*codes: str) -> Iterator[None]:
    """Pass over errors with these codes: what they say is what was wanted, such as that something is gone."""
    try:
        yield
    except AwsError as error:
        if error.code not in codes:
            raise


async def found_or_none(call: Awaitable[dict[str, Any]], *codes: str) -> dict[str, Any] | None:
    """The answer, or None where an error with one of these codes says that there is nothing."""
    try:
        return await call
    except AwsError as error:
        if error.code not in codes:
            raise
    return None


def taken(kind: Kind, identifier: str) -> Failed:
    """Something that is not the stack's has this name, in the words of AWS's resource handlers."""
    return Failed(f"Resource of type '{kind.type}' with identifier '{identifier}' already exists.")


def document(value: Any) -> str:
    """A policy, which templates hold as an object and APIs take as a text."""
    return value if isinstance(value, str) else json.dumps(value)


def picked(properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the named properties that the template sets, for a call whose parameters have the same names."""
    return {name: properties[name] for name in names if name in properties}


def refuse(where: str, value: Any, names: Iterable[str]) -> None:
    """Refuse by name what is set within a property and has no effect here."""
    for name in names:
        if isinstance(value, Mapping) and name in value:
            raise NotThere(f"{where}.{name}")


class Once(Kind):
    """A kind that one call makes, of a service that moto answers, where a call can be made once under a token.

    So an attempt that was interrupted is known for what it was: it made this, or nothing. Looking for a name instead
    could find what is somebody else's.
    """

    service: ClassVar[str]
    making: ClassVar[str]
    """The operation."""

    async def make(self, work: Work, **parameters: Any) -> str:
        """Make the call, or hear again what it answered; the physical id."""
        return self.identifier(work, await self._call(work, **parameters, once=work.token))

    async def found(self, work: Work) -> str:
        """What the call has made."""
        recalled = await self._call(work, recall=work.token)
        return self.identifier(work, recalled["answer"]) if recalled else ""

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """The physical id, from what the call answered."""
        raise NotImplementedError

    async def _call(self, work: Work, **parameters: Any) -> dict[str, Any]:
        client: AwsClient = getattr(work.ctx.aws, self.service)
        answer: dict[str, Any] = await getattr(client, self.making)(**parameters)
        return answer


class Settled(Kind):
    """A kind that is made in two steps: the thing itself, then how it should be.

    The second is done by ``ready``, after ``create`` and ``update`` alike. So whatever goes wrong in it finds the
    physical id known, and what was made can be deleted; and what was interrupted is done again. What ``create`` has
    set completely is left to ``update``.
    """

    async def settle(self, work: Work) -> None:
        """Make everything about it as ``properties`` and ``tags`` say, and undo what only ``before`` says."""
        raise NotImplementedError

    async def ready(self, work: Work) -> bool:
        """Settle it."""
        await self.settle(work)
        return True

    async def update(self, work: Work) -> None:
        """Nothing yet: ``ready`` settles it."""
