"""``kill -9`` of any process at any moment: resources and traffic come back, and nothing is left behind (PLAT-3)."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.curl import Answer
from tests.support.programs import Program
from tests.support.stack import Stack

Programs = Callable[[str], Program]


class Site:
    """A load balancer with two programs in a cloud of its own."""

    def __init__(self, cloud: RunningCloud, programs: list[Program]) -> None:
        self.cloud = cloud
        self.account = Account(cloud, fresh_number())
        self.stack = Stack(self.account)
        self.group = self.stack.target_group()
        self.balancer = self.stack.load_balancer()
        self.stack.listener(self.balancer, self.group)
        self.addresses = self.stack.join(self.group, *programs)
        self.stack.healthy(self.group, *self.addresses)

    def ask(self) -> Answer:
        """One request."""
        return self.account.curl(self.balancer["DNSName"], "/", "--max-time", "2")

    def serves(self, colours: set[str]) -> bool:
        """Whether all these programs answer right now."""
        return {self.ask().colour for _ in range(8)} == colours

    def everything(self) -> dict[str, Any]:
        """What the API tells of all resources."""
        ec2, elbv2 = self.account.ec2, self.account.elbv2
        found = {
            "vpcs": ec2.describe_vpcs()["Vpcs"],
            "subnets": ec2.describe_subnets()["Subnets"],
            "groups": ec2.describe_security_groups()["SecurityGroups"],
            "interfaces": ec2.describe_network_interfaces()["NetworkInterfaces"],
            "tables": ec2.describe_route_tables()["RouteTables"],
            "balancers": elbv2.describe_load_balancers()["LoadBalancers"],
            "targets": elbv2.describe_target_groups()["TargetGroups"],
            "listeners": elbv2.describe_listeners(LoadBalancerArn=self.balancer["LoadBalancerArn"])["Listeners"],
        }
        return {kind: sorted(rows, key=repr) for kind, rows in found.items()}


@pytest.fixture
def site(own_cloud: RunningCloud, program: Programs) -> Site:
    """Two healthy programs behind a load balancer."""
    return Site(own_cloud, [program("red"), program("green")])


class Load:
    """Requests in a row in the background until stopped: traffic under which things are killed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.statuses: list[int] = []
        self._thread.start()

    def _run(self) -> None:
        while not self._end.is_set():
            self.statuses.append(self._site.ask().status)

    def stop(self) -> None:
        """End it."""
        self._end.set()
        self._thread.join()


@pytest.fixture
def load(site: Site) -> Iterator[Load]:
    """Running traffic."""
    made = Load(site)
    until(lambda: len(made.statuses) > 3, "traffic flows")
    yield made
    made.stop()


@pytest.mark.parametrize("victim", ["cloud", "init", "node"])
def test_a_killed_process_is_replaced(site: Site, load: Load, victim: str) -> None:
    """Cloud, init and nodes are restarted; the programs get traffic again; no resource is lost."""
    before = site.everything()
    names = site.cloud.pids()
    found = next((pid for name, pid in names.items() if name == victim or victim in name), None)
    assert found is not None, names
    os.kill(found, signal.SIGKILL)
    until(lambda: found not in site.cloud.processes(), "it is gone")
    until(lambda: site.serves({"red", "green"}), "both programs answer again", 30)
    load.stop()
    assert load.statuses[-1] == 200
    assert site.everything() == before


def test_a_killed_tree_starts_again_from_its_data(site: Site, load: Load) -> None:
    """The agent is killed and everything below it dies; the next ``up`` restores resources and traffic."""
    before = site.everything()
    os.kill(site.cloud.pids()["host agent"], signal.SIGKILL)
    site.cloud.assert_gone()
    load.stop()
    site.cloud.up()
    assert site.everything() == before
    until(lambda: site.serves({"red", "green"}), "both programs answer again", 30)


def test_every_process_killed_at_once(site: Site) -> None:
    """As when the machine goes down: nobody gets to say goodbye."""
    before = site.everything()
    for pid in site.cloud.processes():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    site.cloud.assert_gone()
    site.cloud.up()
    assert site.everything() == before
    until(lambda: site.serves({"red", "green"}), "both programs answer again", 30)


def test_what_was_answered_was_kept(own_cloud: RunningCloud) -> None:
    """Every call that answered 200 before ``kill -9`` is there afterwards."""
    account = Account(own_cloud, fresh_number())
    made = [account.ec2.create_vpc(CidrBlock=f"10.{n}.0.0/16")["Vpc"]["VpcId"] for n in range(4)]
    os.kill(own_cloud.pids()["host agent"], signal.SIGKILL)
    own_cloud.assert_gone()
    own_cloud.up()
    assert {vpc["VpcId"] for vpc in account.ec2.describe_vpcs()["Vpcs"]} >= set(made)


def test_down_and_up_keep_everything(site: Site) -> None:
    """An ordinary restart, too."""
    before = site.everything()
    site.cloud.down()
    site.cloud.up()
    assert site.everything() == before
    until(lambda: site.serves({"red", "green"}), "both programs answer again", 30)
