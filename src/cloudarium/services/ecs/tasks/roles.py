"""Roles of tasks: sessions of the task role and of the execution role, and AWS as the execution role sees it.

A session is taken for a task when it is first needed and again when it has less than ``RENEW`` left.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.client import AwsClients
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import SESSIONS, Session
from cloudarium.kernel.store import Scope
from cloudarium.services.ecs import overrides
from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.tasks import reasons

RENEW = 900.0
"""Cloud seconds before the end of a session from which on a new one is handed out."""


class Roles:
    """The sessions of running tasks."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._sessions: dict[tuple[str, str], Session] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}

    async def session(self, scope: Scope, task: Task, role_arn: str) -> Session:
        """Credentials of a role for a task; raises CannotRun when the role does not trust ECS."""
        key = (task.id, role_arn)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._sessions.get(key)
            if known is not None and known.expires - self._cloud.clock.now() > RENEW:
                return known
            sts = self._cloud.context(scope, "ecs-tasks").aws.sts
            try:
                answer = await sts.assume_role(RoleArn=role_arn, RoleSessionName=task.id)
            except AwsError as error:
                raise reasons.assume_role(role_arn) from error
            session = self._cloud.store.table(Session).get(SESSIONS, answer["Credentials"]["AccessKeyId"])
            if session is None:
                raise reasons.assume_role(role_arn)
            self._sessions[key] = session
            return session

    async def execution(self, scope: Scope, task: Task, definition: Mapping[str, Any]) -> AwsClients:
        """AWS as the task's execution role; as ECS itself when the task has none."""
        return self.clients(scope, await self.execution_session(scope, task, definition))

    async def execution_session(self, scope: Scope, task: Task, definition: Mapping[str, Any]) -> Session | None:
        """A session of the task's execution role, or None when it has none."""
        arn = overrides.setting(definition, task.overrides, "executionRoleArn")
        return await self.session(scope, task, _full(scope, arn)) if arn else None

    def clients(self, scope: Scope, session: Session | None) -> AwsClients:
        """AWS in an account and region for a session, or for ECS itself."""
        if session is None:
            return self._cloud.context(scope, "ecs").aws
        return self._cloud.aws(scope, session.principal)

    def task_role(self, scope: Scope, task: Task, definition: Mapping[str, Any]) -> str:
        """The ARN of the task role, or empty."""
        arn = overrides.setting(definition, task.overrides, "taskRoleArn")
        return _full(scope, arn) if arn else ""

    def forget(self, task_id: str) -> None:
        """A task is over; its sessions live until they expire."""
        for key in [key for key in self._sessions if key[0] == task_id]:
            del self._sessions[key]
        for key in [key for key in self._locks if key[0] == task_id]:
            del self._locks[key]


def _full(scope: Scope, role: Any) -> str:
    """A role may be given by name alone."""
    text = str(role)
    return text if text.startswith("arn:") else f"arn:aws:iam::{scope.account}:role/{text}"
