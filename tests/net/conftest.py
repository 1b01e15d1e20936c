"""Each test here runs once as root and once in a user namespace, or in what of these the kernel grants."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import pytest
from tests.net.namespaced import MODES, refusal

from cloudarium.substrate.host import namespaces

_refusal: Callable[[str], str] = lru_cache(maxsize=None)(refusal)


@pytest.fixture(params=list(MODES), ids=list(MODES.values()))
def mode(request: pytest.FixtureRequest) -> str:
    """How to enter the namespaces; skips, saying why, where the kernel refuses."""
    wanted = str(request.param)
    if wanted == namespaces.PLAIN and os.geteuid() != 0:
        pytest.skip("needs root")
    if why := _refusal(wanted):
        pytest.skip(f"the kernel refuses namespaces here: {why}")
    return wanted
