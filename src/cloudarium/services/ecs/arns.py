"""ARNs in the long format, and what a request may give instead of one.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.ids import hex_token, request_id
from cloudarium.kernel.store import Scope

_ARN = re.compile(r"arn:(aws[a-z-]*):ecs:([a-z0-9-]+):(\d{12}):([a-z-]+)/(.+)", re.DOTALL)


class Arn(NamedTuple):
    """An ECS ARN taken apart: ``kind`` is ``cluster``, ``task``, ``service`` …, ``path`` what follows it."""

    region: str
    account: str
    kind: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part: a name or id."""
        return self.path[-1]


def parse(text: str) -> Arn | None:
    """An ARN of this service, or None when the text is none."""
    found = _ARN.fullmatch(text)
    return Arn(found[2], found[3], found[4], tuple(found[5].split("/"))) if found else None


def name_of(kind: str, text: str) -> str:
    """The name or id in a short name or an ARN of this kind; the text itself when it is an ARN of something else."""
    found = parse(text)
    return found.name if found is not None and found.kind == kind else text


def make(scope: Scope, kind: str, *path: str) -> str:
    """``arn:aws:ecs:<region>:<account>:<kind>/<path>``."""
    return f"arn:{PARTITION}:ecs:{scope.region}:{scope.account}:{kind}/{'/'.join(path)}"


def cluster(scope: Scope, name: str) -> str:
    """A cluster's ARN."""
    return make(scope, "cluster", name)


def task_definition(scope: Scope, family: str, revision: int) -> str:
    """A task definition's ARN."""
    return make(scope, "task-definition", f"{family}:{revision}")


def task(scope: Scope, cluster_name: str, task_id: str) -> str:
    """A task's ARN."""
    return make(scope, "task", cluster_name, task_id)


def container(scope: Scope, cluster_name: str, task_id: str, container_id: str) -> str:
    """A container's ARN."""
    return make(scope, "container", cluster_name, task_id, container_id)


def service(scope: Scope, cluster_name: str, name: str) -> str:
    """A service's ARN."""
    return make(scope, "service", cluster_name, name)


def container_instance(scope: Scope, cluster_name: str, instance_id: str) -> str:
    """A container instance's ARN."""
    return make(scope, "container-instance", cluster_name, instance_id)


def new_id() -> str:
    """The 32 hex digits of a new task or container instance."""
    return hex_token(32)


def new_uuid() -> str:
    """The id of an attachment, container or event."""
    return request_id()


def digits(count: int) -> str:
    """Random decimal digits, the first not zero: what deployments are numbered with."""
    return str(random.SystemRandom().randrange(10 ** (count - 1), 10**count))
