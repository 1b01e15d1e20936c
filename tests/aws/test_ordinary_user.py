"""The same cloud as an ordinary user, in a user namespace of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud
from tests.support.programs import Program
from tests.support.stack import Stack, colours

pytestmark = pytest.mark.ordinary_user


def test_an_ordinary_user_has_real_traffic_too(ordinary_cloud: RunningCloud, program: Callable[[str], Program]) -> None:
    """Up, a network, a load balancer, two programs, traffic, and nothing left after down."""
    account = Account(ordinary_cloud, fresh_number())
    stack = Stack(account)
    group, balancer = stack.target_group(), stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red"), program("green")))
    assert colours(account.curl(balancer["DNSName"]) for _ in range(10)) == {"red": 5, "green": 5}
