"""Finding what a request names, by id or ARN, and the ids of what is made."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.tags import is_reserved
from cloudarium.services.servicediscovery.errors import invalid_input, no_instance, no_namespace, no_service
from cloudarium.services.servicediscovery.resources import Instance, MapService, Namespace, Operation, instance_key

_LETTERS = string.ascii_lowercase + string.digits


def new_id(prefix: str) -> str:
    """An id as Cloud Map gives them: ``ns-`` or ``srv-`` and sixteen letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(_LETTERS) for _ in range(16))


def namespace_of(ctx: Context, id_: str) -> Namespace:
    """The namespace with this id or ARN."""
    found = ctx.table(Namespace).get(ctx.scope, id_.rpartition("/")[2])
    if found is None:
        raise no_namespace(id_)
    return found


def service_of(ctx: Context, id_: str) -> MapService:
    """The service with this id or ARN."""
    found = ctx.table(MapService).get(ctx.scope, id_.rpartition("/")[2])
    if found is None:
        raise no_service(id_)
    return found


def instance_of(ctx: Context, service: MapService, id_: str) -> Instance:
    """An instance of a service."""
    found = ctx.table(Instance).get(ctx.scope, instance_key(service.id, id_))
    if found is None:
        raise no_instance(id_)
    return found


def record_operation(ctx: Context, kind: str, status: str = "SUCCESS", **targets: str) -> str:
    """Note a change; its id is the answer. ``targets`` are NAMESPACE, SERVICE, INSTANCE."""
    now = ctx.clock.now()
    operation = Operation(
        id="".join(secrets.choice(_LETTERS) for _ in range(32)) + "-" + new_id("op")[3:11],
        type=kind,
        status=status,
        targets=targets,
        created=now,
        updated=now,
    )
    ctx.table(Operation).put(ctx.scope, operation)
    return operation.id


def tags_of(principal: Principal, request_tags: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Tags of a request."""
    tags = {each["Key"]: each["Value"] for each in request_tags}
    refuse_reserved(principal, tags)
    return tags


def refuse_reserved(principal: Principal, keys: Iterable[str]) -> None:
    """Raise when one of the keys of tags is AWS's own."""
    if any(is_reserved(key, principal) for key in keys):
        raise invalid_input("Tag keys that begin with aws: are reserved.")
