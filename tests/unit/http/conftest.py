"""The engine is for uvloop's transports: its tests run on them."""

import asyncio

import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """pytest-asyncio's hook."""
    return uvloop.EventLoopPolicy()
