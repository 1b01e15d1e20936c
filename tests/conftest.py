"""Fixtures of the tests that need a running cloud.

One cloud serves the whole session; each test gets an account of its own in it, which is how AWS keeps its customers
apart too. Tests that kill, freeze or refill a cloud take ``own_cloud``.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.programs import Program

NOBODY = 65_534


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line(
        "markers", "ordinary_user: runs the cloud as an ordinary user, also when root runs the tests"
    )


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    """The cloud that serves the session. Its clock is shared: a test that moves it only ever advances it."""
    yield from life(RunningCloud())


@pytest.fixture
def own_cloud() -> Iterator[RunningCloud]:
    """A cloud of one test, with its state on disk."""
    yield from life(RunningCloud(ephemeral=False))


@pytest.fixture
def ordinary_cloud() -> Iterator[RunningCloud]:
    """A cloud that belongs to an ordinary user."""
    if os.geteuid() != 0:
        yield from life(RunningCloud())
        return
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv is needed to become an ordinary user")
    python = python_for_everyone()
    if python is None:
        pytest.skip(f"no Python {sys.version_info.major}.{sys.version_info.minor} that an ordinary user may run")
    prefix = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")
    yield from life(RunningCloud(python=python, prefix=prefix, owner=NOBODY))


@pytest.fixture
def account(cloud: RunningCloud) -> Iterator[Account]:
    """A fresh account in the session's cloud."""
    made = Account(cloud, fresh_number())
    yield made
    # The clock is everybody's: targets would be probed and alarms evaluated whenever another test advances it.
    made.quiet()


@pytest.fixture
def program() -> Iterator[Callable[[str], Program]]:
    """Starts coloured web programs; they end with the test."""
    started: list[Program] = []

    def begin(colour: str) -> Program:
        started.append(Program(colour))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def fresh_number() -> str:
    """An account id that no other test has."""
    return str(random.SystemRandom().randrange(10**11, 10**12))


def life(cloud: RunningCloud) -> Iterator[RunningCloud]:
    """From ``up`` to ``down``, for fixtures: nothing is left afterwards, whatever happened in between."""
    try:
        cloud.up()
        yield cloud
        cloud.down()
    finally:
        cloud.remove()


def python_for_everyone() -> str | None:
    """A Python of this version outside private folders."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        found = os.path.realpath(candidate)
        if os.path.exists(found) and _world_executable(found):
            return candidate
    return None


def _world_executable(path: str) -> bool:
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True
