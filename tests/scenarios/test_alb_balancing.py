"""How requests are spread: algorithms, weights, stickiness, slow start, draining (ALB-6)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.support.aws import Account
from tests.support.cloud import until
from tests.support.curl import Answer
from tests.support.programs import Program
from tests.support.stack import Stack, colours, weighted

Programs = Callable[[str], Program]


@pytest.fixture
def stack(account: Account) -> Stack:
    """A network in a fresh account."""
    return Stack(account)


def ask(account: Account, host: str, times: int, path: str = "/", *arguments: str) -> list[Answer]:
    """So many requests, one after another."""
    return [account.curl(host, path, *arguments) for _ in range(times)]


def test_round_robin_takes_turns(stack: Stack, program: Programs) -> None:
    """Each of three targets gets a third."""
    account, group = stack.account, stack.target_group()
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    addresses = stack.join(group, program("red"), program("green"), program("blue"))
    stack.healthy(group, *addresses)
    assert colours(ask(account, balancer["DNSName"], 30)) == {"red": 10, "green": 10, "blue": 10}


def test_weights_decide_between_groups(stack: Stack, program: Programs) -> None:
    """Three to one in the long run; weight 0 gets nothing."""
    account = stack.account
    groups = [stack.target_group() for _ in range(3)]
    balancer = stack.load_balancer()
    stack.listener(balancer, weighted({groups[0]: 30, groups[1]: 10, groups[2]: 0}))
    for group, colour in zip(groups, ("red", "green", "blue"), strict=True):
        stack.healthy(group, *stack.join(group, program(colour)))
    counted = colours(ask(account, balancer["DNSName"], 160))
    # Three standard deviations of 160 throws at 3:1.
    assert set(counted) == {"red", "green"}
    assert 103 <= counted["red"] <= 137, counted


def test_cookies_hold_a_client_to_its_target(stack: Stack, program: Programs) -> None:
    """AWSALB and AWSALBCORS come with every answer; who sends them back meets the same target."""
    account = stack.account
    group = stack.target_group({"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "3600"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red"), program("green"), program("blue")))
    host = balancer["DNSName"]
    first = account.curl(host)
    names = {cookie.split("=")[0]: cookie for cookie in first.all("Set-Cookie")}
    assert {"AWSALB", "AWSALBCORS"} <= set(names)
    assert "SameSite=None" in names["AWSALBCORS"]
    assert "Expires=" in names["AWSALB"] and "Path=/" in names["AWSALB"]
    cookie = re.match(r"AWSALB=[^;]+", names["AWSALB"])
    assert cookie is not None
    assert colours(ask(account, host, 12, "/", "-H", f"Cookie: {cookie[0]}")) == {first.colour: 12}
    assert len(colours(ask(account, host, 12))) == 3, "without the cookie everyone gets some"
    account.cloud.advance("61m")
    assert len(colours(ask(account, host, 30, "/", "-H", f"Cookie: {cookie[0]}"))) == 3, "the cookie has expired"


def test_application_cookie_holds_a_client_to_its_target(stack: Stack, program: Programs) -> None:
    """With app_cookie stickiness begins when the target sets that cookie, which AWSALBAPP-0 then accompanies."""
    account = stack.account
    group = stack.target_group(
        {"stickiness.enabled": "true", "stickiness.type": "app_cookie", "stickiness.app_cookie.cookie_name": "SESSION"}
    )
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    programs = [program("red"), program("green")]
    stack.healthy(group, *stack.join(group, *programs))
    host = balancer["DNSName"]
    assert not account.curl(host).all("Set-Cookie"), "the application has set no cookie yet"
    for each in programs:
        each.behave("cookie", where="/login", cookie="SESSION=abc; Path=/")
    first = account.curl(host, "/login")
    held = [c.split(";")[0] for c in first.all("Set-Cookie")]
    assert any(c.startswith("AWSALBAPP-0=") for c in held), held
    assert colours(ask(account, host, 10, "/", "-H", "Cookie: " + "; ".join(held))) == {first.colour: 10}


def test_a_client_stays_with_its_target_group(stack: Stack, program: Programs) -> None:
    """Stickiness between weighted groups has a cookie of its own: AWSALBTG."""
    account = stack.account
    groups = [stack.target_group(), stack.target_group()]
    balancer = stack.load_balancer()
    stack.listener(balancer, weighted(dict.fromkeys(groups, 1), sticky_seconds=600))
    for group, colour in zip(groups, ("red", "green"), strict=True):
        stack.healthy(group, *stack.join(group, program(colour)))
    host = balancer["DNSName"]
    first = account.curl(host)
    cookies = [cookie.split(";")[0] for cookie in first.all("Set-Cookie")]
    assert {c.split("=")[0] for c in cookies} == {"AWSALBTG", "AWSALBTGCORS"}
    assert colours(ask(account, host, 12, "/", "-H", f"Cookie: {cookies[0]}")) == {first.colour: 12}


def test_least_outstanding_requests_avoids_the_busy(stack: Stack, program: Programs) -> None:
    """While one target holds requests, the others get everything that is new."""
    account = stack.account
    group = stack.target_group({"load_balancing.algorithm.type": "least_outstanding_requests"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    slow, quick = program("red"), program("green")
    stack.healthy(group, *stack.join(group, slow, quick))
    slow.behave("hold", where="/slow")
    host = balancer["DNSName"]
    # Both nodes (one per zone) count for themselves: enough requests that each knows the slow one as busy.
    waiting = [account.start_curl(host, "/slow") for _ in range(12)]
    until(lambda: slow.held() + len(quick.requests("/slow")) == 12, "all requests have arrived")
    assert slow.held() >= 1
    assert colours(ask(account, host, 12, "/quick")) == {"green": 12}
    slow.release()
    assert {each.answer().status for each in waiting} == {200}


def test_weighted_random_reaches_everyone(stack: Stack, program: Programs) -> None:
    """Equal targets get random, about equal shares."""
    account = stack.account
    group = stack.target_group({"load_balancing.algorithm.type": "weighted_random"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red"), program("green")))
    counted = colours(ask(account, balancer["DNSName"], 100))
    assert set(counted) == {"red", "green"} and 30 <= counted["red"] <= 70, counted


def test_slow_start_lets_a_newcomer_warm_up(stack: Stack, program: Programs) -> None:
    """A target that becomes healthy among others gets a share that grows to the full one."""
    account = stack.account
    group = stack.target_group({"slow_start.duration_seconds": "900"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    stack.healthy(group, *stack.join(group, program("red")))
    newcomer = stack.join(group, program("green"))
    stack.healthy(group, *newcomer)
    host = balancer["DNSName"]
    early = colours(ask(account, host, 60)).get("green", 0)
    assert early <= 12, f"{early} of 60 right at the beginning"
    account.cloud.advance("15m")
    late = colours(ask(account, host, 60)).get("green", 0)
    assert late == 30


def test_a_leaving_target_is_drained(stack: Stack, program: Programs) -> None:
    """Deregistered: nothing new, but what is under way may end; then it is gone."""
    account = stack.account
    group = stack.target_group({"deregistration_delay.timeout_seconds": "120"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    leaving, staying = program("red"), program("green")
    addresses = stack.join(group, leaving, staying)
    stack.healthy(group, *addresses)
    host = balancer["DNSName"]
    for each in (leaving, staying):
        each.behave("hold", where="/long")
    waiting = [account.start_curl(host, "/long") for _ in range(2)]
    until(lambda: leaving.held() == staying.held() == 1, "each holds one request")
    stack.deregister(group, addresses[0])
    state, reason, words = stack.health(group)[addresses[0]]
    assert (state, reason) == ("draining", "Target.DeregistrationInProgress")
    assert words == "Target deregistration is in progress"
    assert colours(ask(account, host, 8)) == {"green": 8}
    leaving.release()
    staying.release()
    assert {each.answer().colour for each in waiting} == {"red", "green"}
    account.cloud.advance("121s")
    assert set(stack.health(group)) == {addresses[1]}


def test_a_request_that_outlives_the_delay_is_cut(stack: Stack, program: Programs) -> None:
    """A request still unfinished when the deregistration delay ends is answered with 502."""
    account = stack.account
    group = stack.target_group({"deregistration_delay.timeout_seconds": "30"})
    balancer = stack.load_balancer()
    stack.listener(balancer, group)
    leaving = program("red")
    addresses = stack.join(group, leaving)
    stack.healthy(group, *addresses)
    leaving.behave("hold", where="/long")
    waiting = account.start_curl(balancer["DNSName"], "/long")
    until(lambda: leaving.held() == 1, "it holds the request")
    stack.deregister(group, addresses[0])
    account.cloud.advance("31s")
    assert waiting.answer().status == 502
    assert not stack.health(group)
