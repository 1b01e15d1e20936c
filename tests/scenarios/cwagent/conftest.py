"""What the agent's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import fresh_number, life
from tests.scenarios.cwagent.agent import Agent
from tests.support.aws import Account
from tests.support.cloud import RunningCloud


@pytest.fixture(scope="package")
def still_cloud() -> Iterator[RunningCloud]:
    """A cloud whose clock nobody moves: the agent's time is the machine's."""
    yield from life(RunningCloud())


@pytest.fixture
def account(still_cloud: RunningCloud) -> Account:
    return Account(still_cloud, fresh_number())


@pytest.fixture
def agent(account: Account, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(account, tmp_path / "agent")
    yield made
    made.control("-a", "stop")
