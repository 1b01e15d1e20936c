"""botocore clients of the agent: the usual chain of credentials, another account's role, gzip where AWS takes it."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

if TYPE_CHECKING:
    from cloudarium.agent.config.plan import Plan

_PROFILE = "AmazonCloudWatchAgent"
"""The profile an agent outside EC2 uses, if there is one."""


class Clients:
    """Makes clients for one agent. Retries are the agent's own affair."""

    def __init__(self, plan: Plan, mode: str, region: str | None) -> None:
        self._session = botocore.session.Session()
        if mode == "onPremise" and _PROFILE in self._session.available_profiles:
            self._session.set_config_variable("profile", _PROFILE)
        if plan.credentials:
            self._session.set_credentials(*plan.credentials)
        self.region = region or self._region()
        self._dual_stack = plan.dual_stack

    def make(self, service: str, *, endpoint: str | None = None, role: str | None = None, pool: int = 10) -> Any:
        """A client; ``role`` is assumed with the agent's own credentials first, and again before it expires."""
        session = self._session
        if role:
            session = botocore.session.Session()
            session.register_component("credential_provider", _Assumed(self._assume(role)))
        config = Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=30,
            max_pool_connections=pool,
            use_dualstack_endpoint=self._dual_stack or None,
        )
        return session.create_client(service, region_name=self.region, endpoint_url=endpoint, config=config)

    def _region(self) -> str | None:
        try:
            found = self._session.get_config_variable("region")
        except ProfileNotFound:
            return None
        return str(found) if found else None

    def _assume(self, role: str) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        fetcher = AssumeRoleCredentialFetcher(
            lambda service, **options: self._session.create_client(service, **{"region_name": self.region, **options}),
            self._session.get_credentials(),
            role,
            extra_args={"RoleSessionName": "CloudWatchAgent"},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


class _Assumed:
    """In place of a session's chain of credentials: those of one role."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        """What botocore asks its chain for."""
        return self._credentials


class Compression:
    """Whether bodies are sent compressed. An endpoint that cannot read them turns it off."""

    def __init__(self) -> None:
        self.on = True


def compress(client: Any, operation: str) -> Compression:
    """Send an operation's body compressed (``Content-Encoding: gzip``), as long as that is on."""
    compression = Compression()

    def zip_body(params: dict[str, Any], **_: Any) -> None:
        if not compression.on:
            return
        body = params["body"]
        params["body"] = gzip.compress(body.encode() if isinstance(body, str) else body, 6)
        params["headers"]["Content-Encoding"] = "gzip"

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"before-call.{service}.{operation}", zip_body)
    return compression
