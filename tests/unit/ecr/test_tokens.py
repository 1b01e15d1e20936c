"""Authorization tokens and signed addresses: ours are read, everything else is not."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.ecr.conftest import SCOPE, Api

from cloudarium.kernel.clock import Clock
from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.identity import root
from cloudarium.kernel.store import Store
from cloudarium.services.ecr import tokens
from cloudarium.services.ecr.registry.access import claims_of


@pytest.fixture
async def cloud() -> Cloud:
    return Cloud(clock=Clock(), store=Store(None), port=0)


async def test_a_token_says_who_and_until_when(cloud: Cloud) -> None:
    cloud.clock.freeze()
    password, expires = tokens.issue(cloud, root("111122223333"), "eu-west-1")
    claims = tokens.read(cloud, password)
    assert claims is not None and claims.principal == root("111122223333")
    assert (claims.region, claims.expires) == ("eu-west-1", expires)
    await cloud.clock.advance(tokens.LIFETIME)
    assert tokens.read(cloud, password) is None


async def test_another_clouds_token_is_worth_nothing(cloud: Cloud) -> None:
    other = Cloud(clock=Clock(), store=Store(None), port=0)
    assert tokens.read(cloud, tokens.issue(other, root("111122223333"), "eu-west-1")[0]) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.binary(max_size=80))
async def test_any_text_is_no_token(cloud: Cloud, text: str, data: bytes) -> None:
    encoded = base64.urlsafe_b64encode(data).decode()
    for each in (text, encoded, f"Basic {encoded}", f"Bearer {text}", f"Basic {text}"):
        assert tokens.read(cloud, each) is None
        assert claims_of(cloud, each) is None


async def test_signed_addresses(api: Api) -> None:
    api.cloud.clock.freeze()
    query = tokens.sign_layer(api.cloud, SCOPE, "web", "sha256:1")
    assert tokens.layer_is_signed(api.cloud, SCOPE, "web", "sha256:1", query)
    assert not tokens.layer_is_signed(api.cloud, SCOPE, "web", "sha256:2", query)
    assert not tokens.layer_is_signed(api.cloud, SCOPE, "other", "sha256:1", query)
    later = {**query, "expires": str(int(query["expires"]) + 1)}
    assert not tokens.layer_is_signed(api.cloud, SCOPE, "web", "sha256:1", later)
    assert not tokens.layer_is_signed(api.cloud, SCOPE, "web", "sha256:1", {"expires": "٣", "signature": "é"})
    await api.cloud.clock.advance(tokens.URL_LIFETIME + 1)
    assert not tokens.layer_is_signed(api.cloud, SCOPE, "web", "sha256:1", query)
